//! Records applied to accounts, by several threads. Each has the members of some partitions, which the log names with every
//! record: so a member's records come to one thread, in order, and no thread waits for another. Accounts stay unpacked
//! while records come for them, up to a bound.
use super::Rebuilding;
use super::survey::Survey;
use crate::actors::core::partition_of;
use crate::actors::directory::recovered::TenantsMet;
use crate::actors::directory::{MemberId, TenantId};
use crate::format::codec::{self, CodecError};
use crate::format::entry::{Entry, EntryRef, MemberEntryRef, ServiceEntry, TenantEntry};
use crate::format::scan::LogRecord;
use crate::ledger::account::Account;
use crate::ledger::apply;
use crate::ledger::lsn::Lsn;
use crate::ledger::tenant::Tenant;
use crate::store::error::StoreError;
use crate::store::recovery::CheckedSegment;
use chrono_tz::Tz;
use hashbrown::HashTable;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};

/// Records that a thread works on in one step.
const TOGETHER: usize = 32;

/// What is no member's: few records, for all threads.
#[derive(Default)]
pub struct Owned {
    pub zones: Vec<(Lsn, Tz)>,
    pub tenants: HashMap<String, Tenant>,
}

impl Owned {
    pub fn set_zone(&mut self, lsn: Lsn, zone: &str) -> Result<(), String> {
        self.zones.push((lsn, zone.parse().map_err(|_| format!("there is no zone {zone}"))?));
        Ok(())
    }
}

/// What one thread has replayed.
pub struct Replayed {
    pub survey: Survey,
    /// The members that it has changed.
    pub changed: Vec<MemberId>,
}

pub struct Applying<'a> {
    rebuilding: &'a Rebuilding<'a>,
    /// Which of the threads it is.
    lane: usize,
    tenants: TenantsMet<'a>,
    /// Hashes of names, and where the accounts lie.
    table: HashTable<(u64, u32)>,
    unpacked: Vec<Unpacked>,
    hasher: RandomState,
    /// Members packed before the end, to make room.
    packed: HashSet<MemberId>,
}

/// A member's record, its member looked for.
struct Named<'r> {
    record: LogRecord<'r>,
    entry: MemberEntryRef<'r>,
    tenant: TenantId,
    hash: u64,
    /// Where the member's account lies unpacked.
    place: Option<u32>,
}

struct Unpacked {
    tenant: TenantId,
    member_no: Box<str>,
    account: Account,
}

impl<'a> Applying<'a> {
    pub fn new(rebuilding: &'a Rebuilding<'a>, lane: usize) -> Applying<'a> {
        Applying {
            rebuilding,
            lane,
            tenants: TenantsMet::of(rebuilding.directory),
            table: HashTable::new(),
            unpacked: Vec::new(),
            hasher: RandomState::new(),
            packed: HashSet::new(),
        }
    }

    pub fn run(mut self, segments: Receiver<Arc<CheckedSegment>>) -> Result<Replayed, StoreError> {
        for segment in segments {
            let mine = segment.records().filter(|record| {
                record.lsn > self.rebuilding.noted
                    && usize::from(record.partition) % self.rebuilding.lanes == self.lane
            });
            let mine: Vec<_> = mine.collect();
            for records in mine.chunks(TOGETHER) {
                self.take(records).map_err(|(lsn, why)| segment.refused(lsn, why))?;
            }
        }
        self.finish()
    }

    /// Applies some records, in order.
    fn take(&mut self, records: &[LogRecord<'_>]) -> Result<(), (Lsn, String)> {
        self.make_room();
        let mut members = Vec::with_capacity(TOGETHER);
        for record in records {
            let wrong = |error: CodecError| (record.lsn, error.to_string());
            match EntryRef::decode(record.payload).map_err(wrong)? {
                EntryRef::Member(entry) => members.push(self.named(*record, entry)),
                EntryRef::Other(entry) => {
                    self.take_other(record, entry).map_err(|why| (record.lsn, why))?;
                }
            }
        }
        self.find_all(&mut members);
        members.into_iter().try_for_each(|one| {
            let lsn = one.record.lsn;
            self.apply(one).map_err(|why| (lsn, why))
        })
    }

    fn take_other(&self, record: &LogRecord<'_>, entry: Entry) -> Result<(), String> {
        let mut owned = self.rebuilding.owned.lock().unwrap_or_else(PoisonError::into_inner);
        match entry {
            Entry::Member(_) => Err("a member's entry is taken for another".into()),
            Entry::Service(ServiceEntry::ZoneSet { zone }) => {
                in_its_partition(record, "", "")?;
                owned.set_zone(record.lsn, &zone)
            }
            Entry::Tenant(TenantEntry { crm_id, at, event }) => {
                in_its_partition(record, &crm_id, "")?;
                owned.tenants.entry(crm_id).or_default().apply(record.lsn, at, &event);
                Ok(())
            }
        }
    }

    fn named<'r>(&mut self, record: LogRecord<'r>, entry: MemberEntryRef<'r>) -> Named<'r> {
        let tenant = self.tenants.id(entry.crm_id);
        let hash = self.hasher.hash_one((tenant, entry.member_no));
        Named { record, entry, tenant, hash, place: None }
    }

    /// Finds the members of some records before the first of these is applied. Each waits for memory three or four times,
    /// and what one loop asks for comes at about the same time: the table, then the accounts, then their names and lots.
    fn find_all(&self, members: &mut [Named<'_>]) {
        for one in members.iter_mut() {
            one.place = self.table.find(one.hash, |(hash, _)| *hash == one.hash).map(|(_, place)| *place);
        }
        let at = |one: &Named<'_>| one.place.map(|place| &self.unpacked[place as usize]);
        let lots: usize = members.iter().filter_map(at).map(|member| member.account.lots.len()).sum();
        let points = members.iter().filter_map(at).fold(0, |sum: i64, member| {
            let last = member.member_no.as_bytes().last().copied().unwrap_or_default();
            let lot = member.account.lots.front().map_or(0, |lot| lot.remaining.0);
            sum.wrapping_add(lot).wrapping_add(i64::from(last))
        });
        // Nothing is done with it: it is to be there.
        std::hint::black_box((lots, points));
    }

    fn find(&self, one: &Named<'_>) -> Option<u32> {
        let place = self.table.find(one.hash, |(hash, place)| *hash == one.hash && self.is_at(one, *place));
        place.map(|(_, place)| *place)
    }

    fn is_at(&self, one: &Named<'_>, place: u32) -> bool {
        let member = &self.unpacked[place as usize];
        member.tenant == one.tenant && *member.member_no == *one.entry.member_no
    }

    fn apply(&mut self, one: Named<'_>) -> Result<(), String> {
        let event = one.entry.event().map_err(|error| error.to_string())?;
        // Two names may have one hash, and another record of the same step may have brought the member.
        let place = one.place.filter(|place| self.is_at(&one, *place));
        let place = match place.or_else(|| self.find(&one)) {
            Some(place) => place,
            None => self.unpack(&one)?,
        };
        apply(&mut self.unpacked[place as usize].account, one.record.lsn, one.entry.at, &event);
        Ok(())
    }

    /// Packs all accounts where the next step's might be too many.
    fn make_room(&mut self) {
        if self.unpacked.len() + TOGETHER > self.rebuilding.unpacked_max / self.rebuilding.lanes {
            self.pack(|packed, id, _| {
                packed.insert(id);
            });
        }
    }

    /// Takes a member up, as the directory has it or anew.
    fn unpack(&mut self, one: &Named<'_>) -> Result<u32, String> {
        let (crm_id, member_no) = (one.entry.crm_id, one.entry.member_no);
        in_its_partition(&one.record, crm_id, member_no)?;
        let directory = self.rebuilding.directory;
        let take = |id| directory.with_resting(id, |_, _, account| (false, std::mem::take(account)));
        let found = directory.find(crm_id, member_no).map(take);
        let account = found.transpose().map_err(|error| error.to_string())?.flatten().unwrap_or_default();
        let place = u32::try_from(self.unpacked.len()).unwrap_or(u32::MAX);
        self.unpacked.push(Unpacked { tenant: one.tenant, member_no: member_no.into(), account });
        self.table.insert_unique(one.hash, (one.hash, place), |(hash, _)| *hash);
        Ok(place)
    }

    /// Gives the directory all that is unpacked, and tells `then` of each.
    fn pack(&mut self, mut then: impl FnMut(&mut HashSet<MemberId>, MemberId, &Account)) {
        let mut bytes = Vec::new();
        self.table.clear();
        for Unpacked { tenant, member_no, account } in self.unpacked.drain(..) {
            bytes.clear();
            codec::encode_into(&mut bytes, &account);
            let id = self.rebuilding.directory.put(tenant, &member_no, &bytes);
            then(&mut self.packed, id, &account);
        }
    }

    fn finish(mut self) -> Result<Replayed, StoreError> {
        let mut survey = Survey::default();
        let mut changed = Vec::new();
        self.pack(|packed, id, account| {
            packed.remove(&id);
            changed.push(id);
            survey.note(id, account);
        });
        for id in self.packed {
            let noted = self.rebuilding.directory.with_resting(id, |_, _, account| {
                survey.note(id, account);
                (false, ())
            });
            noted.map_err(|error| StoreError::NoSnapshot { why: vec![error.to_string()] })?;
            changed.push(id);
        }
        Ok(Replayed { survey, changed })
    }
}

/// Whose records lie in two partitions would come to two threads, out of order.
fn in_its_partition(record: &LogRecord<'_>, crm_id: &str, member_no: &str) -> Result<(), String> {
    let right = partition_of(crm_id, member_no);
    if record.partition == right {
        return Ok(());
    }
    Err(format!("it is of partition {}, and belongs to {right}", record.partition))
}
