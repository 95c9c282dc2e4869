//! Tables of sorted rows, written in steps: each a log-structured merge tree (lsm-tree) in a folder of its own, and before it
//! the rows that are in none of its files yet (`runs`).
//!
//! A step's rows are shown all at once, in all tables: whoever reads does so as of a step. Nothing of them is on the disk until
//! what was gathered is written out, which `upkeep` does. There is no journal: the service's log has all that the rows are made
//! of. The trees' own memtables are not used.
use crate::history::HistoryError;
use crate::history::runs::{Found, Merged, Runs, Source};
use lsm_tree::compaction::Leveled;
use lsm_tree::compaction::filter::Factory;
use lsm_tree::config::{BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry, PartitioningPolicy};
use lsm_tree::{
    AbstractTree, AnyTree, Cache, Config, DescriptorTable, Guard, InternalValue, IterGuardImpl, SeqNo,
    SequenceNumberCounter, Slice, ValueType,
};
use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use crate::history::runs::Row;

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

/// What the tables show, and who reads as of when. One thread at a time writes steps.
#[derive(Clone, Default)]
pub struct Steps(Arc<StepsInner>);

#[derive(Default)]
struct StepsInner {
    /// The trees take a number from it when their files change, and each file that is written has one for its rows.
    next: SequenceNumberCounter,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Files with a lower number are shown.
    shown: SeqNo,
    /// By table: shown, too. What has just got into a file may be here as well for a moment.
    gathered: Arc<Vec<Gathered>>,
    /// How many read as of each number.
    readers: BTreeMap<SeqNo, usize>,
}

/// The rows of a table that are in no file yet.
#[derive(Clone, Default)]
struct Gathered {
    /// What is to be written out, oldest first.
    sealed: VecDeque<Runs>,
    growing: Runs,
}

impl Steps {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_table(&self) -> usize {
        let mut state = self.state();
        let gathered = Arc::make_mut(&mut state.gathered);
        gathered.push(Gathered::default());
        gathered.len() - 1
    }

    pub fn begin(&self) -> Step {
        Step { rows: self.state().gathered.iter().map(|_| Vec::new()).collect() }
    }

    /// Shows the step's rows.
    pub fn end(&self, step: Step) {
        let before = self.state().gathered.clone();
        let grow = |(place, rows): (usize, Vec<Row>)| {
            let mut growing = before[place].growing.clone();
            growing.add(rows);
            (place, growing)
        };
        // Without the lock: nobody else changes what grows.
        let mut grown: Vec<(usize, Runs)> =
            step.rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()).map(grow).collect();
        drop(before);
        let mut state = self.state();
        let gathered = Arc::make_mut(&mut state.gathered);
        for (place, growing) in &mut grown {
            std::mem::swap(&mut gathered[*place].growing, growing);
        }
        state.shown = self.0.next.get();
        // What was there before goes without the lock, too.
        drop(state);
    }

    /// How much of a table is gathered, in bytes of memory.
    pub fn gathered_bytes(&self, table: &Table) -> u64 {
        self.state().gathered[table.place].growing.bytes()
    }

    /// Goes on with nothing gathered; gives what was, where there was anything, which is shown until it is written out. Not while a
    /// step is written.
    pub fn seal(&self, table: &Table) -> Option<Runs> {
        let mut state = self.state();
        if state.gathered[table.place].growing.is_empty() {
            return None;
        }
        let gathered = &mut Arc::make_mut(&mut state.gathered)[table.place];
        let sealed = std::mem::take(&mut gathered.growing);
        gathered.sealed.push_back(sealed.clone());
        Some(sealed)
    }

    /// Shows the trees' newest files, so that older ones can go; what was sealed first of a table is in one of them.
    fn show_files(&self, written_out: Option<&Table>) {
        let mut state = self.state();
        state.shown = self.0.next.get();
        let written_out =
            written_out.and_then(|table| Arc::make_mut(&mut state.gathered)[table.place].sealed.pop_front());
        drop(state);
        drop(written_out);
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut state = self.state();
        let number = state.shown;
        *state.readers.entry(number).or_default() += 1;
        Snapshot { number, gathered: state.gathered.clone(), steps: self.clone() }
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

/// Rows that are shown together, by table.
pub struct Step {
    rows: Vec<Vec<Row>>,
}

impl Step {
    pub fn insert(&mut self, table: &Table, key: impl Into<Slice>, value: impl Into<Slice>) {
        self.rows[table.place].push((key.into(), value.into()));
    }
}

/// The tables as of a step.
pub struct Snapshot {
    number: SeqNo,
    gathered: Arc<Vec<Gathered>>,
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
    /// What is in no file yet, newest first.
    fn gathered(&self, table: &Table) -> impl Iterator<Item = &Runs> {
        let Gathered { sealed, growing } = &self.gathered[table.place];
        std::iter::once(growing).chain(sealed.iter().rev())
    }

    pub fn get(&self, table: &Table, key: impl AsRef<[u8]>) -> Result<Option<Slice>, HistoryError> {
        let key = key.as_ref();
        match self.gathered(table).find_map(|runs| runs.get(key)) {
            Some(value) => Ok(Some(value.clone())),
            None => Ok(table.tree.get(key, self.number)?),
        }
    }

    pub fn range<K: AsRef<[u8]>>(&self, table: &Table, range: impl RangeBounds<K>) -> Rows {
        let bound = |bound: Bound<&K>| bound.map(|key| Slice::from(key.as_ref()));
        let range = (bound(range.start_bound()), bound(range.end_bound()));
        let parts = self.gathered(table).flat_map(|runs| runs.parts(&range));
        let mut sources: Vec<Source> = parts.map(|part| Box::new(part) as Source).collect();
        let in_files = table.tree.range(range, self.number, None).map(in_file);
        // The usual case: nothing of it is new.
        if sources.is_empty() {
            return Rows(Box::new(in_files));
        }
        sources.push(Box::new(in_files));
        Rows(Box::new(Merged::new(sources)))
    }

    pub fn prefix(&self, table: &Table, prefix: impl AsRef<[u8]>) -> Rows {
        let prefix = prefix.as_ref();
        // Up to the next prefix of this length; where there is none, to the end.
        let mut next = prefix.to_vec();
        while next.pop_if(|last| *last == u8::MAX).is_some() {}
        let end = match next.last_mut() {
            Some(last) => {
                *last += 1;
                Bound::Excluded(&next[..])
            }
            None => Bound::Unbounded,
        };
        self.range::<&[u8]>(table, (Bound::Included(prefix), end))
    }

    pub fn iter(&self, table: &Table) -> Rows {
        self.range::<&[u8]>(table, ..)
    }
}

/// Rows in the order of their keys. They hold on to what they read, without the snapshot too.
pub struct Rows(Source);

fn in_file(found: IterGuardImpl) -> Found {
    Ok(found.into_inner()?)
}

impl Iterator for Rows {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        self.0.next()
    }
}

impl DoubleEndedIterator for Rows {
    fn next_back(&mut self) -> Option<Found> {
        self.0.next_back()
    }
}

/// What a table is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Design {
    pub name: &'static str,
    /// So much is gathered in memory before it is written out.
    pub gathered_bytes: u64,
    /// Single keys are looked up in it that mostly are absent.
    pub looked_up: bool,
}

pub struct Table {
    pub design: Design,
    /// Among the tables of its steps.
    place: usize,
    tree: AnyTree,
}

impl Table {
    /// Writes rows, in the order of their keys, to a file of their own: shown by the next step, and durable.
    pub fn write(
        &self,
        rows: impl Iterator<Item = (impl Into<Slice>, impl Into<Slice>)>,
        steps: &Steps,
    ) -> Result<(), HistoryError> {
        self.add_file(rows.map(|(key, value)| Ok((key.into(), value.into()))), steps)?;
        steps.show_files(None);
        Ok(())
    }

    /// The same with what was sealed of it first. `rest` is called for each row, and dropped after the last: before the file gets into
    /// the tree's list, under the lock that readers want.
    pub fn write_out(
        &self,
        sealed: &Runs,
        steps: &Steps,
        mut rest: impl FnMut(),
    ) -> Result<(), HistoryError> {
        let everything = (Bound::Unbounded, Bound::Unbounded);
        let rows = Merged::new(sealed.parts(&everything).map(|part| Box::new(part) as Source));
        self.add_file(rows.inspect(move |_| rest()), steps)?;
        steps.show_files(Some(self));
        Ok(())
    }

    fn add_file(&self, rows: impl Iterator<Item = Found>, steps: &Steps) -> Result<(), HistoryError> {
        // Higher than that of any row of the same key that is in a file.
        let number = steps.0.next.next();
        let row = |found: Found| {
            let (key, value) = found.map_err(std::io::Error::other)?;
            Ok(InternalValue::from_components(key, value, number, ValueType::Value))
        };
        if let Some((files, _)) = self.tree.flush_to_tables(rows.map(row))? {
            self.tree.register_tables(&files, None, None, &[], steps.past())?;
        }
        Ok(())
    }

    /// Merges some of its files, where that is worth while; whether it was.
    pub fn merge(&self, steps: &Steps) -> Result<bool, HistoryError> {
        let leveled = Leveled::default().with_table_target_size(FILE_BYTES).with_l0_threshold(LEVEL0_TABLES);
        let before = self.tree.current_version().id();
        self.tree.compact(Arc::new(leveled), steps.past())?;
        steps.show_files(None);
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
        Ok(Table { design, place: self.steps.add_table(), tree })
    }
}

#[cfg(test)]
mod tests;
