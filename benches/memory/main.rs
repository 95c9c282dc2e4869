//! What members at rest and past events cost in resident memory, on the whole service without HTTP: members get three lots
//! each and go to rest; further events pass over them and leave their lots as they were; then changes come to members as
//! Zipf has it; at last the service starts again in the same process.
//!
//! Back of an envelope. Of a member memory surely keeps a slot of 16 bytes, 8 in the table of names and 13 in the timer,
//! each with an eighth to spare: 40 bytes. Name and account are 22 + 150 bytes with a header of 9: 180 in memory, with the
//! arena's waste at most 205. So ten million members take 245 bytes each where all are in memory; with the 1 GiB that is
//! the default 40 + 107 = 147 each, and the service itself (index, caches, log) 100 to 200 MB, 10 to 20 bytes a member. A
//! past event costs the index's filters, 10 bits for each key, where they are not read from disk: 1 to 2 bytes. A change of
//! a member out of memory reads a page of 4 KiB (1 to 2 us from the system's cache, 100 us from a disk) and has a 23rd of
//! one written: less than a tenth of what the change itself costs, unless the disk is asked.
//!
//! `cargo bench --bench memory -- --help`
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measuring program reads clocks and /proc"
)]
#[path = "../common/mod.rs"]
mod common;

mod changes;
mod clients;
mod prefill;
#[allow(dead_code, reason = "a part of the load program serves")]
#[path = "../http"]
mod driving {
    pub mod spread;
}

use changes::{accrual, spend};
use clap::Parser;
use clients::{batches, singly};
use common::called::{Called, called};
use common::figures::Figures;
use common::inside::setup;
use common::{mix, process};
use driving::spread::Zipf;
use eros_points::actors::service::Service;
use eros_points::actors::start::{Running, start};
use eros_points::cli::huge_pages;
use prefill::prefill;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
struct Arguments {
    #[arg(long, default_value_t = 1_000_000)]
    members: u64,
    #[arg(long, default_value_t = 3)]
    lots: u64,
    /// Further events, half accruals and half spends of the same size
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// Changes by Zipf (0.99), one request each
    #[arg(long, default_value_t = 500_000)]
    zipf: u64,
    /// The setting `resting_bytes_max`, in MiB; 0: all stay in memory
    #[arg(long, default_value_t = 1_024)]
    resting_bytes_max: u64,
    /// Begin with a snapshot that has all members, instead of making each lot by a change: ten million in a minute. The
    /// index then knows nothing of how they came about
    #[arg(long)]
    prefilled: bool,
    /// Requests under way at once
    #[arg(long, default_value_t = 256)]
    at_once: u64,
    /// The setting `live_actors_max`
    #[arg(long, default_value_t = 100_000)]
    awake: usize,
    /// How long the allocator has to give back what was freed, before memory is looked at
    #[arg(long, default_value_t = 30)]
    settle_seconds: u64,
    /// Where the data folder is made; it is removed afterwards
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Writes the figures to this file, a JSON object a line
    #[arg(long)]
    json: Option<PathBuf>,
    /// A tenth of the members and events
    #[arg(long)]
    short: bool,
    /// So few that it takes no time: whether it works at all
    #[arg(long)]
    tiny: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn sized(mut self) -> Arguments {
        if self.tiny {
            (self.members, self.events, self.zipf) = (400, 400, 200);
            (self.at_once, self.awake, self.settle_seconds, self.resting_bytes_max) = (16, 1, 0, 1);
            (self.prefilled, self.folder) = (true, std::env::temp_dir());
        } else if self.short {
            (self.members, self.events, self.zipf) = (self.members / 10, self.events / 10, self.zipf / 10);
            self.settle_seconds = self.settle_seconds.min(12);
        }
        self
    }
}

const TENANT: &str = "10080";

fn main() {
    let arguments = match called("memory") {
        Called::ForNothing => return,
        Called::ToTest => Arguments::parse_from(["memory", "--tiny"]),
        Called::ToMeasure => Arguments::parse(),
    };
    let arguments = arguments.sized();
    let folder = tempfile::tempdir_in(&arguments.folder).expect("a folder");
    let mut figures = Noted(Figures::of("memory", arguments.json.as_deref()));
    if arguments.prefilled {
        prefill(folder.path(), &arguments);
    }
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let first = runtime();
    first.block_on(run(&arguments, &mut figures, folder.path()));
    // Actors that are still awake hold on to the index.
    first.shutdown_timeout(Duration::from_secs(60));
    runtime().block_on(run_again(&arguments, &mut figures, folder.path()));
}

async fn run(arguments: &Arguments, figures: &mut Noted, folder: &Path) {
    let (members, lots) = (arguments.members, arguments.members * arguments.lots);
    let started = Moment::now();
    let running = open(folder, arguments).await;
    let service = serve(&running);
    if arguments.prefilled {
        figures.note("started in", started.elapsed().as_secs_f64(), "s");
    } else {
        figures.note("resident, empty service", mb(resident_bytes()), "MB");
        // The lots of a member are in one batch.
        let each = arguments.lots;
        let took = batches(&service, arguments, lots, move |n| accrual(n, n / each, 180)).await;
        figures.note("filled by batches", per_second(lots, took), "changes/s");
    }
    let rested = at_rest(&running, arguments).await;
    figures.note("resident, members at rest", mb(rested), "MB");
    figures.note("resident a member, all included", rested as f64 / members as f64, "bytes");
    let census = running.core.directory.census();
    figures.note("members out of memory", census.on_disk as f64, "members");
    figures.note("members at rest in memory take", mb(census.memory_bytes as u64), "MB");
    figures.note("members out of memory take on disk", mb(census.disk_bytes), "MB");

    // The first of them also fill what the log and the index keep in memory anyway.
    let mut before = rested;
    for (round, name) in [(0, "resident a past event, of the first"), (1, "resident a further past event")] {
        if arguments.events == 0 {
            break;
        }
        // What is accrued expires first, and so is what is spent. A few members have them all, as in years to come.
        let first = lots + round * arguments.events;
        let pair = move |n: u64| {
            let member = (n / 2) % members.min(100_000);
            if n.is_multiple_of(2) { accrual(first + n, member, 170) } else { spend(first + n, member) }
        };
        batches(&service, arguments, arguments.events, pair).await;
        let after = at_rest(&running, arguments).await;
        figures.note(name, (after as f64 - before as f64) / arguments.events as f64, "bytes");
        before = after;
    }
    if arguments.zipf > 0 {
        let before = running.core.directory.census();
        let (zipf, first) = (Zipf::new(members, 0.99), lots + 2 * arguments.events);
        let changes = move |n: u64| accrual(first + n, zipf.member(mix(n)), 180);
        let took = singly(&service, arguments, arguments.zipf, changes).await;
        figures.note("changes by Zipf, one request each", per_second(arguments.zipf, took), "changes/s");
        let after = running.core.directory.census();
        let each = |pages: u64| pages as f64 / arguments.zipf as f64;
        figures.note("pages read a change by Zipf", each(after.pages_read - before.pages_read), "pages");
        figures.note(
            "pages written a change by Zipf",
            each(after.pages_written - before.pages_written),
            "pages",
        );
    }
    running.stop().await;
}

async fn run_again(arguments: &Arguments, figures: &mut Noted, folder: &Path) {
    let started = Moment::now();
    let running = open(folder, arguments).await;
    let took = started.elapsed();
    assert_eq!(running.core.directory.live_count(), 0, "a start wakes nobody");
    figures.note("restarted in", took.as_secs_f64(), "s");
    let again = at_rest(&running, arguments).await;
    figures.note("resident after the restart", mb(again), "MB");
    running.stop().await;
}

/// Prints a figure, and leaves it for the tables.
struct Noted(Figures);

impl Noted {
    fn note(&mut self, figure: &str, value: f64, unit: &str) {
        println!("{figure:<44} {value:>12.1} {unit}");
        self.0.put(figure, value, unit);
    }
}

async fn open(folder: &Path, arguments: &Arguments) -> Running {
    let setup = setup(folder, 64 << 20, arguments.awake, arguments.resting_bytes_max << 20);
    // As `serve` does: huge pages for a start, ordinary ones from then on.
    rustix::thread::disable_transparent_huge_pages(false).expect("huge pages may be allowed");
    let running = start(setup, |_| {}).await.expect("a start");
    huge_pages::no_more();
    running
}

fn serve(running: &Running) -> Arc<Service> {
    let service = Arc::new(Service::starting(chrono_tz::Tz::Asia__Shanghai));
    service.ready(running.core.clone());
    service
}

/// Resident bytes when no member is awake and the index has caught up.
async fn at_rest(running: &Running, arguments: &Arguments) -> u64 {
    while running.core.directory.live_count() > 0
        || running.core.history.applied() < running.core.journal.durable()
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The allocator gives back over some ten seconds what was freed.
    tokio::time::sleep(Duration::from_secs(arguments.settle_seconds)).await;
    resident_bytes()
}

fn resident_bytes() -> u64 {
    process::resident_bytes(std::process::id()).expect("/proc")
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
