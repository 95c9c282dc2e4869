//! From a backup to a data folder that a service can start on.
use super::copying::copy_file;
use super::manifest::Manifest;
use super::{BackupError, KEPT_KEYS, PERSONAL_KEYS, create, hash_of};
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::recovery::{Progress, Stage};
use std::path::Path;

/// A backup whose files are all as its list says.
pub struct Backup<'a> {
    disk: &'a dyn Disk,
    path: &'a Path,
    pub manifest: Manifest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    pub files: u64,
    pub bytes: u64,
}

impl<'a> Backup<'a> {
    /// Reads the list and holds every file against it.
    pub fn open(
        disk: &'a dyn Disk,
        path: &'a Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Backup<'a>, BackupError> {
        let manifest =
            Manifest::read(disk, path)?.ok_or_else(|| BackupError::NoManifest { path: path.to_owned() })?;
        let backup = Backup { disk, path, manifest };
        let all = backup.bytes();
        let mut done = 0;
        for (name, entry) in &backup.manifest.files {
            let file = backup.file(name)?;
            let target = path.join(name);
            let found = hash_of(&*file, entry.bytes).map_err(StoreError::io(&target, "reading"))?;
            if found != entry.hash {
                let why = "its hash is not the one that the backup's list says".to_owned();
                return Err(BackupError::Damaged { path: target, why });
            }
            done += entry.bytes;
            progress(Progress { stage: Stage::Check, done, all, lsn: backup.manifest.last });
        }
        Ok(backup)
    }

    fn bytes(&self) -> u64 {
        self.manifest.files.values().map(|entry| entry.bytes).sum()
    }

    /// A file of the backup, at least as long as its list says.
    fn file(&self, name: &str) -> Result<Box<dyn DiskFile>, BackupError> {
        let path = self.path.join(name);
        let wanted = self.manifest.files.get(name).map_or(0, |entry| entry.bytes);
        let file = match self.disk.open_read_only(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(BackupError::Damaged { path, why: "the file is missing".into() });
            }
            other => other.map_err(StoreError::io(&path, "opening"))?,
        };
        let found = file.size().map_err(StoreError::io(&path, "measuring"))?;
        if found < wanted {
            let why = format!("it has {found} bytes, its list says {wanted}");
            return Err(BackupError::Damaged { path, why });
        }
        Ok(file)
    }

    /// Copies everything into an empty data folder. The oldest segment comes last: where the restoring was cut short,
    /// the log does not reach back to its first record, and no start takes it for whole.
    pub fn restore(&self, data: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Restored, BackupError> {
        must_be_empty(self.disk, data)?;
        create(self.disk, &Folder::at(data))?;
        let all = self.bytes();
        let mut done = 0;
        for name in self.in_order() {
            let entry = self.manifest.files[name];
            let target = data.join(if name.starts_with(KEPT_KEYS) { PERSONAL_KEYS } else { name });
            let copied = |bytes| {
                done += bytes;
                progress(Progress { stage: Stage::Copy, done, all, lsn: self.manifest.last });
            };
            let hash = copy_file(self.disk, &*self.file(name)?, entry.bytes, &target, copied)
                .map_err(StoreError::io(&target, "copying"))?;
            if hash != entry.hash {
                let why = "it has changed while it was copied".to_owned();
                return Err(BackupError::Damaged { path: self.path.join(name), why });
            }
        }
        self.disk.sync_folder(data).map_err(StoreError::io(data, "syncing"))?;
        Ok(Restored { files: self.manifest.files.len() as u64, bytes: all })
    }

    /// The marker, keys and snapshots, then the segments from the newest to the oldest.
    fn in_order(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.manifest.files.keys().map(String::as_str).collect();
        let first_lsn = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        names.sort_by_key(|name| (name.contains(".seg"), std::cmp::Reverse(first_lsn(name))));
        names
    }
}

/// Nothing of a service may lie there: what would be mixed belongs to two logs.
pub fn must_be_empty(disk: &dyn Disk, data: &Path) -> Result<(), BackupError> {
    let folder = Folder::at(data);
    let harmless = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        matches!(name, "README.md" | "LOCK" | ".gitignore")
    };
    for place in [&folder.wal, &folder.archive, &folder.snapshots, &folder.history] {
        let files = disk.list(place).map_err(StoreError::io(place, "listing"))?;
        if let Some(file) = files.into_iter().find(|path| !harmless(path)) {
            return Err(BackupError::NotEmpty { path: data.to_owned(), file });
        }
    }
    Ok(())
}
