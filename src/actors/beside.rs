//! What runs beside the runtime, and how: the log's writer and the index. In a service they are threads of their own. In a
//! simulation they are tasks of its one thread, and a seed says when each takes its next step.
use crate::actors::core::Core;
use crate::actors::directory::NameKey;
use crate::actors::indexer::Indexer;
use crate::history::History;
use std::sync::Arc;
use std::time::Duration;

/// Something whose steps a [`Cadence`] sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A step of the log's writer: a group written, synced and let out, a mark, space made ahead.
    Log,
    /// A step of the index.
    Index,
}

/// When each part takes its next step: how long it waits before, in the runtime's time.
pub trait Cadence: Send + Sync {
    fn pause(&self, before: Part) -> Duration;

    /// Whether the index is made durable now, as far as it is.
    fn syncs_index(&self) -> bool;
}

#[derive(Clone)]
pub enum Beside {
    /// Threads, and the index in its folder.
    Threads,
    Tasks(Tasks),
}

/// Everything on the runtime's one thread, nothing left to chance.
#[derive(Clone)]
pub struct Tasks {
    pub history: Arc<dyn History>,
    pub cadence: Arc<dyn Cadence>,
    /// Where members lie in the directory hangs on it.
    pub names: NameKey,
    /// Of a log that begins.
    pub log_id: u128,
}

impl Tasks {
    /// The log's writer, step by step, for as long as there is the service.
    pub async fn write_log(self, core: Arc<Core>) {
        loop {
            tokio::time::sleep(self.cadence.pause(Part::Log)).await;
            core.journal.step();
        }
    }

    pub async fn index(self, mut indexer: Indexer) {
        loop {
            tokio::time::sleep(self.cadence.pause(Part::Index)).await;
            indexer.step();
            if self.cadence.syncs_index() {
                indexer.sync();
            }
        }
    }
}
