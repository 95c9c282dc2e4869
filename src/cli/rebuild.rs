//! `rebuild`: the history index anew from the log, archived segments included.
use crate::actors::recovery::index_only;
use crate::actors::start::{open_history, remove_history};
use crate::cli::log_of;
use crate::cli::progress::Shown;
use crate::config::Settings;
use crate::history::History;
use crate::ledger::lsn::Lsn;
use crate::store::disk::RealDisk;
use crate::store::folder::Folder;

pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let folder = Folder::at(&settings.data_dir);
    let _lock = folder.lock()?;
    let log_id = log_of(&folder)?;
    remove_history(&folder)?;
    let history = open_history(&folder, settings.history_cache_bytes)?;
    let mut shown = Shown::new("rebuilding");
    index_only(&RealDisk, &folder, log_id, &history, Lsn::MAX, |progress| shown.show(progress))?;
    let through: Lsn = history.sync()?;
    println!("the history index is made anew, through record {through}");
    Ok(())
}
