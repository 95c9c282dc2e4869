//! From files to accounts: the newest good snapshot, then the log after it. No actor is made, no clock is read.
//!
//! The index is brought up to the log on the way: replay begins at the lower of snapshot and index.
use crate::actors::directory::{BrokenMember, Directory, MemberId, Resting};
use crate::actors::indexer::row;
use crate::actors::snapshot::{MemberImage, ServiceImage, Taken, TenantImage, account_of};
use crate::format::codec;
use crate::format::entry::{Entry, ServiceEntry, TenantEntry};
use crate::format::frame::RECORD_HEADER_BYTES;
use crate::format::scan::LogRecord;
use crate::format::snapshot::EntryKind;
use crate::history::{History, HistoryError};
use crate::ledger::account::Account;
use crate::ledger::apply;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::tenant::Tenant;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::recovery::{LogEnd, Mode, Progress, Stage, replay};
use crate::store::snapshots;
use chrono_tz::Tz;
use std::collections::HashMap;

/// Accounts kept unpacked while records are applied to them.
const UNPACKED_MAX: usize = 200_000;
/// Records that one step of the index takes.
const INDEX_STEP: usize = 8_192;
/// Entries of a snapshot between two shows of progress.
const ENTRIES_A_SHOW: u64 = 10_000;

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
    let image = newest_snapshot(disk, folder, log_id, empty, &mut progress)?;
    let noted = image.taken.map_or(Lsn::ZERO, |taken| taken.noted);
    let durable = noted.max(image.highest).max(history.applied());
    let mut rebuilding = Rebuilding {
        image,
        noted,
        replayed_bytes: 0,
        unpacked: HashMap::new(),
        feeding: Feeding { history, indexed: history.applied(), waiting: Vec::new() },
        failed: None,
    };
    let from = noted.min(history.applied());
    let visit = |record: LogRecord<'_>| rebuilding.take(record);
    let mode = Mode::Repair { durable };
    let end = replay(disk, folder, log_id, from, mode, visit, progress);
    if let Some(error) = rebuilding.failed.take() {
        return Err(error.into());
    }
    let end = end?;
    rebuilding.feeding.flush()?;
    rebuilding.pack().map_err(broken)?;
    check_ends(folder, &rebuilding, &end)?;
    let Rebuilding { image: Image { directory, zones, tenants, taken, .. }, replayed_bytes, .. } = rebuilding;
    let Survey { due, outboxes, sealed } = survey(&directory)?;
    let snapshot = taken.map(|taken| taken.noted);
    Ok(Recovered { directory, zones, tenants, end, snapshot, taken, replayed_bytes, due, outboxes, sealed })
}

/// Snapshot and index tell of durable records only: a log that ends before them has lost some.
fn check_ends(folder: &Folder, rebuilding: &Rebuilding<'_>, end: &LogEnd) -> Result<(), RecoveryError> {
    let log = end.last_lsn();
    // Not the noted record alone: an account ahead of the log would skip the records that take those numbers next.
    let snapshot = rebuilding.noted.max(rebuilding.image.highest);
    if snapshot > log {
        let path = folder.snapshots.clone();
        return Err(StoreError::SnapshotAhead { path, noted: snapshot, end: log }.into());
    }
    let index = rebuilding.feeding.history.applied();
    if index > log { Err(RecoveryError::IndexAhead { index, log }) } else { Ok(()) }
}

#[derive(Default)]
struct Image {
    directory: Directory,
    zones: Vec<(Lsn, Tz)>,
    tenants: HashMap<String, Tenant>,
    taken: Option<Taken>,
    /// The last record that any account in it holds.
    highest: Lsn,
}

/// The newest snapshot that checks out; none where there is none at all.
fn newest_snapshot(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
    empty: &dyn Fn() -> Result<Directory, StoreError>,
    progress: &mut impl FnMut(Progress),
) -> Result<Image, StoreError> {
    let mut bad = Vec::new();
    for file in snapshots::list(disk, folder)?.into_iter().rev() {
        let mut image = Image { directory: empty()?, ..Image::default() };
        let (mut done, mut entries, lsn) = (0, 0_u64, file.noted);
        let all = snapshots::bytes(disk, &file)?;
        let visit = |version, kind, entry: &[u8]| {
            (done, entries) = (done + entry.len() as u64, entries + 1);
            if entries.is_multiple_of(ENTRIES_A_SHOW) {
                progress(Progress { stage: Stage::Snapshot, done, all, lsn });
            }
            image.take(version, kind, entry)
        };
        match snapshots::read(disk, &file.path, log_id, visit) {
            Ok(header) => {
                let (noted, created_at) = (header.noted, header.created_at);
                image.taken = Some(Taken { noted, created_at, bytes: all, took: None });
                return Ok(image);
            }
            Err(error @ StoreError::Foreign { .. }) => return Err(error),
            Err(error) => {
                tracing::warn!("{error}; falling back to the snapshot before it, or to the whole log");
                bad.push(error.to_string());
            }
        }
    }
    // With no snapshot the log must reach back to its first record; only if it does not is this fatal.
    let reaches_back =
        crate::store::segments::list(disk, folder)?.first().is_none_or(|first| first.first_lsn <= Lsn(1));
    if bad.is_empty() || reaches_back {
        Ok(Image { directory: empty()?, ..Image::default() })
    } else {
        Err(StoreError::NoSnapshot { why: bad })
    }
}

impl Image {
    fn take(&mut self, version: u16, kind: EntryKind, entry: &[u8]) -> Result<(), String> {
        match kind {
            EntryKind::Member => {
                let image: MemberImage = codec::decode(entry).map_err(|error| error.to_string())?;
                let (crm_id, member_no, packed) = image;
                let account = account_of(version, packed)?;
                let words = |error: BrokenMember| error.to_string();
                let id = self.directory.find_or_new(&crm_id, &member_no).map_err(words)?;
                self.directory.place(id, &account).map_err(words)?;
                self.highest = self.highest.max(account.last);
            }
            EntryKind::Service => {
                let image: ServiceImage = codec::decode(entry).map_err(|error| error.to_string())?;
                for (lsn, zone) in image {
                    self.zones.push((lsn, zone.parse().map_err(|_| format!("there is no zone {zone}"))?));
                }
            }
            EntryKind::Tenant => {
                let image: TenantImage = codec::decode(entry).map_err(|error| error.to_string())?;
                let (crm_id, tenant) = image;
                self.highest = self.highest.max(tenant.last);
                self.tenants.insert(crm_id, tenant);
            }
        }
        Ok(())
    }
}

/// Accounts and index on their way from the snapshot to the log's end.
struct Rebuilding<'a> {
    image: Image,
    noted: Lsn,
    replayed_bytes: u64,
    unpacked: HashMap<MemberId, Account>,
    feeding: Feeding<'a>,
    failed: Option<HistoryError>,
}

/// Records on their way into the index.
struct Feeding<'a> {
    history: &'a dyn History,
    /// What the index had at the beginning.
    indexed: Lsn,
    waiting: Vec<(Lsn, Vec<u8>)>,
}

impl Feeding<'_> {
    fn take(&mut self, record: LogRecord<'_>) -> Result<(), HistoryError> {
        if record.lsn > self.indexed {
            self.waiting.push((record.lsn, record.payload.to_vec()));
        }
        if self.waiting.len() >= INDEX_STEP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), HistoryError> {
        let Some((through, _)) = self.waiting.last() else { return Ok(()) };
        let mut rows = Vec::with_capacity(self.waiting.len());
        for (lsn, payload) in &self.waiting {
            rows.extend(row(*lsn, payload)?);
        }
        self.history.apply(&rows, *through)?;
        self.waiting.clear();
        Ok(())
    }
}

impl Rebuilding<'_> {
    fn take(&mut self, record: LogRecord<'_>) -> Result<(), String> {
        if record.lsn > self.noted {
            self.replayed_bytes += (record.payload.len() + RECORD_HEADER_BYTES) as u64;
            self.apply(record)?;
        }
        let fed = self.feeding.take(record);
        fed.map_err(|error| {
            let words = error.to_string();
            self.failed = Some(error);
            words
        })?;
        Ok(())
    }

    fn apply(&mut self, record: LogRecord<'_>) -> Result<(), String> {
        let entry = match Entry::decode(record.payload).map_err(|error| error.to_string())? {
            Entry::Member(entry) => entry,
            Entry::Service(ServiceEntry::ZoneSet { zone }) => {
                let zone = zone.parse().map_err(|_| format!("there is no zone {zone}"))?;
                self.image.zones.push((record.lsn, zone));
                return Ok(());
            }
            Entry::Tenant(TenantEntry { crm_id, at, event }) => {
                self.image.tenants.entry(crm_id).or_default().apply(record.lsn, at, &event);
                return Ok(());
            }
        };
        let found = self.image.directory.find_or_new(&entry.crm_id, &entry.member_no);
        let id = found.map_err(|error| error.to_string())?;
        if self.unpacked.len() >= UNPACKED_MAX && !self.unpacked.contains_key(&id) {
            self.pack().map_err(|error| error.to_string())?;
        }
        let account = match self.unpacked.entry(id) {
            std::collections::hash_map::Entry::Occupied(unpacked) => unpacked.into_mut(),
            std::collections::hash_map::Entry::Vacant(vacant) => {
                let found = self.image.directory.with_resting(id, |_, _, account| (false, account.clone()));
                vacant.insert(found.map_err(|error| error.to_string())?.unwrap_or_default())
            }
        };
        apply(account, record.lsn, entry.at, &entry.event);
        Ok(())
    }

    fn pack(&mut self) -> Result<(), BrokenMember> {
        let unpacked = self.unpacked.drain();
        unpacked.into_iter().try_for_each(|(id, account)| self.image.directory.place(id, &account))
    }
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
    let mut feeding = Feeding { history, indexed: history.applied(), waiting: Vec::new() };
    let visit = |record: LogRecord<'_>| match record.lsn {
        // Later ones may not be durable yet.
        lsn if lsn > through => Ok(()),
        _ => feeding.take(record).map_err(|error| error.to_string()),
    };
    replay(disk, folder, log_id, history.applied(), Mode::LookOnly, visit, progress)?;
    Ok(feeding.flush()?)
}

/// What must be taken up again.
#[derive(Default)]
struct Survey {
    due: Vec<(Instant, MemberId)>,
    outboxes: Vec<MemberId>,
    sealed: Vec<MemberId>,
}

fn survey(directory: &Directory) -> Result<Survey, StoreError> {
    let mut survey = Survey::default();
    for shard in 0..Directory::SHARDS {
        let mut walk = directory.walk(shard, None);
        while let Some(batch) = walk.next().map_err(broken)? {
            for member in batch.resting {
                survey.look_at(&member)?;
            }
        }
    }
    Ok(survey)
}

impl Survey {
    fn look_at(&mut self, member: &Resting) -> Result<(), StoreError> {
        if member.packed.is_empty() {
            return Ok(());
        }
        let account: Account = codec::decode(&member.packed).map_err(|error| broken(error.into()))?;
        self.due.extend(account.next_due().map(|instant| (instant, member.id)));
        if !account.outbox.is_empty() {
            self.outboxes.push(member.id);
        }
        if account.profile().is_some_and(|profile| profile.sealed.is_some()) {
            self.sealed.push(member.id);
        }
        Ok(())
    }
}

fn broken(error: BrokenMember) -> StoreError {
    match error {
        BrokenMember::OutOfReach(error) => error,
        error => StoreError::NoSnapshot { why: vec![error.to_string()] },
    }
}
