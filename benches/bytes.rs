//! What a change costs the disk: the service takes accruals of the contract's example from many clients at once, without
//! HTTP, and what its process has written to files is divided by their number. All is counted: the log with the zeros that
//! its segments are made of ahead, the archive, the index with its journal and its merges, snapshots. It ends when the
//! index has caught up and nothing is written any more.
//!
//! Written is what the process gave to `write` (`wchar` of `/proc/self/io`: there are no sockets here), and a block of
//! 4,096 bytes for each sync, as the block that a frame ends in is written again with the next one. (`write_bytes`, which
//! should tell of the disk, counts whole folios of the page cache: up to a megabyte for a group of 8 KB.)
//!
//! Back of an envelope, a change of 205 bytes: the log's record adds 14, its share of a frame's header 1. Its share of a
//! block is 40 if 100 records share a sync; the segment's zeros were as many bytes again; its archived copy is a third.
//! The index writes the record to its journal and to a table, 400, and 70 bytes of keys in random order to its journal, to
//! level 0 and to each level that they sink to, four times, 350. A snapshot of 10,000 members of 30 lots each is 10 MB for
//! 64 MB of log: 40. So 220 for the log alone, 1,300 for all.
//!
//! `cargo bench --bench bytes -- --help`
#![allow(clippy::disallowed_methods, reason = "a measuring program reads clocks and /proc")]
#[path = "common/mod.rs"]
mod common;

use clap::Parser;
use common::called::{Called, called};
use common::figures::Figures;
use common::inside::{accrual, setup};
use common::{mix, process, served};
use eros_points::actors::answer::Failure;
use eros_points::actors::service::Service;
use eros_points::actors::start::{Running, start};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
struct Arguments {
    /// Accruals
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    #[arg(long, default_value_t = 100_000)]
    members: u64,
    /// Changes under way at once: about so many share a sync
    #[arg(long, default_value_t = 256)]
    at_once: u64,
    /// The setting `snapshot_every`, in bytes
    #[arg(long, default_value_t = 64 << 20)]
    snapshot_every: u64,
    /// A run of about a minute: 300,000 accruals over 10,000 members, a snapshot for each 16 MiB of log
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
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

const TENANT: &str = "10080";
const BLOCK_BYTES: f64 = 4_096.0;
/// So long nothing may be written before the end is taken for the end: the index is synced every five seconds.
const QUIET: Duration = Duration::from_secs(12);

fn main() {
    let mut arguments = match called("bytes") {
        Called::ForNothing => return,
        Called::ToTest => Arguments::parse_from(["bytes", "--tiny"]),
        Called::ToMeasure => Arguments::parse(),
    };
    if arguments.short {
        (arguments.events, arguments.members, arguments.snapshot_every) = (300_000, 10_000, 16 << 20);
    }
    if arguments.tiny {
        (arguments.events, arguments.members, arguments.at_once) = (1_000, 100, 8);
    }
    let place = arguments.folder.clone().unwrap_or_else(served::default_folder);
    std::fs::create_dir_all(&place).expect("a place for the data");
    let data = tempfile::tempdir_in(&place).expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(&arguments, data.path()));
}

async fn measure(arguments: &Arguments, data: &Path) {
    let running = open(data, arguments.snapshot_every).await;
    let before = Counted::now(&running);
    accrue(&running, arguments).await;
    while running.core.history.applied() < running.core.journal.durable() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let after = when_quiet(&running, if arguments.tiny { Duration::ZERO } else { QUIET }).await;
    tell(arguments, &before, &after, data);
    running.stop().await;
}

async fn open(data: &Path, snapshot_every_bytes: u64) -> Running {
    start(setup(data, snapshot_every_bytes, 100_000, 0), |_| {}).await.expect("a start")
}

/// As many accruals as asked for, each client's next one when its last is durable.
async fn accrue(running: &Running, arguments: &Arguments) {
    let service = Arc::new(Service::starting(chrono_tz::Tz::Asia__Shanghai));
    service.ready(running.core.clone());
    let (next, events, members) = (Arc::new(AtomicU64::new(0)), arguments.events, arguments.members);
    let clients: Vec<_> = (0..arguments.at_once)
        .map(|_| {
            let (service, next) = (service.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let event = next.fetch_add(1, Ordering::Relaxed);
                    if event >= events {
                        return;
                    }
                    let member_no = format!("ec_18165fd7455_{:09}", mix(event) % members);
                    while let Err(failure) = service.change(TENANT, &member_no, accrual(event)).await {
                        assert!(matches!(failure, Failure::Overloaded), "{failure:?}");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("a client that does not panic");
    }
}

/// What has been written so far.
struct Counted {
    files: f64,
    /// To the log's frames; how many records, frames, syncs and snapshots that were.
    log: f64,
    records: f64,
    frames: f64,
    syncs: f64,
    snapshots: f64,
}

impl Counted {
    fn now(running: &Running) -> Counted {
        let stats = running.core.journal.stats();
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        Counted {
            files: process::given_to_write_bytes(std::process::id()).expect("/proc") as f64,
            log: number(&stats.bytes),
            records: number(&stats.records),
            frames: number(&stats.frames),
            syncs: number(&stats.syncs),
            snapshots: number(&running.core.vitals.snapshots.taken),
        }
    }
}

async fn when_quiet(running: &Running, quiet: Duration) -> Counted {
    let mut last = Counted::now(running);
    loop {
        tokio::time::sleep(quiet).await;
        let now = Counted::now(running);
        // The index is synced now and then without anything new in it.
        if now.files - last.files < 1e6 {
            return now;
        }
        last = now;
    }
}

fn tell(arguments: &Arguments, before: &Counted, after: &Counted, data: &Path) {
    let mut figures = Figures::of("bytes", arguments.json.as_deref());
    let each = |bytes: f64| bytes / arguments.events as f64;
    println!(
        "{} accruals over {} members, {:.0} records a frame, {} snapshots",
        arguments.events,
        arguments.members,
        (after.records - before.records) / (after.frames - before.frames),
        after.snapshots - before.snapshots
    );
    let mut put = |name: &str, value: f64| {
        println!("{name}: {value:.0} bytes an accrual");
        figures.put(name, value, "bytes");
    };
    let blocks = (after.syncs - before.syncs) * BLOCK_BYTES;
    put("log", each(after.log - before.log));
    put("all", each(after.files - before.files + blocks));
    put("of that, blocks written again", each(blocks));
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
