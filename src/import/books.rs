//! Accounts on their way through the import: those that the log has, and what rows make of them.
//!
//! What the account itself no longer holds (keys, how an origin stands) comes from the index for members that were there
//! before, and from memory for what this run has recorded; only what some row will ask for is remembered.
use super::writing::Output;
use crate::actors::directory::{Directory, MemberId};
use crate::history::History;
use crate::http::error::WireError;
use crate::ledger::account::Account;
use crate::ledger::command::{Command, Credit};
use crate::ledger::event::{Event, Key, Sequel};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::{Decision, Known, Prior, Terms, apply, decide, due};
use anyhow::bail;
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

/// Accounts kept unpacked.
const UNPACKED_MAX: usize = 100_000;

/// What the log held before.
pub struct Base<'a> {
    pub directory: &'a Directory,
    pub history: &'a dyn History,
    pub service: Terms,
    /// Of tenants that set something.
    pub terms: HashMap<String, Terms>,
}

impl Base<'_> {
    /// A tenant's terms. Whoever is imported is a member by that.
    pub fn terms(&self, crm_id: &str) -> Terms {
        let terms = self.terms.get(crm_id).unwrap_or(&self.service);
        Terms { accrual_opens_members: true, ..terms.clone() }
    }

    pub fn has_profile(&self, crm_id: &str, member_no: &str) -> anyhow::Result<bool> {
        let Some(id) = self.directory.find(crm_id, member_no)? else { return Ok(false) };
        let look = |_: &str, _: &str, account: &mut Account| (false, account.profile().is_some());
        Ok(self.directory.with_resting(id, look)?.unwrap_or_default())
    }

    fn known(&self, crm_id: &str, member_no: &str, key: Key<'_>) -> anyhow::Result<Option<Known>> {
        if self.directory.find(crm_id, member_no)?.is_none() {
            return Ok(None);
        }
        Ok(self.history.find(crm_id, member_no, key)?)
    }
}

/// A key in few bytes.
pub type KeyHash = [u8; 16];

pub fn hash(crm_id: &str, member_no: &str, key: Key<'_>) -> KeyHash {
    let mut hasher = blake3::Hasher::new();
    let incoming = match key {
        Key::Incoming { from, .. } => from,
        _ => "",
    };
    for part in [crm_id, member_no, incoming, key.number()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&[key.space()]);
    let hash = hasher.finalize();
    std::array::from_fn(|n| hash.as_bytes()[n])
}

/// A member, by name.
#[derive(Clone, Debug)]
pub struct Who {
    pub crm_id: String,
    pub member_no: String,
}

/// What came of a command.
pub enum Changed {
    New(Lsn),
    /// It was done before.
    Before(Lsn),
    Nothing,
    Refused(String),
}

pub struct Books<'a, O> {
    pub base: &'a Base<'a>,
    out: O,
    own: Directory,
    unpacked: HashMap<MemberId, Account>,
    wanted: Arc<HashSet<KeyHash>>,
    known: HashMap<KeyHash, Known>,
    by_lsn: HashMap<Lsn, KeyHash>,
    /// What this run did to records that were there before: the index does not tell of it yet.
    sequels: HashMap<Lsn, Vec<(Lsn, Sequel)>>,
    dues: Dues,
}

/// When time will change something, and of whom. There is an entry for each account's next due instant, pushed when it
/// became that; whether an entry still holds is seen when it comes.
#[derive(Default)]
struct Dues {
    /// In the order in which rows came to them: the same in every run.
    members: Vec<(MemberId, Who)>,
    places: HashMap<MemberId, usize>,
    next: BinaryHeap<Reverse<(Instant, usize)>>,
}

impl Dues {
    fn push(&mut self, id: MemberId, due: Option<Instant>) {
        if let (Some(due), Some(place)) = (due, self.places.get(&id)) {
            self.next.push(Reverse((due, *place)));
        }
    }

    fn pop(&mut self, until: Instant) -> Option<(Instant, MemberId, Who)> {
        self.next.peek().filter(|Reverse((due, _))| *due <= until)?;
        let Reverse((due, place)) = self.next.pop()?;
        let (id, who) = self.members[place].clone();
        Some((due, id, who))
    }
}

impl<'a, O: Output> Books<'a, O> {
    /// `wanted`: the keys that rows will ask for, beside their own.
    pub fn new(base: &'a Base<'a>, out: O, wanted: Arc<HashSet<KeyHash>>) -> Books<'a, O> {
        let (known, by_lsn) = (HashMap::new(), HashMap::new());
        let (own, unpacked, dues) = (Directory::new(), HashMap::new(), Dues::default());
        Books { base, out, own, unpacked, wanted, known, by_lsn, sequels: HashMap::new(), dues }
    }

    pub fn into_output(self) -> O {
        self.out
    }

    /// The member's account, as the log has it where no row has touched it yet.
    fn id(&mut self, who: &Who) -> anyhow::Result<MemberId> {
        if let Some(id) = self.own.find(&who.crm_id, &who.member_no)? {
            return Ok(id);
        }
        let id = self.own.find_or_new(&who.crm_id, &who.member_no)?;
        let mut due = None;
        if let Some(before) = self.base.directory.find(&who.crm_id, &who.member_no)? {
            let account =
                self.base.directory.with_resting(before, |_, _, account| (false, account.clone()))?;
            let account = account.unwrap_or_default();
            self.own.place(id, &account)?;
            due = account.next_due();
        }
        self.dues.places.insert(id, self.dues.members.len());
        self.dues.members.push((id, who.clone()));
        self.dues.push(id, due);
        Ok(id)
    }

    pub fn account(&mut self, who: &Who) -> anyhow::Result<&mut Account> {
        let id = self.id(who)?;
        self.account_of(id)
    }

    fn account_of(&mut self, id: MemberId) -> anyhow::Result<&mut Account> {
        if self.unpacked.len() >= UNPACKED_MAX && !self.unpacked.contains_key(&id) {
            for (id, account) in self.unpacked.drain() {
                self.own.place(id, &account)?;
            }
        }
        Ok(match self.unpacked.entry(id) {
            Entry::Occupied(unpacked) => unpacked.into_mut(),
            Entry::Vacant(vacant) => {
                let found = self.own.with_resting(id, |_, _, account| (false, account.clone()))?;
                vacant.insert(found.unwrap_or_default())
            }
        })
    }

    /// The record that took a key, and how it stands.
    pub fn find(&mut self, who: &Who, key: Key<'_>) -> anyhow::Result<Option<Known>> {
        let hash = hash(&who.crm_id, &who.member_no, key);
        if let Some(known) = self.known.get(&hash) {
            return Ok(Some(known.clone()));
        }
        let mut found = self.base.known(&who.crm_id, &who.member_no, key)?;
        if let Some(known) = &mut found
            && let Some(sequels) = self.sequels.get(&known.lsn)
        {
            sequels.iter().for_each(|(lsn, sequel)| known.standing.follow(*lsn, sequel));
        }
        if let Some(known) = &found
            && self.wanted.contains(&hash)
        {
            self.remember(hash, known.clone());
        }
        Ok(found)
    }

    fn remember(&mut self, hash: KeyHash, known: Known) {
        self.by_lsn.insert(known.lsn, hash);
        self.known.insert(hash, known);
    }

    /// Writes a record and makes it part of the account.
    pub fn record(&mut self, who: &Who, at: Instant, event: impl Into<Arc<Event>>) -> anyhow::Result<Lsn> {
        let event = event.into();
        let lsn = self.out.append(&who.crm_id, &who.member_no, at, &event)?;
        let id = self.id(who)?;
        let account = self.account_of(id)?;
        let due = account.next_due();
        apply(account, lsn, at, &event);
        if let Some(next) = account.next_due().filter(|next| due.is_none_or(|due| *next != due)) {
            self.dues.push(id, Some(next));
        }
        if let Some((target, sequel)) = event.sequel(at) {
            match self.by_lsn.get(&target).and_then(|hash| self.known.get_mut(hash)) {
                Some(known) => known.standing.follow(lsn, &sequel),
                None if target <= self.base.history.applied() => {
                    self.sequels.entry(target).or_default().push((lsn, sequel));
                }
                None => {}
            }
        }
        if let Some(key) = event.key() {
            let hash = hash(&who.crm_id, &who.member_no, key);
            if self.wanted.contains(&hash) {
                let (event, standing) = (event.clone(), Default::default());
                self.remember(hash, Known { lsn, at, event, standing });
            }
        }
        Ok(lsn)
    }

    /// Records what time has made true by `until`, each at the moment when it fell due.
    pub fn settle(&mut self, who: &Who, until: Instant, terms: &Terms) -> anyhow::Result<()> {
        loop {
            let account = self.account(who)?;
            let Some(next) = account.next_due().filter(|next| *next <= until) else { return Ok(()) };
            let Some(event) = due(account, next, terms).or_else(|| due(account, until, terms)) else {
                return Ok(());
            };
            let at = event.due().unwrap_or(next).max(account.clock);
            self.record(who, at, event)?;
        }
    }

    /// Carries out a command at a moment of the past, as the member's actor would have then.
    pub fn change(
        &mut self,
        who: &Who,
        at: Instant,
        command: &Command,
        terms: &Terms,
    ) -> anyhow::Result<Changed> {
        let known = match command.key() {
            Some(key) if !matches!(command, Command::ClearOutbox { .. }) => self.find(who, key)?,
            _ => None,
        };
        let account = self.account(who)?;
        // What is done is done, whatever time it is; the rest happens now, and that must not be before what is there.
        let is_open = match command {
            Command::AcceptOffer(c) => account.offer(&c.transfer_no).is_some(),
            Command::CancelOffer { transfer_no } => account.offer(transfer_no).is_some(),
            _ => false,
        };
        if known.is_none() || is_open {
            if command.refusable() && account.last > Lsn::ZERO && at < account.clock {
                return Ok(Changed::Refused(TOO_LATE.into()));
            }
            self.settle(who, at, terms)?;
        }
        let origin = match command.origin_key() {
            Some(key) => self.find(who, key)?,
            None => None,
        };
        let account = self.account(who)?;
        let at = at.max(account.clock);
        match decide(account, command.clone(), &Prior { known, origin }, at, terms) {
            Err(refusal) => Ok(Changed::Refused(WireError::from(refusal).wire().2)),
            Ok(Decision::Nothing) => Ok(Changed::Nothing),
            Ok(Decision::Replay(known)) => Ok(Changed::Before(known.lsn)),
            Ok(Decision::Record(event)) => {
                let lsn = self.record(who, at, event)?;
                // An accrual may be born expired, points may come back to a lot that has expired.
                self.settle(who, at, terms)?;
                Ok(Changed::New(lsn))
            }
        }
    }

    /// Whether a direct transfer, or the acceptance of an offer, is on record already.
    pub fn is_sent(&mut self, who: &Who, command: &Command) -> anyhow::Result<bool> {
        let Some(key) = command.key() else { return Ok(false) };
        let known = self.find(who, key)?;
        let open = self.account(who)?.offer(key.number()).is_some();
        Ok(known.is_some() && !open)
    }

    /// Whether a receiver could take a transfer at `at`.
    pub fn may_receive(&mut self, who: &Who, at: Instant) -> anyhow::Result<bool> {
        let account = self.account(who)?;
        Ok(account.last == Lsn::ZERO || account.clock <= at)
    }

    /// Brings the receiver what the sender's outbox holds for it, and the sender the note back.
    pub fn deliver(
        &mut self,
        who: &Who,
        transfer_no: &str,
        at: Instant,
        terms: &Terms,
    ) -> anyhow::Result<()> {
        let Some(out) = self.account(who)?.outgoing(transfer_no).cloned() else { return Ok(()) };
        let receiver = Who { crm_id: who.crm_id.clone(), member_no: out.to };
        let transfer_no = out.transfer_no;
        let credit = Credit {
            from: who.member_no.clone(),
            transfer_no: transfer_no.clone(),
            offer: out.offer,
            lots: out.lots,
        };
        for (whose, command) in
            [(&receiver, Command::Receive(credit)), (who, Command::ClearOutbox { transfer_no })]
        {
            if let Changed::Refused(why) = self.change(whose, at, &command, terms)? {
                bail!("a transfer of {} could not be carried: {why}", who.member_no);
            }
        }
        Ok(())
    }

    /// Records what has fallen due by `until`, of every member that a row was about, in the order of time.
    pub fn advance(&mut self, until: Instant) -> anyhow::Result<()> {
        while let Some((hint, id, who)) = self.dues.pop(until) {
            // Where it is later than it was, another entry says so: each comes at its moment, or the order would depend
            // on entries that no longer hold.
            let due = self.account_of(id)?.next_due().filter(|due| *due <= hint);
            if let Some(due) = due {
                let terms = self.base.terms(&who.crm_id);
                self.settle(&who, due, &terms)?;
            }
        }
        Ok(())
    }
}

const TOO_LATE: &str = "the member has later records already; what is past can't be put before them";
