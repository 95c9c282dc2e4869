//! The only reader of the wall clock. Everything else gets its instants as arguments.
use crate::ledger::instant::{Instant, Span};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// Where instants come from, so that tests can turn it.
pub trait Clock: Send + Sync {
    /// Now; never earlier than an answer before.
    fn now(&self) -> Instant;
}

/// The machine's clock, distrusted where it leaps.
///
/// A step back is answered with the latest instant seen. A step ahead of more than `jump_max` beyond what the
/// monotonic clock saw pass is not believed at once, since it would expire points that nothing brings back: the clock
/// goes on at its own pace, an alarm is logged, and the new time is taken when it has been steady for a minute. Time
/// spent stopped is no step.
pub struct SystemClock {
    jump_max: Span,
    /// The latest instant told.
    latest: AtomicI64,
    /// It was looked at closely at this instant of the wall clock, and for a while is taken as it is: no lock is held that a
    /// thread could be put aside with. In the far future where it must be looked at each time.
    looked: AtomicI64,
    course: Mutex<Course>,
}

/// Where both clocks stood.
struct Course {
    latest: Instant,
    seen: std::time::Instant,
    /// Since when a leap has been waiting to be believed.
    doubted: Option<std::time::Instant>,
}

const STEADY_FOR: Duration = Duration::from_secs(60);
const LOOK_EVERY: Span = Span(100);

impl SystemClock {
    pub fn new(jump_max: Span) -> SystemClock {
        SystemClock::starting(jump_max, wall(), monotonic())
    }

    fn starting(jump_max: Span, wall: Instant, seen: std::time::Instant) -> SystemClock {
        let course = Mutex::new(Course { latest: wall, seen, doubted: None });
        SystemClock { jump_max, latest: AtomicI64::new(wall.0), looked: AtomicI64::new(i64::MAX), course }
    }

    fn told(&self, wall: Instant, seen: impl FnOnce() -> std::time::Instant) -> Instant {
        let passed = Span(wall.0.saturating_sub(self.looked.load(Ordering::Acquire)));
        if passed.0 < 0 || passed >= LOOK_EVERY.min(self.jump_max) {
            return self.look(wall, seen());
        }
        let latest = self.latest.load(Ordering::Acquire);
        if latest >= wall.0 {
            return Instant(latest);
        }
        Instant(self.latest.fetch_max(wall.0, Ordering::AcqRel).max(wall.0))
    }

    fn look(&self, wall: Instant, seen: std::time::Instant) -> Instant {
        let mut course = self.course.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        course.go_on(Instant(self.latest.load(Ordering::Acquire)));
        let now = course.advance(wall, seen, self.jump_max);
        self.looked.store(if now == wall { wall.0 } else { i64::MAX }, Ordering::Release);
        Instant(self.latest.fetch_max(now.0, Ordering::AcqRel).max(now.0))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        self.told(wall(), monotonic)
    }
}

impl Course {
    /// This was told since.
    fn go_on(&mut self, latest: Instant) {
        let passed = u64::try_from(latest.0 - self.latest.0).unwrap_or(0);
        self.seen += Duration::from_millis(passed);
        self.latest = self.latest.max(latest);
    }

    fn advance(&mut self, wall: Instant, seen: std::time::Instant, jump_max: Span) -> Instant {
        let passed = seen.saturating_duration_since(self.seen);
        let passed = Span(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX));
        let leap = wall > self.latest.after(passed).after(jump_max);
        let believed = if leap { self.doubt(wall, seen) } else { true };
        if !leap {
            self.doubted = None;
        }
        let now = if believed { wall } else { self.latest.after(passed) };
        // Milliseconds not yet whole are not lost: `seen` moves only when they were counted.
        if now > self.latest {
            self.latest = now;
            self.seen = seen;
        }
        self.latest
    }

    /// Whether a leap has been steady for long enough.
    fn doubt(&mut self, wall: Instant, seen: std::time::Instant) -> bool {
        let Some(since) = self.doubted else {
            tracing::error!(
                "the clock leapt ahead by {} h: expiry is held back until it has been steady for a minute; hint: check the machine's time",
                (wall.0 - self.latest.0) / Span::hours(1).0
            );
            self.doubted = Some(seen);
            return false;
        };
        let steady = seen.saturating_duration_since(since) >= STEADY_FOR;
        if steady {
            tracing::warn!("the clock's leap is taken as the right time");
            self.doubted = None;
        }
        steady
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that may read the clock")]
fn wall() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Instant(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What all threads of the process have used of the processors so far.
pub fn processor_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(used).unwrap_or_default()
}

/// For measuring what passes, not for telling the time.
#[expect(clippy::disallowed_methods, reason = "the one place that may read the clock")]
pub fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(course: &mut Course, start: std::time::Instant, wall_ms: i64, passed: Duration) -> i64 {
        course.advance(Instant(wall_ms), start + passed, Span::days(1)).0
    }

    #[test]
    fn never_goes_back_and_doubts_a_leap_for_a_minute() {
        let start = monotonic();
        let day = Span::days(1).0;
        let mut course = Course { latest: Instant(1_000), seen: start, doubted: None };
        assert_eq!(at(&mut course, start, 1_500, Duration::from_millis(500)), 1_500);
        assert_eq!(at(&mut course, start, 200, Duration::from_millis(600)), 1_500, "a step back");
        assert_eq!(at(&mut course, start, 3_000, Duration::from_millis(700)), 3_000, "a small step ahead");
        let leapt = 3 * day;
        assert_eq!(at(&mut course, start, leapt, Duration::from_millis(1_700)), 4_000, "its own pace");
        assert_eq!(at(&mut course, start, leapt + 30_000, Duration::from_secs(31)), 33_300);
        assert_eq!(at(&mut course, start, leapt + 61_000, Duration::from_secs(62)), leapt + 61_000, "steady");
    }

    #[test]
    fn is_looked_at_closely_now_and_then_and_whenever_it_steps() {
        let (start, begun) = (monotonic(), 1_000_000);
        let clock = SystemClock::starting(Span::days(1), Instant(begun), start);
        let told = |wall: i64, passed: u64| {
            let looked = std::cell::Cell::new(false);
            let seen = || {
                looked.set(true);
                start + Duration::from_millis(passed)
            };
            (clock.told(Instant(begun + wall), seen).0 - begun, looked.get())
        };
        assert_eq!(told(0, 0), (0, true), "at first");
        assert_eq!(told(60, 60), (60, false));
        assert_eq!(told(30, 61), (60, false), "never back");
        assert_eq!(told(100, 100), (100, true), "after a while");
        assert_eq!(told(150, 150), (150, false));
        assert_eq!(told(-50, 160), (150, true), "a step back waits");
        assert_eq!(told(-40, 170), (150, true));
        assert_eq!(told(200, 200), (200, true));
        assert_eq!(told(250, 250), (250, false));
        let leap = 3 * Span::days(1).0;
        assert_eq!(told(leap, 300), (300, true), "a leap is doubted");
        assert_eq!(told(leap + 10, 310), (310, true), "and looked at each time");
        assert_eq!(told(320, 320), (320, true), "it was none");
        assert_eq!(told(330, 330), (330, false));
    }
}
