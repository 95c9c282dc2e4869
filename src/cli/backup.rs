//! `backup` and `restore`: copies of log, snapshots and keys, made beside a service at work, and back.
use crate::cli::progress::Shown;
use crate::cli::verify;
use crate::clock::{Clock, SystemClock, monotonic};
use crate::config::Settings;
use crate::http::time::format;
use crate::store::backup::{self, Backup, Report, Take};
use crate::store::disk::RealDisk;
use crate::store::folder::Folder;
use anyhow::{Context, ensure};
use std::path::Path;
use std::time::Duration;

pub fn take(settings: &Settings, folder: &Path, check_hashes: bool) -> anyhow::Result<()> {
    let started = monotonic();
    let lock = backup::lock(&RealDisk, folder)?;
    let now = SystemClock::new(settings.clock_jump_max).now();
    let take = Take { disk: &RealDisk, data: &settings.data_dir, backup: folder, now, check_hashes };
    let mut shown = Shown::new("backing up");
    let copied = backup::copy(&take, &mut |progress| shown.show(progress))?;
    shown.finish();
    let copying = started.elapsed();
    // Read back as any reader will: what does not hold together does not become the backup.
    let log_id = copied.manifest.log_id;
    let found = verify::check(&copied.view(), &Folder::at(folder), log_id, None)?;
    found
        .print(log_id)
        .context("the copy does not hold together; the backup before it, if there is one, stays")?;
    ensure!(
        found.last == copied.manifest.last,
        "the copy ends at record {}, and {} was copied; the backup before it, if there is one, stays",
        found.last,
        copied.manifest.last
    );
    let (manifest, report) = copied.publish()?;
    drop(lock);
    tell(&report, copying);
    println!(
        "backup {} in {}: through record {}, {} files, {} bytes",
        manifest.number,
        folder.display(),
        manifest.last,
        manifest.files.len(),
        manifest.files.values().map(|entry| entry.bytes).sum::<u64>()
    );
    Ok(())
}

fn tell(report: &Report, took: Duration) {
    for name in &report.mended {
        println!("warning: {name} of the backup before was damaged, and is copied anew");
    }
    for why in &report.left_out {
        println!("warning: left out, for it does not check out: {why}");
    }
    println!(
        "copied: {} files, {} bytes, {}",
        report.copied_files,
        report.copied_bytes,
        rate(report.copied_bytes, took)
    );
    println!("there already: {} files, {} bytes", report.skipped_files, report.skipped_bytes);
}

fn rate(bytes: u64, took: Duration) -> String {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let mib_tenths = bytes.saturating_mul(10_000) / millis / (1 << 20);
    format!("in {took:.1?}, {}.{} MiB/s", mib_tenths / 10, mib_tenths % 10)
}

pub fn restore(settings: &Settings, from: &Path) -> anyhow::Result<()> {
    let data = &settings.data_dir;
    backup::must_be_empty(&RealDisk, data)?;
    let started = monotonic();
    let mut shown = Shown::new("restoring");
    let backup = Backup::open(&RealDisk, from, &mut |progress| shown.show(progress))?;
    let folder = Folder::at(data);
    folder.create(&RealDisk)?;
    let _lock = folder.lock()?;
    let restored = backup.restore(data, &mut |progress| shown.show(progress))?;
    shown.finish();
    let took = started.elapsed();
    let manifest = &backup.manifest;
    verify::check(&RealDisk, &folder, manifest.log_id, None)?.print(manifest.log_id)?;
    println!(
        "restored backup {} of {} into {}: through record {}, {} files, {} bytes, {}",
        manifest.number,
        format(manifest.taken_at, settings.zone),
        data.display(),
        manifest.last,
        restored.files,
        restored.bytes,
        rate(restored.bytes, took)
    );
    println!("the history index is not in a backup: the next start makes it from the log");
    Ok(())
}
