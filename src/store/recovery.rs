//! Reads the log from a record on, checks all that it reads, and says where writing goes on.
mod ending;

use crate::format::frame::{FRAME_HEADER_BYTES, Frame, FrameKind, RecordRef};
use crate::format::scan::{Ending, LogRecord, scan_frames};
use crate::format::segment::{Chain, Hash, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::ledger::lsn::Lsn;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::segments::{self, OpenSegment, SegmentFile};
use ending::make_durable;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether a torn tail is cut off or only told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The service starts: the log will be written to. Everything through `durable` is known to have been durable, by
    /// a snapshot or an index that has it: if it can't be read any more, that is no torn write.
    Repair { durable: Lsn },
    /// Nothing is changed.
    LookOnly,
    /// The same, and the hash of every batch is worked out and held against the one that it bears.
    Verify,
}

/// Where the log ends.
pub struct LogEnd {
    pub log_id: u128,
    pub chain: Chain,
    /// The segment to go on in; none in a log not yet begun, or only looked at, or where there is no record in it.
    pub segment: Option<OpenSegment>,
    /// The newest segment holds no record: a new file takes its place.
    pub begins_again: bool,
    /// The ordinal of the newest segment, 0 where there is none.
    pub ordinal: u64,
    /// What was found torn, in words.
    pub torn: Option<String>,
}

impl LogEnd {
    /// A log with nothing in it yet, or nothing that anybody would go on in, but that its next record is `chain`'s.
    pub fn without_segment(log_id: u128, chain: Chain) -> LogEnd {
        LogEnd { log_id, chain, segment: None, begins_again: false, ordinal: 0, torn: None }
    }

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

/// A batch in the chain of hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub offset: usize,
    /// Its first and its last record.
    pub records: (Lsn, Lsn),
    pub hash: Hash,
    /// Whether it is the hash of what stands there, behind the one before.
    pub holds: bool,
}

/// A segment that was read and checked, and those of its records that were asked for.
pub struct CheckedSegment {
    path: PathBuf,
    bytes: Arc<Vec<u8>>,
    first_lsn: Lsn,
    places: Vec<Place>,
    /// The chain of hashes before it and behind it.
    pub hashes: (Hash, Hash),
    /// Its batches that bear a hash; only of what is read to be verified.
    pub links: Vec<Link>,
}

/// Where a record's payload lies.
#[derive(Clone, Copy)]
struct Place {
    offset: usize,
    length: u32,
    partition: u16,
}

impl CheckedSegment {
    /// Its records in order.
    pub fn records(&self) -> impl Iterator<Item = LogRecord<'_>> {
        let numbered = (self.first_lsn.0..).map(Lsn).zip(&self.places);
        numbered.map(|(lsn, place)| {
            let Place { offset, length, partition } = *place;
            LogRecord { lsn, partition, payload: &self.bytes[offset..offset + length as usize] }
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a reader of the records found wrong with one.
    pub fn refused(&self, lsn: Lsn, why: String) -> StoreError {
        StoreError::Record { path: self.path.clone(), lsn, why }
    }
}

/// A log read to its end, nothing of which is changed yet, but that what it gave is durable.
pub struct LogRead {
    end: LogEnd,
    mode: Mode,
    newest: Option<Newest>,
    given: Given,
}

/// Segments' bytes that were given away. Those that everybody is done with are read into again.
#[derive(Default)]
struct Given(Vec<Arc<Vec<u8>>>);

impl Given {
    fn back(&mut self) -> Vec<u8> {
        let back = self.0.iter().position(|bytes| Arc::strong_count(bytes) == 1);
        let bytes = back.map(|place| self.0.swap_remove(place));
        bytes.and_then(|bytes| Arc::try_unwrap(bytes).ok()).unwrap_or_default()
    }
}

struct Newest {
    file: SegmentFile,
    /// The chain before it, as its header has it.
    begins: Chain,
    bytes: Arc<Vec<u8>>,
    /// Where its whole frames end.
    offset: usize,
    /// Why what follows them is torn; nothing follows otherwise.
    torn: Option<String>,
}

/// Gives every segment with records after `from` to `take`, in order, with these records. Everything read is checked:
/// checksums, the chain of frames, numbers without gaps. Where the log is to be written to, all that `take` is given is
/// durable.
pub fn read_log<E: From<StoreError>>(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
    from: Lsn,
    mode: Mode,
    mut take: impl FnMut(CheckedSegment) -> Result<(), E>,
    mut progress: impl FnMut(Progress),
) -> Result<LogRead, E> {
    // Before the list: a log that is being written to may get a new segment meanwhile.
    let newest_ordinal = folder.newest_ordinal(disk)?;
    let all = segments::list(disk, folder)?;
    let end = LogEnd::without_segment(log_id, Chain::default());
    let mut read = LogRead { end, mode, newest: None, given: Given::default() };
    let needed = reaching_back_to(&all, from.next())?;
    if mode != Mode::LookOnly {
        newest_is_there(disk, folder, log_id, (needed.last(), newest_ordinal))?;
    }
    let total = needed.len() as u64;
    if total > 0 {
        progress(Progress { stage: Stage::Log, done: 0, all: total, lsn: from });
    }
    for (n, file) in needed.iter().enumerate() {
        let newest = n + 1 == needed.len();
        let segment = read.segment(disk, folder, file, from, (n == 0, newest))?;
        take(segment)?;
        progress(Progress { stage: Stage::Log, done: n as u64 + 1, all: total, lsn: read.end.last_lsn() });
    }
    Ok(read)
}

/// Writing would go on in the newest segment: it must be the newest that ever was. Only what has a successor is archived.
fn newest_is_there(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
    (newest, ordinal): (Option<&SegmentFile>, Option<u64>),
) -> Result<(), StoreError> {
    match newest {
        None if ordinal.is_some() => Err(StoreError::LogMissing { path: folder.wal.clone(), log_id }),
        Some(newest) if newest.archived || segments::ordinal(disk, newest)? < ordinal.unwrap_or(0) => {
            Err(StoreError::NewestMissing { path: newest.path.clone() })
        }
        _ => Ok(()),
    }
}

/// Gives every record after `from` to `visit`, in order, as [`read_log`] does, and brings the log's end in order.
pub fn replay(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
    from: Lsn,
    mode: Mode,
    mut visit: impl FnMut(LogRecord<'_>) -> Result<(), String>,
    progress: impl FnMut(Progress),
) -> Result<LogEnd, StoreError> {
    let take = |segment: CheckedSegment| {
        let mut records = segment.records();
        records.try_for_each(|record| visit(record).map_err(|why| segment.refused(record.lsn, why)))
    };
    read_log(disk, folder, log_id, from, mode, take, progress)?.settle(disk, folder)
}

impl LogRead {
    /// Reads and checks a segment: the `first` of those needed, the `newest` of all.
    fn segment(
        &mut self,
        disk: &dyn Disk,
        folder: &Folder,
        file: &SegmentFile,
        from: Lsn,
        (first, newest): (bool, bool),
    ) -> Result<CheckedSegment, StoreError> {
        let (end, verifies) = (&mut self.end, self.mode == Mode::Verify);
        let bytes = segments::read_into(disk, file, self.given.back())?;
        let header = checked_header(&bytes, file, end, first)?;
        end.ordinal = header.ordinal;
        let first_lsn = end.chain.next_lsn.max(from.next());
        let (mut places, mut links) = (Vec::new(), Vec::new());
        let before = end.chain.hash;
        let mut hashed = before;
        let mut mark = SEGMENT_HEADER_BYTES;
        let note = |offset: usize, frame: &Frame<'_>, records: &[RecordRef<'_>]| {
            if frame.kind == FrameKind::Mark {
                mark = offset;
            }
            if let (true, Some(hash)) = (verifies, frame.hash) {
                let holds = frame.is_chained_to(&hashed);
                // From here on by what it says, so that what is wrong is told once.
                hashed = hash;
                if frame.kind == FrameKind::Batch || !holds {
                    let last = Lsn((frame.first_lsn.0 + u64::from(frame.count)).saturating_sub(1));
                    links.push(Link { offset, records: (frame.first_lsn, last), hash, holds });
                }
            }
            let known = first_lsn.0.saturating_sub(frame.first_lsn.0);
            let wanted = records.iter().skip(usize::try_from(known).unwrap_or(usize::MAX));
            places.extend(wanted.map(|record| Place {
                offset: offset + FRAME_HEADER_BYTES + record.offset,
                length: u32::try_from(record.payload.len()).unwrap_or(u32::MAX),
                partition: record.partition,
            }));
            Ok::<(), Infallible>(())
        };
        let Ok(ending) = scan_frames(&bytes, SEGMENT_HEADER_BYTES, end.log_id, &mut end.chain, newest, note);
        let (offset, torn) = match ending {
            Ending::Clean { offset } => (offset, None),
            Ending::Torn { offset, why } => (offset, Some(why)),
            Ending::Newer { newer, .. } => return Err(StoreError::Newer { path: file.path.clone(), newer }),
            Ending::Corrupt { offset, why } => {
                let (path, lsn) = (file.path.clone(), end.chain.next_lsn);
                return Err(StoreError::Corrupt { path, offset: offset as u64, lsn, why });
            }
        };
        if let (true, Mode::Repair { durable }) = (newest, self.mode)
            && end.chain.next_lsn > durable
        {
            make_durable(disk, folder, file, &bytes, (mark, offset), end)?;
        }
        let bytes = Arc::new(bytes);
        self.given.0.push(bytes.clone());
        if newest {
            let (file, bytes) = (file.clone(), bytes.clone());
            self.newest = Some(Newest { file, begins: header.chain, bytes, offset, torn });
        }
        let hashes = (before, end.chain.hash);
        Ok(CheckedSegment { path: file.path.clone(), bytes, first_lsn, places, hashes, links })
    }
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
    let header = segments::header(bytes, file)?;
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
