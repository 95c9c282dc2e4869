//! What can be wrong with the files, in words that say where and what to do.
use crate::format::newer::{Newer, Unread};
use crate::ledger::lsn::Lsn;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: {what} failed: {source}", path.display())]
    Io { path: PathBuf, what: &'static str, source: io::Error },

    #[error(
        "the log is damaged in {} at byte {offset}, at record {lsn}: {why}\n\
         hint: nothing was changed; restore this file from a copy, or see wal/README.md, \"Damage\"", path.display()
    )]
    Corrupt { path: PathBuf, offset: u64, lsn: Lsn, why: String },

    #[error(
        "{}: {newer}\n\
         hint: nothing is damaged, and nothing was changed: a newer build has written here; use that one, or a later one",
        path.display()
    )]
    Newer { path: PathBuf, newer: Newer },

    #[error(
        "the log has a gap: {} is followed by a segment that begins at record {found}, not {expected}\n\
         hint: a file of wal/ or wal/archive/ is missing; put it back", path.display()
    )]
    Gap { path: PathBuf, expected: Lsn, found: Lsn },

    #[error(
        "the log does not reach back to record {wanted}: it begins at {earliest}\n\
         hint: put the older segments back into wal/archive/"
    )]
    TooShort { wanted: Lsn, earliest: Lsn },

    #[error(
        "{} is the folder of log {log_id:032x}, and there is no log in it\n\
         hint: is the right disk mounted? To begin anew, move the folder away", path.display()
    )]
    LogMissing { path: PathBuf, log_id: u128 },

    #[error(
        "a newer segment than {} was there, and is missing\n\
         hint: put the newest segment back into wal/", path.display()
    )]
    NewestMissing { path: PathBuf },

    #[error(
        "{} belongs to log {found:032x}, not to {expected:032x}\n\
         hint: files of two services are mixed; put this one where it belongs", path.display()
    )]
    Foreign { path: PathBuf, expected: u128, found: u128 },

    #[error(
        "the snapshot {} goes to record {noted}, and the log ends at {end}\n\
         hint: log files are missing or stale; put them back", path.display()
    )]
    SnapshotAhead { path: PathBuf, noted: Lsn, end: Lsn },

    #[error(
        "no snapshot can be read, and the log does not reach back to its first record\n{}\n\
         hint: put a good snapshot or the archived segments back", .why.join("\n")
    )]
    NoSnapshot { why: Vec<String> },

    #[error("{}: {why}", path.display())]
    BadSnapshot { path: PathBuf, why: String },

    #[error(
        "the keys of personal data in {} can't be used: {why}\n\
         hint: put a good copy back; without any, move the file away: the ledger is unharmed, names and mobiles are lost",
        path.display()
    )]
    BadPersonalKeys { path: PathBuf, why: String },

    #[error(
        "{} is in use by another process\n\
         hint: one eros-points at a time works on a data folder; stop the other, or use another --data-dir", path.display()
    )]
    Locked { path: PathBuf },

    #[error(
        "page {number} of {}, where members at rest lie, can't be used: {why}\n\
         hint: nothing is lost, the next start makes them again from snapshot and log; see to the disk", path.display()
    )]
    BadRestingPage { path: PathBuf, number: u32, why: String },

    /// What the reader of the records said.
    #[error("record {lsn} in {}: {why}", path.display())]
    Record { path: PathBuf, lsn: Lsn, why: String },
}

impl StoreError {
    /// A file whose header can't be used: `damaged` says what that means where it is not only newer.
    pub(super) fn unread(path: &Path, why: Unread, damaged: impl FnOnce(String) -> StoreError) -> StoreError {
        match why {
            Unread::Newer(newer) => StoreError::Newer { path: path.to_owned(), newer },
            Unread::Bad(why) => damaged(why),
        }
    }

    pub fn io(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_owned();
        move |source| StoreError::Io { path, what, source }
    }
}
