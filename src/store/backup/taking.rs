//! Copies what a data folder holds into a backup, while a service may be at work in it.
//!
//! Snapshots come first, the log after them, so that no snapshot goes further than the copied log. Segments move to the
//! archive meanwhile, and snapshots are replaced: what is gone from one place is looked for anew.
use super::copying::{copy_bytes, copy_file};
use super::log::{newest_segment, segment_name};
use super::manifest::{Entry, Files, Listed, Manifest};
use super::{BackupError, create, hash_of, is_gone};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::recovery::{Progress, Stage};
use crate::store::{segments, snapshots};
use std::path::{Path, PathBuf};

/// How often files that move are looked for anew.
pub(super) const LISTINGS_MAX: usize = 1_000;
/// A start may have to fall back to the older of two.
const SNAPSHOTS: usize = 2;

/// What to copy, and where to.
pub struct Take<'a> {
    pub disk: &'a dyn Disk,
    /// The data folder.
    pub data: &'a Path,
    /// The backup's folder.
    pub backup: &'a Path,
    pub now: Instant,
    /// Whether files that are there already are held against their hash, not their length alone.
    pub check_hashes: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Report {
    pub copied_files: u64,
    pub copied_bytes: u64,
    pub skipped_files: u64,
    pub skipped_bytes: u64,
    /// Files of the backup before that were damaged, and are copied anew.
    pub mended: Vec<String>,
    /// Snapshots that don't check out where they come from.
    pub left_out: Vec<String>,
}

/// All that a backup needs is there; nothing counts before [`Copied::publish`].
pub struct Copied<'a> {
    disk: &'a dyn Disk,
    backup: &'a Path,
    pub manifest: Manifest,
    pub report: Report,
}

/// Copies what the backup lacks.
pub fn copy<'a>(take: &Take<'a>, progress: &mut dyn FnMut(Progress)) -> Result<Copied<'a>, BackupError> {
    let (disk, from) = (take.disk, Folder::at(take.data));
    let no_log = || BackupError::NoLog { path: from.wal.clone() };
    let log_id = from.log_id(disk)?.ok_or_else(no_log)?;
    let former = former(take, log_id)?;
    create(disk, &Folder::at(take.backup))?;
    let mut copying = Copying {
        take,
        from,
        log_id,
        former,
        files: Files::new(),
        report: Report::default(),
        end: Lsn::ZERO,
        unfinished: None,
        progress,
        expected: 0,
    };
    copying.unfinished = copying.former.as_ref().and_then(newest_segment);
    copying.marker()?;
    copying.expect()?;
    copying.snapshots()?;
    copying.log_and_keys()?;
    let Copying { files, report, end, former, .. } = copying;
    let number = former.map_or(0, |former| former.number) + 1;
    let manifest = Manifest { log_id, number, last: end, taken_at: take.now, files };
    Ok(Copied { disk, backup: take.backup, manifest, report })
}

/// The backup that is there, which must be of this log.
fn former(take: &Take<'_>, log_id: u128) -> Result<Option<Manifest>, BackupError> {
    let (disk, path) = (take.disk, take.backup.to_owned());
    let folder = Folder::at(take.backup);
    let list = |place: &Path| disk.list(place).map_err(StoreError::io(place, "listing"));
    let in_wal = list(&folder.wal)?;
    // A service has been at work here.
    if in_wal.contains(&folder.wal.join("LOCK")) || !list(&folder.history)?.is_empty() {
        return Err(BackupError::NoBackup { path });
    }
    let former = Manifest::read(disk, take.backup)?;
    let found = match &former {
        Some(former) => Some(former.log_id),
        // The first backup was cut short; or these are somebody's files.
        None => folder.log_id(disk)?,
    };
    match found {
        Some(found) if found != log_id => Err(BackupError::OtherLog { path, expected: log_id, found }),
        Some(_) => Ok(former),
        None => {
            let own = [take.backup.join("LOCK"), folder.wal.join("LOG.tmp")];
            let others = [list(take.backup)?, in_wal, list(&folder.archive)?, list(&folder.snapshots)?];
            let is_free = others.iter().flatten().all(|file| own.contains(file));
            if is_free { Ok(None) } else { Err(BackupError::NoBackup { path }) }
        }
    }
}

/// A backup on its way.
pub(super) struct Copying<'a, 'b> {
    pub(super) take: &'b Take<'a>,
    pub(super) from: Folder,
    pub(super) log_id: u128,
    pub(super) former: Option<Manifest>,
    pub(super) files: Files,
    pub(super) report: Report,
    /// The last record copied.
    pub(super) end: Lsn,
    /// The segment that may have grown since it was copied.
    pub(super) unfinished: Option<Lsn>,
    pub(super) progress: &'b mut dyn FnMut(Progress),
    /// So many bytes there seem to be to copy.
    pub(super) expected: u64,
}

impl Copying<'_, '_> {
    pub(super) fn target(&self, name: &str) -> PathBuf {
        self.take.backup.join(name)
    }

    pub(super) fn former_entry(&self, name: &str) -> Option<Entry> {
        self.former.as_ref()?.files.get(name).copied()
    }

    /// Takes over a file of the backup before, where there is one and it is as it should be.
    pub(super) fn keep(&mut self, name: &str) -> Result<bool, BackupError> {
        let Some(entry) = self.former_entry(name) else { return Ok(false) };
        if self.files.get(name) == Some(&entry) {
            return Ok(true);
        }
        if !self.is_whole(name, entry)? {
            self.report.mended.push(name.to_owned());
            return Ok(false);
        }
        self.report.skipped_files += 1;
        self.report.skipped_bytes += entry.bytes;
        self.files.insert(name.to_owned(), entry);
        Ok(true)
    }

    /// Whether the backup's own file is as its list says. What an interrupted backup has added behind that does no harm.
    pub(super) fn is_whole(&self, name: &str, entry: Entry) -> Result<bool, BackupError> {
        let path = self.target(name);
        let look = || {
            let file = match self.take.disk.open_read_only(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                other => other?,
            };
            Ok(file.size()? >= entry.bytes
                && (!self.take.check_hashes || hash_of(&*file, entry.bytes)? == entry.hash))
        };
        Ok(look().map_err(StoreError::io(&path, "reading"))?)
    }

    pub(super) fn put(&mut self, name: &str, source: &dyn DiskFile, bytes: u64) -> Result<(), BackupError> {
        let target = self.target(name);
        let copied = shown(&mut self.report, self.expected, self.end, self.progress);
        let hash = copy_file(self.take.disk, source, bytes, &target, copied)
            .map_err(StoreError::io(&target, "copying"))?;
        self.listed(name, bytes, hash);
        Ok(())
    }

    pub(super) fn put_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), BackupError> {
        let target = self.target(name);
        let copied = shown(&mut self.report, self.expected, self.end, self.progress);
        let hash =
            copy_bytes(self.take.disk, bytes, &target, copied).map_err(StoreError::io(&target, "copying"))?;
        self.listed(name, bytes.len() as u64, hash);
        Ok(())
    }

    /// So much was copied.
    pub(super) fn count(&mut self, bytes: u64) {
        shown(&mut self.report, self.expected, self.end, self.progress)(bytes);
    }

    pub(super) fn listed(&mut self, name: &str, bytes: u64, hash: blake3::Hash) {
        self.report.copied_files += 1;
        self.files.insert(name.to_owned(), Entry { bytes, hash });
    }

    /// Whose backup it is: the first thing that is written.
    fn marker(&mut self) -> Result<(), BackupError> {
        const NAME: &str = "wal/LOG";
        if self.keep(NAME)? {
            return Ok(());
        }
        self.put_bytes(NAME, format!("{:032x}\n", self.log_id).as_bytes())
    }

    /// How much there is to copy, for the bar alone: it changes meanwhile.
    fn expect(&mut self) -> Result<(), BackupError> {
        let disk = self.take.disk;
        let snapshots = snapshots::list(disk, &self.from)?.into_iter().rev().take(SNAPSHOTS);
        let names = snapshots.map(|snapshot| (snapshot_name(snapshot.noted), snapshot.path));
        let segments = segments::list(disk, &self.from)?;
        let names = names.chain(segments.into_iter().map(|segment| (segment_name(&segment), segment.path)));
        let new = names.filter(|(name, _)| self.former_entry(name).is_none());
        self.expected = new.filter_map(|(_, path)| disk.open_read_only(&path).ok()?.size().ok()).sum::<u64>();
        Ok(())
    }

    fn snapshots(&mut self) -> Result<(), BackupError> {
        let disk = self.take.disk;
        'listing: for _ in 0..LISTINGS_MAX {
            for snapshot in snapshots::list(disk, &self.from)?.into_iter().rev().take(SNAPSHOTS) {
                let name = snapshot_name(snapshot.noted);
                if self.files.contains_key(&name) || self.keep(&name)? {
                    continue;
                }
                match self.snapshot(&name, &snapshot.path) {
                    Err(BackupError::Store(error)) if is_gone(&error) => continue 'listing,
                    // The one before it, and the log, do without it.
                    Err(BackupError::Store(error @ StoreError::BadSnapshot { .. })) => {
                        self.report.left_out.push(error.to_string());
                    }
                    other => other?,
                }
            }
            return Ok(());
        }
        Err(BackupError::Restless { path: self.from.snapshots.clone() })
    }

    fn snapshot(&mut self, name: &str, path: &Path) -> Result<(), BackupError> {
        snapshots::read(self.take.disk, path, self.log_id, |_, _, _| Ok(()))?;
        let file = self.take.disk.open_read_only(path).map_err(StoreError::io(path, "opening"))?;
        let bytes = file.size().map_err(StoreError::io(path, "measuring"))?;
        self.put(name, &*file, bytes)
    }
}

/// Counts what is copied, and shows it.
fn shown<'a>(
    report: &'a mut Report,
    expected: u64,
    lsn: Lsn,
    progress: &'a mut dyn FnMut(Progress),
) -> impl FnMut(u64) + 'a {
    move |bytes| {
        report.copied_bytes += bytes;
        let done = report.copied_bytes;
        progress(Progress { stage: Stage::Copy, done, all: expected.max(done), lsn });
    }
}

fn snapshot_name(noted: Lsn) -> String {
    format!("snapshots/{:020}.snap", noted.0)
}

/// Whether backups make files of such a name.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    [".seg", ".seg.zst", ".snap", ".tmp"].iter().any(|ending| name.ends_with(ending))
        || name.starts_with("personal-keys-")
}

impl<'a> Copied<'a> {
    /// The backup as it will be.
    pub fn view(&self) -> Listed<'a> {
        Listed::new(self.disk, self.backup, &self.manifest.files)
    }

    /// Makes it the backup, and removes what only the one before had.
    pub fn publish(self) -> Result<(Manifest, Report), BackupError> {
        self.manifest.write(self.disk, self.backup)?;
        let folder = Folder::at(self.backup);
        for place in [&folder.wal, &folder.archive, &folder.snapshots] {
            let files = self.disk.list(place).map_err(StoreError::io(place, "listing"))?;
            let listed = |path: &Path| self.manifest.files.keys().any(|name| self.backup.join(name) == path);
            let mut removed = false;
            for path in files.into_iter().filter(|path| is_ours(path) && !listed(path)) {
                self.disk
                    .remove(&path)
                    .map_err(StoreError::io(&path, "removing what is no longer needed"))?;
                removed = true;
            }
            if removed {
                self.disk.sync_folder(place).map_err(StoreError::io(place, "syncing"))?;
            }
        }
        Ok((self.manifest, self.report))
    }
}
