//! The log's end: made durable before anybody is told of it, and once all that was read is accepted, cut where it is torn
//! and opened for writing.
use super::{LogEnd, LogRead, Mode, Newest};
use crate::ledger::lsn::Lsn;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::segments::{OpenSegment, SegmentFile};
use std::path::{Path, PathBuf};

impl LogRead {
    /// Cuts off a torn tail and opens the newest segment, where the log is to be written to; otherwise only tells.
    pub fn settle(self, disk: &dyn Disk, folder: &Folder) -> Result<LogEnd, StoreError> {
        let LogRead { mut end, mode, newest, .. } = self;
        let Some(newest) = newest else { return Ok(end) };
        if let Some(why) = &newest.torn {
            end.torn = Some(torn(disk, folder, &newest, why, mode, &end)?);
        }
        // A log that ends too early is refused by whoever knows of its records, and nothing of it is changed.
        if matches!(mode, Mode::Repair { durable } if end.last_lsn() >= durable) {
            reopen(disk, newest, &mut end)?;
        }
        Ok(end)
    }
}

/// Writes what stands behind the last mark again, the mark too, and syncs it. After a failed sync the system calls pages
/// clean that the disk never took, and a later start reads them as if they were on it: index and clients must not be told
/// of what the next power failure would take back. A mark tells that all before it was synced; it may not be itself: the
/// last one, or the first frame, begins at `from`, and the whole frames end at `offset`. Where the log is damaged, or ends
/// too early, nothing is written: that is refused before.
pub(super) fn make_durable(
    disk: &dyn Disk,
    folder: &Folder,
    file: &SegmentFile,
    bytes: &[u8],
    (from, offset): (usize, usize),
    end: &LogEnd,
) -> Result<(), StoreError> {
    let write = || {
        // The zeros of a cut may have gone the same way.
        let was_cut = disk.list(&folder.wal)?.contains(&torn_path(folder, end.chain.next_lsn, offset, 1));
        let to = if was_cut { bytes.len() } else { offset };
        let segment = disk.open(&file.path, false)?;
        segment.write_all_at(&bytes[from..to], from as u64)?;
        segment.sync_data()?;
        // Its name may be no more durable than its end.
        disk.sync_folder(&folder.wal)
    };
    write().map_err(StoreError::io(&file.path, "making the log's end durable"))
}

/// Where no record is in it yet it is begun again, by its header: the marks in it tell nothing that the header does not.
fn reopen(disk: &dyn Disk, newest: Newest, end: &mut LogEnd) -> Result<(), StoreError> {
    let path = newest.file.path;
    if end.chain.next_lsn == newest.file.first_lsn {
        (end.chain, end.begins_again) = (newest.begins, true);
        return Ok(());
    }
    let file = disk.open(&path, false).map_err(StoreError::io(&path, "opening"))?;
    let (bytes, offset) = (newest.bytes.len() as u64, newest.offset as u64);
    end.segment = Some(OpenSegment { file, path, bytes, offset, ordinal: end.ordinal });
    Ok(())
}

/// Cuts off what is torn, where the log is to be written to; what there is to tell of it.
fn torn(
    disk: &dyn Disk,
    folder: &Folder,
    newest: &Newest,
    why: &str,
    mode: Mode,
    end: &LogEnd,
) -> Result<String, StoreError> {
    let (path, offset) = (&newest.file.path, newest.offset);
    let words = format!(
        "{} is torn at byte {offset}, after record {}: {why}; what was being written when the service last stopped was not finished",
        path.display(),
        end.last_lsn()
    );
    if let Mode::Repair { durable } = mode {
        if end.last_lsn() < durable {
            let why = format!("{why}; it was whole once, for records through {durable} are known");
            let (path, lsn) = (path.clone(), end.chain.next_lsn);
            return Err(StoreError::Corrupt { path, offset: offset as u64, lsn, why });
        }
        let kept = name_for_torn(disk, folder, end.chain.next_lsn, offset)
            .map_err(StoreError::io(&folder.wal, "listing"))?;
        cut(disk, folder, newest, &kept).map_err(StoreError::io(path, "cutting a torn tail"))?;
        tracing::warn!("{words}; cut off, its bytes are kept in {}", kept.display());
    }
    Ok(words)
}

/// A name that no earlier torn tail has: one place can be torn twice.
fn name_for_torn(disk: &dyn Disk, folder: &Folder, lsn: Lsn, offset: usize) -> std::io::Result<PathBuf> {
    let taken = disk.list(&folder.wal)?;
    let free = (1..).map(|n| torn_path(folder, lsn, offset, n)).find(|path| !taken.contains(path));
    free.ok_or_else(|| std::io::Error::other("there is no name left"))
}

fn torn_path(folder: &Folder, lsn: Lsn, offset: usize, n: usize) -> PathBuf {
    folder.wal.join(format!("torn-{:020}-{offset}-{n}.bin", lsn.0))
}

/// Keeps the torn bytes in a file of their own, then writes zeros over them to the segment's end.
fn cut(disk: &dyn Disk, folder: &Folder, newest: &Newest, kept: &Path) -> std::io::Result<()> {
    let Newest { file, bytes, offset, .. } = newest;
    let tail = &bytes[*offset..];
    let used = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let side = disk.open(kept, true)?;
    side.write_all_at(&tail[..used], 0)?;
    side.sync_data()?;
    disk.sync_folder(&folder.wal)?;
    let segment = disk.open(&file.path, false)?;
    segment.write_all_at(&vec![0; used], *offset as u64)?;
    segment.sync_data()
}
