//! How far the index shows the log, for those who wait for it. They are woken in the order in which they came (tokio's `watch`
//! wakes in a random one): so what a simulation does hangs on its seed alone.
use crate::ledger::lsn::Lsn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub struct Shown {
    through: AtomicU64,
    /// It will never show more.
    ended: AtomicBool,
    moved: Notify,
}

/// The end that tells; dropped, nobody waits any more.
pub struct Showing(Arc<Shown>);

impl Shown {
    pub fn through(lsn: Lsn) -> (Showing, Arc<Shown>) {
        let shown = Arc::new(Shown { through: AtomicU64::new(lsn.0), ..Shown::default() });
        (Showing(shown.clone()), shown)
    }

    /// Waits until `lsn` is shown; whether it is.
    pub async fn reaches(&self, lsn: Lsn) -> bool {
        loop {
            // Listening before looking: nothing that comes in between is missed.
            let mut moved = pin!(self.moved.notified());
            moved.as_mut().enable();
            if self.through.load(Ordering::Acquire) >= lsn.0 {
                return true;
            }
            if self.ended.load(Ordering::Acquire) {
                return false;
            }
            moved.await;
        }
    }
}

impl Showing {
    pub fn tell(&self, lsn: Lsn) {
        self.0.through.store(lsn.0, Ordering::Release);
        self.0.moved.notify_waiters();
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.moved.notify_waiters();
    }
}
