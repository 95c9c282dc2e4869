//! Fills the index as the indexer does, and takes the processor time of the threads that work for it.
use crate::common::figures::Figures;
use crate::records::record;
use crate::{Arguments, MILLION};
use eros_points::history::{History, Row, TreeHistory};
use eros_points::ledger::lsn::Lsn;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The service syncs its index every five seconds.
const SYNC_EVERY: u64 = 250_000;

type Step = Vec<(Lsn, Vec<u8>)>;

fn make(steps: &SyncSender<Step>, rows: u64, members: u64, step: u64) {
    for first in (1..=rows).step_by(usize::try_from(step).expect("a step that fits")) {
        let last = (first + step - 1).min(rows);
        let made = (first..=last).map(|lsn| (Lsn(lsn), record(lsn, members))).collect();
        steps.send(made).expect("somebody who takes the rows");
    }
}

/// What has been used so far: processor time of the indexing thread and of the store's own threads.
struct Mark {
    at: std::time::Instant,
    indexing: f64,
    behind: f64,
    written: u64,
}

fn mark(maker: &Path) -> Mark {
    let all: f64 = tasks().iter().map(|task| seconds_of(task)).sum();
    let indexing = seconds_of(Path::new("/proc/thread-self"));
    Mark {
        at: std::time::Instant::now(),
        indexing,
        behind: all - indexing - seconds_of(maker),
        written: number("/proc/self/io", "write_bytes:"),
    }
}

fn tasks() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc/self/task").expect("/proc");
    entries.map(|entry| entry.expect("an entry of /proc").path()).collect()
}

/// Processor time of a thread; none where it has ended.
fn seconds_of(task: &Path) -> f64 {
    let text = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).map_or(0.0, |nanos| nanos / 1e9)
}

fn number(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).expect("/proc");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a known line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

pub fn resident() -> u64 {
    number("/proc/self/status", "RssAnon:") << 10
}

pub fn fill(history: &TreeHistory, arguments: &Arguments, folder: &Path, told: &mut Figures) {
    let (to, from) = sync_channel(2);
    let (name, named) = sync_channel(1);
    let (end, ended) = sync_channel::<()>(0);
    let (rows, members, step) = (arguments.rows(), arguments.members, arguments.step);
    std::thread::spawn(move || {
        let link = std::fs::read_link("/proc/thread-self").expect("/proc");
        name.send(Path::new("/proc").join(link)).expect("somebody who asks");
        make(&to, rows, members, step);
        drop(to);
        // Stays until its time has been read; then the other end is gone.
        let _ = ended.recv();
    });
    let maker = named.recv().expect("the maker's name");
    println!(
        "| million rows | rows/s | rows per CPU-second | indexing us/row | store's threads us/row | bytes written/row | memory MiB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let start = mark(&maker);
    index(history, &from, &maker);
    history.sync().expect("a sync");
    let end_of_all = mark(&maker);
    print_line("all", rows, &start, &end_of_all);
    let used = end_of_all.indexing + end_of_all.behind - start.indexing - start.behind;
    told.put("rows", rows as f64, "rows");
    told.put("rows per CPU-second", rows as f64 / used, "rows/s");
    drop(end);
    println!("the index has {} MiB on the disk", bytes_below(folder) >> 20);
}

fn index(history: &TreeHistory, steps: &Receiver<Step>, maker: &Path) {
    let mut last = mark(maker);
    let (mut printed, mut synced, mut through) = (0, 0, Lsn::ZERO);
    for step in steps {
        let rows: Vec<Row<'_>> = step.iter().map(|(lsn, payload)| row(*lsn, payload)).collect();
        through = rows.last().map_or(through, |row| row.lsn);
        history.apply(&rows, through).expect("rows go in");
        if through.0 - synced >= SYNC_EVERY {
            history.sync().expect("a sync");
            synced = through.0;
        }
        if through.0 / MILLION > printed / MILLION {
            let now = mark(maker);
            print_line(&(through.0 / MILLION).to_string(), through.0 - printed, &last, &now);
            (last, printed) = (now, through.0);
        }
    }
}

fn row(lsn: Lsn, payload: &[u8]) -> Row<'_> {
    Row::of(lsn, payload).expect("what the maker made").expect("a member's")
}

fn print_line(name: &str, rows: u64, from: &Mark, to: &Mark) {
    let (indexing, behind) = (to.indexing - from.indexing, to.behind - from.behind);
    let count = rows as f64;
    println!(
        "| {name} | {:.0} | {:.0} | {:.2} | {:.2} | {} | {} |",
        count / (to.at - from.at).as_secs_f64(),
        count / (indexing + behind),
        indexing * 1e6 / count,
        behind * 1e6 / count,
        (to.written - from.written) / rows,
        resident() >> 20
    );
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the index's folder").flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes_below(&entry.path()),
        Ok(data) => data.len(),
        // A file that a compaction has just removed.
        Err(_) => 0,
    });
    sizes.sum()
}

/// The part of the indexing that is decoding.
pub fn decoding(arguments: &Arguments) {
    let count = arguments.rows().min(200_000);
    let records: Vec<Vec<u8>> = (1..=count).map(|lsn| record(lsn, arguments.members)).collect();
    let start = std::time::Instant::now();
    let decoded = records
        .iter()
        .filter(|record| matches!(Row::of(Lsn(1), record), Ok(Some(row)) if row.whole().is_ok()))
        .count();
    let took = start.elapsed().as_secs_f64();
    assert_eq!(decoded, records.len());
    println!("decoding alone: {:.2} us/row", took * 1e6 / count as f64);
}
