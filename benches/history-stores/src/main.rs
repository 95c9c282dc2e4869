//! Fills an embedded store with the history index, and prints what that costs; see the README beside it.
mod lsm;
mod measure;
mod postings;
mod queries;
mod redb;
mod rows;
mod sqlite_lean;
mod sqlite_plain;
mod store;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use postings::Filling;
use rows::{Row, Rows};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use store::Store;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Arguments {
    #[arg(value_enum)]
    store: Kind,
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    #[arg(long, default_value_t = 1_000_000)]
    members: u64,
    /// Rows of one transaction
    #[arg(long, default_value_t = 4_096)]
    batch: u64,
    /// The store's cache, MiB
    #[arg(long, default_value_t = 64)]
    cache: u64,
    /// The store is synced each time so many rows are in, as the service does every few seconds
    #[arg(long, default_value_t = 250_000)]
    sync_every: u64,
    /// Give up where a million rows took more than this many microseconds of processor time a row
    #[arg(long, default_value_t = 50.0)]
    hopeless: f64,
    /// Where the store's folder is made, and deleted in the end
    #[arg(long, default_value = "target")]
    folder: PathBuf,
    /// SQLite: the write-ahead file is copied into the database at this size, MiB
    #[arg(long, default_value_t = 64)]
    checkpoint: u64,
    /// SQLite, lean: bytes of a page
    #[arg(long, default_value_t = 4_096)]
    page: u32,
    #[command(flatten)]
    knobs: lsm::Knobs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    SqlitePlain,
    SqliteLean,
    Redb,
    Fjall,
}

const MILLION: u64 = 1_000_000;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = arguments.folder.join(format!("history-stores-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = run(&arguments, &folder);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn open(arguments: &Arguments, folder: &Path) -> Result<Box<dyn Store>> {
    let cache = arguments.cache;
    let commits_to_sync = u32::try_from(arguments.sync_every.div_ceil(arguments.batch))?;
    Ok(match arguments.store {
        Kind::SqlitePlain => Box::new(sqlite_plain::SqlitePlain::open(folder, cache, arguments.checkpoint)?),
        Kind::SqliteLean => {
            Box::new(sqlite_lean::SqliteLean::open(folder, cache, arguments.checkpoint, arguments.page)?)
        }
        Kind::Redb => Box::new(redb::Redb::open(folder, cache, commits_to_sync)?),
        Kind::Fjall => Box::new(lsm::Lsm::open(folder, cache, arguments.knobs.clone())?),
    })
}

/// What has been used up to a moment.
struct Mark {
    at: Instant,
    /// Without the making of the rows.
    cpu: Duration,
    written: u64,
}

impl Mark {
    fn now(making: Duration) -> Result<Mark> {
        Ok(Mark {
            at: Instant::now(),
            cpu: measure::cpu().saturating_sub(making),
            written: measure::written()?,
        })
    }
}

fn run(arguments: &Arguments, folder: &Path) -> Result<()> {
    let mut store = open(arguments, folder)?;
    let rows = Rows::new(arguments.members);
    let mut filling = Filling::default();
    let mut making = Duration::ZERO;
    let start = Mark::now(making)?;
    let mut last = Mark::now(making)?;
    let (mut done, mut synced, mut printed) = (0, 0, 0);
    println!("{}", std::env::args().skip(1).collect::<Vec<_>>().join(" "));
    println!("a payload has {} bytes", rows.row(1).payload.len());
    println!(
        "| million rows | rows/s | rows per CPU-second | CPU us/row | bytes written/row | memory MiB | disk MiB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    while done < arguments.rows {
        let before = measure::cpu_of_thread();
        let through = (done + arguments.batch).min(arguments.rows);
        let batch: Vec<Row> = (done + 1..=through).map(|lsn| rows.row(lsn)).collect();
        let mut full = Vec::new();
        batch.iter().for_each(|row| filling.add(row, &mut full));
        making += measure::cpu_of_thread() - before;
        store.apply(&batch, &full, through)?;
        if through - synced >= arguments.sync_every {
            store.sync()?;
            synced = through;
        }
        done = through;
        if done / MILLION > printed / MILLION {
            let mark = Mark::now(making)?;
            let cost = print(&(done / MILLION).to_string(), done - printed, &last, &mark, folder)?;
            (last, printed) = (mark, done);
            if cost > arguments.hopeless {
                println!("stopped here: {cost:.1} us of processor time a row");
                break;
            }
        }
    }
    ensure!(store.applied()? == done, "the store has not what was put in");
    store.sync()?;
    store.settle()?;
    print("all, settled", done, &start, &Mark::now(making)?, folder)?;
    println!("(making the rows took {:.2} us of processor time a row, not counted)", micros(making, done));
    queries::Filled { store: &*store, rows: &rows, filling: &filling, count: done, folder }.measure()?;
    println!("memory after the queries: {} MiB", measure::resident()? >> 20);
    Ok(())
}

fn micros(time: Duration, rows: u64) -> f64 {
    time.as_secs_f64() * 1e6 / rows as f64
}

/// Prints a line, and gives the microseconds of processor time a row.
fn print(name: &str, rows: u64, from: &Mark, to: &Mark, folder: &Path) -> Result<f64> {
    let (wall, cpu) = (to.at - from.at, to.cpu - from.cpu);
    let cost = micros(cpu, rows);
    println!(
        "| {name} | {:.0} | {:.0} | {cost:.2} | {} | {} | {} |",
        rows as f64 / wall.as_secs_f64(),
        rows as f64 / cpu.as_secs_f64(),
        (to.written - from.written) / rows,
        measure::resident()? >> 20,
        measure::size(folder) >> 20
    );
    Ok(cost)
}
