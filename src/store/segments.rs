//! Segment files: their names, their making, their list.
use crate::format::frame::{FRAME_HEADER_BYTES, RECORD_HEADER_BYTES};
use crate::format::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::ledger::lsn::Lsn;
use crate::limits::{FRAME_PAYLOAD_BYTES_AIM, FRAME_PAYLOAD_BYTES_MAX, RECORD_BYTES_MAX};
use crate::store::disk::{Disk, DiskFile, SYNCED_AT_ONCE_BYTES};
use crate::store::error::StoreError;
use crate::store::folder::{Folder, record_in_name};
use std::io;
use std::path::{Path, PathBuf};

pub const SEGMENT_ENDING: &str = "seg";
pub const ARCHIVED_ENDING: &str = "seg.zst";

/// The largest frame that the writer makes holds one record; a start's mark comes before it, and the journal keeps a margin
/// of two headers.
const ROOM_FOR_A_FIRST_RECORD: usize = 4 * (FRAME_HEADER_BYTES + RECORD_HEADER_BYTES) + RECORD_BYTES_MAX;

const _: () = assert!(FRAME_PAYLOAD_BYTES_AIM <= RECORD_HEADER_BYTES + RECORD_BYTES_MAX);
// The journal makes no segment shorter than a frame's largest payload.
const _: () = assert!(ROOM_FOR_A_FIRST_RECORD <= FRAME_PAYLOAD_BYTES_MAX);

/// A segment on disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentFile {
    /// By its name.
    pub first_lsn: Lsn,
    pub archived: bool,
    pub path: PathBuf,
}

/// All segments, oldest first; one that is both archived and not (a crash between) only once, as it was.
pub fn list(disk: &dyn Disk, folder: &Folder) -> Result<Vec<SegmentFile>, StoreError> {
    let mut segments = Vec::new();
    for (place, ending, archived) in
        [(&folder.wal, SEGMENT_ENDING, false), (&folder.archive, ARCHIVED_ENDING, true)]
    {
        for path in disk.list(place).map_err(StoreError::io(place, "listing"))? {
            if let Some(first_lsn) = first_lsn_of(&path, ending) {
                segments.push(SegmentFile { first_lsn, archived, path });
            }
        }
    }
    segments.sort();
    segments.dedup_by_key(|segment| segment.first_lsn);
    Ok(segments)
}

fn first_lsn_of(path: &Path, ending: &str) -> Option<Lsn> {
    let (stem, found) = path.file_name()?.to_str()?.split_once('.')?;
    (found == ending).then(|| record_in_name(stem))?
}

pub fn live_path(folder: &Folder, first_lsn: Lsn) -> PathBuf {
    folder.wal.join(format!("{:020}.{SEGMENT_ENDING}", first_lsn.0))
}

pub fn archived_path(folder: &Folder, first_lsn: Lsn) -> PathBuf {
    folder.archive.join(format!("{:020}.{ARCHIVED_ENDING}", first_lsn.0))
}

/// A segment's bytes, unpacked where it is archived.
pub fn read(disk: &dyn Disk, segment: &SegmentFile) -> Result<Vec<u8>, StoreError> {
    read_into(disk, segment, Vec::new())
}

/// The same, into memory that was used before.
pub fn read_into(disk: &dyn Disk, segment: &SegmentFile, used: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let file = disk.open_read_only(&segment.path).map_err(StoreError::io(&segment.path, "opening"))?;
    let bytes = file.read_all_into(used).map_err(StoreError::io(&segment.path, "reading"))?;
    if !segment.archived {
        return Ok(bytes);
    }
    zstd::decode_all(&bytes[..]).map_err(|error| StoreError::Corrupt {
        path: segment.path.clone(),
        offset: 0,
        lsn: segment.first_lsn,
        why: format!("the archived segment does not unpack: {error}"),
    })
}

/// The header at the start of a segment's bytes.
pub fn header(bytes: &[u8], segment: &SegmentFile) -> Result<SegmentHeader, StoreError> {
    SegmentHeader::decode(bytes).map_err(|why| {
        let SegmentFile { path, first_lsn, .. } = segment;
        let damaged = |why| StoreError::Corrupt { path: path.clone(), offset: 0, lsn: *first_lsn, why };
        StoreError::unread(path, why, damaged)
    })
}

/// A segment's place in its log, from 1, by its header.
pub fn ordinal(disk: &dyn Disk, segment: &SegmentFile) -> Result<u64, StoreError> {
    let io = |what| StoreError::io(&segment.path, what);
    let file = disk.open_read_only(&segment.path).map_err(io("opening"))?;
    let bytes = file.size().map_err(io("measuring"))?.min(SEGMENT_HEADER_BYTES as u64);
    let mut head = vec![0; bytes as usize];
    file.read_exact_at(&mut head, 0).map_err(io("reading"))?;
    Ok(header(&head, segment)?.ordinal)
}

/// Space made ahead: a file of real zeros, so that later writes neither grow it nor fail for want of space.
pub struct Spare {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    pub bytes: u64,
}

/// Makes the `n`th spare file, of `bytes`. Each has a name of its own: the one before may not have its new name yet.
/// `rest` is called between parts of it.
pub fn make_spare(
    disk: &dyn Disk,
    folder: &Folder,
    n: u64,
    bytes: u64,
    rest: &mut dyn FnMut(),
) -> io::Result<Spare> {
    let path = folder.wal.join(format!("spare-{n}.tmp"));
    let made = fill(disk, &path, bytes, rest);
    if made.is_err() {
        // Half a file would keep others from space that is short already.
        let _ = disk.remove(&path);
    }
    made.map(|file| Spare { path, file, bytes })
}

/// Removes spare files that an earlier process left.
pub fn remove_spares(disk: &dyn Disk, folder: &Folder) -> Result<(), StoreError> {
    for path in disk.list(&folder.wal).map_err(StoreError::io(&folder.wal, "listing"))? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("spare-") && name.ends_with(".tmp") {
            disk.remove(&path).map_err(StoreError::io(&path, "removing a spare file"))?;
        }
    }
    Ok(())
}

fn fill(disk: &dyn Disk, path: &Path, bytes: u64, rest: &mut dyn FnMut()) -> io::Result<Box<dyn DiskFile>> {
    const PART: usize = SYNCED_AT_ONCE_BYTES as usize;
    let zeros = vec![0; PART];
    let file = disk.open(path, true)?;
    for offset in (0..bytes).step_by(PART) {
        let part = PART.min(usize::try_from(bytes - offset).unwrap_or(PART));
        file.write_all_at(&zeros[..part], offset)?;
        file.sync_data()?;
        if offset + (part as u64) < bytes {
            rest();
        }
    }
    Ok(file)
}

/// A segment being written to.
pub struct OpenSegment {
    pub file: Box<dyn DiskFile>,
    pub path: PathBuf,
    pub bytes: u64,
    /// Where the next frame goes.
    pub offset: u64,
    pub ordinal: u64,
}

impl OpenSegment {
    pub fn room(&self) -> u64 {
        self.bytes - self.offset
    }
}

/// Turns a spare file into the segment that `header` is of. Its name is on disk before anything is in it. No segment is put
/// in another's place here.
pub fn begin(
    disk: &dyn Disk,
    folder: &Folder,
    spare: Spare,
    header: &SegmentHeader,
) -> io::Result<OpenSegment> {
    if disk.list(&folder.wal)?.contains(&live_path(folder, header.chain.next_lsn)) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a segment of this name is there already"));
    }
    begin_again(disk, folder, spare, header)
}

/// The same in the place of a segment of that name, which holds no record. The sync of the folder may have failed when that
/// one was begun, and a later one would answer for nothing, as the system calls the name clean. And it may be full of
/// marks, or cut short: the next segment would begin with the same record, and so have the same name.
pub fn begin_again(
    disk: &dyn Disk,
    folder: &Folder,
    spare: Spare,
    header: &SegmentHeader,
) -> io::Result<OpenSegment> {
    let path = live_path(folder, header.chain.next_lsn);
    spare.file.write_all_at(&header.encode(), 0)?;
    spare.file.sync_data()?;
    disk.rename(&spare.path, &path)?;
    disk.sync_folder(&folder.wal)?;
    folder.note_newest(disk, header.ordinal)?;
    Ok(OpenSegment {
        file: spare.file,
        path,
        bytes: spare.bytes,
        offset: SEGMENT_HEADER_BYTES as u64,
        ordinal: header.ordinal,
    })
}
