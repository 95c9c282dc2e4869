//! How many requests a second each tenant may make.
//!
//! A tenant that is back at rest is forgotten: it would be judged the same as one never seen. So memory is bounded by
//! the requests since the last look round, and by the tenants that are still owed patience, each of which has paid for
//! its place with a request.
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

/// Requests between two looks round for tenants at rest.
const LOOK_ROUND_EVERY: u32 = 10_000;

pub struct Rates<C: Clock = DefaultClock> {
    /// By a hash with a secret seed, which costs no allocation and can't be made to collide.
    limiter: RateLimiter<u64, DashMapStateStore<u64>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    hasher: RandomState,
    asked: AtomicU32,
}

impl Rates {
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Rates {
        Rates::with_clock(per_second, burst, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Rates<C> {
    fn with_clock(per_second: NonZeroU32, burst: NonZeroU32, clock: C) -> Rates<C> {
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let limiter = RateLimiter::new(quota, DashMapStateStore::default(), clock.clone());
        Rates { limiter, clock, hasher: RandomState::new(), asked: AtomicU32::new(0) }
    }

    /// Counts a request of `crm_id`; one too many is told after how many seconds it would be taken.
    pub fn admit(&self, crm_id: &str) -> Result<(), u64> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % LOOK_ROUND_EVERY == LOOK_ROUND_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(&self.hasher.hash_one(crm_id)).map_err(|refused| {
            let wait = refused.wait_time_from(self.clock.now());
            (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;
    use std::time::Duration;

    fn rates(per_second: u32, burst: u32) -> (Rates<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let number = |number| NonZeroU32::new(number).unwrap();
        (Rates::with_clock(number(per_second), number(burst), clock.clone()), clock)
    }

    #[test]
    fn says_when_the_next_request_will_be_taken() {
        let (rates, clock) = rates(1, 3);
        assert_eq!([(); 3].map(|()| rates.admit("a")), [Ok(()); 3]);
        assert_eq!(rates.admit("a"), Err(1));
        clock.advance(Duration::from_millis(999));
        assert_eq!(rates.admit("a"), Err(1));
        clock.advance(Duration::from_millis(1));
        assert_eq!(rates.admit("a"), Ok(()));
        assert_eq!(rates.admit("a"), Err(1));
    }

    #[test]
    fn one_tenant_does_not_pay_for_another() {
        let (rates, _) = rates(1, 1);
        assert_eq!(["a", "b", "a", "b"].map(|tenant| rates.admit(tenant)), [Ok(()), Ok(()), Err(1), Err(1)]);
    }

    #[test]
    fn tenants_without_end_take_no_memory_without_end() {
        let (rates, clock) = rates(1, 1);
        for number in 0..200_000 {
            assert_eq!(rates.admit(&format!("invented-{number}")), Ok(()));
            clock.advance(Duration::from_millis(1));
        }
        let bound = LOOK_ROUND_EVERY as usize + 1_000;
        assert!(rates.limiter.len() <= bound, "{}", rates.limiter.len());
    }
}
