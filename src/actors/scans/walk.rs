//! Every member of a tenant, or of all, one after the other. Members at rest are read where they lie, busy ones asked.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::directory::{Directory, TenantId};
use crate::format::codec;
use crate::ledger::account::Account;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Work between two pauses.
const STRETCH: Duration = Duration::from_millis(2);

/// How much of a core's time a walk takes: it pauses `pauses` times as long as it works.
///
/// Not by the scheduler's priorities: a thread that seldom gets to run, and holds a shard's lock then, would hold up
/// everybody who wants that shard.
pub struct Pace {
    pauses: u32,
    began: std::time::Instant,
}

impl Pace {
    pub fn new(pauses: u32) -> Pace {
        Pace { pauses, began: crate::clock::monotonic() }
    }

    /// Pauses, where the work has gone on for a stretch.
    pub fn rest(&mut self) {
        let worked = self.began.elapsed();
        if worked >= STRETCH && self.pauses > 0 {
            std::thread::sleep(worked * self.pauses);
            self.began = crate::clock::monotonic();
        }
    }
}

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
