//! The only code that touches files: the log, the snapshots, the lock on their folder.
pub mod archive;
pub mod backup;
pub mod disk;
pub mod error;
pub mod folder;
pub mod journal;
pub mod personal_keys;
pub mod recovery;
pub mod resting;
pub mod segments;
pub mod snapshots;
mod writer;
