//! Merges of the store's tables leave requests room: they pause between stretches of work, as other work without haste does.
//!
//! A merge takes a core for half a second every few seconds. On a machine that has none to spare requests would come late
//! for as long.
use crate::pace::Pace;
use fjall::compaction::filter::{
    CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A merge pauses three times as long as it works: a quarter of a core's time.
const PAUSES: u32 = 3;
/// Rows between two looks at the clock: some 50 us of work.
const ROWS: u32 = 64;

/// Whether merges must not pause: the index waits for them, or is being closed. Dropped, it stays so.
#[derive(Debug, Default)]
pub struct Haste(Arc<AtomicBool>);

impl Haste {
    pub fn set(&self, haste: bool) {
        self.0.store(haste, Ordering::Relaxed);
    }

    /// What paces each merge, under the name of a filter of rows: it keeps all of them.
    pub fn paces(&self) -> Arc<dyn Factory> {
        Arc::new(Paces(self.0.clone()))
    }
}

impl Drop for Haste {
    fn drop(&mut self) {
        self.set(true);
    }
}

struct Paces(Arc<AtomicBool>);

impl Factory for Paces {
    fn name(&self) -> &str {
        "pace"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(Paced { haste: self.0.clone(), rows: 0, pace: Pace::new(PAUSES) })
    }
}

struct Paced {
    haste: Arc<AtomicBool>,
    rows: u32,
    pace: Pace,
}

impl CompactionFilter for Paced {
    fn filter_item(&mut self, _: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS) {
            self.pace.rest_unless(|| self.haste.load(Ordering::Relaxed));
        }
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fjall::{Database, KeyspaceCreateOptions};

    #[test]
    fn a_merge_keeps_all_rows_with_haste_and_without() {
        for in_haste in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let haste = Haste::default();
            haste.set(in_haste);
            let paces = haste.paces();
            let db = Database::builder(folder.path())
                .with_compaction_filter_factories(Arc::new(move |_| Some(paces.clone())))
                .open()
                .unwrap();
            let table = db.keyspace("rows", KeyspaceCreateOptions::default).unwrap();
            for part in 0..4_u32 {
                for row in 0..1_000_u32 {
                    table.insert((row * 4 + part).to_be_bytes(), part.to_be_bytes()).unwrap();
                }
                table.rotate_memtable_and_wait().unwrap();
            }
            table.major_compact().unwrap();
            assert_eq!(table.table_count(), 1);
            let row = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
            let found = table.iter().map(|found| found.into_inner().unwrap());
            let expected = (0..4_000_u32).map(|n| row(&n.to_be_bytes(), &(n % 4).to_be_bytes()));
            assert!(found.map(|(key, value)| row(&key, &value)).eq(expected));
        }
    }
}
