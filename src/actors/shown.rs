//! How far the index shows the log, for those who wait for it. They are woken in the order in which they came (tokio's `watch`
//! wakes in a random one): so what a simulation does hangs on its seed alone.
use crate::clock::monotonic;
use crate::ledger::lsn::Lsn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub struct Shown {
    through: AtomicU64,
    /// It will never show more.
    ended: AtomicBool,
    moved: Notify,
    /// How many wait.
    waiting: AtomicUsize,
    /// Who shows more, once it has rested.
    shows: OnceLock<Thread>,
}

/// The end that tells; dropped, nobody waits any more.
pub struct Showing(Arc<Shown>);

impl Shown {
    pub fn through(lsn: Lsn) -> (Showing, Arc<Shown>) {
        let shown = Arc::new(Shown { through: AtomicU64::new(lsn.0), ..Shown::default() });
        (Showing(shown.clone()), shown)
    }

    /// How many wait for it.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Somebody waits until what is given is dropped. Who shows more, and rests, goes on at once.
    pub fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        if let Some(thread) = self.shows.get() {
            thread.unpark();
        }
        Waiting(&self.waiting)
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

/// One who waits.
pub struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Showing {
    pub fn is_awaited(&self) -> bool {
        self.0.waiting() > 0
    }

    /// Rests until somebody waits, at most so long. Always on the same thread.
    pub fn rest(&self, most: Duration) {
        self.0.shows.get_or_init(std::thread::current);
        let ends = monotonic() + most;
        while !self.is_awaited() {
            let left = ends.saturating_duration_since(monotonic());
            if left.is_zero() {
                return;
            }
            std::thread::park_timeout(left);
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn who_rests_goes_on_as_soon_as_somebody_waits() {
        let (showing, shown) = Shown::through(Lsn(1));
        assert!(shown.reaches(Lsn(1)).await);
        let (rested, has_rested) = std::sync::mpsc::channel();
        let shows = std::thread::spawn(move || {
            let began = monotonic();
            showing.rest(Duration::from_millis(1));
            rested.send(()).unwrap();
            showing.rest(LONG);
            showing.tell(Lsn(2));
            began.elapsed()
        });
        has_rested.recv().unwrap();
        let waiting = shown.wait();
        assert!(shown.reaches(Lsn(2)).await);
        assert!(shows.join().unwrap() < LONG);
        assert!(!shown.reaches(Lsn(3)).await, "nobody shows more");
        assert_eq!(shown.waiting(), 1);
        drop(waiting);
        assert_eq!(shown.waiting(), 0);
    }
}
