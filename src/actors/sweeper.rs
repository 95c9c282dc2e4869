//! Puts idle members to rest: an actor costs kilobytes, an account at rest a few hundred bytes.
//!
//! Second chance: a member used since the sweeper looked last stays awake. With few live members each is looked at
//! about once in [`LOOK_EVERY`]; above the bound as many as it takes.
use crate::actors::core::Core;
use crate::actors::directory::MemberId;
use crate::actors::member::Message;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(100);
const LOOK_EVERY: Duration = Duration::from_secs(30);

pub async fn run(core: Arc<Core>) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        for id in next_to_look_at(&core) {
            match core.directory.idle_since_asked(id) {
                Some(true) => {
                    // Where the actor is lost the process ends, and there is nothing left to sweep.
                    let _ = core.trusted(core.directory.tell_live(id, Message::Rest));
                }
                Some(false) => core.sweep_later(id),
                None => {}
            }
        }
    }
}

fn next_to_look_at(core: &Core) -> Vec<MemberId> {
    let over = core.directory.live_count().saturating_sub(core.bounds.live_actors_max);
    let mut awake = core.awake.lock().unwrap_or_else(PoisonError::into_inner);
    let ticks = LOOK_EVERY.as_millis() / TICK.as_millis();
    let in_turn = awake.len() / usize::try_from(ticks).unwrap_or(1) + 1;
    let most = awake.len();
    let count = if over > 0 { (3 * over + in_turn).min(most) } else { in_turn.min(most) };
    awake.drain(..count).collect()
}
