//! What a start costs: a folder with so many members and events is made by the ledger and the journal themselves, then
//! recovered again and again, by turns from its whole log (no snapshot) and from its snapshot alone: once with few members, of whom
//! the log tells much, and once with many, of whom it tells little. What counts is
//! processor time of all threads, of which a core has one second a second; the wall clock is printed beside it. The index takes
//! no part in that. At the end the whole service is started on the folder, and the parts of that are timed.
//!
//! Back of an envelope, replay, one event of 200 bytes: to read it from the page cache and fill a fresh buffer with it
//! 60 ns, two checksums 20 ns, to decode it 150 ns borrowed and 250 ns owned, to find its member's account among 100,000
//! (name, hash, three cache misses) 150 ns, to apply it 50 ns: about 0.45 us, so 2.2 million events a second on a core.
//! Snapshot, one member of 200 bytes: to read and check it 40 ns, to decode its account 150 ns, to put it into the
//! directory 200 ns: 0.4 us, 2.5 million members a second on a core.
//!
//! `cargo bench --bench recovery -- --help`
#![allow(clippy::disallowed_methods, reason = "a measuring program reads clocks and moves files about")]
#[path = "../common/mod.rs"]
mod common;
mod making;

use clap::Parser;
use common::called::{Called, called};
use common::figures::Figures;
use common::inside::setup;
use common::median;
use eros_points::actors::directory::Directory;
use eros_points::actors::recovery::recover;
use eros_points::actors::start::{Running, start};
use eros_points::history::{History, TreeHistory};
use eros_points::store::disk::RealDisk;
use eros_points::store::folder::Folder;
use eros_points::store::recovery::Stage;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
struct Arguments {
    /// Members, in place of 100,000 and then a million
    #[arg(long, requires = "events")]
    members: Option<u64>,
    /// Records of the log, in place of 3 million and then 6; at least three for each member
    #[arg(long, requires = "members")]
    events: Option<u64>,
    /// Rounds, of which the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A run of about a minute: 50,000 members with 500,000 events, 200,000 with 800,000, 3 rounds
    #[arg(long)]
    short: bool,
    /// A run of about a second, whose figures mean nothing
    #[arg(long)]
    tiny: bool,
    /// A file for the figures, as JSON lines
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the data folder is made; it is removed afterwards
    #[arg(long)]
    folder: Option<PathBuf>,
    /// A data folder of an earlier run with `--keep`, to be measured again
    #[arg(long, conflicts_with = "members")]
    again: Option<PathBuf>,
    /// Leaves the data folders where they are
    #[arg(long)]
    keep: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let mut arguments = match called("recovery") {
        Called::ForNothing => return,
        Called::ToTest => Arguments::parse_from(["recovery", "--tiny"]),
        Called::ToMeasure => Arguments::parse(),
    };
    if arguments.short {
        arguments.rounds = 3;
    }
    if arguments.tiny {
        arguments.rounds = 1;
    }
    measure(&arguments);
}

/// A folder to be recovered.
struct Case {
    /// Before the names of its figures.
    name: &'static str,
    members: u64,
    events: u64,
}

impl Arguments {
    fn cases(&self) -> Vec<Case> {
        let few = |members, events| Case { name: "few/", members, events };
        let many = |members, events| Case { name: "many/", members, events };
        match (self.members, self.events) {
            (Some(members), Some(events)) => vec![Case { name: "", members, events }],
            _ if self.tiny => vec![few(300, 3_000), many(600, 2_400)],
            _ if self.short => vec![few(50_000, 500_000), many(200_000, 800_000)],
            _ => vec![few(100_000, 3_000_000), many(1_000_000, 6_000_000)],
        }
    }
}

/// What a step took: wall clock, and processor time of all threads.
#[derive(Clone, Copy)]
struct Taken {
    wall: Duration,
    cpu: Duration,
}

#[derive(Clone, Copy)]
struct Stamp(Instant, Duration);

impl Stamp {
    fn now() -> Stamp {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let part = |number: i64| u64::try_from(number).expect("no time before the start");
        let cpu = Duration::from_secs(part(cpu.tv_sec)) + Duration::from_nanos(part(cpu.tv_nsec));
        Stamp(Instant::now(), cpu)
    }

    fn until(self, later: Stamp) -> Taken {
        Taken { wall: later.0 - self.0, cpu: later.1.saturating_sub(self.1) }
    }
}

fn measure(arguments: &Arguments) {
    let mut figures = Figures::of("recovery", arguments.json.as_deref());
    if let Some(data) = &arguments.again {
        rounds(arguments.rounds, data, "", &mut figures);
        return to_ready(data, "", &mut figures);
    }
    let place = arguments.folder.clone().unwrap_or_else(common::served::default_folder);
    std::fs::create_dir_all(&place).expect("a place for the data");
    for Case { name, members, events } in arguments.cases() {
        let fresh = tempfile::tempdir_in(&place).expect("a folder");
        make(fresh.path(), members, events);
        figures.put(&format!("{name}members"), members as f64, "");
        rounds(arguments.rounds, fresh.path(), name, &mut figures);
        to_ready(fresh.path(), name, &mut figures);
        if arguments.keep {
            println!("kept in {}", fresh.keep().display());
        }
    }
}

/// Makes log, index and snapshot.
fn make(data: &Path, members: u64, events: u64) {
    let started = Instant::now();
    let bytes = making::make_log(data, members, events);
    let seconds = started.elapsed().as_secs_f64();
    let each = bytes as f64 / events as f64;
    println!("{members} members, {events} events of {each:.0} bytes: made in {seconds:.1} s");
    let indexed = Stamp::now();
    start_and_stop(data);
    let taken = indexed.until(Stamp::now());
    println!("index made and snapshot taken in {:.1} s", taken.wall.as_secs_f64());
}

/// By turns from the log alone and from the snapshot alone.
fn rounds(rounds: usize, data: &Path, case: &str, figures: &mut Figures) {
    let snapshot = newest_snapshot(data);
    let aside = data.join("snapshot-aside");
    let history = still_history(data);
    println!(
        "| round | replay, events/s per core | on the wall clock | snapshot, members/s per core | on the wall clock |"
    );
    println!("| --- | --- | --- | --- | --- |");
    let mut all: [Vec<f64>; 4] = Default::default();
    for round in 1..=rounds {
        std::fs::rename(&snapshot, &aside).expect("to put the snapshot aside");
        let (replayed, events, _) = recovered(data, &history, false);
        std::fs::rename(&aside, &snapshot).expect("to put the snapshot back");
        let (loaded, _, members) = recovered(data, &history, true);
        let rates = [
            events as f64 / replayed.cpu.as_secs_f64(),
            events as f64 / replayed.wall.as_secs_f64(),
            members as f64 / loaded.cpu.as_secs_f64(),
            members as f64 / loaded.wall.as_secs_f64(),
        ];
        println!("| {round} | {:.0} | {:.0} | {:.0} | {:.0} |", rates[0], rates[1], rates[2], rates[3]);
        all.iter_mut().zip(rates).for_each(|(rates, rate)| rates.push(rate));
    }
    let names = [
        ("replay, events a second per core", "events/s"),
        ("replay, events a second of wall clock", "events/s"),
        ("snapshot, members a second per core", "members/s"),
        ("snapshot, members a second of wall clock", "members/s"),
    ];
    for ((name, unit), rates) in names.into_iter().zip(&all) {
        println!("median: {:.0} {name}", median(rates));
        figures.put(&format!("{case}{name}"), median(rates), unit);
    }
}

/// Recovers the folder: what it took, the last record, how many members there are.
fn recovered(data: &Path, history: &TreeHistory, by_snapshot: bool) -> (Taken, u64, u64) {
    let folder = Folder::at(data);
    let before = Stamp::now();
    let recovered = recover(&RealDisk, &folder, making::LOG_ID, history, &|| Ok(Directory::new()), |_| {})
        .expect("a recovery");
    let taken = before.until(Stamp::now());
    assert_eq!(recovered.snapshot.is_some(), by_snapshot);
    assert_eq!(history.applied(), recovered.end.last_lsn(), "the index takes no part");
    (taken, recovered.end.last_lsn().0, recovered.directory.census().members as u64)
}

/// The index, once it has filled its filter of keys. It does that on a thread of its own beside whatever a start does, and that
/// is no part of a replay: start to ready has it.
fn still_history(data: &Path) -> TreeHistory {
    let history = TreeHistory::open(&Folder::at(data).history, 32 << 20).expect("the index");
    loop {
        let before = Stamp::now();
        std::thread::sleep(Duration::from_millis(200));
        if before.until(Stamp::now()).cpu < Duration::from_millis(2) {
            return history;
        }
    }
}

fn newest_snapshot(data: &Path) -> PathBuf {
    let files = std::fs::read_dir(Folder::at(data).snapshots).expect("the snapshots");
    let paths = files.map(|file| file.expect("a file").path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "snap")).max().expect("a snapshot")
}

fn start_and_stop(data: &Path) {
    runtime().block_on(async { started(data, |_| {}).await.stop().await });
}

async fn started(
    data: &Path,
    progress: impl FnMut(eros_points::store::recovery::Progress) + Send + 'static,
) -> Running {
    start(setup(data, 1 << 40, 100_000, 0), progress).await.expect("a start")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// The whole service from its snapshot to ready, by parts.
fn to_ready(data: &Path, case: &str, figures: &mut Figures) {
    let begun = Stamp::now();
    // The first moment that each stage was told of.
    let stages: Arc<Mutex<Vec<(Stage, Stamp)>>> = Arc::default();
    let noted = stages.clone();
    let progress = move |progress: eros_points::store::recovery::Progress| {
        let mut stages = noted.lock().expect("a lock");
        if stages.last().is_none_or(|(stage, _)| *stage != progress.stage) {
            stages.push((progress.stage, Stamp::now()));
        }
    };
    let runtime = runtime();
    let running = runtime.block_on(started(data, progress));
    let ready = Stamp::now();
    runtime.block_on(running.stop());
    let stages = stages.lock().expect("a lock").clone();
    let from = |wanted: Stage| stages.iter().find(|(stage, _)| *stage == wanted).map(|(_, stamp)| *stamp);
    let log = from(Stage::Log).unwrap_or(begun);
    let caught = from(Stage::CatchUp).unwrap_or(ready);
    let parts = [
        ("start, index opened and snapshot loaded", begun.until(log)),
        ("start, log and journal", log.until(caught)),
        ("start, what was in flight", caught.until(ready)),
        ("start to ready", begun.until(ready)),
    ];
    for (name, taken) in parts {
        let (wall, cpu) = (taken.wall.as_secs_f64() * 1e3, taken.cpu.as_secs_f64() * 1e3);
        println!("{name}: {wall:.0} ms, {cpu:.0} ms of processor time");
        figures.put(&format!("{case}{name}"), wall, "ms");
    }
}
