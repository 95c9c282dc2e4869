//! Records applied to accounts, by several threads. Each has the members of some partitions, which the log names with every
//! record: so a member's records come to one thread, in order, and no thread waits for another. Accounts stay unpacked
//! while records come for them, up to a bound.
use super::Rebuilding;
use super::survey::Survey;
use crate::actors::core::partition_of;
use crate::actors::directory::MemberId;
use crate::format::codec;
use crate::format::entry::{Entry, MemberEntry, ServiceEntry, TenantEntry};
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

/// Accounts kept unpacked while records are applied to them, by all threads together: some 300 MB.
const UNPACKED_MAX: usize = 500_000;

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
    lane: usize,
    of: usize,
    tenants: Vec<Arc<str>>,
    tenant_places: HashMap<Arc<str>, u32>,
    last_tenant: u32,
    table: HashTable<u32>,
    unpacked: Vec<Unpacked>,
    hasher: RandomState,
    /// Members packed before the end, to make room.
    packed: HashSet<MemberId>,
}

struct Unpacked {
    tenant: u32,
    member_no: Box<str>,
    account: Account,
}

impl<'a> Applying<'a> {
    /// Of the threads, of which there are `of`, number `lane`.
    pub fn new(rebuilding: &'a Rebuilding<'a>, lane: usize, of: usize) -> Applying<'a> {
        Applying {
            rebuilding,
            lane,
            of,
            tenants: Vec::new(),
            tenant_places: HashMap::new(),
            last_tenant: 0,
            table: HashTable::new(),
            unpacked: Vec::new(),
            hasher: RandomState::new(),
            packed: HashSet::new(),
        }
    }

    pub fn run(mut self, segments: Receiver<Arc<CheckedSegment>>) -> Result<Replayed, StoreError> {
        for segment in segments {
            for record in segment.records() {
                if record.lsn > self.rebuilding.noted && self.is_mine(record.partition) {
                    self.take(record).map_err(|why| segment.refused(record.lsn, why))?;
                }
            }
        }
        self.finish()
    }

    fn is_mine(&self, partition: u16) -> bool {
        usize::from(partition) % self.of == self.lane
    }

    fn take(&mut self, record: LogRecord<'_>) -> Result<(), String> {
        match Entry::decode(record.payload).map_err(|error| error.to_string())? {
            Entry::Member(entry) => self.apply(&record, &entry),
            Entry::Service(ServiceEntry::ZoneSet { zone }) => {
                let mut owned = self.rebuilding.owned.lock().unwrap_or_else(PoisonError::into_inner);
                owned.set_zone(record.lsn, &zone)
            }
            Entry::Tenant(TenantEntry { crm_id, at, event }) => {
                let mut owned = self.rebuilding.owned.lock().unwrap_or_else(PoisonError::into_inner);
                owned.tenants.entry(crm_id).or_default().apply(record.lsn, at, &event);
                Ok(())
            }
        }
    }

    fn apply(&mut self, record: &LogRecord<'_>, entry: &MemberEntry) -> Result<(), String> {
        let tenant = self.tenant(&entry.crm_id);
        let hash = self.hasher.hash_one((tenant, &*entry.member_no));
        let is_it = |place: &u32| {
            let member = &self.unpacked[*place as usize];
            member.tenant == tenant && *member.member_no == *entry.member_no
        };
        let place = match self.table.find(hash, is_it) {
            Some(place) => *place,
            None => self.unpack(record.partition, tenant, hash, entry)?,
        };
        apply(&mut self.unpacked[place as usize].account, record.lsn, entry.at, &entry.event);
        Ok(())
    }

    /// A number for the tenant, of this thread alone. Most often it is the one before.
    fn tenant(&mut self, crm_id: &str) -> u32 {
        if self.tenants.get(self.last_tenant as usize).is_none_or(|last| **last != *crm_id) {
            let next = u32::try_from(self.tenants.len()).unwrap_or(u32::MAX);
            let known = self.tenant_places.get(crm_id).copied();
            self.last_tenant = known.unwrap_or_else(|| {
                let name: Arc<str> = crm_id.into();
                self.tenants.push(name.clone());
                self.tenant_places.insert(name, next);
                next
            });
        }
        self.last_tenant
    }

    /// Takes a member up, as the directory has it or anew.
    fn unpack(
        &mut self,
        partition: u16,
        tenant: u32,
        hash: u64,
        entry: &MemberEntry,
    ) -> Result<u32, String> {
        let (crm_id, member_no) = (&*entry.crm_id, &*entry.member_no);
        let right = partition_of(crm_id, member_no);
        if right != partition {
            return Err(format!("it is of partition {partition}, and its member's is {right}"));
        }
        if self.unpacked.len() >= UNPACKED_MAX / self.of {
            self.pack(|packed, id, _| {
                packed.insert(id);
            });
        }
        let directory = self.rebuilding.directory;
        let found = directory.find(crm_id, member_no);
        let found = found.map(|id| directory.with_resting(id, |_, _, account| (false, std::mem::take(account))));
        let account = found.transpose().map_err(|error| error.to_string())?.flatten().unwrap_or_default();
        let place = u32::try_from(self.unpacked.len()).unwrap_or(u32::MAX);
        self.unpacked.push(Unpacked { tenant, member_no: member_no.into(), account });
        let Applying { table, unpacked, hasher, .. } = self;
        table.insert_unique(hash, place, |place| {
            let member = &unpacked[*place as usize];
            hasher.hash_one((member.tenant, &*member.member_no))
        });
        Ok(place)
    }

    /// Gives the directory all that is unpacked, and tells `then` of each.
    fn pack(&mut self, mut then: impl FnMut(&mut HashSet<MemberId>, MemberId, &Account)) {
        let mut bytes = Vec::new();
        self.table.clear();
        for Unpacked { tenant, member_no, account } in self.unpacked.drain(..) {
            bytes.clear();
            codec::encode_into(&mut bytes, &account);
            let id = self.rebuilding.directory.put(&self.tenants[tenant as usize], &member_no, &bytes);
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
