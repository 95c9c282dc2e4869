//! Very much falls due in one second: each of a million members gets a lot that expires at the same moment, as all others
//! do, and the same load runs twice, before that moment and over it. Open loop, latency from when a request was due. What
//! counts is the p99 over that moment against the p99 before it, and how long it took until every expiry was in the log.
//!
//! Back of an envelope: to settle a member takes 3 us (its account unpacked, an event of 90 bytes encoded, applied, packed
//! again), to index the record 5 us, the store's merges 2 us: 10 us, so a million take 10 s of one core. At 50,000 a second
//! that is half of one core for 20 s. A load at half the peak leaves a whole core of two; it should not notice but for the
//! larger groups of the log (25 us more to write 3 KB more) and for the caches.
//!
//! `cargo bench --bench due -- --help`
#![allow(clippy::disallowed_methods, reason = "a load program reads clocks and files")]
#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "a part of the load program serves")]
#[path = "../http"]
mod driving {
    pub mod asks;
    pub mod lane;
    pub mod load;
    pub mod requests;
    pub mod spread;
    pub mod template;
    pub mod wire;
}

mod lots;

use clap::Parser;
use common::called::{Called, called};
use common::figures::Figures;
use common::median;
use common::served::{self, Served};
use driving::asks::{Numbers, Produces};
use driving::load::{Outcome, Pace, Plan, quantile};
use driving::requests::Tenant;
use driving::spread::Spread;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Clone, Parser)]
struct Arguments {
    /// Members with a lot each that expire in the same second
    #[arg(long, default_value_t = 1_000_000)]
    lots: u64,
    /// Members that the load is spread over; they are others
    #[arg(long, default_value_t = 100_000)]
    members: u64,
    /// Seconds of each of the two loads
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Share of the peak that is asked for
    #[arg(long, default_value_t = 0.5)]
    share: f64,
    /// Requests a second, instead of a share of the peak
    #[arg(long)]
    rate: Option<f64>,
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Threads of the load
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// A run of about a minute: 100,000 lots, two loads of 8 s, one round
    #[arg(long)]
    short: bool,
    /// A run of about two seconds, whose figures mean nothing
    #[arg(long)]
    tiny: bool,
    /// A file for the figures, as JSON lines
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the data folder is made; it is removed afterwards
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let mut arguments = match called("due") {
        Called::ForNothing => return,
        Called::ToTest => Arguments::parse_from(["due", "--tiny"]),
        Called::ToMeasure => Arguments::parse(),
    };
    if arguments.short {
        (arguments.lots, arguments.seconds, arguments.rounds) = (100_000, 8.0, 1);
    }
    if arguments.tiny {
        (arguments.lots, arguments.seconds, arguments.rounds) = (500, 0.3, 1);
        (arguments.members, arguments.connections, arguments.rate) = (100, 4, Some(200.0));
    }
    Due::new(arguments).measure();
}

/// How long the service is left alone when the lots are there.
const CALM: Duration = Duration::from_secs(5);
/// Lots that are surely brought in in a second.
const LOTS_A_SECOND: u64 = 15_000;
/// The moment lies so far within the second load.
const BEFORE: Duration = Duration::from_millis(500);
/// All must be recorded within this time; the bench waits a little longer to tell by how much it was missed.
const PATIENCE: Duration = Duration::from_secs(120);

struct Due {
    arguments: Arguments,
    figures: Figures,
    service: Served,
    tenant: Tenant,
    numbers: Numbers,
}

/// What one round has shown: milliseconds, and seconds until all was recorded.
struct Round {
    before: Outcome,
    over: Outcome,
    recorded_after: f64,
}

impl Due {
    fn new(arguments: Arguments) -> Due {
        let folder = arguments.folder.clone().unwrap_or_else(served::default_folder);
        Due {
            figures: Figures::of("due", arguments.json.as_deref()),
            service: served::start_service(&folder, &[]),
            tenant: Tenant { crm_id: "10080".into(), key: None },
            numbers: Numbers::unused(),
            arguments,
        }
    }

    fn measure(mut self) {
        let rate = self.arguments.rate.unwrap_or_else(|| self.arguments.share * self.peak());
        println!(
            "{} lots fall due at once; {rate:.0} requests a second over {} other members",
            self.arguments.lots, self.arguments.members
        );
        println!(
            "| round | p50 ms before | p99 | p99.9 | p50 ms over it | p99 | p99.9 | p99 ratio | all recorded after s |"
        );
        println!("|{}", " --- |".repeat(9));
        let mut columns: [Vec<f64>; 4] = Default::default();
        for round in 1..=self.arguments.rounds {
            let Round { before, over, recorded_after } = self.round(rate);
            let quantiles = |outcome: &Outcome| {
                let latency = outcome.latency();
                [0.5, 0.99, 0.999].map(|share| quantile(&latency, share))
            };
            let (b, o) = (quantiles(&before), quantiles(&over));
            let ratio = o[1] / b[1];
            println!(
                "| {round} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {ratio:.2} | {recorded_after:.1} |",
                b[0], b[1], b[2], o[0], o[1], o[2]
            );
            let told = [b[1], o[1], ratio, recorded_after];
            columns.iter_mut().zip(told).for_each(|(column, value)| column.push(value));
        }
        self.figures.put("rate", rate, "requests/s");
        self.figures.put("lots", self.arguments.lots as f64, "lots");
        let names = [
            ("p99 without", "ms"),
            ("p99 over the moment", "ms"),
            ("p99 over the moment / without", "times"),
            ("all recorded after", "s"),
        ];
        for ((name, unit), column) in names.into_iter().zip(&columns) {
            println!("median: {name} {:.2} {unit}", median(column));
            self.figures.put(name, median(column), unit);
        }
    }

    fn plan(&self, pace: Pace, seconds: f64) -> Plan {
        Plan {
            address: self.service.address,
            threads: self.arguments.threads,
            connections: self.arguments.connections,
            seconds,
            pace,
            watched: Arc::new(AtomicU64::new(0)),
        }
    }

    fn load(&self, plan: &Plan) -> Outcome {
        let spread = Spread::Even(self.arguments.members);
        let produces = |_| Produces::new(&self.tenant, spread.clone(), self.numbers.clone());
        driving::load::run(plan, produces).0
    }

    fn peak(&self) -> f64 {
        let plan = self.plan(Pace::Closed, self.arguments.seconds.min(5.0));
        self.load(&plan);
        let rates: Vec<f64> = (0..3).map(|_| self.load(&plan).per_second()).collect();
        median(&rates)
    }

    fn round(&self, rate: f64) -> Round {
        let moment = self.lots_there();
        let plan = self.plan(Pace::Open(rate), self.arguments.seconds);
        let before = self.load(&plan);
        std::thread::sleep(moment.saturating_sub(since_1970() + BEFORE));
        self.over(moment, before, &self.plan(Pace::Open(rate), self.arguments.seconds))
    }

    /// Brings the lots in, and leaves the service alone for a while. When they fall due: after one of the two loads.
    fn lots_there(&self) -> Duration {
        let seconds = Duration::from_secs_f64(self.arguments.seconds);
        let calm = if self.arguments.tiny { Duration::ZERO } else { CALM };
        let mut bringing_in = Duration::from_secs(1 + self.arguments.lots / LOTS_A_SECOND);
        loop {
            // A whole second, by the wall clock, which the service goes by.
            let lead = bringing_in + calm + seconds + BEFORE;
            let moment = Duration::from_secs((since_1970() + lead).as_secs() + 1);
            lots::bring_in(&self.service, &self.tenant, &self.numbers, self.arguments.lots, moment);
            self.service.caught_up(PATIENCE).expect("the index catches up");
            std::thread::sleep(calm);
            if moment.saturating_sub(since_1970()) > seconds + BEFORE {
                return moment;
            }
            println!("the lots took too long to bring in; once more, with more time for it");
            bringing_in *= 2;
            // What falls due meanwhile is over before the next ones come.
            std::thread::sleep(moment.saturating_sub(since_1970()) + calm);
        }
    }

    /// The load over the moment, while somebody looks when everything is recorded.
    fn over(&self, moment: Duration, before: Outcome, plan: &Plan) -> Round {
        let last = || self.service.metrics()["eros_points_wal_durable_lsn"] as u64;
        let (first, answered, begun) = (last(), plan.watched.clone(), Instant::now());
        let (over, recorded_after) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                loop {
                    // What the load has recorded is not less than what it was answered.
                    let load = answered.load(Ordering::Relaxed);
                    if last() - first >= load + self.arguments.lots {
                        return (since_1970().saturating_sub(moment)).as_secs_f64();
                    }
                    assert!(begun.elapsed() < PATIENCE, "not all is recorded after {PATIENCE:?}");
                    std::thread::sleep(Duration::from_millis(250));
                }
            });
            let over = self.load(plan);
            (over, watcher.join().expect("somebody who looks"))
        });
        Round { before, over, recorded_after }
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970")
}
