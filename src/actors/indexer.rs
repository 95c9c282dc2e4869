//! Keeps the history index behind the log: one thread, fed with what has become durable.
use crate::actors::feeds::Feeds;
use crate::actors::shown::Showing;
use crate::format::entry::Entry;
use crate::history::{History, HistoryError, Row};
use crate::ledger::lsn::Lsn;
use crate::store::journal::Batch;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Records that one step of the index takes at most.
const STEP_MAX: usize = 4_096;
/// Under load, from this many records a step on, and while nobody waits for it, the index waits so long for company: a
/// large step costs less a record than many small ones.
const LARGE_STEP: usize = 8;
const GATHER: Duration = Duration::from_millis(3);
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The index is synced this often, so that old segments can be archived.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// Feeds the index what has become durable, and tells how far it is.
pub struct Indexer {
    pub history: Arc<dyn History>,
    pub feed: Receiver<Batch>,
    /// Told the last record that the index shows.
    pub shown: Showing,
    /// Told how far the index would be after a power failure.
    pub synced: watch::Sender<Lsn>,
    /// How many requests wait for the index.
    pub waiting: Arc<AtomicUsize>,
    /// Told of the records that members see.
    pub feeds: Arc<Feeds>,
}

impl Indexer {
    /// Runs until the feeding end is gone.
    pub fn run(mut self) {
        let mut last_sync = crate::clock::monotonic();
        let mut last_records = 0;
        loop {
            match self.feed.recv_timeout(SYNC_EVERY) {
                Ok(first) => {
                    if last_records >= LARGE_STEP && self.waiting.load(Ordering::Acquire) == 0 {
                        std::thread::sleep(GATHER);
                    }
                    let steps = with_what_waits(first, &self.feed);
                    last_records = steps.iter().map(Batch::len).sum();
                    self.insist(&steps);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.sync_now_and_then(&mut last_sync);
        }
    }

    /// What waits now, for one that has no thread.
    pub fn step(&mut self) {
        if let Ok(first) = self.feed.try_recv() {
            let steps = with_what_waits(first, &self.feed);
            self.insist(&steps);
        }
    }

    /// Without the index there are no keys and no history, and the log is unharmed: it is tried until it works, while the
    /// service sheds what would let it fall too far behind.
    fn insist(&mut self, steps: &[Batch]) {
        while let Err(error) = index(&*self.history, steps, &self.feeds) {
            tracing::error!("{error}; trying again");
            std::thread::sleep(RETRY_AFTER);
        }
        self.shown.tell(self.history.applied());
    }

    fn sync_now_and_then(&mut self, last: &mut Instant) {
        if last.elapsed() >= SYNC_EVERY && *self.synced.borrow() < self.history.applied() {
            self.sync();
            *last = crate::clock::monotonic();
        }
    }

    pub fn sync(&mut self) {
        match self.history.sync() {
            Ok(lsn) => {
                self.synced.send_replace(lsn);
            }
            Err(error) => tracing::error!("{error}"),
        }
    }
}

fn with_what_waits(first: Batch, feed: &Receiver<Batch>) -> Vec<Batch> {
    let mut count = first.len();
    let mut steps = vec![first];
    while count < STEP_MAX
        && let Ok(more) = feed.try_recv()
    {
        count += more.len();
        steps.push(more);
    }
    steps
}

fn index(history: &dyn History, steps: &[Batch], feeds: &Feeds) -> Result<(), HistoryError> {
    let mut rows = Vec::new();
    let mut through = history.applied();
    for step in steps {
        for (lsn, payload) in step.iter() {
            through = lsn;
            rows.extend(row(lsn, payload)?);
        }
    }
    history.apply(&rows, through)?;
    let shown = rows.iter().filter(|row| row.entry.event.record_type().is_some());
    feeds.tell(shown.map(|row| row.entry.crm_id.as_str()));
    Ok(())
}

/// The row for a record; none for what is the service's own.
pub fn row(lsn: Lsn, payload: &[u8]) -> Result<Option<Row<'_>>, HistoryError> {
    match Entry::decode(payload) {
        Ok(Entry::Member(entry)) => Ok(Some(Row { lsn, entry, payload })),
        Ok(Entry::Service(_) | Entry::Tenant(_)) => Ok(None),
        Err(error) => Err(HistoryError::Corrupt(format!("record {lsn}: {error}"))),
    }
}
