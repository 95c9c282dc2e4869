//! The history index held against one that is made of the log for that, in a folder of its own.
use crate::actors::recovery::index_only;
use crate::actors::start::remove_history;
use crate::cli::progress::Shown;
use crate::history::{History, TreeHistory};
use crate::ledger::lsn::Lsn;
use crate::store::disk::Disk;
use crate::store::folder::Folder;
use std::path::Path;

/// So many differences are told.
const MOST: usize = 100;

/// What is in the index that the log does not give, or not in it that the log gives. `made` is a folder to be filled, and
/// removed again.
pub fn check(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
    end: Lsn,
    made: &Path,
    cache_bytes: u64,
) -> anyhow::Result<Vec<String>> {
    let history = match TreeHistory::open(&folder.history, cache_bytes) {
        Ok(history) => history,
        Err(error) => return Ok(vec![format!("{}: {error}", folder.history.display())]),
    };
    let reaches = history.reaches();
    if reaches > end {
        return Ok(vec![format!("the history index goes to record {reaches}, and the log ends at {end}")]);
    }
    // What a start would bring up first.
    index_only(disk, folder, log_id, &history, end, |_| {})?;
    let aside = Folder { history: made.to_owned(), ..folder.clone() };
    remove_history(&aside)?;
    let filled = TreeHistory::open_beside(made, cache_bytes, &history)
        .map_err(anyhow::Error::from)
        .and_then(|made| fill(disk, folder, log_id, end, made));
    let found = filled.and_then(|made| Ok(history.differences(&made, MOST)?));
    remove_history(&aside)?;
    found
}

fn fill(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
    through: Lsn,
    history: TreeHistory,
) -> anyhow::Result<TreeHistory> {
    let mut shown = Shown::new("making an index to compare with");
    index_only(disk, folder, log_id, &history, through, |progress| shown.show(progress))?;
    Ok(history)
}
