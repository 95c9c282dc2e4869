//! How a start fills the directory: with packed accounts, from several threads at once.
use super::{Directory, MemberId, SHARDS, TenantId, shard_of};

impl Directory {
    /// Makes room for so many members at once: a table that grows step by step moves what it has at every step.
    pub fn reserve(&self, members: usize) {
        // Not every shard gets the same.
        let each = members / SHARDS;
        let each = each + each / 16 + 16;
        for shard in 0..SHARDS as u32 {
            let mut locked = self.lock(shard);
            let super::Shard { table, slots, arena } = &mut *locked;
            slots.reserve(each);
            table.reserve(each, |slot| {
                let slot = &slots[*slot as usize];
                self.hash(slot.tenant, slot.member_no(arena))
            });
        }
    }

    /// Puts a member's packed account into its place, which is made where there is none.
    pub fn put(&self, tenant: TenantId, member_no: &str, packed: &[u8]) -> MemberId {
        let hash = self.hash(tenant, member_no);
        let shard = shard_of(hash);
        let mut locked = self.lock(shard);
        let slot = match locked.find(hash, tenant, member_no) {
            Some(slot) => {
                locked.replace(slot, packed);
                slot
            }
            None => self.insert(&mut locked, hash, tenant, member_no, packed),
        };
        MemberId { shard, slot }
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
