//! A tree's files as of one moment, for those who read them.
//!
//! The tree has its list of files behind a lock, which it keeps over some syncs whenever the list changes. Who asks the tree waits
//! for the disk then; who has this, does not. The files stay as long as it does.
use crate::history::runs::{Found, Source};
use lsm_tree::table::filter::standard_bloom::Builder;
use lsm_tree::{AbstractTree, AnyTree, SeqNo, Slice, Tree};
use std::ops::Bound;

type Bounds = (Bound<Slice>, Bound<Slice>);
type Get = dyn Fn(&[u8]) -> lsm_tree::Result<Option<Slice>> + Send + Sync;
type Range = dyn Fn(&Bounds) -> Source + Send + Sync;

/// Functions hold the list, as the library has no public names for its types.
pub struct Files {
    get: Box<Get>,
    range: Box<Range>,
    /// On the disk.
    pub bytes: u64,
}

impl Files {
    /// For the thread that changes the tree's files: others might wait for it, and find one list here and another there.
    pub fn of(tree: &AnyTree) -> Files {
        let (for_get, for_range) = (tree.current_version(), tree.get_version_history_lock().latest_version());
        let get = move |key: &[u8]| {
            let hash = Builder::get_hash(key);
            let runs = for_get.iter_levels().flat_map(|level| level.iter());
            // Newest first: the first one that has it has what counts.
            for table in runs.filter_map(|run| run.get_for_key(key)) {
                if let Some(row) = table.get(key, SeqNo::MAX, hash)? {
                    return Ok(Some(row.value));
                }
            }
            Ok(None)
        };
        let range = move |range: &Bounds| {
            let rows = Tree::create_internal_range(for_range.clone(), range, SeqNo::MAX, None);
            let in_file = |row: lsm_tree::Result<_>| -> Found {
                let row: lsm_tree::InternalValue = row?;
                Ok((row.key.user_key, row.value))
            };
            Box::new(rows.map(in_file)) as Source
        };
        Files { get: Box::new(get), range: Box::new(range), bytes: tree.disk_space() }
    }

    pub fn get(&self, key: &[u8]) -> lsm_tree::Result<Option<Slice>> {
        (self.get)(key)
    }

    pub fn range(&self, range: &Bounds) -> Source {
        (self.range)(range)
    }
}
