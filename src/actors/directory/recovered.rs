//! How a start fills the directory: with packed accounts, from several threads at once.
use super::{Directory, MemberId, SHARDS, shard_of};

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
    pub fn put(&self, crm_id: &str, member_no: &str, packed: &[u8]) -> MemberId {
        let tenant = self.tenant_or_new(crm_id);
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
