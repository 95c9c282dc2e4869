//! Load on the history index alone: fills the service's own index as the indexer does (decoding each record of the log,
//! steps of 4,096), prints what each million rows cost, then the latency of the searches behind `/history` and of the
//! look-ups of keys. The rows are made on a thread of their own, whose processor time is left out.
//!
//! Back of an envelope: a row is three keys into three trees and a sixteenth of a row of postings, 300 bytes in all. To
//! decode it and to hash its names takes 0.5 us each, to sort its rows and to copy each for every doubling of a run 1 us;
//! the store writes it to level 0, and the 60 bytes that lie in random order again for each level, 6 to 10 times. Merging at
//! 100 to 200 ns an entry makes that another 1 to 2 us. So some 250,000 rows per second of processor time are to be expected;
//! the service needs 60,000 on one core.
//!
//! `cargo bench --bench history -- --help`
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a load program reads clocks and /proc"
)]
#[path = "../common/mod.rs"]
mod common;
mod filling;
mod records;
mod searching;

use clap::Parser;
use common::called::{Called, called};
use common::figures::{self, Figures};
use eros_points::history::{History, TreeHistory};
use eros_points::ledger::lsn::Lsn;
use std::path::PathBuf;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
struct Arguments {
    /// Records put into the index [default: 10,000,000]
    #[arg(long)]
    rows: Option<u64>,
    /// Members that they are spread over at random
    #[arg(long, default_value_t = 1_000_000)]
    members: u64,
    /// The setting `history_cache_bytes`, MiB
    #[arg(long, default_value_t = 64)]
    cache: u64,
    /// Rows of one step, as the indexer takes them
    #[arg(long, default_value_t = 4_096)]
    step: u64,
    /// Where the index's folder is made, and deleted in the end
    #[arg(long, default_value = "target")]
    folder: PathBuf,
    /// Searches of each kind
    #[arg(long, default_value_t = 1_000)]
    searches: u64,
    /// Leave the index's folder behind
    #[arg(long)]
    keep: bool,
    /// Only search the index in this folder, which was filled with the same rows and members, and kept
    #[arg(long)]
    filled: Option<PathBuf>,
    /// Put the figures into this file, as JSON lines
    #[arg(long)]
    json: Option<PathBuf>,
    /// A short version: a million records
    #[arg(long)]
    short: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

const TENANT: &str = "10080";
const MILLION: u64 = 1_000_000;

impl Arguments {
    fn rows(&self) -> u64 {
        self.rows.unwrap_or(if self.short { MILLION } else { 10 * MILLION })
    }
}

fn main() {
    match called("history") {
        Called::ToMeasure => run(&Arguments::parse()),
        Called::ToTest => tiny(),
        Called::ForNothing => {}
    }
}

/// That it works, and that the figures are there.
fn tiny() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("figures");
    let words = ["history", "--rows", "5000", "--members", "500", "--step", "100", "--searches", "20"];
    let mut arguments = Arguments::try_parse_from(words).expect("arguments of a tiny run");
    (arguments.folder, arguments.json) = (folder.path().to_owned(), Some(json.clone()));
    run(&arguments);
    let figures = figures::read(&json);
    assert_eq!(figures.len(), 2 + 7 * 2);
    assert!(figures.iter().all(|figure| figure.value > 0.0), "{figures:?}");
}

fn run(arguments: &Arguments) {
    let mut told = Figures::of("history", arguments.json.as_deref());
    let mut folder = tempfile::tempdir_in(&arguments.folder).expect("a folder");
    folder.disable_cleanup(arguments.keep);
    let place = arguments.filled.as_deref().unwrap_or(folder.path());
    let history = TreeHistory::open(place, arguments.cache << 20).expect("an index");
    println!(
        "{} rows of about {} bytes, {} members, a cache of {} MiB",
        arguments.rows(),
        records::record(1, arguments.members).len(),
        arguments.members,
        arguments.cache
    );
    if arguments.filled.is_none() {
        filling::fill(&history, arguments, place, &mut told);
        filling::decoding(arguments);
    }
    assert_eq!(history.applied(), Lsn(arguments.rows()), "an index filled with these rows");
    searching::searches(&history, arguments, &mut told);
    println!("memory after the searches: {} MiB", filling::resident() >> 20);
}
