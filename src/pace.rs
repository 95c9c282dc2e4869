//! Work without haste beside requests: it pauses between stretches.
//!
//! It is all that work can do that holds locks which requests want; what nobody waits for gives way as well (`giving_way`). A lower
//! priority would be neither: a thread that is about to answer somebody would still wait out the other's slice of some milliseconds
//! each time it wakes.
use crate::clock::monotonic;
use std::time::{Duration, Instant};

/// Work between two pauses.
const STRETCH: Duration = Duration::from_millis(2);
/// A stretch may have been a wait: that is no work.
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// How much of a core's time some work takes: it pauses so many times as long as it works.
pub struct Pace {
    pauses: u32,
    began: Instant,
    done: u32,
}

impl Pace {
    pub fn new(pauses: u32) -> Pace {
        Pace { pauses, began: monotonic(), done: 0 }
    }

    /// Counts a piece of the work, of which `every` are worth a look at the clock. Whether that was the last of so many.
    pub fn counts(&mut self, every: u32) -> bool {
        self.done = self.done.wrapping_add(1);
        self.done.is_multiple_of(every)
    }

    /// Pauses, where the work has gone on for a stretch.
    pub fn rest(&mut self) {
        self.rest_unless(|| false);
    }

    /// The same, but goes on where there is haste.
    pub fn rest_unless(&mut self, haste: impl FnOnce() -> bool) {
        let worked = self.began.elapsed();
        if worked < STRETCH {
            return;
        }
        if self.pauses > 0 && !haste() {
            std::thread::sleep((worked * self.pauses).min(PAUSE_MAX));
        }
        self.began = monotonic();
    }
}
