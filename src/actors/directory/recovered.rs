//! How a start fills the directory: with packed accounts, from several threads at once.
use super::shard::Shard;
use super::{BrokenMember, Directory, MemberId, SHARDS, Spill, TenantId, shard_of, short};
use std::ops::Range;
use std::sync::MutexGuard;

impl Directory {
    /// What members at rest may take of memory; none where they may take all.
    pub fn bytes_max(&self) -> Option<usize> {
        self.spill.as_ref().map(Spill::bytes_max)
    }

    /// Makes room for so many members at once: a table that grows step by step moves what it has at every step.
    pub fn reserve(&self, members: usize) {
        // Not every shard gets the same.
        let each = members / SHARDS;
        let each = each + each / 16 + 16;
        for shard in 0..SHARDS as u32 {
            self.lock(shard).reserve(each);
        }
    }
}

/// Gathered before they are put: each shard gets about 32 accounts of 250 bytes.
const ARRIVALS_BYTES: usize = 2 << 20;

/// Members with their packed accounts, on their way into the directory, each with what is to be known of it once it has its place.
/// Shard by shard each is locked once, and what comes of it into the processor's cache serves many members.
pub struct Arrivals<'a, T> {
    directory: &'a Directory,
    arriving: Vec<Arriving<T>>,
    /// Of all that arrive, one after the other.
    names: String,
    packed: Vec<u8>,
}

struct Arriving<T> {
    hash: u64,
    tenant: TenantId,
    name: Range<usize>,
    packed: Range<usize>,
    known: T,
}

impl<'a, T> Arrivals<'a, T> {
    pub fn at(directory: &'a Directory) -> Arrivals<'a, T> {
        Arrivals { directory, arriving: Vec::new(), names: String::new(), packed: Vec::new() }
    }

    /// Adds a member, whose packed account `pack` appends. One that was added before is replaced.
    pub fn push(&mut self, tenant: TenantId, member_no: &str, known: T, pack: impl FnOnce(&mut Vec<u8>)) {
        let (name_begins, packed_begins) = (self.names.len(), self.packed.len());
        self.names.push_str(member_no);
        pack(&mut self.packed);
        self.arriving.push(Arriving {
            hash: self.directory.hash(tenant, member_no),
            tenant,
            name: name_begins..self.names.len(),
            packed: packed_begins..self.packed.len(),
            known,
        });
    }

    pub fn are_many(&self) -> bool {
        self.names.len() + self.packed.len() >= ARRIVALS_BYTES
    }

    /// Puts all that arrived into their places, which are made where there are none, and tells `then` of each.
    pub fn put(&mut self, mut then: impl FnMut(MemberId, &T)) -> Result<(), BrokenMember> {
        let shards = self.arriving.iter().map(|arriving| shard_of(arriving.hash));
        let mut order: Vec<(u32, usize)> = shards.zip(0..).collect();
        order.sort_unstable();
        for together in order.chunk_by(|(one, _), (other, _)| one == other) {
            let shard = together[0].0;
            let mut locked = self.directory.lock(shard);
            for (_, number) in together {
                let arriving = &self.arriving[*number];
                let slot;
                (locked, slot) = self.put_one(locked, arriving)?;
                then(MemberId { shard, slot }, &arriving.known);
            }
        }
        self.arriving.clear();
        self.names.clear();
        self.packed.clear();
        Ok(())
    }

    fn put_one(
        &self,
        locked: MutexGuard<'a, Shard>,
        arriving: &Arriving<T>,
    ) -> Result<(MutexGuard<'a, Shard>, u32), BrokenMember> {
        let Arriving { hash, tenant, .. } = *arriving;
        let name = &self.names[arriving.name.clone()];
        let packed = &self.packed[arriving.packed.clone()];
        let (mut locked, slot) = self.directory.look_for(locked, hash, tenant, name)?;
        if let Some(slot) = slot {
            locked.replace(slot, packed);
        }
        let slot = slot.unwrap_or_else(|| locked.insert(short(hash), tenant, name, packed));
        locked.tidy(self.directory.spill.as_ref());
        Ok((locked, slot))
    }
}

/// The tenants that one thread meets. Most often it is the one before, for which nobody has to be asked.
pub struct TenantsMet<'a> {
    directory: &'a Directory,
    last: Option<(Box<str>, TenantId)>,
}

impl<'a> TenantsMet<'a> {
    pub fn of(directory: &'a Directory) -> TenantsMet<'a> {
        TenantsMet { directory, last: None }
    }

    pub fn id(&mut self, crm_id: &str) -> TenantId {
        match &self.last {
            Some((name, id)) if **name == *crm_id => *id,
            _ => {
                let id = self.directory.tenant_or_new(crm_id);
                self.last = Some((crm_id.into(), id));
                id
            }
        }
    }
}
