//! Whether the process has next to all the processor time there is. Then nothing waits for the disk alone: what a sync costs
//! is taken from requests, and they are answered sooner the fewer there are.
use crate::clock::{monotonic, processor_time};
use std::time::{Duration, Instant};

/// Looked at no more often: a few group commits tell little.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Of all cores' time. A load on the same machine takes a quarter of it, and half the peak does not come near.
const SHARE: f64 = 0.6;

pub(super) struct Busy {
    cores: usize,
    looked: Instant,
    /// Of the process, by then.
    used: Duration,
    is: bool,
}

impl Busy {
    pub(super) fn new() -> Busy {
        // Where that can't be told a single one would be taken for all.
        let cores = std::thread::available_parallelism().map_or(usize::MAX, usize::from);
        Busy { cores, looked: monotonic(), used: processor_time(), is: false }
    }

    pub(super) fn look(&mut self) -> bool {
        let now = monotonic();
        if now - self.looked >= LOOK_EVERY {
            self.saw(now, processor_time());
        }
        self.is
    }

    fn saw(&mut self, now: Instant, used: Duration) {
        let there_is = (now - self.looked).as_secs_f64() * self.cores as f64;
        self.is = used.saturating_sub(self.used).as_secs_f64() >= there_is * SHARE;
        (self.looked, self.used) = (now, used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_by_what_was_used_since_the_last_look_of_what_all_cores_have() {
        let begin = monotonic();
        let mut busy = Busy { cores: 2, looked: begin, used: Duration::from_secs(9), is: false };
        let mut after = |millis, used_millis: u64| {
            busy.saw(begin + Duration::from_millis(millis), Duration::from_millis(9_000 + used_millis));
            busy.is
        };
        assert!(after(100, 150), "three quarters of two cores");
        assert!(!after(200, 250), "half of them");
        assert!(after(300, 371), "a little more than it takes");
        assert!(!after(400, 371), "nothing");
    }

    #[test]
    fn a_process_that_does_nothing_is_not() {
        let mut busy = Busy { cores: 2, looked: monotonic(), used: processor_time(), is: true };
        assert!(busy.look(), "as before: it is not yet time to look again");
        busy.looked = monotonic() - 100 * LOOK_EVERY;
        assert!(!busy.look());
    }
}
