//! What a change costs the disk: the service takes accruals as in the API's first example over HTTP, from many connections
//! at once, and what its process has had written is divided by their number. All is counted: the log with the zeros that
//! its segments are made of ahead, the archive, the index with its journal and its merges, snapshots. It ends when the
//! index has caught up and nothing is written any more.
//!
//! Back of an envelope, a change of 205 bytes: the log's record adds 14, its share of a frame's header 1. The block that a
//! frame ends in is written again with the next one, 4,096 bytes a group, 40 for each of 100 records; the segment's zeros
//! were as many bytes again; its archived copy is a third. The index writes the record to its journal and to a table, 400,
//! and 70 bytes of keys in random order to its journal, to level 0 and to each level that they sink to, four times, 350. A
//! snapshot of 10,000 members of 30 lots each is 10 MB for 64 MB of log: 40. So 220 for the log alone, 1,300 for all.
//!
//! `cargo bench --bench bytes -- --help`
#![allow(clippy::disallowed_methods, reason = "a measuring program reads clocks and /proc")]
#[path = "common/mod.rs"]
mod common;
#[allow(dead_code, reason = "a part of the load program serves")]
#[path = "http"]
mod driving {
    pub mod asks;
    pub mod lane;
    pub mod load;
    pub mod requests;
    pub mod spread;
    pub mod template;
    pub mod wire;
}

use clap::Parser;
use common::called::{Called, called};
use common::figures::Figures;
use common::served::{self, Served};
use driving::asks::{Numbers, Produces};
use driving::load::{Pace, Plan};
use driving::requests::Tenant;
use driving::spread::Spread;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

#[derive(Parser)]
struct Arguments {
    /// Accruals
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    #[arg(long, default_value_t = 100_000)]
    members: u64,
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// A run of about a minute: 300,000 accruals over 10,000 members, a snapshot for each 16 MiB of log
    #[arg(long)]
    short: bool,
    /// A run of about a second, whose figures mean nothing
    #[arg(long)]
    tiny: bool,
    /// A setting of the service, as NAME=VALUE; can be given more than once
    #[arg(long = "set", value_parser = setting)]
    settings: Vec<(String, String)>,
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

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a setting is NAME=VALUE")?;
    Ok((name.into(), value.into()))
}

/// So long nothing may be written before the end is taken for the end: the index is synced every five seconds.
const QUIET: Duration = Duration::from_secs(12);

fn main() {
    let mut arguments = match called("bytes") {
        Called::ForNothing => return,
        Called::ToTest => Arguments::parse_from(["bytes", "--tiny"]),
        Called::ToMeasure => Arguments::parse(),
    };
    if arguments.short {
        (arguments.events, arguments.members) = (300_000, 10_000);
        arguments.settings.insert(0, ("snapshot_every".into(), "16MiB".into()));
    }
    if arguments.tiny {
        (arguments.events, arguments.members, arguments.connections) = (1_000, 100, 8);
    }
    measure(&arguments);
}

fn measure(arguments: &Arguments) {
    let folder = arguments.folder.clone().unwrap_or_else(served::default_folder);
    let service = served::start_service(&folder, &arguments.settings);
    let before = Counted::now(&service);
    let answers = accrue(&service, arguments);
    service.caught_up(Duration::from_secs(600)).expect("the index catches up");
    let quiet = if arguments.tiny { Duration::ZERO } else { QUIET };
    let after = when_quiet(&service, quiet);
    tell(arguments, answers, &before, &after, &service);
}

/// Closed loops until there are as many as asked for.
fn accrue(service: &Served, arguments: &Arguments) -> u64 {
    let tenant = Tenant { crm_id: "10080".into(), key: None };
    let (numbers, spread) = (Numbers::unused(), Spread::Even(arguments.members));
    let plan = Plan {
        address: service.address,
        threads: 1,
        connections: arguments.connections,
        seconds: if arguments.tiny { 0.2 } else { 2.0 },
        pace: Pace::Closed,
        watched: Arc::new(AtomicU64::new(0)),
    };
    let mut answers = 0;
    while answers < arguments.events {
        let produces = |_| Produces::new(&tenant, spread.clone(), numbers.clone());
        answers += driving::load::run(&plan, produces).0.answers();
    }
    answers
}

/// What the service has written so far.
struct Counted {
    /// By its process, to any file.
    all: f64,
    /// To the log's frames; how many records, frames and snapshots that were.
    log: f64,
    records: f64,
    frames: f64,
    snapshots: f64,
}

impl Counted {
    fn now(service: &Served) -> Counted {
        let metrics = service.metrics();
        Counted {
            all: service.written_bytes().expect("/proc") as f64,
            log: metrics["eros_points_wal_bytes_total"],
            records: metrics["eros_points_wal_records_total"],
            frames: metrics["eros_points_wal_frames_total"],
            snapshots: metrics["eros_points_snapshots_total"],
        }
    }
}

fn when_quiet(service: &Served, quiet: Duration) -> Counted {
    let mut last = Counted::now(service);
    loop {
        std::thread::sleep(quiet);
        let now = Counted::now(service);
        // The files of the index are synced now and then without anything new in them.
        if now.all - last.all < 1e6 {
            return now;
        }
        last = now;
    }
}

fn tell(arguments: &Arguments, answers: u64, before: &Counted, after: &Counted, service: &Served) {
    let mut figures = Figures::of("bytes", arguments.json.as_deref());
    let each = |bytes: f64| bytes / answers as f64;
    let records = after.records - before.records;
    println!(
        "{answers} accruals over {} members, {:.0} records a frame, {} snapshots",
        arguments.members,
        records / (after.frames - before.frames),
        after.snapshots - before.snapshots
    );
    let mut put = |name: &str, value: f64| {
        println!("{name}: {value:.0} bytes an accrual");
        figures.put(name, value, "bytes");
    };
    put("log", each(after.log - before.log));
    put("all", each(after.all - before.all));
    let data = service.folder().expect("a service that was started here");
    let parts = [
        ("left on disk, log", "wal"),
        ("left on disk, archive alone", "wal/archive"),
        ("left on disk, index", "snapshots/history"),
    ];
    parts.into_iter().for_each(|(name, part)| put(name, each(size(&data.join(part)) as f64)));
}

/// Bytes of all files below a folder. One may go while it is read.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
