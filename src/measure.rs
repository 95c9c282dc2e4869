//! Counting on the way of a request: atomics set aside beforehand, so that it takes no lock and no memory.
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bounds a histogram has at most.
const BOUNDS_MAX: usize = 16;

/// Upper bounds for spans of time, in nanoseconds: from 100 us to 10 s.
pub const NANOS: &[u64] = &[
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Upper bounds for how many there are of something.
pub const COUNTS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192];

/// How often a value fell between which bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what lies above them all.
    counts: [AtomicU64; BOUNDS_MAX + 1],
    sum: AtomicU64,
}

/// What a histogram has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Each upper bound, with how often a value fell to it or below it and above the bound before.
    pub counts: Vec<(u64, u64)>,
    pub above: u64,
    pub sum: u64,
}

impl Histogram {
    /// `bounds` ascend; an observation at a bound counts below it.
    pub const fn new(bounds: &'static [u64]) -> Histogram {
        assert!(bounds.len() <= BOUNDS_MAX);
        Histogram { bounds, counts: [const { AtomicU64::new(0) }; BOUNDS_MAX + 1], sum: AtomicU64::new(0) }
    }

    pub fn observe(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub fn observe_span(&self, span: std::time::Duration) {
        self.observe(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn seen(&self) -> Seen {
        let count = |place: usize| self.counts[place].load(Ordering::Relaxed);
        Seen {
            counts: self.bounds.iter().enumerate().map(|(place, bound)| (*bound, count(place))).collect(),
            above: count(self.bounds.len()),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_value_at_its_bound_and_what_lies_above_them_all() {
        let histogram = Histogram::new(&[1, 10]);
        for value in [0, 1, 2, 10, 11, 100] {
            histogram.observe(value);
        }
        assert_eq!(histogram.seen(), Seen { counts: vec![(1, 2), (10, 2)], above: 2, sum: 124 });
    }
}
