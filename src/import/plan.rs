//! The file read through once: what is wrong with its rows, and in which order the good ones are to be carried out.
use super::books::{Base, Books, KeyHash, hash};
use super::file::{Place, Source};
use super::open::Mobiles;
use super::row::{MemberRow, Reading, Row, RowContent};
use super::steps::{Part, Step, row_at};
use super::writing::Output;
use super::{Job, Phase, Show};
use crate::ledger::command::Command;
use crate::ledger::event::Key;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub line: u64,
    pub why: String,
}

/// Rows of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub rows: u64,
    pub members: u64,
    pub lots: u64,
    pub events: u64,
}

#[derive(Default)]
pub struct Plan {
    pub counts: Counts,
    /// In the order of their moments, and of the file at one moment.
    pub steps: Vec<Step>,
    /// Rows of kind `member`.
    pub members: Vec<Place>,
    /// Keys that rows will ask for, beside their own.
    pub wanted: Arc<HashSet<KeyHash>>,
    refused: BTreeMap<u64, String>,
}

/// What was taken by which line.
#[derive(Default)]
struct Taken {
    keys: HashMap<KeyHash, u64>,
    members: HashMap<KeyHash, u64>,
    wanted: HashSet<KeyHash>,
}

impl Plan {
    pub fn read(source: &Source, job: &Job, base: &Base<'_>, show: &mut Show<'_>) -> anyhow::Result<Plan> {
        let zone = |crm_id: &str| base.terms(crm_id).zone;
        let reading = Reading { tenant: job.tenant.as_deref(), as_of: job.as_of, zone: &zone };
        let (mut plan, mut taken) = (Plan::default(), Taken::default());
        source.rows(|place, json| {
            show(Phase::Reading, place.offset, source.bytes);
            plan.counts.rows += 1;
            match json.and_then(|json| Row::parse(&json, &reading)) {
                Ok(row) => plan.add(place, &row, &mut taken),
                Err(why) => plan.refuse(place.line, why),
            }
            Ok(())
        })?;
        show(Phase::Reading, source.bytes, source.bytes);
        plan.steps.sort_unstable();
        plan.wanted = Arc::new(taken.wanted);
        Ok(plan)
    }

    fn add(&mut self, place: Place, row: &Row, taken: &mut Taken) {
        if let Err(why) = taken.by(place.line, row) {
            return self.refuse(place.line, why);
        }
        match &row.content {
            RowContent::Member(_) => {
                self.counts.members += 1;
                self.members.push(place);
            }
            RowContent::Lot(lot) => {
                self.counts.lots += 1;
                self.steps.push(Step { at: lot.at, place, part: Part::Row });
                if lot.used.is_positive() && lot.used_at > lot.at {
                    self.steps.push(Step { at: lot.used_at, place, part: Part::UsedLater });
                }
            }
            RowContent::Event(event) => {
                self.counts.events += 1;
                self.steps.push(Step { at: event.at, place, part: Part::Row });
            }
        }
    }

    pub fn refuse(&mut self, line: u64, why: String) {
        self.refused.entry(line).or_insert(why);
    }

    pub fn is_refused(&self, line: u64) -> bool {
        self.refused.contains_key(&line)
    }

    pub fn refused(&self) -> Vec<Refused> {
        self.refused.iter().map(|(line, why)| Refused { line: *line, why: why.clone() }).collect()
    }

    /// Refuses mobiles that two members would have.
    pub fn claim_mobiles<O: Output>(
        &mut self,
        books: &Books<'_, O>,
        source: &Source,
        job: &Job,
        there: &Mobiles,
    ) -> anyhow::Result<()> {
        let mut claims: HashMap<[u8; 32], u64> = HashMap::new();
        let mut refused = Vec::new();
        for place in &self.members {
            let Row { crm_id, member_no, content } = row_at(books, source, job, *place)?;
            let RowContent::Member(row) = content else { continue };
            let MemberRow { personal, .. } = *row;
            let Some(mobile) = personal.mobile else { continue };
            if books.base.has_profile(&crm_id, &member_no)? {
                continue;
            }
            let claim = *blake3::hash(format!("{crm_id}\n{mobile}").as_bytes()).as_bytes();
            let holder = there.get(&(crm_id.as_str().into(), mobile));
            if holder.is_some_and(|holder| **holder != *member_no) {
                refused.push((place.line, "mobile: is another member's".to_owned()));
                continue;
            }
            match claims.entry(claim) {
                Entry::Occupied(first) => {
                    refused.push((
                        place.line,
                        format!("mobile: is that of the member in line {} too", first.get()),
                    ));
                }
                Entry::Vacant(free) => {
                    free.insert(place.line);
                }
            }
        }
        refused.into_iter().for_each(|(line, why)| self.refuse(line, why));
        Ok(())
    }
}

impl Taken {
    /// Takes a row's keys; each is taken once.
    fn by(&mut self, line: u64, row: &Row) -> Result<(), String> {
        let Row { crm_id, member_no, content } = row;
        if matches!(content, RowContent::Member(_)) {
            let who = hash(crm_id, member_no, Key::Event(""));
            return match self.members.insert(who, line) {
                Some(first) => Err(format!("member_no: line {first} is about this member already")),
                None => Ok(()),
            };
        }
        let (events, transfer) = (row.keys(), row.transfer_key());
        let keys = events.iter().map(|number| Key::Event(number)).chain(transfer.map(Key::Transfer));
        let hashes: Vec<KeyHash> = keys.map(|key| hash(crm_id, member_no, key)).collect();
        if let Some(first) = hashes.iter().find_map(|hash| self.keys.get(hash)) {
            let name = if transfer.is_some() { "transfer_no" } else { "event_no" };
            return Err(format!("{name}: line {first} has this number already"));
        }
        self.keys.extend(hashes.into_iter().map(|hash| (hash, line)));
        match content {
            RowContent::Lot(lot) => {
                let asked_again =
                    lot.reversed.is_positive() || lot.used.is_positive() && lot.used_at > lot.at;
                let key = Key::Event(&lot.accrue.event_no);
                self.wanted.extend(asked_again.then(|| hash(crm_id, member_no, key)));
            }
            RowContent::Event(event) => {
                let origin = event.command.origin_key();
                let offer = match &event.command {
                    Command::AcceptOffer(_) | Command::CancelOffer { .. } => event.command.key(),
                    _ => None,
                };
                self.wanted.extend(origin.into_iter().chain(offer).map(|key| hash(crm_id, member_no, key)));
            }
            RowContent::Member(_) => {}
        }
        Ok(())
    }
}
