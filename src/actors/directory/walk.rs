//! The directory shard by shard, for those who read all of it. Each look takes the shard's lock for as long as it takes to
//! copy a few packed accounts. Members out of memory are read page by page, each page once, without any lock, and stay
//! where they are: a walk is no reason to have somebody in memory.
use super::shard::Place;
use super::{BrokenMember, Directory, MemberId, SHARDS, TenantId};
use crate::format::resting::{RestingRecord, record_at};

/// Places looked at under one lock.
const PLACES: usize = 128;
/// Bytes copied under one lock, one account more at most.
const BYTES: usize = 64 << 10;

/// A member at rest, its packed account copied. That is empty where nothing was recorded of it.
pub struct Resting {
    pub id: MemberId,
    pub tenant: TenantId,
    pub member_no: Box<str>,
    pub packed: Box<[u8]>,
}

/// Some members of a shard.
#[derive(Default)]
pub struct Batch {
    pub resting: Vec<Resting>,
    /// Those with an actor.
    pub awake: Vec<MemberId>,
}

/// On the way through a shard.
pub struct Walk<'a> {
    directory: &'a Directory,
    shard: u32,
    tenant: Option<TenantId>,
    /// The next place to look at; none once all have been.
    next: Option<usize>,
    /// Members out of memory, by page: those of the first page last.
    on_disk: Vec<(u32, u32)>,
}

impl Directory {
    pub const SHARDS: u32 = SHARDS as u32;

    /// All members of `shard`, or those of one tenant. Those that come meanwhile may be among them.
    pub fn walk(&self, shard: u32, tenant: Option<TenantId>) -> Walk<'_> {
        Walk { directory: self, shard, tenant, next: Some(0), on_disk: Vec::new() }
    }

    /// The shard that a member lies in.
    pub fn shard_of(&self, crm_id: &str, member_no: &str) -> Option<u32> {
        Some(super::shard_of(self.hash(self.tenant_id(crm_id)?, member_no)))
    }
}

impl Walk<'_> {
    /// The next of them; none once all have been given.
    pub fn next(&mut self) -> Result<Option<Batch>, BrokenMember> {
        match self.next {
            Some(from) => Ok(Some(self.in_memory(from))),
            None => self.page(),
        }
    }

    fn in_memory(&mut self, from: usize) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        let locked = self.directory.lock(self.shard);
        self.next = None;
        for (looked_at, (place, slot)) in (from..).zip(&locked.slots[from..]).enumerate() {
            if looked_at == PLACES || bytes > BYTES {
                self.next = Some(place);
                break;
            }
            if self.tenant.is_some_and(|tenant| tenant != slot.tenant) {
                continue;
            }
            let number = u32::try_from(place).unwrap_or(u32::MAX);
            let id = MemberId { shard: self.shard, slot: number };
            match slot.place {
                Place::Awake(_) => batch.awake.push(id),
                Place::Disk { page, .. } => self.on_disk.push((page, number)),
                Place::Memory { .. } => {
                    if let Some(record) = locked.record(number) {
                        bytes += record.bytes();
                        batch.resting.push(copied(id, slot.tenant, record));
                    }
                }
            }
        }
        if self.next.is_none() {
            self.on_disk.sort_unstable_by(|a, b| b.cmp(a));
        }
        batch
    }

    /// The members of the next page.
    fn page(&mut self) -> Result<Option<Batch>, BrokenMember> {
        let Some((page, _)) = self.on_disk.last().copied() else { return Ok(None) };
        let mut here = Vec::new();
        while let Some((_, slot)) = self.on_disk.pop_if(|(other, _)| *other == page) {
            here.push(slot);
        }
        let there = self.directory.lock(self.shard).pages.names(page);
        let mut content = Vec::new();
        let read = self.directory.read(&there, &mut content);
        let mut batch = Batch::default();
        let mut moved = Vec::new();
        {
            let locked = self.directory.lock(self.shard);
            let is_still = locked.pages.names(page) == there;
            for slot in here {
                match locked.slots[slot as usize].place {
                    Place::Disk { page: p, offset } if is_still && p == page => {
                        if let Err(error) = read {
                            return Err(error);
                        }
                        let record = record_at(&content, usize::from(offset));
                        let record = record.filter(|record| record.slot == slot);
                        let record = record.ok_or_else(|| self.directory.missing(&there))?;
                        let id = MemberId { shard: self.shard, slot };
                        batch.resting.push(copied(id, locked.tenant(slot), record));
                    }
                    _ => moved.push(slot),
                }
            }
        }
        for slot in moved {
            self.moved(MemberId { shard: self.shard, slot }, &mut batch)?;
        }
        Ok(Some(batch))
    }

    /// A member that is no longer where it was when the walk began.
    fn moved(&self, id: MemberId, batch: &mut Batch) -> Result<(), BrokenMember> {
        let mut locked = self.directory.lock_with(id)?;
        match locked.record(id.slot) {
            Some(record) => batch.resting.push(copied(id, locked.tenant(id.slot), record)),
            None => batch.awake.push(id),
        }
        locked.tidy(self.directory.spill.as_ref());
        Ok(())
    }
}

fn copied(id: MemberId, tenant: TenantId, record: RestingRecord<'_>) -> Resting {
    Resting { id, tenant, member_no: record.name.into(), packed: record.account.into() }
}
