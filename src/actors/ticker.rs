//! Makes time pass: takes members whose due instant has come from the timer and has what fell due recorded. A live
//! member's actor is told; one at rest is settled where it lies, without an actor.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::directory::MemberId;
use crate::actors::member::Message;
use crate::limits::SETTLE_RETRY;
use std::sync::Arc;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(50);
/// Members settled between two looks at the rest of the world.
const BATCH: usize = 256;
/// Records that may wait for the log before time waits too: what clients ask goes first.
const BACKLOG_MAX: u64 = 20_000;

pub async fn run(core: Arc<Core>) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        settle_due(&core).await;
    }
}

/// Settles everything that is due now.
pub async fn settle_due(core: &Arc<Core>) {
    loop {
        let waiting = core.journal.last_assigned().0.saturating_sub(core.journal.durable().0);
        if waiting > BACKLOG_MAX {
            return;
        }
        let due = core.timer.pop_due(core.clock.now(), BATCH);
        if due.is_empty() {
            return;
        }
        for id in due {
            settle(core, id);
        }
        tokio::task::yield_now().await;
    }
}

fn settle(core: &Arc<Core>, id: MemberId) {
    loop {
        let now = core.clock.now();
        let settled = core.directory.with_resting(id, |crm_id, member_no, account| {
            let result = core.settle(crm_id, member_no, account, now, |_, _, _| {});
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
