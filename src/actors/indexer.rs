//! Keeps the history index behind the log: one thread, fed with what has become durable.
use crate::actors::core::Core;
use crate::actors::feeds::Feeds;
use crate::actors::shown::Showing;
use crate::giving_way::{GivingWay, Work};
use crate::history::{History, HistoryError, Row};
use crate::ledger::lsn::Lsn;
use crate::store::journal::Batch;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Records that one step of the index takes, but for the last batch of the log.
const STEP_MAX: usize = 8_192;
/// Under load, from this many records a step on, the index waits for company: a large step costs far less a record than
/// many small ones, since its rows find their places next to one another and the caches are its own meanwhile.
const LARGE_STEP: usize = 8;
/// So long, unless somebody waits for it: then it ends.
const GATHER: Duration = Duration::from_millis(100);
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// Where somebody waited within this time, it waits for one look alone, so that who comes next finds little to be done.
const READ_WITHIN: Duration = Duration::from_secs(1);
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// So long it may show nothing new before it gives way no more.
const GIVES_WAY_MAX: Duration = Duration::from_millis(250);
/// So often it is looked how far the index is durable: so far old segments can be archived.
const LOOK_HOW_DURABLE_EVERY: Duration = Duration::from_secs(5);
/// Under load it becomes so by itself every few seconds; else it is synced this often.
const SYNC_EVERY: Duration = Duration::from_secs(30);

/// Feeds the index what has become durable, and tells how far it is.
pub struct Indexer {
    pub history: Arc<dyn History>,
    pub feed: Receiver<Batch>,
    /// Told the last record that the index shows; tells whether somebody waits for more.
    pub shown: Showing,
    /// Told how far the index would be after a power failure.
    pub synced: watch::Sender<Lsn>,
    /// Told of the records that members see.
    pub feeds: Arc<Feeds>,
    /// So many records end the gathering: far fewer than the index may be behind.
    pub gathered_max: usize,
    pub giving_way: Arc<GivingWay>,
}

impl Indexer {
    /// Runs until the feeding end is gone.
    pub fn run(mut self) {
        let _leaving = self.giving_way.begin(Work::Index);
        let started = crate::clock::monotonic();
        let mut looks = Looks { last: started, moved: started };
        let (mut last_records, mut last_read) = (0, None);
        loop {
            match self.feed.recv_timeout(LOOK_HOW_DURABLE_EVERY) {
                Ok(first) => {
                    let mut step = Step::of(first);
                    step.add_what_waits(&self.feed);
                    if last_records >= LARGE_STEP {
                        self.gather(&mut step, &mut last_read);
                    }
                    last_records = step.records;
                    self.give_way(&step);
                    self.insist(&step.batches);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.sync_now_and_then(&mut looks);
        }
    }

    /// Waits for company. `last_read` is when somebody was last seen to wait for the index.
    fn gather(&self, step: &mut Step, last_read: &mut Option<Instant>) {
        let begins = crate::clock::monotonic();
        let is_read = self.feeds.are_followed() || last_read.is_some_and(|last| begins - last < READ_WITHIN);
        let ends = begins + if is_read { LOOK_EVERY } else { GATHER };
        while step.records < self.gathered_max.min(STEP_MAX) {
            let now = crate::clock::monotonic();
            if self.shown.is_awaited() {
                *last_read = Some(now);
                return;
            }
            if now >= ends {
                return;
            }
            self.shown.rest(LOOK_EVERY);
            step.add_what_waits(&self.feed);
        }
    }

    /// Where somebody waits for the index, and where it has fallen behind, it takes its share of the cores.
    fn give_way(&self, step: &Step) {
        let is_behind = step.records >= self.gathered_max.min(STEP_MAX);
        let in_a_hurry = || is_behind || self.feeds.are_followed() || self.shown.is_awaited();
        if !in_a_hurry() {
            self.giving_way.give_way();
        }
        // Somebody may have come in between.
        if in_a_hurry() {
            self.giving_way.hurry(Work::Index);
        }
    }

    /// What waits now, for one that has no thread.
    pub fn step(&mut self) {
        if let Ok(first) = self.feed.try_recv() {
            let mut step = Step::of(first);
            step.add_what_waits(&self.feed);
            self.insist(&step.batches);
        }
    }

    /// Without the index there are no keys and no history, and the log is unharmed: it is tried until it works, while the
    /// service sheds what would let it fall too far behind.
    fn insist(&mut self, batches: &[Batch]) {
        while let Err(error) = index(&*self.history, batches, &self.feeds) {
            tracing::error!("{error}; trying again");
            std::thread::sleep(RETRY_AFTER);
        }
        self.shown.tell(self.history.applied());
    }

    fn sync_now_and_then(&mut self, looks: &mut Looks) {
        let now = crate::clock::monotonic();
        if now - looks.last < LOOK_HOW_DURABLE_EVERY {
            return;
        }
        looks.last = now;
        let durable = self.history.durable();
        if durable > *self.synced.borrow() {
            self.synced.send_replace(durable);
            looks.moved = now;
        } else if durable < self.history.applied() && now - looks.moved >= SYNC_EVERY {
            self.history.begin_sync();
            looks.moved = now;
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

/// The index gives way to requests, but not for ever: where it shows nothing new for a while it hurries.
pub async fn watch(core: Arc<Core>) {
    let mut tick = tokio::time::interval(GIVES_WAY_MAX);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = Lsn::ZERO;
    loop {
        tick.tick().await;
        let applied = core.history.applied();
        if applied == before && applied < core.journal.durable() {
            core.giving_way.insist();
        }
        before = applied;
    }
}

/// When it was looked how far the index is durable.
struct Looks {
    last: Instant,
    /// When it had moved on, or was made to.
    moved: Instant,
}

/// What the index takes at once.
struct Step {
    batches: Vec<Batch>,
    records: usize,
}

impl Step {
    fn of(first: Batch) -> Step {
        Step { records: first.len(), batches: vec![first] }
    }

    fn add_what_waits(&mut self, feed: &Receiver<Batch>) {
        while self.records < STEP_MAX
            && let Ok(more) = feed.try_recv()
        {
            self.records += more.len();
            self.batches.push(more);
        }
    }
}

fn index(history: &dyn History, batches: &[Batch], feeds: &Feeds) -> Result<(), HistoryError> {
    let mut rows = Vec::new();
    let mut through = history.applied();
    for batch in batches {
        for (lsn, payload) in batch.iter() {
            through = lsn;
            rows.extend(Row::of(lsn, payload)?);
        }
    }
    history.apply(&rows, through)?;
    let is_shown = |row: &&Row<'_>| row.whole().is_ok_and(|entry| entry.event.record_type().is_some());
    feeds.tell(rows.iter().filter(is_shown).map(|row| row.entry.crm_id));
    Ok(())
}
