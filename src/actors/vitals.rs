//! What the running service notes of itself for `/metrics`, beside what its parts count anyway.
use crate::actors::scans::gauge::Gauged;
use crate::actors::snapshot::Taken;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Default)]
pub struct Vitals {
    pub shed: Shed,
    pub snapshots: Snapshots,
    /// Points by tenant, once they have been added up.
    gauged: Mutex<Option<Arc<Gauged>>>,
}

impl Vitals {
    pub fn gauged(&self) -> Option<Arc<Gauged>> {
        self.gauged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_gauged(&self, gauged: Gauged) {
        *self.gauged.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(gauged));
    }
}

/// Requests turned away with 50303, by what there was too much of.
#[derive(Debug, Default)]
pub struct Shed {
    /// Requests in flight.
    pub in_flight: AtomicU64,
    /// Records that the index lagged behind.
    pub index_lag: AtomicU64,
    /// Time spent waiting for the index.
    pub index_wait: AtomicU64,
    /// Messages that waited for one member.
    pub mailbox: AtomicU64,
    /// Reads of a whole tenant at once.
    pub scans: AtomicU64,
    /// Long answers at once.
    pub streams: AtomicU64,
}

impl Shed {
    /// Each reason with its name.
    pub fn by_reason(&self) -> [(&'static str, u64); 6] {
        let Shed { in_flight, index_lag, index_wait, mailbox, scans, streams } = self;
        let named = [
            ("in_flight", in_flight),
            ("index_lag", index_lag),
            ("index_wait", index_wait),
            ("mailbox", mailbox),
            ("scans", scans),
            ("streams", streams),
        ];
        named.map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

/// Snapshots since the start.
#[derive(Debug, Default)]
pub struct Snapshots {
    pub taken: AtomicU64,
    pub failed: AtomicU64,
    newest: Mutex<Option<Taken>>,
}

impl Snapshots {
    /// The newest in place: taken since the start, or found by it.
    pub fn newest(&self) -> Option<Taken> {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_newest(&self, taken: Taken) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
    }
}
