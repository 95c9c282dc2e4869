//! The log's part of a backup: segments as they are, archived ones as they are packed, the newest as far as it is durable.
use super::manifest::{Entry, Manifest};
use super::taking::{Copying, LISTINGS_MAX};
use super::{BackupError, hash_of, is_gone};
use crate::format::scan::{Ending, LogRecord, scan};
use crate::format::segment::SEGMENT_HEADER_BYTES;
use crate::ledger::lsn::Lsn;
use crate::store::error::StoreError;
use crate::store::segments::{self, SegmentFile};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

/// A frame that is being written while it is read looks damaged; so often it is read again.
const READS_MAX: usize = 50;
const READ_AGAIN_AFTER: Duration = Duration::from_millis(20);

impl Copying<'_, '_> {
    /// Copies what is there of the log; called again, what has come since. `done` are segments copied to their end.
    pub(super) fn log(&mut self, done: &mut BTreeSet<Lsn>) -> Result<(), BackupError> {
        'listing: for _ in 0..LISTINGS_MAX {
            let all = segments::list(self.take.disk, &self.from)?;
            for (n, segment) in all.iter().enumerate() {
                if done.contains(&segment.first_lsn) {
                    continue;
                }
                let newest = n + 1 == all.len();
                match self.segment(segment, newest) {
                    Err(BackupError::Store(error)) if is_gone(&error) => continue 'listing,
                    other => other?,
                }
                if newest {
                    self.unfinished = Some(segment.first_lsn);
                } else {
                    done.insert(segment.first_lsn);
                }
            }
            let there = all.iter().map(|segment| segment.first_lsn).collect();
            return self.keep_what_the_log_lost(&there);
        }
        Err(BackupError::Restless { path: self.from.wal.clone() })
    }

    fn segment(&mut self, segment: &SegmentFile, newest: bool) -> Result<(), BackupError> {
        let (live, packed) = segment_names(segment.first_lsn);
        let may_lack_its_end = self.unfinished == Some(segment.first_lsn);
        if !newest {
            // Segments that have a successor never change.
            if self.keep(&packed)? || (!segment.archived && !may_lack_its_end && self.keep(&live)?) {
                return Ok(());
            }
        }
        if segment.archived {
            let path = &segment.path;
            let file = self.take.disk.open_read_only(path).map_err(StoreError::io(path, "opening"))?;
            let bytes = file.size().map_err(StoreError::io(path, "measuring"))?;
            self.put(&packed, &*file, bytes)?;
            self.files.remove(&live);
            return Ok(());
        }
        let (bytes, end) = self.durable_part(segment, newest)?;
        if newest {
            self.end = end;
            self.must_continue(end)?;
        }
        match self.files.get(&live).copied().or(self.former_entry(&live)) {
            Some(entry) => self.grow(&live, entry, &bytes),
            None => self.put_bytes(&live, &bytes),
        }
    }

    /// A segment's bytes through its last whole frame, and the last record in them. Of the newest segment they are
    /// durable: what was read is synced before it counts, which changes no byte of it.
    fn durable_part(&self, segment: &SegmentFile, newest: bool) -> Result<(Vec<u8>, Lsn), BackupError> {
        let path = &segment.path;
        let corrupt = |offset: usize, lsn: Lsn, why: String| StoreError::Corrupt {
            path: path.clone(),
            offset: offset as u64,
            lsn,
            why,
        };
        let mut damage = corrupt(0, segment.first_lsn, "it could not be read".into());
        for _ in 0..READS_MAX {
            let file = self.take.disk.open_read_only(path).map_err(StoreError::io(path, "opening"))?;
            let mut bytes = file.read_all().map_err(StoreError::io(path, "reading"))?;
            let header = segments::header(&bytes, segment)?;
            if header.log_id != self.log_id {
                let (path, expected, found) = (path.clone(), self.log_id, header.log_id);
                return Err(StoreError::Foreign { path, expected, found }.into());
            }
            let mut chain = header.chain;
            let look = |_: LogRecord<'_>| Ok::<(), Infallible>(());
            let Ok(ending) = scan(&bytes, SEGMENT_HEADER_BYTES, self.log_id, &mut chain, newest, look);
            match ending {
                Ending::Clean { offset } | Ending::Torn { offset, .. } => {
                    if newest {
                        file.sync_data().map_err(StoreError::io(path, "making sure of"))?;
                    }
                    bytes.truncate(offset);
                    return Ok((bytes, Lsn(chain.next_lsn.0 - 1)));
                }
                Ending::Corrupt { offset, why } => damage = corrupt(offset, chain.next_lsn, why),
                Ending::Newer { newer, .. } => {
                    return Err(StoreError::Newer { path: path.clone(), newer }.into());
                }
            }
            if !newest {
                break;
            }
            // Or a frame was read while it was being written, and those behind it after that.
            std::thread::sleep(READ_AGAIN_AFTER);
        }
        Err(damage.into())
    }

    /// Adds what is new to a segment that the backup has in part.
    fn grow(&mut self, name: &str, entry: Entry, bytes: &[u8]) -> Result<(), BackupError> {
        let known = usize::try_from(entry.bytes).unwrap_or(usize::MAX);
        let same = bytes.get(..known).is_some_and(|part| blake3::hash(part) == entry.hash);
        if !same {
            let backup = self.former.as_ref().map_or(Lsn::ZERO, |former| former.last);
            return Err(BackupError::Diverged { backup, why: format!("{name} is not what it was") });
        }
        let is_whole = self.is_whole(name, entry)?;
        if bytes.len() == known && is_whole {
            if !self.files.contains_key(name) {
                self.keep(name)?;
            }
            return Ok(());
        }
        let (path, hash) = (self.target(name), blake3::hash(bytes));
        let add = || {
            let file = self.take.disk.open(&path, false)?;
            if file.size()? > bytes.len() as u64 {
                return Ok(false);
            }
            file.write_all_at(&bytes[known..], entry.bytes)?;
            file.sync_data()?;
            Ok(hash_of(&*file, bytes.len() as u64)? == hash)
        };
        if !is_whole || !add().map_err(StoreError::io(&path, "adding to"))? {
            self.report.mended.push(name.to_owned());
            return self.put_bytes(name, bytes);
        }
        if !self.files.contains_key(name) {
            self.report.skipped_bytes += entry.bytes;
            self.report.copied_files += 1;
        }
        self.count((bytes.len() - known) as u64);
        self.files.insert(name.to_owned(), Entry { bytes: bytes.len() as u64, hash });
        Ok(())
    }

    /// A log that ends before the backup has lost records, or was put back: the backup must not follow it there.
    fn must_continue(&self, end: Lsn) -> Result<(), BackupError> {
        match &self.former {
            Some(former) if former.last > end => {
                let why = format!("it ends at record {end}");
                Err(BackupError::Diverged { backup: former.last, why })
            }
            _ => Ok(()),
        }
    }

    /// Old segments that were removed from the archive stay in the backup: without them there is no whole log.
    fn keep_what_the_log_lost(&mut self, there: &BTreeSet<Lsn>) -> Result<(), BackupError> {
        let former = self.former.as_ref().map(|former| former.files.keys().cloned().collect::<Vec<_>>());
        for name in former.unwrap_or_default() {
            if segment_of(&name).is_some_and(|lsn| !there.contains(&lsn)) && !self.keep(&name)? {
                let why = "it is not as it was backed up, and the log no longer has it".to_owned();
                return Err(BackupError::Damaged { path: self.target(&name), why });
            }
        }
        Ok(())
    }
}

/// A segment's name in a backup: as it is, and archived.
fn segment_names(first_lsn: Lsn) -> (String, String) {
    (format!("wal/{:020}.seg", first_lsn.0), format!("wal/archive/{:020}.seg.zst", first_lsn.0))
}

pub(super) fn segment_name(segment: &SegmentFile) -> String {
    let (live, packed) = segment_names(segment.first_lsn);
    if segment.archived { packed } else { live }
}

/// The first record of the segment that bears this name.
fn segment_of(name: &str) -> Option<Lsn> {
    let stem = name.strip_prefix("wal/archive/").and_then(|name| name.strip_suffix(".seg.zst"));
    let stem = stem.or_else(|| name.strip_prefix("wal/")?.strip_suffix(".seg"))?;
    stem.parse().ok().map(Lsn)
}

pub(super) fn newest_segment(manifest: &Manifest) -> Option<Lsn> {
    manifest.files.keys().filter_map(|name| segment_of(name)).max()
}
