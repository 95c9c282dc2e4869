//! The load as a whole: what is asked for, the threads that make it, and what comes of it.
//!
//! Closed loop: a connection sends its next request when it has its answer. Open loop: requests are due at a constant rate
//! whatever the service does; one that finds no connection free waits, and its latency counts from when it was due. So an
//! interruption of the service counts against every request that it delayed (no coordinated omission).
use super::asks::Asks;
use super::lane::Lane;
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Barrier};

#[derive(Clone, Copy)]
pub enum Pace {
    /// As fast as the answers come.
    Closed,
    /// So many requests a second.
    Open(f64),
}

/// What to do, and how long.
#[derive(Clone)]
pub struct Plan {
    pub address: SocketAddr,
    pub threads: usize,
    pub connections: usize,
    pub seconds: f64,
    pub pace: Pace,
    /// Counts the answers while the load runs.
    pub watched: Arc<AtomicU64>,
}

/// What came of it.
pub struct Outcome {
    /// Microseconds, for each kind of request.
    pub latencies: Vec<(&'static str, Histogram<u64>)>,
    /// Bytes of the answers' bodies, for each kind all together.
    pub bytes: Vec<u64>,
    /// Open loop: microseconds from when a request was due until it was sent, which its latency contains.
    pub late: Histogram<u64>,
    /// Answers within the time.
    pub in_time: u64,
    /// The time; of an open loop until the last answer.
    pub seconds: f64,
}

impl Outcome {
    fn of_none() -> Outcome {
        Outcome { latencies: Vec::new(), bytes: Vec::new(), late: histogram(), in_time: 0, seconds: 0.0 }
    }

    /// Of a load that asks these kinds, before it has begun.
    pub fn of(kinds: &[&'static str]) -> Outcome {
        let latencies = kinds.iter().map(|kind| (*kind, histogram())).collect();
        Outcome { latencies, bytes: vec![0; kinds.len()], ..Outcome::of_none() }
    }

    fn add(&mut self, other: Outcome) {
        self.in_time += other.in_time;
        self.seconds = self.seconds.max(other.seconds);
        self.late.add(other.late).expect("histograms of one kind");
        if self.latencies.is_empty() {
            (self.latencies, self.bytes) = (other.latencies, other.bytes);
            return;
        }
        for ((_, sum), (_, latency)) in self.latencies.iter_mut().zip(other.latencies) {
            sum.add(latency).expect("histograms of one kind");
        }
        self.bytes.iter_mut().zip(other.bytes).for_each(|(sum, bytes)| *sum += bytes);
    }

    pub fn answers(&self) -> u64 {
        self.latencies.iter().map(|(_, histogram)| histogram.len()).sum()
    }

    pub fn per_second(&self) -> f64 {
        self.in_time as f64 / self.seconds
    }

    /// How long the answers of a kind were, on the average.
    pub fn answer_bytes(&self, kind: usize) -> usize {
        (self.bytes[kind] / self.latencies[kind].1.len().max(1)) as usize
    }

    /// All kinds together.
    pub fn latency(&self) -> Histogram<u64> {
        let mut all = histogram();
        for (_, histogram) in &self.latencies {
            all.add(histogram).expect("histograms of one kind");
        }
        all
    }
}

pub fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("a histogram")
}

/// Milliseconds that so large a share of the requests took at most.
pub fn quantile(latency: &Histogram<u64>, share: f64) -> f64 {
    latency.value_at_quantile(share) as f64 / 1_000.0
}

/// Runs the load on `plan.threads` threads; `asks(connections)` makes what each asks. Gives them back, too.
pub fn run<A: Asks>(plan: &Plan, asks: impl Fn(usize) -> A) -> (Outcome, Vec<A>) {
    let threads = plan.threads.min(plan.connections).max(1);
    let ready = Barrier::new(threads);
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..threads)
            .map(|thread| {
                let count = plan.connections / threads + usize::from(thread < plan.connections % threads);
                let (asks, ready) = (asks(count), &ready);
                scope.spawn(move || {
                    let mut lane = Lane::new(plan, count, asks);
                    ready.wait();
                    match plan.pace {
                        Pace::Closed => lane.closed(plan.seconds),
                        Pace::Open(rate) => lane.open(plan.seconds, rate / threads as f64, thread, threads),
                    }
                    (lane.asks, lane.told)
                })
            })
            .collect();
        let mut outcome = Outcome::of_none();
        let lanes = lanes.into_iter().map(|lane| lane.join().expect("a thread that does not panic"));
        let asked = lanes.map(|(asks, told)| {
            outcome.add(told);
            asks
        });
        let asked = asked.collect();
        (outcome, asked)
    })
}
