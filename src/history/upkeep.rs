//! What keeps the tables in order behind the steps: one thread, which writes out what is full and merges files.
//!
//! It does what is asked for in the order in which it was asked: sealed rows, and marks that tell how far the tables hold all rows.
//! A mark is written when all that was sealed before it is on the disk, so a start finds the rows through the mark, and maybe some
//! later ones, which the log gives again: the same row under the same key.
//!
//! A merge takes a core for half a second every few seconds. On a machine that has none to spare requests would come late
//! for as long: so it pauses between stretches of work, as other work without haste does, and writes out in between what has
//! become full meanwhile. It also gives way while it writes rows, and only then: what it has written it shows under the lock that
//! every reader takes for a moment.
use crate::giving_way::{GivingWay, Leaving, Work};
use crate::history::HistoryError;
use crate::history::runs::Runs;
use crate::history::tables::{Steps, Table};
use crate::ledger::lsn::Lsn;
use crate::pace::Pace;
use foldhash::HashMap;
use lsm_tree::compaction::filter::{CompactionFilter, Context, Factory, ItemAccessor, Verdict};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// It pauses three times as long as it works: a quarter of a core's time.
const PAUSES: u32 = 3;
/// Rows between two looks at the clock, and for what is to be written out: some 50 us of work.
const ROWS: u32 = 64;
/// With so many of a table's newest files, or so much that waits to be written out, there are no pauses any more.
const NEWEST_FILES_MANY: usize = 15;
const WAITING_BYTES_MANY: u64 = 32 << 20;
/// With so much the index waits: it is memory.
const WAITING_BYTES_MAX: u64 = 96 << 20;
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How far the tables hold all rows, and what else a start has to know of that moment.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    pub through: Lsn,
    /// Records of each tenant.
    pub counts: HashMap<[u8; 8], u64>,
}

/// Something for the thread to do.
pub enum Task {
    WriteOut(Arc<Table>, Runs),
    Mark(Mark),
}

/// Writes marks down.
pub type WriteMark = Box<dyn Fn(&Mark) -> Result<(), HistoryError> + Send>;

/// The index's end. Dropped, it ends the thread, which finishes what it is at.
pub struct Upkeep {
    told: Arc<Told>,
    thread: Option<JoinHandle<()>>,
}

/// What the index and the thread tell each other.
#[derive(Default)]
struct Told {
    giving_way: Arc<GivingWay>,
    /// There must be no pauses: the index waits for this, or is being closed.
    haste: AtomicBool,
    /// Tasks wait: who gives way asks this, as others would wait for whoever was put aside with the lock.
    has_tasks: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    /// What the thread works with. It holds the tables, which hold this: none once the index is being closed.
    works_on: Mutex<Option<WorksOn>>,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    /// Of what waits to be written out, or is being.
    waiting_bytes: u64,
    /// Of the table that has the most.
    newest_files: usize,
    /// Through here the tables hold all rows on the disk.
    marked: Lsn,
    stopping: bool,
    /// Why there is nothing done any more.
    failed: Option<HistoryError>,
}

struct WorksOn {
    steps: Steps,
    tables: Vec<Arc<Table>>,
    write_mark: WriteMark,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upkeep {
    pub fn new(giving_way: Arc<GivingWay>) -> Upkeep {
        Upkeep { told: Arc::new(Told { giving_way, ..Told::default() }), thread: None }
    }

    /// What goes along with each merge, under the name of a filter of rows: it keeps all of them.
    pub fn companion(&self) -> Arc<dyn Factory> {
        Arc::new(Companions(self.told.clone()))
    }

    /// Begins the thread. The tables hold all rows through `marked` already.
    pub fn start(
        &mut self,
        steps: Steps,
        tables: Vec<Arc<Table>>,
        marked: Lsn,
        write_mark: WriteMark,
    ) -> Result<(), HistoryError> {
        lock(&self.told.state).marked = marked;
        *lock(&self.told.works_on) = Some(WorksOn { steps, tables, write_mark });
        let told = self.told.clone();
        let thread = std::thread::Builder::new().name("index-tables".into()).spawn(move || told.run());
        self.thread = Some(thread.map_err(|error| HistoryError::Storage(error.to_string()))?);
        Ok(())
    }

    /// Adds to what is to be done.
    pub fn add(&self, tasks: impl IntoIterator<Item = Task>) {
        let mut state = lock(&self.told.state);
        for task in tasks {
            if let Task::WriteOut(_, sealed) = &task {
                state.waiting_bytes += sealed.bytes();
            }
            state.tasks.push_back(task);
        }
        self.told.has_tasks.store(!state.tasks.is_empty(), Ordering::Relaxed);
        drop(state);
        self.told.changed.notify_all();
    }

    /// Through here the tables hold all rows on the disk.
    pub fn marked(&self) -> Lsn {
        lock(&self.told.state).marked
    }

    /// Waits until the mark is there.
    pub fn wait_for_mark(&self, through: Lsn) -> Result<(), HistoryError> {
        self.told.set_haste(true);
        let mut state = lock(&self.told.state);
        while state.marked < through {
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            state = self.told.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Before a step: has the thread make haste where too much waits for it, and waits for it where that becomes a burden.
    pub fn keep_up(&self) -> Result<(), HistoryError> {
        let told = &self.told;
        let state = lock(&told.state);
        told.set_haste(state.newest_files >= NEWEST_FILES_MANY || state.waiting_bytes >= WAITING_BYTES_MANY);
        let is_too_much =
            |state: &mut State| state.failed.is_none() && state.waiting_bytes >= WAITING_BYTES_MAX;
        let waited = told.changed.wait_timeout_while(state, WAIT_MAX, is_too_much);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.failed.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.told.set_haste(true);
        lock(&self.told.state).stopping = true;
        self.told.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that keeps the index's tables panicked");
        }
        *lock(&self.told.works_on) = None;
    }
}

impl Told {
    fn set_haste(&self, haste: bool) {
        self.haste.store(haste, Ordering::Relaxed);
        if haste {
            self.giving_way.hurry(Work::Tables);
        }
    }

    fn run(&self) {
        // Whoever waits for this thread has to hear of its end, also where the library panics.
        let panicked = |_| Err(HistoryError::Storage("keeping its tables panicked".into()));
        let ended = catch_unwind(AssertUnwindSafe(|| self.work())).unwrap_or_else(panicked);
        if let Err(error) = ended {
            lock(&self.state).failed = Some(error);
            self.changed.notify_all();
        }
    }

    fn work(&self) -> Result<(), HistoryError> {
        // What the last process left to be merged comes first.
        self.merge()?;
        while self.wait_for_tasks() {
            self.write_out()?;
            self.merge()?;
        }
        Ok(())
    }

    /// Whether there is anything to do; else it has to end.
    fn wait_for_tasks(&self) -> bool {
        let nothing = |state: &mut State| state.tasks.is_empty() && !state.stopping;
        let waited = self.changed.wait_while(lock(&self.state), nothing);
        !waited.unwrap_or_else(PoisonError::into_inner).stopping
    }

    fn next_task(&self) -> Option<Task> {
        let mut state = lock(&self.state);
        let next = state.tasks.pop_front();
        self.has_tasks.store(!state.tasks.is_empty(), Ordering::Relaxed);
        next
    }

    /// Does what is to be done.
    fn write_out(&self) -> Result<(), HistoryError> {
        while let Some(task) = self.next_task() {
            let works_on = lock(&self.works_on);
            let Some(works_on) = &*works_on else { return Ok(()) };
            match task {
                Task::WriteOut(table, sealed) => {
                    self.write_rows(&works_on.steps, &table, &sealed)?;
                    lock(&self.state).waiting_bytes -= sealed.bytes();
                }
                Task::Mark(mark) => {
                    (works_on.write_mark)(&mark)?;
                    lock(&self.state).marked = mark.through;
                }
            }
            self.changed.notify_all();
        }
        Ok(())
    }

    fn write_rows(&self, steps: &Steps, table: &Table, sealed: &Runs) -> Result<(), HistoryError> {
        let mut pace = Pace::new(PAUSES);
        // Until the last row has been written.
        let leaving = self.giving_way.begin(Work::Tables);
        table.write_out(sealed, steps, move || {
            let _held = &leaving;
            if pace.counts(ROWS) {
                pace.rest_unless(|| self.haste.load(Ordering::Relaxed));
            }
        })
    }

    /// Merges files until there is nothing to be merged.
    fn merge(&self) -> Result<(), HistoryError> {
        let (steps, tables) = match &*lock(&self.works_on) {
            Some(works_on) => (works_on.steps.clone(), works_on.tables.clone()),
            None => return Ok(()),
        };
        let look = || {
            let newest = tables.iter().map(|table| table.newest_files()).max();
            lock(&self.state).newest_files = newest.unwrap_or(0);
        };
        for table in &tables {
            look();
            while !lock(&self.state).stopping && table.merge(&steps)? {
                self.write_out()?;
                look();
            }
        }
        look();
        Ok(())
    }
}

struct Companions(Arc<Told>);

impl Factory for Companions {
    fn name(&self) -> &str {
        "pace"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        let leaving = Some(self.0.giving_way.begin(Work::Tables));
        Box::new(Companion { told: self.0.clone(), leaving, pace: Pace::new(PAUSES) })
    }
}

/// It is there from before the first row of a merge until after the last.
struct Companion {
    told: Arc<Told>,
    leaving: Option<Leaving>,
    pace: Pace,
}

impl CompactionFilter for Companion {
    fn filter_item(&mut self, _: ItemAccessor<'_>, _: &Context) -> lsm_tree::Result<Verdict> {
        if self.pace.counts(ROWS) {
            if self.told.has_tasks.load(Ordering::Relaxed) {
                self.leaving = None;
                self.told.write_out().map_err(std::io::Error::other)?;
                self.leaving = Some(self.told.giving_way.begin(Work::Tables));
            }
            self.pace.rest_unless(|| self.told.haste.load(Ordering::Relaxed));
        }
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests;
