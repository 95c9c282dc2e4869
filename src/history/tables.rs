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
    AbstractTree, AnyTree, Cache, Config, DescriptorTable, InternalValue, SeqNo, SequenceNumberCounter,
    Slice, ValueType,
};
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod files;

pub use crate::history::runs::Row;
use files::Files;

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

/// What the tables show. One thread at a time writes steps, and one changes files.
#[derive(Clone, Default)]
pub struct Steps(Arc<StepsInner>);

#[derive(Default)]
struct StepsInner {
    /// The trees take a number from it when their files change, and each file that is written has one for its rows.
    next: SequenceNumberCounter,
    /// By table. Whoever reads holds on to the list of its moment.
    shown: Mutex<Arc<Vec<Shown>>>,
}

/// The rows of a table.
#[derive(Clone)]
struct Shown {
    files: Arc<Files>,
    /// In none of the files yet, and to be written out, oldest first.
    sealed: VecDeque<Runs>,
    growing: Runs,
}

impl Steps {
    fn shown(&self) -> MutexGuard<'_, Arc<Vec<Shown>>> {
        self.0.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_table(&self, files: Arc<Files>) -> usize {
        let mut shown = self.shown();
        let tables = Arc::make_mut(&mut shown);
        tables.push(Shown { files, sealed: VecDeque::new(), growing: Runs::default() });
        tables.len() - 1
    }

    pub fn begin(&self) -> Step {
        Step { rows: self.shown().iter().map(|_| Vec::new()).collect() }
    }

    /// Shows the step's rows.
    pub fn end(&self, step: Step) {
        let before = self.shown().clone();
        let grow = |(place, rows): (usize, Vec<Row>)| {
            let mut growing = before[place].growing.clone();
            growing.add(rows);
            (place, growing)
        };
        // Without the lock: nobody else changes what grows.
        let mut grown: Vec<(usize, Runs)> =
            step.rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()).map(grow).collect();
        drop(before);
        let mut shown = self.shown();
        let tables = Arc::make_mut(&mut shown);
        for (place, growing) in &mut grown {
            std::mem::swap(&mut tables[*place].growing, growing);
        }
        // What was there before goes without the lock, too.
        drop(shown);
    }

    /// How much of a table is gathered, in bytes of memory.
    pub fn gathered_bytes(&self, table: &Table) -> u64 {
        self.shown()[table.place].growing.bytes()
    }

    /// Goes on with nothing gathered; gives what was, where there was anything, which is shown until it is written out. Not while a
    /// step is written.
    pub fn seal(&self, table: &Table) -> Option<Runs> {
        let mut shown = self.shown();
        if shown[table.place].growing.is_empty() {
            return None;
        }
        let shown = &mut Arc::make_mut(&mut shown)[table.place];
        let sealed = std::mem::take(&mut shown.growing);
        shown.sealed.push_back(sealed.clone());
        Some(sealed)
    }

    /// Shows other files of a table; with `written_out` what was sealed first of it is in one of them. Gives what was shown before.
    fn show_files(&self, table: &Table, files: Arc<Files>, written_out: bool) -> Arc<Files> {
        let mut shown = self.shown();
        let shown_of_it = &mut Arc::make_mut(&mut shown)[table.place];
        let before = std::mem::replace(&mut shown_of_it.files, files);
        let in_a_file = if written_out { shown_of_it.sealed.pop_front() } else { None };
        drop(shown);
        drop(in_a_file);
        before
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot { shown: self.shown().clone() }
    }

    /// The trees need keep nothing for readers as of a number below this: theirs hold on to the files themselves.
    fn past(&self) -> SeqNo {
        self.0.next.get()
    }

    /// From the numbers on that are in the files.
    fn go_on_after(&self, number: SeqNo) {
        self.0.next.fetch_max(number + 1);
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
    shown: Arc<Vec<Shown>>,
}

impl Snapshot {
    /// What is in no file yet, newest first.
    fn gathered(&self, table: &Table) -> impl Iterator<Item = &Runs> {
        let Shown { sealed, growing, .. } = &self.shown[table.place];
        std::iter::once(growing).chain(sealed.iter().rev())
    }

    pub fn get(&self, table: &Table, key: impl AsRef<[u8]>) -> Result<Option<Slice>, HistoryError> {
        let key = key.as_ref();
        match self.gathered(table).find_map(|runs| runs.get(key)) {
            Some(value) => Ok(Some(value.clone())),
            None => Ok(self.shown[table.place].files.get(key)?),
        }
    }

    pub fn range<K: AsRef<[u8]>>(&self, table: &Table, range: impl RangeBounds<K>) -> Rows {
        let bound = |bound: Bound<&K>| bound.map(|key| Slice::from(key.as_ref()));
        let range = (bound(range.start_bound()), bound(range.end_bound()));
        let parts = self.gathered(table).flat_map(|runs| runs.parts(&range));
        let mut sources: Vec<Source> = parts.map(|part| Box::new(part) as Source).collect();
        let in_files = self.shown[table.place].files.range(&range);
        // The usual case: nothing of it is new.
        if sources.is_empty() {
            return Rows(in_files);
        }
        sources.push(in_files);
        Rows(Box::new(Merged::new(sources)))
    }

    /// Of the table's files.
    pub fn size_bytes(&self, table: &Table) -> u64 {
        self.shown[table.place].files.bytes
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
    /// Files that were shown before, while somebody may read them.
    before: Mutex<Vec<Arc<Files>>>,
}

impl Table {
    /// Writes rows, in the order of their keys, to a file of their own: durable, and shown at once.
    pub fn write(
        &self,
        rows: impl Iterator<Item = (impl Into<Slice>, impl Into<Slice>)>,
        steps: &Steps,
    ) -> Result<(), HistoryError> {
        self.add_file(rows.map(|(key, value)| Ok((key.into(), value.into()))), steps)?;
        self.show_files(steps, false);
        Ok(())
    }

    /// The same with what was sealed of it first. `rest` is called for each row, and dropped after the last, before the file gets into
    /// the tree's list and is shown.
    pub fn write_out(
        &self,
        sealed: &Runs,
        steps: &Steps,
        mut rest: impl FnMut(),
    ) -> Result<(), HistoryError> {
        let everything = (Bound::Unbounded, Bound::Unbounded);
        let rows = Merged::new(sealed.parts(&everything).map(|part| Box::new(part) as Source));
        self.add_file(rows.inspect(move |_| rest()), steps)?;
        self.show_files(steps, true);
        Ok(())
    }

    /// Shows its newest files. Those that nobody reads any more go, and are deleted: here, so that no reader has to.
    fn show_files(&self, steps: &Steps, written_out: bool) {
        let shown_before = steps.show_files(self, Arc::new(Files::of(&self.tree)), written_out);
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        before.push(shown_before);
        before.retain(|files| Arc::strong_count(files) > 1);
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
        self.show_files(steps, false);
        Ok(self.tree.current_version().id() != before)
    }

    /// Files that were not merged yet.
    pub fn newest_files(&self) -> usize {
        self.tree.l0_run_count()
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
        let place = self.steps.add_table(Arc::new(Files::of(&tree)));
        Ok(Table { design, place, tree, before: Mutex::default() })
    }
}

#[cfg(test)]
mod tests;
