//! Makes time pass: takes members whose due instant has come from the timer and has what fell due recorded. A live
//! member's actor is told; one at rest is settled where it lies, without an actor.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::directory::MemberId;
use crate::actors::member::Message;
use crate::limits::SETTLE_RETRY;
use std::sync::Arc;
use std::time::Duration;

/// How often it looks while nothing is due.
const TICK: Duration = Duration::from_millis(50);
/// While very much is due at once, so many members are settled every so often, 50,000 a second: a million in 20 s. Reads
/// show what is due whether it is recorded or not, so nobody waits for it, and requests go first.
const SHARE: usize = 250;
const SHARE_EVERY: Duration = Duration::from_millis(5);
/// Members settled between two looks at the rest of the world: some 100 us.
const BATCH: usize = 25;
/// Records that may wait for the log before time waits too: what clients ask goes first.
const BACKLOG_MAX: u64 = 20_000;

pub async fn run(core: Arc<Core>) {
    let mut pace = tokio::time::interval(SHARE_EVERY);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        if settle_some(&core, SHARE).await < SHARE {
            tokio::time::sleep(TICK).await;
            pace.reset_immediately();
        }
    }
}

/// Settles everything that is due now, as fast as the log takes it: for a start, before there are requests.
pub async fn settle_due(core: &Arc<Core>) {
    while settle_some(core, BATCH).await == BATCH {}
}

/// Settles some of what is due now; how many members' instants had come. None where log or index are behind.
async fn settle_some(core: &Arc<Core>, most: usize) -> usize {
    let mut settled = 0;
    while settled < most && !is_behind(core) {
        let due = core.timer.pop_due(core.clock.now(), BATCH.min(most - settled));
        if due.is_empty() {
            break;
        }
        settled += due.len();
        due.into_iter().for_each(|id| settle(core, id));
        tokio::task::yield_now().await;
    }
    settled
}

fn is_behind(core: &Core) -> bool {
    let (assigned, durable) = (core.journal.last_assigned().0, core.journal.durable().0);
    let lag = durable.saturating_sub(core.history.applied().0);
    assigned.saturating_sub(durable) > BACKLOG_MAX || lag > core.bounds.index_lag_wanted()
}

fn settle(core: &Arc<Core>, id: MemberId) {
    loop {
        let now = core.clock.now();
        let settled = core.directory.with_resting(id, |crm_id, member_no, account| {
            let result = core.settle(crm_id, member_no, account, now, |_, _| {});
            (true, (result, account.next_due()))
        });
        match core.trusted(settled) {
            Ok(Some((result, next))) => return schedule(core, id, result, next),
            Ok(None) => {}
            Err(_) => return,
        }
        // It has an actor now, unless it has just gone to rest again.
        if core.trusted(core.directory.tell_live(id, Message::Settle)).unwrap_or(true) {
            return;
        }
    }
}

fn schedule(
    core: &Core,
    id: MemberId,
    result: Result<(), Failure>,
    next: Option<crate::ledger::instant::Instant>,
) {
    let Some(next) = next else { return };
    let due = if result.is_ok() { next } else { next.max(core.clock.now().after(SETTLE_RETRY)) };
    core.timer.push(due, id);
}
