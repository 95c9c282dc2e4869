//! Reads the log from a record on, checks all that it reads, and says where writing goes on.
use crate::format::scan::{Ending, LogRecord, last_mark, scan};
use crate::format::segment::{Chain, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::ledger::lsn::Lsn;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::segments::{self, OpenSegment, SegmentFile};
use std::convert::Infallible;
use std::path::{Path, PathBuf};

/// Whether a torn tail is cut off or only told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The service starts: the log will be written to. Everything through `durable` is known to have been durable, by
    /// a snapshot or an index that has it: if it can't be read any more, that is no torn write.
    Repair { durable: Lsn },
    /// Nothing is changed.
    LookOnly,
}

/// Where the log ends.
pub struct LogEnd {
    pub log_id: u128,
    pub chain: Chain,
    /// The segment to go on in; none in a log not yet begun, or only looked at.
    pub segment: Option<OpenSegment>,
    /// The ordinal of the newest segment, 0 where there is none.
    pub ordinal: u64,
    /// What was found torn, in words.
    pub torn: Option<String>,
}

impl LogEnd {
    pub fn last_lsn(&self) -> Lsn {
        Lsn(self.chain.next_lsn.0 - 1)
    }
}

/// What is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Counted in bytes.
    Snapshot,
    /// Counted in segments.
    Log,
    /// Nothing is read any more: what was in flight is carried on. Counted in members.
    CatchUp,
    /// A backup's files copied, in bytes.
    Copy,
    /// A backup's files held against their list, in bytes.
    Check,
}

/// How far reading has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub stage: Stage,
    pub done: u64,
    pub all: u64,
    pub lsn: Lsn,
}

/// Gives every record after `from` to `visit`, in order. Everything read is checked: checksums, the chain of frames,
/// numbers without gaps. Where the log is to be written to, all that `visit` is given is durable.
pub fn replay(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
    from: Lsn,
    mode: Mode,
    mut visit: impl FnMut(LogRecord<'_>) -> Result<(), String>,
    mut progress: impl FnMut(Progress),
) -> Result<LogEnd, StoreError> {
    let all = segments::list(disk, folder)?;
    let mut end = LogEnd { log_id, chain: Chain::default(), segment: None, ordinal: 0, torn: None };
    let needed = reaching_back_to(&all, from.next())?;
    // Writing would go on in it, and only what has a successor is archived.
    if let (Mode::Repair { .. }, Some(newest)) = (mode, needed.last())
        && newest.archived
    {
        return Err(StoreError::NewestMissing { path: newest.path.clone() });
    }
    let total = needed.len() as u64;
    if total > 0 {
        progress(Progress { stage: Stage::Log, done: 0, all: total, lsn: from });
    }
    for (n, file) in needed.iter().enumerate() {
        let newest = n + 1 == needed.len();
        let bytes = segments::read(disk, file)?;
        let header = checked_header(&bytes, file, &mut end, n == 0)?;
        end.ordinal = header.ordinal;
        if let (true, Mode::Repair { durable }) = (newest, mode) {
            make_durable(disk, folder, file, &bytes, &header, durable)?;
        }
        let mut failed = None;
        let ending = scan(&bytes, SEGMENT_HEADER_BYTES, log_id, &mut end.chain, newest, |record| {
            if record.lsn <= from {
                return Ok(());
            }
            visit(record).map_err(|why| failed = Some((record.lsn, why)))
        });
        if let (Err(()), Some((lsn, why))) = (&ending, failed) {
            return Err(StoreError::Record { path: file.path.clone(), lsn, why });
        }
        match ending.unwrap_or(Ending::Clean { offset: 0 }) {
            Ending::Clean { offset } => {
                if newest && mode != Mode::LookOnly {
                    end.segment = Some(reopen(disk, file, offset, bytes.len(), &end)?);
                }
            }
            Ending::Torn { offset, why } => torn(disk, folder, file, &bytes, offset, why, mode, &mut end)?,
            Ending::Corrupt { offset, why } => {
                let (path, lsn) = (file.path.clone(), end.chain.next_lsn);
                return Err(StoreError::Corrupt { path, offset: offset as u64, lsn, why });
            }
        }
        progress(Progress { stage: Stage::Log, done: n as u64 + 1, all: total, lsn: end.last_lsn() });
    }
    Ok(end)
}

/// The segments from the one that holds record `wanted` on.
fn reaching_back_to(all: &[SegmentFile], wanted: Lsn) -> Result<&[SegmentFile], StoreError> {
    let Some(oldest) = all.first() else { return Ok(&[]) };
    let after = all.partition_point(|segment| segment.first_lsn <= wanted);
    if after == 0 {
        return Err(StoreError::TooShort { wanted, earliest: oldest.first_lsn });
    }
    Ok(&all[after - 1..])
}

/// The header of a segment, which must be of this log, bear its file's name and continue what was read before.
fn checked_header(
    bytes: &[u8],
    file: &SegmentFile,
    end: &mut LogEnd,
    first: bool,
) -> Result<SegmentHeader, StoreError> {
    let corrupt =
        |why: String| StoreError::Corrupt { path: file.path.clone(), offset: 0, lsn: file.first_lsn, why };
    let header = SegmentHeader::decode(bytes).map_err(corrupt)?;
    if header.log_id != end.log_id {
        return Err(StoreError::Foreign {
            path: file.path.clone(),
            expected: end.log_id,
            found: header.log_id,
        });
    }
    if header.chain.next_lsn != file.first_lsn {
        return Err(corrupt(format!(
            "the segment begins at record {}, its name says otherwise",
            header.chain.next_lsn
        )));
    }
    if first {
        end.chain = header.chain.clone();
    } else if header.chain.next_lsn != end.chain.next_lsn {
        let (expected, found) = (end.chain.next_lsn, header.chain.next_lsn);
        return Err(StoreError::Gap { path: file.path.clone(), expected, found });
    } else if header.chain != end.chain || header.ordinal != end.ordinal + 1 {
        return Err(corrupt("the segment does not continue the one before it".into()));
    }
    Ok(header)
}

/// Writes what stands behind the last mark again, the mark too, and syncs it. After a failed sync the system calls pages
/// clean that the disk never took, and a later start reads them as if they were on it: index and clients must not be told
/// of what the next power failure would take back. A mark tells that all before it was synced; it may not be itself.
/// Where the log is damaged, or ends too early, nothing is written: that is refused elsewhere.
fn make_durable(
    disk: &dyn Disk,
    folder: &Folder,
    file: &SegmentFile,
    bytes: &[u8],
    header: &SegmentHeader,
    durable: Lsn,
) -> Result<(), StoreError> {
    let mut chain = header.chain.clone();
    let look = |_: LogRecord<'_>| Ok::<(), Infallible>(());
    let ending = scan(bytes, SEGMENT_HEADER_BYTES, header.log_id, &mut chain, true, look);
    let Ok(Ending::Clean { offset } | Ending::Torn { offset, .. }) = ending else { return Ok(()) };
    if chain.next_lsn <= durable {
        return Ok(());
    }
    let from = last_mark(bytes, SEGMENT_HEADER_BYTES, offset, header.log_id);
    let write = || {
        // The zeros of a cut may have gone the same way.
        let was_cut = disk.list(&folder.wal)?.contains(&torn_path(folder, chain.next_lsn, offset, 1));
        let to = if was_cut { bytes.len() } else { offset };
        let segment = disk.open(&file.path, false)?;
        segment.write_all_at(&bytes[from..to], from as u64)?;
        segment.sync_data()?;
        // Its name may be no more durable than its end.
        disk.sync_folder(&folder.wal)
    };
    write().map_err(StoreError::io(&file.path, "making the log's end durable"))
}

fn reopen(
    disk: &dyn Disk,
    file: &SegmentFile,
    offset: usize,
    bytes: usize,
    end: &LogEnd,
) -> Result<OpenSegment, StoreError> {
    let open = disk.open(&file.path, false).map_err(StoreError::io(&file.path, "opening"))?;
    let (bytes, offset) = (bytes as u64, offset as u64);
    let mut segment =
        OpenSegment { file: open, path: file.path.clone(), bytes, offset, ordinal: end.ordinal };
    if end.chain.next_lsn == file.first_lsn {
        segment.make_room_for_a_first_record().map_err(StoreError::io(&file.path, "lengthening"))?;
    }
    Ok(segment)
}

#[allow(clippy::too_many_arguments, reason = "one step of replay, with all that replay knows")]
fn torn(
    disk: &dyn Disk,
    folder: &Folder,
    file: &SegmentFile,
    bytes: &[u8],
    offset: usize,
    why: String,
    mode: Mode,
    end: &mut LogEnd,
) -> Result<(), StoreError> {
    let words = format!(
        "{} is torn at byte {offset}, after record {}: {why}; what was being written when the service last stopped was not finished",
        file.path.display(),
        end.last_lsn()
    );
    if let Mode::Repair { durable } = mode {
        if end.last_lsn() < durable {
            let why = format!("{why}; it was whole once, for records through {durable} are known");
            let (path, lsn) = (file.path.clone(), end.chain.next_lsn);
            return Err(StoreError::Corrupt { path, offset: offset as u64, lsn, why });
        }
        let kept = name_for_torn(disk, folder, end.chain.next_lsn, offset)
            .map_err(StoreError::io(&folder.wal, "listing"))?;
        cut(disk, folder, file, bytes, offset, &kept)
            .map_err(StoreError::io(&file.path, "cutting a torn tail"))?;
        tracing::warn!("{words}; cut off, its bytes are kept in {}", kept.display());
        end.segment = Some(reopen(disk, file, offset, bytes.len(), end)?);
    }
    end.torn = Some(words);
    Ok(())
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
fn cut(
    disk: &dyn Disk,
    folder: &Folder,
    file: &SegmentFile,
    bytes: &[u8],
    offset: usize,
    kept: &Path,
) -> std::io::Result<()> {
    let tail = &bytes[offset..];
    let used = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let side = disk.open(kept, true)?;
    side.write_all_at(&tail[..used], 0)?;
    side.sync_data()?;
    disk.sync_folder(&folder.wal)?;
    let segment = disk.open(&file.path, false)?;
    segment.write_all_at(&vec![0; used], offset as u64)?;
    segment.sync_data()
}
