//! Puts idle members to rest: an actor costs kilobytes, an account at rest a few hundred bytes.
//!
//! Second chance: a member used since the sweeper looked last stays awake. The live members are gone round once in
//! [`LAP`]; above the bound as fast as it takes.
use crate::actors::core::Core;
use crate::actors::directory::MemberId;
use crate::actors::member::Message;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(100);
const LAP: Duration = Duration::from_secs(30);
const LAP_TICKS: usize = (LAP.as_millis() / TICK.as_millis()) as usize;

pub async fn run(core: Arc<Core>) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // A fixed share each tick: one that shrank with what is left would never come to the end of it.
        let share = awake(&core).len() / LAP_TICKS + 1;
        for _ in 0..LAP_TICKS {
            tick.tick().await;
            for id in next_to_look_at(&core, share) {
                look_at(&core, id);
            }
        }
    }
}

fn look_at(core: &Core, id: MemberId) {
    match core.directory.idle_since_asked(id) {
        Some(true) => {
            // Where the actor is lost the process ends, and there is nothing left to sweep.
            let _ = core.trusted(core.directory.tell_live(id, Message::Rest));
        }
        Some(false) => core.sweep_later(id),
        None => {}
    }
}

fn next_to_look_at(core: &Core, share: usize) -> Vec<MemberId> {
    let over = core.directory.live_count().saturating_sub(core.bounds.live_actors_max);
    let mut awake = awake(core);
    let count = (3 * over + share).min(awake.len());
    awake.drain(..count).collect()
}

fn awake(core: &Core) -> MutexGuard<'_, std::collections::VecDeque<MemberId>> {
    core.awake.lock().unwrap_or_else(PoisonError::into_inner)
}
