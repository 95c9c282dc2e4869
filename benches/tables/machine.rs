//! The machine that the figures are of.
use super::common::median;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Syncs that are timed.
const SYNCS: usize = 200;

/// One sentence: processor, memory, disk, system, compiler.
pub fn told(folder: &Path) -> String {
    let memory = kib("MemTotal:") as f64 / f64::from(1 << 20);
    format!(
        "{} cores of {}, {memory:.0} GiB of memory, Linux {}, {}; {} with {:.0} us for an fdatasync of 4 KiB (median of {SYNCS})",
        std::thread::available_parallelism().map_or(0, usize::from),
        processor(),
        read("/proc/sys/kernel/osrelease").trim(),
        compiler(),
        file_system(folder),
        sync_micros(folder)
    )
}

/// Programs that ran or wanted to run in the last minute: with more than a few tenths the figures are those of a busy machine.
pub fn busy() -> f64 {
    let told = read("/proc/loadavg");
    told.split(' ').next().and_then(|load| load.parse().ok()).expect("the load of the last minute")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).expect("/proc")
}

fn processor() -> String {
    let told = read("/proc/cpuinfo");
    let model = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "an unknown processor".into(), |(_, model)| model.trim().to_owned())
}

fn kib(name: &str) -> u64 {
    let told = read("/proc/meminfo");
    let line = told.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).expect("the size of the memory")
}

fn compiler() -> String {
    let told = Command::new("rustc").arg("--version").output().expect("rustc");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    told.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The type of the file system that has the folder: that of the longest mount point above it.
fn file_system(folder: &Path) -> String {
    let mounts = read("/proc/mounts");
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        folder.starts_with(point).then(|| (point.len(), kind.to_owned()))
    });
    mounts.max().map_or_else(|| "an unknown file system".into(), |(_, kind)| kind)
}

/// Microseconds that one sync of 4 KiB takes, over bytes that are there already, as in a segment of the log.
fn sync_micros(folder: &Path) -> f64 {
    let mut file = tempfile::tempfile_in(folder).expect("a file");
    file.write_all(&vec![0; SYNCS * 4096]).expect("zeros go out");
    file.sync_all().expect("a sync");
    file.seek(SeekFrom::Start(0)).expect("a way back");
    let block = [7; 4096];
    let once = |_| {
        let begin = Instant::now();
        file.write_all(&block).expect("a block goes out");
        file.sync_data().expect("a sync");
        begin.elapsed().as_secs_f64() * 1e6
    };
    median(&(0..SYNCS).map(once).collect::<Vec<_>>())
}
