//! A table of the index, read and changed past the index while it is closed.
use lsm_tree::{AbstractTree, AnyTree, Config, Guard, SeqNo, SequenceNumberCounter};
use std::path::Path;

pub struct Rows {
    tree: AnyTree,
    steps: SequenceNumberCounter,
}

impl Rows {
    pub fn open(history: &Path, table: &str) -> Rows {
        let steps = SequenceNumberCounter::default();
        let config = Config::new(history.join(table), steps.clone(), SequenceNumberCounter::default());
        let tree = config.open().expect("a table of the index");
        steps.fetch_max(tree.get_highest_persisted_seqno().unwrap_or(0) + 1);
        Rows { tree, steps }
    }

    pub fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.tree.get(key, SeqNo::MAX).expect("to read").map(|value| value.to_vec())
    }

    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.tree.iter(SeqNo::MAX, None).map(|row| row.key().expect("a key").to_vec()).collect()
    }

    pub fn insert(self, key: &[u8], value: &[u8]) {
        self.tree.insert(key, value, self.steps.next());
        self.write();
    }

    pub fn remove(self, key: &[u8]) {
        self.tree.remove(key, self.steps.next());
        self.write();
    }

    fn write(self) {
        self.tree.flush_active_memtable(0).expect("to write");
    }
}
