//! Every member of a tenant, or of all, one after the other. Members at rest are read where they lie, busy ones asked.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::directory::{Directory, TenantId};
use crate::format::codec;
use crate::ledger::account::Account;
use crate::pace::Pace;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Gives each member of `tenant`, or of every tenant, to `visit`, as it is when its turn comes; `passed` is told
/// where each next shard begins. For a thread of its own: it waits for busy members.
pub fn walk<E: From<Failure>>(
    core: &Core,
    runtime: &Handle,
    tenant: Option<TenantId>,
    mut pace: Pace,
    mut passed: impl FnMut(u32) -> Result<(), E>,
    mut visit: impl FnMut(&Arc<str>, &str, Account) -> Result<(), E>,
) -> Result<(), E> {
    for shard in 0..Directory::SHARDS {
        passed(shard)?;
        let mut walk = core.directory.walk(shard, tenant);
        while let Some(batch) = core.trusted(walk.next())? {
            for member in batch.resting {
                let account = unpacked(core, &member.packed)?;
                visit(&core.directory.tenant_name(member.tenant), &member.member_no, account)?;
            }
            for id in batch.awake {
                let account = runtime.block_on(core.look_at(id, Account::clone))?;
                let (crm_id, member_no) = core.trusted(core.directory.name_of(id))?;
                visit(&crm_id, &member_no, account)?;
            }
            pace.rest();
        }
    }
    passed(Directory::SHARDS)
}

fn unpacked(core: &Core, packed: &[u8]) -> Result<Account, Failure> {
    if packed.is_empty() {
        return Ok(Account::default());
    }
    core.trusted(codec::decode(packed).map_err(crate::actors::directory::BrokenMember::from))
}
