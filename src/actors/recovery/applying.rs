//! Records applied to accounts, by several threads. Each has the members of some partitions, which the log names with every
//! record: so a member's records come to one thread, in order, and no thread waits for another. Accounts stay unpacked
//! while records come for them, up to a bound.
use super::survey::{Survey, Wanted};
use super::{Rebuilding, broken};
use crate::actors::core::partition_of;
use crate::actors::directory::recovered::{Arrivals, TenantsMet};
use crate::actors::directory::{BrokenMember, MemberId, TenantId};
use crate::format::codec::{self, CodecError};
use crate::format::entry::{Entry, EntryRef, MemberEntryRef, ServiceEntry, TenantEntry};
use crate::format::scan::LogRecord;
use crate::ledger::account::Account;
use crate::ledger::apply;
use crate::ledger::lot::Lot;
use crate::ledger::lsn::Lsn;
use crate::ledger::tenant::Tenant;
use crate::store::error::StoreError;
use crate::store::recovery::CheckedSegment;
use chrono_tz::Tz;
use hashbrown::HashTable;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
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
    /// What they take, about.
    unpacked_bytes: usize,
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

impl Unpacked {
    /// Something of each line of memory that it lies in.
    fn fetch(&self) -> i64 {
        let Account { last, clock, total, lots, more, .. } = &self.account;
        last.0.cast_signed()
            ^ clock.0
            ^ (total.0 as i64)
            ^ i64::from(more.is_some())
            ^ i64::from(lots.is_empty())
    }

    /// The same of what it points to: its name, and the lots that most records change. Accruals mostly go to the end of them, and
    /// spending begins at the front.
    fn fetch_beyond(&self) -> i64 {
        let of = |lot: Option<&Lot>| {
            lot.map_or(0, |lot| lot.remaining.0 ^ i64::from(lot.kind.expire_at.is_some()))
        };
        let name = self.member_no.as_bytes().last().map_or(0, |byte| i64::from(*byte));
        let lots = &self.account.lots;
        of(lots.front()) ^ of(lots.back()) ^ name
    }

    /// What its lots take; the rest of an account is little beside them, or rare.
    fn lots_bytes(&self) -> usize {
        self.account.lots.capacity() * size_of::<Lot>()
    }
}

impl<'a> Applying<'a> {
    pub fn new(rebuilding: &'a Rebuilding<'a>, lane: usize) -> Applying<'a> {
        Applying {
            rebuilding,
            lane,
            tenants: TenantsMet::of(rebuilding.directory),
            table: HashTable::new(),
            unpacked: Vec::new(),
            unpacked_bytes: 0,
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
        let first = records.first().map_or(Lsn::ZERO, |record| record.lsn);
        fetch(records);
        self.make_room().map_err(|error| (first, error.to_string()))?;
        let mut members = Vec::with_capacity(TOGETHER);
        for record in records {
            let wrong = |error: CodecError| (record.lsn, error.to_string());
            match EntryRef::decode(record.payload).map_err(wrong)? {
                EntryRef::Member(entry) => members.push(self.named(*record, entry)),
                EntryRef::Other(entry) => {
                    self.take_other(record, *entry).map_err(|why| (record.lsn, why))?;
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
    /// and what one loop asks for comes at about the same time.
    fn find_all(&self, members: &mut [Named<'_>]) {
        for one in members.iter_mut() {
            one.place = self.table.find(one.hash, |(hash, _)| *hash == one.hash).map(|(_, place)| *place);
        }
        let found = || members.iter().filter_map(|one| one.place).map(|place| &self.unpacked[place as usize]);
        // Nothing is done with it: it is to be there.
        std::hint::black_box(found().fold(0, |all, member| all ^ member.fetch()));
        std::hint::black_box(found().fold(0, |all, member| all ^ member.fetch_beyond()));
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
        let member = &mut self.unpacked[place as usize];
        let before = member.lots_bytes();
        let account = &mut member.account;
        // An account that lacks a record, which another thread refuses, may not take the next.
        let applied = catch_unwind(AssertUnwindSafe(|| apply(account, one.record.lsn, one.entry.at, &event)));
        applied.map_err(|_| "it does not fit the account as the records before it left it".to_owned())?;
        self.unpacked_bytes = self.unpacked_bytes - before + member.lots_bytes();
        Ok(())
    }

    /// Packs all accounts where they take too much.
    fn make_room(&mut self) -> Result<(), BrokenMember> {
        if self.unpacked_bytes <= self.rebuilding.unpacked_bytes_max / self.rebuilding.lanes {
            return Ok(());
        }
        self.pack(|packed, id, _| {
            packed.insert(id);
        })
    }

    /// Takes a member up, as the directory has it or anew.
    fn unpack(&mut self, one: &Named<'_>) -> Result<u32, String> {
        let (crm_id, member_no) = (one.entry.crm_id, one.entry.member_no);
        in_its_partition(&one.record, crm_id, member_no)?;
        let directory = self.rebuilding.directory;
        let words = |error: BrokenMember| error.to_string();
        let account = match directory.find(crm_id, member_no).map_err(words)? {
            Some(id) => directory.with_resting(id, |_, _, account| (false, std::mem::take(account))),
            None => Ok(None),
        };
        let account = account.map_err(words)?.unwrap_or_default();
        let place = u32::try_from(self.unpacked.len()).unwrap_or(u32::MAX);
        let member = Unpacked { tenant: one.tenant, member_no: member_no.into(), account };
        self.unpacked_bytes += size_of::<Unpacked>() + member_no.len() + member.lots_bytes();
        self.unpacked.push(member);
        self.table.insert_unique(one.hash, (one.hash, place), |(hash, _)| *hash);
        Ok(place)
    }

    /// Gives the directory all that is unpacked, and tells `then` of each.
    fn pack(
        &mut self,
        mut then: impl FnMut(&mut HashSet<MemberId>, MemberId, &Wanted),
    ) -> Result<(), BrokenMember> {
        self.table.clear();
        self.unpacked_bytes = 0;
        let mut arrivals = Arrivals::at(self.rebuilding.directory);
        for Unpacked { tenant, member_no, account } in self.unpacked.drain(..) {
            arrivals
                .push(tenant, &member_no, Wanted::by(&account), |bytes| codec::encode_into(bytes, &account));
            if arrivals.are_many() {
                arrivals.put(|id, wanted| then(&mut self.packed, id, wanted))?;
            }
        }
        arrivals.put(|id, wanted| then(&mut self.packed, id, wanted))
    }

    fn finish(mut self) -> Result<Replayed, StoreError> {
        let mut survey = Survey::default();
        let mut changed = Vec::new();
        self.pack(|packed, id, wanted| {
            packed.remove(&id);
            changed.push(id);
            survey.note(id, wanted);
        })
        .map_err(broken)?;
        for id in self.packed {
            let noted = self.rebuilding.directory.with_resting(id, |_, _, account| {
                survey.note(id, &Wanted::by(account));
                (false, ())
            });
            noted.map_err(broken)?;
            changed.push(id);
        }
        Ok(Replayed { survey, changed })
    }
}

/// Reads a byte of each line of memory that the records lie in, which another thread has read: one after the other, each would be waited for.
fn fetch(records: &[LogRecord<'_>]) {
    let lines = records.iter().flat_map(|record| record.payload.iter().step_by(64));
    std::hint::black_box(lines.fold(0, |all, byte| all ^ byte));
}

/// Whose records lie in two partitions would come to two threads, out of order.
fn in_its_partition(record: &LogRecord<'_>, crm_id: &str, member_no: &str) -> Result<(), String> {
    let right = partition_of(crm_id, member_no);
    if record.partition == right {
        return Ok(());
    }
    Err(format!("it is of partition {}, and belongs to {right}", record.partition))
}
