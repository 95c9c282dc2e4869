//! What the journal's writer hands on: batches to the index, answers to the runtime, its failure to everybody.
use crate::actors::answer::Failure;
use crate::actors::held::Held;
use crate::store::error::StoreError;
use crate::store::journal::{Batch, Sink};
use std::sync::mpsc as threads;
use tokio::sync::{mpsc, watch};

/// Lets out what has become durable, inside the runtime: one wake-up for a whole group.
pub(super) async fn release(mut groups: mpsc::UnboundedReceiver<Vec<Held>>) {
    while let Some(group) = groups.recv().await {
        group.into_iter().for_each(Held::release);
    }
}

/// Where the journal hands things to.
pub(super) struct Outlet {
    pub releases: mpsc::UnboundedSender<Vec<Held>>,
    pub feed: threads::Sender<Batch>,
    pub broken: watch::Sender<Option<String>>,
}

impl Sink<Held> for Outlet {
    fn durable(&mut self, batch: Batch) {
        // The receiving ends live as long as the journal; at the very end nobody misses what they would get.
        let _ = self.feed.send(batch);
    }

    fn release(&mut self, waiters: Vec<Held>) {
        if !waiters.is_empty() {
            let _ = self.releases.send(waiters);
        }
    }

    fn failed(&mut self, waiters: Vec<Held>, error: StoreError) {
        tracing::error!(
            "{error}; the log is closed for good, and the process ends; hint: see the disk, then start again"
        );
        // First, so that who hears of it knows why.
        self.broken.send_replace(Some(error.to_string()));
        waiters.into_iter().for_each(|held| held.fail(Failure::Unknown));
    }
}
