//! What the index and the merges of the store's tables tell each other.
//!
//! A merge takes a core for half a second every few seconds. On a machine that has none to spare requests would come late
//! for as long: so it pauses between stretches of work, as other work without haste does. It also takes the store's one worker,
//! which has to write full memtables out: so it does that in between, and the index needn't wait until it has ended.
use crate::giving_way::{GivingWay, Work};
use crate::pace::Pace;
use fjall::compaction::filter::{
    CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict,
};
use fjall::{AbstractTree, Keyspace, LsmError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A merge pauses three times as long as it works: a quarter of a core's time.
const PAUSES: u32 = 3;
/// Rows between two looks at the clock, and for full memtables: some 50 us of work.
const ROWS: u32 = 64;
/// Which versions of a row nobody can read any more only the store knows: what is written out here keeps all of them, until
/// its table is merged.
const KEEP_ALL: u64 = 0;

/// The index's end.
#[derive(Default)]
pub struct Merges(Arc<Told>);

#[derive(Default)]
struct Told {
    giving_way: Arc<GivingWay>,
    /// Merges must not pause: the index waits for them, or is being closed.
    haste: AtomicBool,
    /// There is a full memtable.
    full: AtomicBool,
    /// Whose memtables are written out. They hold the store, which holds this: none once the index is being closed.
    tables: Mutex<Vec<Keyspace>>,
}

impl Merges {
    pub fn new(giving_way: Arc<GivingWay>) -> Merges {
        Merges(Arc::new(Told { giving_way, ..Told::default() }))
    }

    pub fn set_haste(&self, haste: bool) {
        self.0.haste.store(haste, Ordering::Relaxed);
        if haste {
            self.0.giving_way.hurry();
        }
    }

    /// From now on a merge writes these tables' full memtables out.
    pub fn set_tables(&self, tables: Vec<Keyspace>) {
        *self.0.tables() = tables;
    }

    /// What they hold is in the store's journal, and synced.
    pub fn memtables_are_full(&self) {
        self.0.full.store(true, Ordering::Release);
    }

    /// What goes along with each merge, under the name of a filter of rows: it keeps all of them.
    pub fn companion(&self) -> Arc<dyn Factory> {
        Arc::new(Companions(self.0.clone()))
    }
}

impl Drop for Merges {
    fn drop(&mut self) {
        self.set_haste(true);
        self.set_tables(Vec::new());
    }
}

impl Told {
    fn tables(&self) -> MutexGuard<'_, Vec<Keyspace>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As the store's worker would, which finds nothing more to do when it comes to it.
    fn write_out(&self) -> Result<(), LsmError> {
        if !self.full.swap(false, Ordering::Acquire) {
            return Ok(());
        }
        for table in self.tables().iter().filter(|table| table.sealed_memtable_count() > 0) {
            table.tree.flush(&table.tree.get_flush_lock(), KEEP_ALL)?;
        }
        Ok(())
    }
}

struct Companions(Arc<Told>);

impl Factory for Companions {
    fn name(&self) -> &str {
        "pace"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        self.0.giving_way.join(Work::Tables);
        Box::new(Companion { told: self.0.clone(), rows: 0, pace: Pace::new(PAUSES) })
    }
}

struct Companion {
    told: Arc<Told>,
    rows: u32,
    pace: Pace,
}

impl CompactionFilter for Companion {
    fn filter_item(&mut self, _: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS) {
            self.told.write_out()?;
            self.pace.rest_unless(|| self.told.haste.load(Ordering::Relaxed));
        }
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fjall::{Database, KeyspaceCreateOptions};
    use std::path::Path;

    /// A store without workers, whose merges have the companion. What is not written out in a merge never is.
    fn store(folder: &Path, merges: &Merges) -> Database {
        let companion = merges.companion();
        let factories = Arc::new(move |_: &str| Some(companion.clone()));
        let builder = Database::builder(folder).with_compaction_filter_factories(factories);
        builder.worker_threads_unchecked(0).open().unwrap()
    }

    fn table(db: &Database, name: &str) -> Keyspace {
        db.keyspace(name, KeyspaceCreateOptions::default).unwrap()
    }

    /// Fills four tables of a keyspace, one over the other.
    fn fill(table: &Keyspace) {
        for part in 0..4_u32 {
            for row in 0..1_000_u32 {
                table.insert((row * 4 + part).to_be_bytes(), part.to_be_bytes()).unwrap();
            }
            table.tree.rotate_memtable();
            table.tree.flush(&table.tree.get_flush_lock(), KEEP_ALL).unwrap();
        }
    }

    fn holds_all(table: &Keyspace) {
        let row = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
        let found = table.iter().map(|found| found.into_inner().unwrap());
        let expected = (0..4_000_u32).map(|n| row(&n.to_be_bytes(), &(n % 4).to_be_bytes()));
        assert!(found.map(|(key, value)| row(&key, &value)).eq(expected));
    }

    #[test]
    fn a_merge_keeps_all_rows_with_haste_and_without() {
        for in_haste in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let merges = Merges::default();
            merges.set_haste(in_haste);
            let db = store(folder.path(), &merges);
            let table = table(&db, "rows");
            fill(&table);
            table.major_compact().unwrap();
            assert_eq!(table.table_count(), 1);
            holds_all(&table);
        }
    }

    #[test]
    fn a_merge_writes_full_memtables_out() {
        let folder = tempfile::tempdir().unwrap();
        let merges = Merges::default();
        let db = store(folder.path(), &merges);
        let (merged, other) = (table(&db, "merged"), table(&db, "other"));
        fill(&merged);
        other.insert("key", "value").unwrap();
        for table in [&merged, &other] {
            table.insert(0_u32.to_be_bytes(), 0_u32.to_be_bytes()).unwrap();
            assert!(table.rotate_memtable().unwrap());
        }
        let full = || [&merged, &other].map(|table| table.sealed_memtable_count());

        merged.major_compact().unwrap();
        assert_eq!(full(), [1, 1], "nobody has told it of them");
        merges.set_tables(vec![merged.clone(), other.clone()]);
        merges.memtables_are_full();
        merged.major_compact().unwrap();
        assert_eq!(full(), [0, 0]);
        assert_eq!((other.table_count(), merged.table_count()), (1, 2));
        assert_eq!(&*other.get("key").unwrap().unwrap(), b"value");
        holds_all(&merged);
    }

    #[test]
    fn the_store_closes_with_the_index() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let merges = Merges::default();
            let db = store(folder.path(), &merges);
            merges.set_tables(vec![table(&db, "rows")]);
            drop(merges);
            drop(db);
        }
    }
}
