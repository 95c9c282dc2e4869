//! From files to accounts: the newest good snapshot, then the log after it. No actor is made, no clock is read.
//!
//! The index is brought up to the log on the way: replay begins at the lower of snapshot and index.
mod applying;
mod feeding;
mod image;
mod lanes;
mod survey;

use crate::actors::directory::{BrokenMember, Directory, MemberId};
use crate::actors::snapshot::Taken;
use crate::format::frame::RECORD_HEADER_BYTES;
use crate::history::{History, HistoryError};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::tenant::Tenant;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::recovery::{CheckedSegment, LogEnd, LogRead, Mode, Progress, read_log};
use applying::{Applying, Owned, Replayed};
use chrono_tz::Tz;
use feeding::Feeding;
use image::{Image, newest_snapshot};
use lanes::{joined, workers};
use std::collections::HashMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use survey::Survey;

/// What accounts may take that stay unpacked while records are applied to them: as much as members at rest may, within these bounds.
/// It comes on top of what those take, so more than the larger one could be more than the machine has.
const UNPACKED_BYTES_MIN: usize = 256 << 20;
const UNPACKED_BYTES_MAX: usize = 1 << 30;
/// Segments that wait for a thread, beside the one that it works on.
const SEGMENTS_WAITING: usize = 1;

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(
        "the history index goes to record {index}, and the log ends at {log}\n\
         hint: log files are missing or stale; put them back"
    )]
    IndexAhead { index: Lsn, log: Lsn },
}

/// What was recovered.
pub struct Recovered {
    pub directory: Directory,
    pub zones: Vec<(Lsn, Tz)>,
    pub tenants: HashMap<String, Tenant>,
    pub end: LogEnd,
    /// The snapshot that it began from.
    pub snapshot: Option<Lsn>,
    /// The same with what `/metrics` tells of it.
    pub taken: Option<Taken>,
    /// How much log the snapshot did not cover.
    pub replayed_bytes: u64,
    /// The next due instant of each member that has one.
    pub due: Vec<(Instant, MemberId)>,
    /// Members with transfers to carry.
    pub outboxes: Vec<MemberId>,
    /// Members with sealed personal data.
    pub sealed: Vec<MemberId>,
}

/// Loads what the folder holds of log `log_id` into a directory that is `empty`.
pub fn recover(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
    history: &dyn History,
    empty: &dyn Fn() -> Result<Directory, StoreError>,
    mut progress: impl FnMut(Progress),
) -> Result<Recovered, RecoveryError> {
    let Image { directory, owned, survey, taken, highest } =
        newest_snapshot(disk, folder, log_id, empty, &mut progress)?;
    let noted = taken.map_or(Lsn::ZERO, |taken| taken.noted);
    let rebuilding = Rebuilding {
        directory: &directory,
        owned: Mutex::new(owned),
        noted,
        history,
        lanes: workers(),
        unpacked_bytes_max: directory
            .bytes_max()
            .unwrap_or(usize::MAX)
            .clamp(UNPACKED_BYTES_MIN, UNPACKED_BYTES_MAX),
    };
    let log = Log { disk, folder, log_id, durable: noted.max(highest).max(history.reaches()) };
    let Rebuilt { read, survey, replayed_bytes } = rebuilding.run(&log, survey, progress)?;
    let owned = rebuilding.owned.into_inner().unwrap_or_else(PoisonError::into_inner);
    let end = read.settle(disk, folder)?;
    // Not the noted record alone: an account ahead of the log would skip the records that take those numbers next.
    check_ends(folder, noted.max(highest), history.reaches(), &end)?;
    let Survey { due, outboxes, sealed } = survey;
    let Owned { zones, tenants } = owned;
    let snapshot = taken.map(|taken| taken.noted);
    Ok(Recovered { directory, zones, tenants, end, snapshot, taken, replayed_bytes, due, outboxes, sealed })
}

/// Snapshot and index tell of durable records only: a log that ends before them has lost some.
fn check_ends(folder: &Folder, snapshot: Lsn, index: Lsn, end: &LogEnd) -> Result<(), RecoveryError> {
    let log = end.last_lsn();
    if snapshot > log {
        let path = folder.snapshots.clone();
        return Err(StoreError::SnapshotAhead { path, noted: snapshot, end: log }.into());
    }
    if index > log { Err(RecoveryError::IndexAhead { index, log }) } else { Ok(()) }
}

fn broken(error: BrokenMember) -> StoreError {
    match error {
        BrokenMember::OutOfReach(error) => error,
        error => StoreError::NoSnapshot { why: vec![error.to_string()] },
    }
}

/// The log to be read.
struct Log<'a> {
    disk: &'a dyn Disk,
    folder: &'a Folder,
    log_id: u128,
    /// Everything through this record is known to have been durable.
    durable: Lsn,
}

/// Accounts and index on their way from the snapshot to the log's end. One thread reads and checks, segment after segment;
/// the others, of which each has its own members, decode and apply; one more feeds the index.
struct Rebuilding<'a> {
    directory: &'a Directory,
    owned: Mutex<Owned>,
    noted: Lsn,
    history: &'a dyn History,
    /// How many threads have members of their own.
    lanes: usize,
    /// What the accounts may take that all of them together keep unpacked.
    unpacked_bytes_max: usize,
}

/// What became of the log.
struct Rebuilt {
    read: LogRead,
    survey: Survey,
    replayed_bytes: u64,
}

/// Why reading goes no further.
enum Halt {
    Store(StoreError),
    /// A thread that takes the records has ended, and says why.
    NotTaken,
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Halt {
        Halt::Store(error)
    }
}

impl Rebuilding<'_> {
    fn run(
        &self,
        log: &Log<'_>,
        mut survey: Survey,
        progress: impl FnMut(Progress),
    ) -> Result<Rebuilt, RecoveryError> {
        let mut replayed_bytes = 0;
        let (read, replayed, fed) = std::thread::scope(|scope| {
            let mut lanes = Vec::new();
            let appliers: Vec<_> = (0..self.lanes)
                .map(|lane| {
                    let (sender, segments) = sync_channel::<Arc<CheckedSegment>>(SEGMENTS_WAITING);
                    lanes.push(sender);
                    scope.spawn(move || Applying::new(self, lane).run(segments))
                })
                .collect();
            let (sender, segments) = sync_channel::<Arc<CheckedSegment>>(SEGMENTS_WAITING);
            lanes.push(sender);
            let feeder = scope.spawn(move || Feeding::of(self.history).run(segments));
            let take = |segment: CheckedSegment| {
                replayed_bytes += bytes_after(self.noted, &segment);
                let segment = Arc::new(segment);
                let mut lanes = lanes.iter();
                lanes.try_for_each(|lane| lane.send(segment.clone()).map_err(|_| Halt::NotTaken))
            };
            let read = self.read(log, take, progress);
            drop(lanes);
            let replayed: Vec<_> = appliers.into_iter().map(joined).collect();
            (read, replayed, joined(feeder))
        });
        survey.replace(in_order(replayed)?);
        fed?;
        match read {
            Ok(read) => Ok(Rebuilt { read, survey, replayed_bytes }),
            Err(Halt::Store(error)) => Err(error.into()),
            Err(Halt::NotTaken) => unreachable!("a thread that takes no more has said why"),
        }
    }

    fn read(
        &self,
        log: &Log<'_>,
        take: impl FnMut(CheckedSegment) -> Result<(), Halt>,
        progress: impl FnMut(Progress),
    ) -> Result<LogRead, Halt> {
        let from = self.noted.min(self.history.applied());
        let mode = Mode::Repair { durable: log.durable };
        read_log(log.disk, log.folder, log.log_id, from, mode, take, progress)
    }
}

fn bytes_after(noted: Lsn, segment: &CheckedSegment) -> u64 {
    let after = segment.records().filter(|record| record.lsn > noted);
    after.map(|record| (record.payload.len() + RECORD_HEADER_BYTES) as u64).sum()
}

/// What all threads have replayed; of what they found wrong, what comes first in the log.
fn in_order(replayed: Vec<Result<Replayed, StoreError>>) -> Result<Vec<Replayed>, StoreError> {
    let (mut all, mut first_wrong) = (Vec::new(), None);
    for replayed in replayed {
        match replayed {
            Ok(replayed) => all.push(replayed),
            Err(error) => {
                let lsn = |error: &StoreError| match error {
                    StoreError::Record { lsn, .. } => *lsn,
                    _ => Lsn::ZERO,
                };
                if first_wrong.as_ref().is_none_or(|known| lsn(&error) < lsn(known)) {
                    first_wrong = Some(error);
                }
            }
        }
    }
    first_wrong.map_or(Ok(all), Err)
}

/// Feeds an index what it lacks of the log up to record `through`, archived segments included. Changes nothing of the
/// log, which may be written to meanwhile.
pub fn index_only(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
    history: &dyn History,
    through: Lsn,
    progress: impl FnMut(Progress),
) -> Result<(), RecoveryError> {
    let mut feeding = Feeding::of(history);
    // Later records may not be durable yet.
    let take = |segment: CheckedSegment| feeding.take(&segment, through).map_err(RecoveryError::from);
    read_log(disk, folder, log_id, history.applied(), Mode::LookOnly, take, progress)?;
    Ok(())
}

#[cfg(test)]
mod tests;
