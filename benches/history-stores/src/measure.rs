//! What the process has used so far.
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Duration;

/// Processor time of all threads, in user and kernel mode.
pub fn cpu() -> Duration {
    time(rustix::time::ClockId::ProcessCPUTime)
}

/// Processor time of the calling thread.
pub fn cpu_of_thread() -> Duration {
    time(rustix::time::ClockId::ThreadCPUTime)
}

fn time(clock: rustix::time::ClockId) -> Duration {
    let at = rustix::time::clock_gettime(clock);
    Duration::new(at.tv_sec.unsigned_abs(), at.tv_nsec as u32)
}

/// Bytes that the process has caused to be written to the disk.
pub fn written() -> Result<u64> {
    field("/proc/self/io", "write_bytes:")
}

/// Resident memory in bytes, without mapped files.
pub fn resident() -> Result<u64> {
    Ok(field("/proc/self/status", "RssAnon:")? * 1_024)
}

fn field(file: &str, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Bytes allocated on the disk below `folder`.
pub fn size(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    files(folder).iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.blocks() * 512).sum()
}

/// Drops the files below `folder` from the page cache, as far as they are clean. A store may be removing some of them.
pub fn forget(folder: &Path) -> Result<()> {
    for path in files(folder) {
        let Ok(file) = std::fs::File::open(path) else { continue };
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(())
}

/// Files may vanish while a store is at work.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}
