//! What the tenant owes: points outstanding, by the month of their issue, store and cost center.
//!
//! Counted are what lots hold, what lies in open offers, and what is on its way to a receiver that does not have it
//! yet. The accrual that issued a lot says when and where; it is looked up in the index, many at a time.
use crate::actors::answer::Failure;
use crate::actors::scans::Scan;
use crate::history::History;
use crate::history::view::Source;
use crate::ledger::account::{Account, Outgoing};
use crate::ledger::event::Key;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::{Points, Total};
use crate::limits::LIABILITY_GROUPS_MAX;
use std::collections::{BTreeMap, HashMap};

/// Accruals looked up at a time, and so how many are held in memory.
const LOOKED_UP: usize = 16_384;

/// Where points come from: what one line is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub month: String,
    pub store_code: Option<String>,
    pub cost_center: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    pub points: Total,
    /// Lots, and parts of lots that are in offers or on their way.
    pub lots: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Liability {
    pub total: Total,
    /// What members owe, which is no part of the total.
    pub debt: Total,
    pub items: BTreeMap<Origin, Owed>,
    /// What belongs to further lines than there may be.
    pub others: Option<Owed>,
}

/// On the way to the lines: points by the accrual that issued them.
struct Gathering<'a> {
    history: &'a dyn History,
    month: &'a dyn Fn(Instant) -> String,
    by_source: HashMap<Lsn, Owed>,
    found: Liability,
}

impl Scan {
    /// Sums up what is owed; `month` names the month of an instant.
    pub fn liability(&self, month: &dyn Fn(Instant) -> String) -> Result<Liability, Failure> {
        let history = &*self.core.history;
        self.runtime.block_on(self.core.indexed(self.cut.at))?;
        let mut gathering =
            Gathering { history, month, by_source: HashMap::new(), found: Liability::default() };
        self.members(|member_no, account, _| {
            gathering.take(&account);
            for out in &account.outbox {
                if !self.has_arrived(member_no, out)? {
                    out.lots.iter().for_each(|lot| gathering.add(lot.source, lot.points));
                }
            }
            if gathering.by_source.len() >= LOOKED_UP { gathering.look_up() } else { Ok(()) }
        })?;
        gathering.look_up()?;
        Ok(gathering.found)
    }

    /// Whether the receiver had it at the cut: then it is among the receiver's lots.
    fn has_arrived(&self, from: &str, out: &Outgoing) -> Result<bool, Failure> {
        let key = Key::Incoming { from, transfer_no: &out.transfer_no };
        let received = self.core.history.find(&self.crm_id, &out.to, key)?;
        Ok(received.is_some_and(|received| received.lsn <= self.cut.at))
    }
}

impl Gathering<'_> {
    fn take(&mut self, account: &Account) {
        account.lots.iter().for_each(|lot| self.add(lot.kind.source, lot.remaining));
        let offered = account.offers.iter().flat_map(|offer| &offer.taken);
        offered.for_each(|taken| self.add(taken.lot.source, taken.points));
        self.found.debt += account.debt();
    }

    fn add(&mut self, source: Lsn, points: Points) {
        let owed = self.by_source.entry(source).or_default();
        owed.points += points;
        owed.lots += 1;
        self.found.total += points;
    }

    /// Puts what was gathered where its accruals say.
    fn look_up(&mut self) -> Result<(), Failure> {
        let mut gathered: Vec<_> = self.by_source.drain().collect();
        gathered.sort_unstable_by_key(|(source, _)| *source);
        let sources: Vec<Lsn> = gathered.iter().map(|(source, _)| *source).collect();
        let issues = self.history.sources(&sources)?;
        for ((_, owed), issue) in gathered.into_iter().zip(issues) {
            let Source { event_at, store_code, cost_center } = issue;
            self.found.put(Origin { month: (self.month)(event_at), store_code, cost_center }, owed);
        }
        Ok(())
    }
}

impl Liability {
    fn put(&mut self, origin: Origin, owed: Owed) {
        let has_room = self.items.len() < LIABILITY_GROUPS_MAX || self.items.contains_key(&origin);
        let sum = if has_room {
            self.items.entry(origin).or_default()
        } else {
            self.others.get_or_insert_default()
        };
        sum.points += owed.points;
        sum.lots += owed.lots;
    }
}
