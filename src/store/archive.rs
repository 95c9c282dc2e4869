//! Moves segments that recovery no longer needs into `wal/archive/`, compressed. Nothing is ever deleted.
use crate::ledger::lsn::Lsn;
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::segments::{self, SegmentFile};
use std::io::{self, Read, Write};
use zstd::{Decoder, Encoder};

const LEVEL: i32 = 3;
/// Bytes of a segment between two rests: about a millisecond of work.
const PART_BYTES: usize = 128 << 10;

/// Archives every segment all of whose records are at or before `covered`; the newest is never one of them. How many.
/// `rest` is called again and again: all at once the work would take a core from others for as long as it lasts.
pub fn archive_through(
    disk: &dyn Disk,
    folder: &Folder,
    covered: Lsn,
    rest: &mut dyn FnMut(),
) -> Result<usize, StoreError> {
    let all = segments::list(disk, folder)?;
    let mut moved = 0;
    for pair in all.windows(2) {
        let (segment, next) = (&pair[0], &pair[1]);
        if !segment.archived && next.first_lsn <= covered.next() {
            archive(disk, folder, segment, rest).map_err(StoreError::io(&segment.path, "archiving"))?;
            moved += 1;
        }
    }
    Ok(moved)
}

/// At every moment the segment is whole in one place or the other.
fn archive(
    disk: &dyn Disk,
    folder: &Folder,
    segment: &SegmentFile,
    rest: &mut dyn FnMut(),
) -> io::Result<()> {
    let original = disk.open_read_only(&segment.path)?;
    let mut encoder = Encoder::new(Vec::new(), LEVEL)?;
    in_parts(&*original, rest, |part| encoder.write_all(part))?;
    let packed = encoder.finish()?;
    let target = segments::archived_path(folder, segment.first_lsn);
    let temporary = target.with_extension("tmp");
    // A leftover of an earlier attempt could be longer than what is written now.
    if disk.list(&folder.archive)?.contains(&temporary) {
        disk.remove(&temporary)?;
    }
    let file = disk.open(&temporary, true)?;
    file.write_all_at(&packed, 0)?;
    file.sync_data()?;
    if !unpacks_to(&*original, &file.read_all()?, rest)? {
        return Err(io::Error::other("the archived copy does not read back as it was written"));
    }
    disk.rename(&temporary, &target)?;
    disk.sync_folder(&folder.archive)?;
    disk.remove(&segment.path)?;
    disk.sync_folder(&folder.wal)
}

/// Shows a file's bytes, one part after the other.
fn in_parts(
    file: &dyn DiskFile,
    rest: &mut dyn FnMut(),
    mut show: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let size = file.size()?;
    let mut part = vec![0; PART_BYTES];
    for at in (0..size).step_by(PART_BYTES) {
        part.truncate((size - at).min(PART_BYTES as u64) as usize);
        file.read_exact_at(&mut part, at)?;
        show(&part)?;
        rest();
    }
    Ok(())
}

fn unpacks_to(original: &dyn DiskFile, packed: &[u8], rest: &mut dyn FnMut()) -> io::Result<bool> {
    let mut decoder = Decoder::new(packed)?;
    let (mut unpacked, mut is_same) = (Vec::with_capacity(PART_BYTES), true);
    in_parts(original, rest, |part| {
        unpacked.clear();
        (&mut decoder).take(part.len() as u64).read_to_end(&mut unpacked)?;
        is_same &= unpacked == part;
        Ok(())
    })?;
    Ok(is_same && decoder.read(&mut [0])? == 0)
}
