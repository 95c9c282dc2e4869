//! Tables of sorted rows, written in steps: each a log-structured merge tree (lsm-tree) in a folder of its own.
//!
//! A step's rows get into the tables' memtables and are shown all at once: whoever reads does so as of a step. Nothing of them is
//! on the disk until a memtable is written out, which `upkeep` does. There is no journal: the service's log has all that the rows
//! are made of.
use crate::history::HistoryError;
use arc_swap::ArcSwap;
use lsm_tree::compaction::Leveled;
use lsm_tree::compaction::filter::Factory;
use lsm_tree::config::{BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry, PartitioningPolicy};
use lsm_tree::{
    AbstractTree, AnyTree, Cache, Config, DescriptorTable, Guard, InternalValue, IterGuardImpl, Memtable,
    MemtableId, SeqNo, SequenceNumberCounter, Slice, ValueType,
};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const MIB: u64 = 1 << 20;
/// Tables that a merge makes.
const FILE_BYTES: u64 = 16 * MIB;
/// Merging the newest tables only when there are 12 of them saves writing them as often (decision 0002).
const LEVEL0_TABLES: u8 = 12;
const OPEN_FILES: usize = 900;

impl From<lsm_tree::Error> for HistoryError {
    fn from(error: lsm_tree::Error) -> HistoryError {
        HistoryError::Storage(error.to_string())
    }
}

/// A row that was found: its key and its value.
pub type Row = (Slice, Slice);

/// The order of the steps, and who reads as of which. The trees take numbers from it, too, when their files change.
#[derive(Clone, Default)]
pub struct Steps(Arc<StepsInner>);

#[derive(Default)]
struct StepsInner {
    next: SequenceNumberCounter,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What has a lower number is shown.
    shown: SeqNo,
    is_writing: bool,
    /// How many read as of each number.
    readers: BTreeMap<SeqNo, usize>,
}

impl Steps {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One at a time, and nothing of it is shown before [`Steps::end`].
    pub fn begin(&self) -> Step {
        self.state().is_writing = true;
        Step { number: self.0.next.next() }
    }

    pub fn end(&self, _: Step) {
        let mut state = self.state();
        state.is_writing = false;
        state.shown = self.0.next.get();
    }

    /// Lets readers see the trees' newest files, so that older ones can go.
    pub fn show_files(&self) {
        let mut state = self.state();
        if !state.is_writing {
            state.shown = self.0.next.get();
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut state = self.state();
        let number = state.shown;
        *state.readers.entry(number).or_default() += 1;
        Snapshot { number, steps: self.clone() }
    }

    /// Nobody reads, or will, as of a number up to this.
    pub fn past(&self) -> SeqNo {
        let state = self.state();
        let oldest = state.readers.first_key_value().map_or(state.shown, |(number, _)| *number);
        oldest.saturating_sub(1)
    }

    /// From the numbers on that are in the files.
    fn go_on_after(&self, number: SeqNo) {
        self.0.next.fetch_max(number + 1);
        self.state().shown = self.0.next.get();
    }
}

/// Rows that are shown together.
pub struct Step {
    number: SeqNo,
}

impl Step {
    pub fn insert(&self, table: &Table, key: impl Into<Slice>, value: impl Into<Slice>) {
        table.active.load().insert(InternalValue::from_components(key, value, self.number, ValueType::Value));
    }
}

/// The tables as of a step.
pub struct Snapshot {
    number: SeqNo,
    steps: Steps,
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let mut state = self.steps.state();
        if let Some(readers) = state.readers.get_mut(&self.number) {
            *readers -= 1;
            if *readers == 0 {
                state.readers.remove(&self.number);
            }
        }
    }
}

impl Snapshot {
    pub fn get(&self, table: &Table, key: impl AsRef<[u8]>) -> Result<Option<Slice>, HistoryError> {
        Ok(table.tree.get(key, self.number)?)
    }

    pub fn range<K: AsRef<[u8]>>(&self, table: &Table, range: impl RangeBounds<K>) -> Rows {
        Rows(table.tree.range(range, self.number, None))
    }

    pub fn prefix(&self, table: &Table, prefix: impl AsRef<[u8]>) -> Rows {
        Rows(table.tree.prefix(prefix, self.number, None))
    }

    pub fn iter(&self, table: &Table) -> Rows {
        Rows(table.tree.iter(self.number, None))
    }
}

/// Rows in the order of their keys. They hold on to what they read, without the snapshot too.
pub struct Rows(Box<dyn DoubleEndedIterator<Item = IterGuardImpl> + Send>);

fn row(found: IterGuardImpl) -> Result<Row, HistoryError> {
    Ok(found.into_inner()?)
}

impl Iterator for Rows {
    type Item = Result<Row, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(row)
    }
}

impl DoubleEndedIterator for Rows {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(row)
    }
}

/// What a table is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Design {
    pub name: &'static str,
    /// So much is gathered in memory, by the library's reckoning, before it is written out.
    pub memtable_bytes: u64,
    /// Single keys are looked up in it that mostly are absent.
    pub looked_up: bool,
}

pub struct Table {
    pub design: Design,
    tree: AnyTree,
    /// The tree's own, without a wait for its lock: the tree keeps that while it syncs a list of its files.
    active: ArcSwap<Memtable>,
}

impl Table {
    /// Whether it has had a step with this key, be it one that is not shown yet.
    pub fn has(&self, key: &[u8]) -> Result<bool, HistoryError> {
        Ok(self.tree.contains_key(key, SeqNo::MAX)?)
    }

    pub fn is_full(&self) -> bool {
        self.active.load().size() > self.design.memtable_bytes
    }

    /// Goes on in a new memtable; gives the one before, where there was anything in it. Not while a step is written.
    pub fn seal(&self) -> Option<Arc<Memtable>> {
        let sealed = self.tree.rotate_memtable();
        self.active.store(self.tree.active_memtable());
        sealed
    }

    /// Writes rows, in the order of their keys, to a file of their own: shown by the next step, and durable.
    pub fn write<K: Into<Slice>, V: Into<Slice>>(
        &self,
        rows: impl Iterator<Item = (K, V)>,
        steps: &Steps,
    ) -> Result<(), HistoryError> {
        let number = steps.0.next.next();
        let row = |(key, value)| Ok(InternalValue::from_components(key, value, number, ValueType::Value));
        self.add_file(rows.map(row), &[], steps)
    }

    /// The same with what is in a memtable, which is forgotten then. `rest` is called for each row.
    pub fn write_out(
        &self,
        memtable: &Memtable,
        steps: &Steps,
        mut rest: impl FnMut(),
    ) -> Result<(), HistoryError> {
        let rows = memtable.iter().map(|row| {
            rest();
            Ok(row)
        });
        self.add_file(rows, &[memtable.id()], steps)
    }

    fn add_file(
        &self,
        rows: impl Iterator<Item = lsm_tree::Result<InternalValue>>,
        forgotten: &[MemtableId],
        steps: &Steps,
    ) -> Result<(), HistoryError> {
        if let Some((files, _)) = self.tree.flush_to_tables(rows)? {
            self.tree.register_tables(&files, None, None, forgotten, steps.past())?;
        }
        steps.show_files();
        Ok(())
    }

    /// Merges some of its files, where that is worth while; whether it was.
    pub fn merge(&self, steps: &Steps) -> Result<bool, HistoryError> {
        let leveled = Leveled::default().with_table_target_size(FILE_BYTES).with_l0_threshold(LEVEL0_TABLES);
        let before = self.tree.current_version().id();
        self.tree.compact(Arc::new(leveled), steps.past())?;
        steps.show_files();
        Ok(self.tree.current_version().id() != before)
    }

    /// Files that were not merged yet.
    pub fn newest_files(&self) -> usize {
        self.tree.l0_run_count()
    }

    pub fn size_bytes(&self) -> u64 {
        self.tree.disk_space()
    }
}

/// Opens tables in a folder, or begins them.
pub struct Opening {
    folder: PathBuf,
    /// Nothing was in the folder.
    pub is_new: bool,
    pub steps: Steps,
    cache: Arc<Cache>,
    files: Arc<DescriptorTable>,
    companion: Arc<dyn Factory>,
}

impl Opening {
    /// `companion` goes along with each merge.
    pub fn new(
        folder: &Path,
        cache_bytes: u64,
        companion: Arc<dyn Factory>,
    ) -> Result<Opening, HistoryError> {
        let is_new = match folder.read_dir() {
            Ok(mut inside) => inside.next().is_none(),
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(HistoryError::Storage(format!("{}: {error}", folder.display()))),
        };
        Ok(Opening {
            folder: folder.to_owned(),
            is_new,
            steps: Steps::default(),
            cache: Arc::new(Cache::with_capacity_bytes(cache_bytes)),
            files: Arc::new(DescriptorTable::new(OPEN_FILES)),
            companion,
        })
    }

    pub fn table(&self, design: Design) -> Result<Table, HistoryError> {
        let filter = if design.looked_up {
            FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0))
        } else {
            FilterPolicyEntry::None
        };
        // Of a large table's filter or index a look-up reads one block, not all of it: half a megabyte with 500,000 keys.
        let in_parts = PartitioningPolicy::new([false, true]);
        let path = self.folder.join(design.name);
        // What the trees take for shown is no concern of ours: a step is shown when it has ended.
        let tree = Config::new(path, self.steps.0.next.clone(), SequenceNumberCounter::default())
            .use_cache(self.cache.clone())
            .use_descriptor_table(Some(self.files.clone()))
            .filter_block_partitioning_policy(in_parts.clone())
            .index_block_partitioning_policy(in_parts)
            .filter_policy(FilterPolicy::all(filter))
            .with_compaction_filter_factory(Some(self.companion.clone()))
            .open()?;
        self.steps.go_on_after(tree.get_highest_persisted_seqno().unwrap_or(0));
        let active = ArcSwap::new(tree.active_memtable());
        Ok(Table { design, tree, active })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::upkeep::Upkeep;

    fn opening(folder: &Path) -> Opening {
        Opening::new(folder, 1 << 20, Upkeep::new(Arc::default()).companion()).unwrap()
    }

    fn table(opening: &Opening, name: &'static str) -> Table {
        opening.table(Design { name, memtable_bytes: MIB, looked_up: true }).unwrap()
    }

    fn write_out(table: &Table, steps: &Steps) {
        table.write_out(&table.seal().unwrap(), steps, || {}).unwrap();
    }

    fn numbers(rows: Rows) -> Vec<u32> {
        rows.map(|row| u32::from_be_bytes((*row.unwrap().0).try_into().unwrap())).collect()
    }

    #[test]
    fn a_step_is_shown_as_a_whole_once_it_has_ended_whatever_becomes_of_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let opening = opening(folder.path());
        let tables = [table(&opening, "one"), table(&opening, "other")];
        let steps = &opening.steps;
        let shows = |snapshot: &Snapshot| tables.each_ref().map(|table| numbers(snapshot.iter(table)));
        for n in 0..20_u32 {
            let before = steps.snapshot();
            let step = steps.begin();
            for table in &tables {
                step.insert(table, n.to_be_bytes(), n.to_be_bytes());
            }
            // Files of one table change while the step is written.
            steps.show_files();
            assert!(tables[0].has(&n.to_be_bytes()).unwrap(), "looked up past all snapshots");
            let all: Vec<u32> = (0..n).collect();
            assert_eq!(shows(&steps.snapshot()), [all.clone(), all.clone()]);
            steps.end(step);
            write_out(&tables[0], steps);
            if n % 3 == 0 {
                write_out(&tables[1], steps);
            }
            while tables[0].merge(steps).unwrap() {}
            assert_eq!(shows(&before), [all.clone(), all], "as of when it was taken");
            let all: Vec<u32> = (0..=n).collect();
            assert_eq!(shows(&steps.snapshot()), [all.clone(), all]);
        }
        assert!(tables[0].newest_files() < 12);
    }

    #[test]
    fn a_key_has_the_value_of_the_newest_step_also_after_a_start() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..3_u32 {
            let opening = opening(folder.path());
            let (table, steps) = (table(&opening, "rows"), &opening.steps);
            let found =
                |snapshot: &Snapshot| snapshot.get(&table, "key").unwrap().map(|value| value.to_vec());
            let value = |n: u32| Some(n.to_be_bytes().to_vec());
            assert_eq!(found(&steps.snapshot()), round.checked_sub(1).and_then(|last| value(10 * last + 9)));
            for n in 10 * round..10 * round + 10 {
                let step = steps.begin();
                step.insert(&table, "key", n.to_be_bytes());
                steps.end(step);
                write_out(&table, steps);
                assert_eq!(found(&steps.snapshot()), value(n));
            }
        }
    }

    #[test]
    fn readers_hold_what_they_read_and_no_more() {
        let steps = Steps::default();
        let (first, again) = (steps.snapshot(), steps.snapshot());
        let step = steps.begin();
        steps.end(step);
        let second = steps.snapshot();
        assert_eq!(steps.past(), first.number.saturating_sub(1));
        drop(first);
        assert_eq!(steps.past(), again.number.saturating_sub(1));
        drop(again);
        assert_eq!(steps.past(), second.number - 1);
        let step = steps.begin();
        steps.end(step);
        drop(second);
        assert_eq!(steps.past(), steps.snapshot().number - 1);
    }
}
