//! How far a start has come, for those who ask from outside.
use crate::ledger::lsn::Lsn;
use crate::store::recovery::{Progress, Stage};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where the service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is read yet.
    Starting,
    /// The snapshot is being read: counted in bytes.
    Snapshot,
    /// The log is being read: counted in segments.
    Log,
    /// What was in flight is carried on: counted in members.
    CatchUp,
    Ready,
    Stopping,
}

impl Standing {
    pub const ALL: [Standing; 6] = [
        Standing::Starting,
        Standing::Snapshot,
        Standing::Log,
        Standing::CatchUp,
        Standing::Ready,
        Standing::Stopping,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Standing::Starting => "starting",
            Standing::Snapshot => "snapshot",
            Standing::Log => "log",
            Standing::CatchUp => "catch_up",
            Standing::Ready => "ready",
            Standing::Stopping => "stopping",
        }
    }
}

/// How far the recovery is, or was when it ended.
#[derive(Clone, Copy, Debug)]
pub struct Recovered {
    pub standing: Standing,
    pub done: u64,
    pub all: u64,
    pub last_lsn: Lsn,
}

impl Recovered {
    /// Of its stage; 0 where nothing is known of it yet.
    pub fn percent(&self) -> u64 {
        (self.done.min(self.all) * 100).checked_div(self.all).unwrap_or(0)
    }
}

/// The recovery of this process, told of by whoever does it.
pub struct Recovery {
    began: std::time::Instant,
    last: Mutex<Recovered>,
    /// How long it took, in nanoseconds; 0 until it has ended.
    took: AtomicU64,
}

impl Recovery {
    pub(super) fn begin() -> Recovery {
        let nothing = Recovered { standing: Standing::Starting, done: 0, all: 0, last_lsn: Lsn::ZERO };
        Recovery { began: crate::clock::monotonic(), last: Mutex::new(nothing), took: AtomicU64::new(0) }
    }

    pub fn show(&self, progress: Progress) {
        let Progress { stage, done, all, lsn } = progress;
        let standing = match stage {
            // Of backups, which no start makes.
            Stage::Copy | Stage::Check => return,
            Stage::Snapshot => Standing::Snapshot,
            Stage::Log => Standing::Log,
            Stage::CatchUp => Standing::CatchUp,
        };
        let shown = Recovered { standing, done, all, last_lsn: lsn };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    pub(super) fn end(&self) {
        let took = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.took.store(took.max(1), Ordering::Release);
    }

    pub fn last(&self) -> Recovered {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it took, or takes so far.
    pub fn took(&self) -> Duration {
        match self.took.load(Ordering::Acquire) {
            0 => self.began.elapsed(),
            nanos => Duration::from_nanos(nanos),
        }
    }

    /// How long the process has been at it, and running since.
    pub fn uptime(&self) -> Duration {
        self.began.elapsed()
    }
}
