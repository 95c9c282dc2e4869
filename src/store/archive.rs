//! Moves segments that recovery no longer needs into `wal/archive/`, compressed. Nothing is ever deleted.
use crate::ledger::lsn::Lsn;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::segments::{self, SegmentFile};
use std::io;

const LEVEL: i32 = 3;

/// Archives every segment all of whose records are at or before `covered`; the newest is never one of them. How many.
pub fn archive_through(disk: &dyn Disk, folder: &Folder, covered: Lsn) -> Result<usize, StoreError> {
    let all = segments::list(disk, folder)?;
    let mut moved = 0;
    for pair in all.windows(2) {
        let (segment, next) = (&pair[0], &pair[1]);
        if !segment.archived && next.first_lsn <= covered.next() {
            archive(disk, folder, segment).map_err(StoreError::io(&segment.path, "archiving"))?;
            moved += 1;
        }
    }
    Ok(moved)
}

/// At every moment the segment is whole in one place or the other.
fn archive(disk: &dyn Disk, folder: &Folder, segment: &SegmentFile) -> io::Result<()> {
    let bytes = disk.open_read_only(&segment.path)?.read_all()?;
    let packed = zstd::encode_all(&bytes[..], LEVEL)?;
    let target = segments::archived_path(folder, segment.first_lsn);
    let temporary = target.with_extension("tmp");
    // A leftover of an earlier attempt could be longer than what is written now.
    if disk.list(&folder.archive)?.contains(&temporary) {
        disk.remove(&temporary)?;
    }
    let file = disk.open(&temporary, true)?;
    file.write_all_at(&packed, 0)?;
    file.sync_data()?;
    if zstd::decode_all(&file.read_all()?[..])? != bytes {
        return Err(io::Error::other("the archived copy does not read back as it was written"));
    }
    disk.rename(&temporary, &target)?;
    disk.sync_folder(&folder.archive)?;
    disk.remove(&segment.path)?;
    disk.sync_folder(&folder.wal)
}
