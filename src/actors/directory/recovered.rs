//! How a start fills the directory: with packed accounts, from several threads at once.
use super::{BrokenMember, Directory, MemberId, SHARDS, Spill, TenantId, shard_of, short};

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

    /// Puts a member's packed account into its place, which is made where there is none.
    pub fn put(&self, tenant: TenantId, member_no: &str, packed: &[u8]) -> Result<MemberId, BrokenMember> {
        let hash = self.hash(tenant, member_no);
        let (mut locked, slot) = match self.look_for(hash, tenant, member_no)? {
            Ok(id) => {
                let mut locked = self.lock_with(id)?;
                locked.replace(id.slot, packed);
                (locked, id.slot)
            }
            Err(mut locked) => {
                let slot = locked.insert(short(hash), tenant, member_no, packed);
                (locked, slot)
            }
        };
        locked.tidy(self.spill.as_ref());
        Ok(MemberId { shard: shard_of(hash), slot })
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
