//! The data folder: where everything lies, the lock that keeps a second process out, the marker that says whose it is.
#![expect(clippy::disallowed_types, reason = "locks are of files, not of disks")]
use crate::ledger::lsn::Lsn;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Keeps other processes out of the data folder until it is dropped.
pub struct FolderLock(#[expect(dead_code, reason = "held, not used")] File);

/// Locks a file, made where it is not there, until the answer is dropped or the process ends.
pub(super) fn lock_file(path: &Path) -> Result<FolderLock, StoreError> {
    let path = path.to_owned();
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(StoreError::io(&path, "opening the lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path }),
        Err(TryLockError::Error(source)) => Err(StoreError::Io { path, what: "locking", source }),
    }
}

/// The number of a record that a file is named by, or any other: exactly 20 digits.
pub(super) fn record_in_name(stem: &str) -> Option<Lsn> {
    let is_one = stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit());
    is_one.then(|| stem.parse().ok().map(Lsn))?
}

/// The folders of a service.
#[derive(Clone, Debug)]
pub struct Folder {
    pub wal: PathBuf,
    pub archive: PathBuf,
    pub snapshots: PathBuf,
    pub history: PathBuf,
}

impl Folder {
    pub fn at(data: &Path) -> Folder {
        let wal = data.join("wal");
        let snapshots = data.join("snapshots");
        Folder { archive: wal.join("archive"), history: snapshots.join("history"), wal, snapshots }
    }

    /// The keys of members' personal data.
    pub fn personal_keys(&self) -> PathBuf {
        self.snapshots.join("personal-keys")
    }

    /// Members at rest that memory has no room for.
    pub fn resting(&self) -> PathBuf {
        self.snapshots.join("resting")
    }

    fn marker(&self) -> PathBuf {
        self.wal.join("LOG")
    }

    pub fn create(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        for folder in [&self.wal, &self.archive, &self.snapshots] {
            disk.create_folder(folder).map_err(StoreError::io(folder, "creating the folder"))?;
        }
        Ok(())
    }

    /// Keeps other processes out for as long as the answer lives.
    pub fn lock(&self) -> Result<FolderLock, StoreError> {
        lock_file(&self.wal.join("LOCK"))
    }

    /// The log that this folder is for; none in a folder never used.
    pub fn log_id(&self, disk: &dyn Disk) -> Result<Option<u128>, StoreError> {
        let path = self.marker();
        let files = disk.list(&self.wal).map_err(StoreError::io(&self.wal, "listing"))?;
        if !files.contains(&path) {
            return Ok(None);
        }
        let read = disk.open_read_only(&path).and_then(|file| file.read_all());
        let text = read.map_err(StoreError::io(&path, "reading"))?;
        let text = String::from_utf8_lossy(&text);
        match u128::from_str_radix(text.trim(), 16) {
            Ok(log_id) => Ok(Some(log_id)),
            Err(_) => Err(StoreError::Corrupt {
                path,
                offset: 0,
                lsn: Lsn::ZERO,
                why: "the marker does not hold a log's id of 32 hexadecimal digits".into(),
            }),
        }
    }

    /// Marks the folder as the home of a new log.
    pub fn mark(&self, disk: &dyn Disk, log_id: u128) -> Result<(), StoreError> {
        let (path, temporary) = (self.marker(), self.wal.join("LOG.tmp"));
        let text = format!("{log_id:032x}\n");
        let write = || {
            let file = disk.open(&temporary, true)?;
            file.write_all_at(text.as_bytes(), 0)?;
            file.sync_data()?;
            disk.rename(&temporary, &path)?;
            disk.sync_folder(&self.wal)
        };
        write().map_err(StoreError::io(&path, "writing"))
    }

    /// The file whose name tells the ordinal of the newest segment. Without content, so that a full disk has room for it.
    fn newest(&self, disk: &dyn Disk) -> io::Result<Option<(u64, PathBuf)>> {
        let ordinal = |path: &Path| {
            let name = path.file_name()?.to_str()?;
            record_in_name(name.strip_prefix("newest-")?).map(|Lsn(ordinal)| ordinal)
        };
        let named = disk.list(&self.wal)?.into_iter().filter_map(|path| Some((ordinal(&path)?, path)));
        Ok(named.max())
    }

    /// The ordinal of the newest segment that was ever written to; none in a folder of version 0.1.0.
    pub fn newest_ordinal(&self, disk: &dyn Disk) -> Result<Option<u64>, StoreError> {
        let newest = self.newest(disk).map_err(StoreError::io(&self.wal, "listing"))?;
        Ok(newest.map(|(ordinal, _)| ordinal))
    }

    /// Tells, durably, that a segment of this ordinal is there: none that is written to can be missing without a word.
    pub fn note_newest(&self, disk: &dyn Disk, ordinal: u64) -> io::Result<()> {
        let path = self.wal.join(format!("newest-{ordinal:020}"));
        match self.newest(disk)? {
            Some((before, at)) if before < ordinal => disk.rename(&at, &path)?,
            before => {
                // A name that is there already may be one that a failed sync forgot: a new file has a new one.
                before.map_or(Ok(()), |(_, at)| disk.remove(&at))?;
                drop(disk.open(&path, true)?);
            }
        }
        disk.sync_folder(&self.wal)
    }
}
