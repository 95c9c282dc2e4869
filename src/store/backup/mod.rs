//! Backups: a folder beside the data folder that holds the same log, snapshots and keys, copied while the service runs.
//! The folder and its manifest are specified in `docs/BACKUP.md`.
//!
//! The data folder is only read: no lock is taken, no byte written. A backup counts once its manifest is in place, which
//! is written last; nothing that the manifest before it lists is changed until then. What follows from the log (the
//! history index) is absent on purpose: a start makes it anew.
mod copying;
mod keys;
mod log;
mod manifest;
mod restoring;
mod taking;

pub use manifest::{Listed, Manifest};
pub use restoring::{Backup, Restored, must_be_empty};
pub use taking::{Copied, Report, Take, copy};

use crate::format::newer::Newer;
use crate::ledger::lsn::Lsn;
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::StoreError;
use crate::store::folder::{Folder, FolderLock, lock_file};
use std::io;
use std::path::{Path, PathBuf};

/// The manifest's name in a backup.
pub const MANIFEST: &str = "MANIFEST";
/// Where the keys of members' personal data lie in a data folder.
pub const PERSONAL_KEYS: &str = "snapshots/personal-keys";
/// In a backup they bear the backup's number: an older backup keeps its own until the newer one is in place.
const KEPT_KEYS: &str = "snapshots/personal-keys-";

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Store(#[from] StoreError),

    #[error("there is no log in {}; hint: --data-dir names the data folder", path.display())]
    NoLog { path: PathBuf },

    #[error(
        "{} is the backup of log {found:032x}, and the data folder holds log {expected:032x}\n\
         hint: each log needs a backup folder of its own", path.display()
    )]
    OtherLog { path: PathBuf, expected: u128, found: u128 },

    #[error(
        "{} holds files and is no backup\n\
         hint: name a folder that is empty, or not there yet, or that an earlier backup made", path.display()
    )]
    NoBackup { path: PathBuf },

    #[error("{}: there is no backup here: no {MANIFEST} that a backup has finished with", path.display())]
    NoManifest { path: PathBuf },

    #[error(
        "{}: {why}\n\
         hint: the backup's list of files is damaged; restore it from a copy, or begin a new backup in another folder",
        path.display()
    )]
    BadManifest { path: PathBuf, why: String },

    #[error(
        "{}: {newer}\n\
         hint: nothing is damaged: a newer build has made this backup; use that one, or a later one", path.display()
    )]
    Newer { path: PathBuf, newer: Newer },

    #[error("{} is damaged: {why}\nhint: use another backup, or put a good copy of this file back", path.display())]
    Damaged { path: PathBuf, why: String },

    #[error(
        "the backup goes to record {backup}, and the log does not continue it: {why}\n\
         hint: files of the data folder are stale or missing; if they are as they should be, back up into another folder"
    )]
    Diverged { backup: Lsn, why: String },

    #[error(
        "{} is not empty: {} is there\n\
         hint: restore into a folder that holds no log, or move what is there away", path.display(), file.display()
    )]
    NotEmpty { path: PathBuf, file: PathBuf },

    #[error("the files of {} change faster than they can be listed; try again", path.display())]
    Restless { path: PathBuf },
}

/// Keeps a second backup out of the backup's folder.
pub fn lock(disk: &dyn Disk, backup: &Path) -> Result<FolderLock, BackupError> {
    disk.create_folder(backup).map_err(StoreError::io(backup, "creating the folder"))?;
    Ok(lock_file(&backup.join("LOCK"))?)
}

/// So much is read at once.
const CHUNK: usize = 1 << 20;

/// Reads the first `bytes` of a file, piece by piece.
fn read_through(
    file: &dyn DiskFile,
    bytes: u64,
    mut piece: impl FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0;
    while offset < bytes {
        let part = usize::try_from(bytes - offset).unwrap_or(CHUNK).min(CHUNK);
        file.read_exact_at(&mut buffer[..part], offset)?;
        piece(&buffer[..part], offset)?;
        offset += part as u64;
    }
    Ok(())
}

fn hash_of(file: &dyn DiskFile, bytes: u64) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    read_through(file, bytes, |piece, _| {
        hasher.update(piece);
        Ok(())
    })?;
    Ok(hasher.finalize())
}

/// Whether it failed because a file was moved or replaced meanwhile.
fn is_gone(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

fn create(disk: &dyn Disk, folder: &Folder) -> Result<(), BackupError> {
    Ok(folder.create(disk)?)
}
