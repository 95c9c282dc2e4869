//! All that a start reads from the folder: file work and arithmetic, before there is anything that runs.
use super::{Setup, StartError};
use crate::actors::beside::Beside;
use crate::actors::directory::{Directory, NameKey, Spill};
use crate::actors::recovery::{Recovered, RecoveryError, index_only, recover};
use crate::giving_way::GivingWay;
use crate::history::{History, HistoryError, ReopeningHistory, TreeHistory};
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::{Folder, FolderLock};
use crate::store::recovery::Progress;
use crate::store::resting::RestingFile;
use crate::store::{resting, segments, snapshots};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;

/// What the folder held.
pub(super) struct Loaded {
    pub folder: Folder,
    pub lock: FolderLock,
    pub log_id: u128,
    /// Whether the folder says that it is this log's.
    pub is_marked: bool,
    pub history: Arc<dyn History>,
    pub giving_way: Arc<GivingWay>,
    pub recovered: Recovered,
}

/// Reads all that the folder holds: file work and arithmetic, for a thread of its own.
pub(super) fn load(setup: &Setup, progress: &mut impl FnMut(Progress)) -> Result<Loaded, StartError> {
    let folder = Folder::at(&setup.data_dir);
    let disk = &*setup.disk;
    folder.create(disk)?;
    let lock = folder.lock()?;
    snapshots::remove_leftovers(disk, &folder)?;
    let (log_id, is_marked) = match &setup.beside {
        Beside::Threads => log_of(disk, &folder)?,
        Beside::Tasks(tasks) => log_or(disk, &folder, || tasks.log_id)?,
    };
    let giving_way = Arc::new(giving_way(setup));
    let history: Arc<dyn History> = match &setup.beside {
        Beside::Threads => Arc::new(reopening(setup, &folder, log_id, &giving_way)?),
        Beside::Tasks(tasks) => tasks.history.clone(),
    };
    let started = crate::clock::monotonic();
    let recovered = recover(disk, &folder, log_id, &*history, &|| empty_directory(setup, &folder), progress);
    let recovered = recovered.map_err(|error| match error {
        RecoveryError::History(source) => of_history(&folder, source),
        other => StartError::Recovery(other),
    })?;
    let last = recovered.end.last_lsn();
    let members = recovered.directory.census().members;
    tracing::info!(%last, snapshot = ?recovered.snapshot.map(|lsn| lsn.0), members, took = ?started.elapsed(), "recovered");
    Ok(Loaded { folder, lock, log_id, is_marked, history, giving_way, recovered })
}

fn giving_way(setup: &Setup) -> GivingWay {
    if let Beside::Tasks(_) = &setup.beside {
        return GivingWay::default();
    }
    let giving_way = GivingWay::where_allowed();
    if !giving_way.is_allowed() {
        tracing::info!(
            "the index can't give way to requests, which take longer while it is at work; hint: a limit RLIMIT_NICE of 20 \
             (systemd: LimitNICE=+0, docker: --ulimit nice=20)"
        );
    }
    giving_way
}

/// A directory with the memory that members at rest may take.
fn empty_directory(setup: &Setup, folder: &Folder) -> Result<Directory, StoreError> {
    let bytes_max = setup.bounds.resting_bytes_max;
    let names = match &setup.beside {
        Beside::Threads => NameKey::random(),
        Beside::Tasks(tasks) => tasks.names,
    };
    if bytes_max == 0 {
        resting::remove(&*setup.disk, folder)?;
        return Ok(Directory::spilling(None, names));
    }
    // Well before the log would turn changes away for want of space.
    let left_free_bytes = setup.journal.min_free_bytes * 2;
    let file = RestingFile::begin(setup.disk.clone(), folder, left_free_bytes)?;
    Ok(Directory::spilling(Some(Spill::new(file, bytes_max)), names))
}

/// The log that the folder is for, and whether the folder says so. A folder in which there is nothing gets a new log.
pub fn log_of(disk: &dyn Disk, folder: &Folder) -> Result<(u128, bool), StoreError> {
    let random = || u128::from(RandomState::new().hash_one(std::process::id()));
    log_or(disk, folder, || random() << 64 | random())
}

/// The same, with the number of a new log given.
fn log_or(disk: &dyn Disk, folder: &Folder, new: impl FnOnce() -> u128) -> Result<(u128, bool), StoreError> {
    let all = segments::list(disk, folder)?;
    match (folder.log_id(disk)?, all.first()) {
        (Some(log_id), Some(_)) => Ok((log_id, true)),
        (Some(log_id), None) => Err(StoreError::LogMissing { path: folder.wal.clone(), log_id }),
        // The first start was cut short between the first segment and the marker.
        (None, Some(first)) => {
            let bytes = segments::read(disk, first)?;
            Ok((segments::header(&bytes, first)?.log_id, false))
        }
        (None, None) => {
            if let Some(snapshot) = snapshots::list(disk, folder)?.first() {
                let why = "there is a snapshot and no log".to_owned();
                return Err(StoreError::BadSnapshot { path: snapshot.path.clone(), why });
            }
            let log_id = new();
            tracing::warn!("{} holds no log: a new one begins, {log_id:032x}", folder.wal.display());
            Ok((log_id, false))
        }
    }
}

/// The index, with what it takes to open it anew while the service runs.
fn reopening(
    setup: &Setup,
    folder: &Folder,
    log_id: u128,
    giving_way: &Arc<GivingWay>,
) -> Result<ReopeningHistory, StartError> {
    let (cache_bytes, disk, giving_way) = (setup.history_cache_bytes, setup.disk.clone(), giving_way.clone());
    let open = move |path: &Path| TreeHistory::open_giving_way(path, cache_bytes, giving_way.clone());
    let history = opened_or_made_anew(folder, &open)?;
    let path = folder.history.clone();
    let open = move || open(&path);
    let folder = folder.clone();
    let refill = move |history: &TreeHistory, through| {
        index_only(&*disk, &folder, log_id, history, through, |_| {}).map_err(|error| match error {
            RecoveryError::History(error) => error,
            other => HistoryError::Storage(other.to_string()),
        })
    };
    Ok(ReopeningHistory::new(history, Box::new(open), Box::new(refill)))
}

/// Opens the index; one that can't be opened is made anew from the log.
pub fn open_history(folder: &Folder, cache_bytes: u64) -> Result<TreeHistory, StartError> {
    opened_or_made_anew(folder, &|path| TreeHistory::open(path, cache_bytes))
}

fn opened_or_made_anew(
    folder: &Folder,
    open: &dyn Fn(&Path) -> Result<TreeHistory, HistoryError>,
) -> Result<TreeHistory, StartError> {
    match open(&folder.history) {
        Ok(history) => Ok(history),
        Err(error) => {
            tracing::warn!("{}: {error}; it is made anew from the log", folder.history.display());
            remove_history(folder)?;
            open(&folder.history).map_err(|error| of_history(folder, error))
        }
    }
}

/// The index's library does not say where it failed.
fn of_history(folder: &Folder, source: HistoryError) -> StartError {
    StartError::History { path: folder.history.clone(), source }
}

/// Removes the index with all that is in it: the log has it all.
#[expect(clippy::disallowed_methods, reason = "the index's folder is its library's, not the log's disk")]
pub fn remove_history(folder: &Folder) -> Result<(), StoreError> {
    match std::fs::remove_dir_all(&folder.history) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Io { path: folder.history.clone(), what: "removing the old index", source })
        }
        _ => Ok(()),
    }
}
