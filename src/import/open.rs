//! The data folder, locked and recovered as at a start, without actors.
use super::books::Base;
use super::{Job, Phase, Show};
use crate::actors::directory::Directory;
use crate::actors::personal::unseal;
use crate::actors::recovery::{Recovered, index_only, recover};
use crate::actors::start::{log_of, open_history};
use crate::history::{History, TreeHistory};
use crate::ledger::Terms;
use crate::ledger::lsn::Lsn;
use crate::store::disk::Disk;
use crate::store::folder::{Folder, FolderLock};
use crate::store::personal_keys::PersonalKeys;
use crate::store::recovery::{LogEnd, Stage};
use crate::store::snapshots;
use anyhow::Context;
use chrono_tz::Tz;
use std::collections::HashMap;
use std::sync::Arc;

/// Members by tenant and mobile.
pub type Mobiles = HashMap<(Arc<str>, String), Box<str>>;

pub struct Opened {
    pub folder: Folder,
    pub log_id: u128,
    is_marked: bool,
    pub history: TreeHistory,
    pub keys: PersonalKeys,
    recovered: Recovered,
    /// Where the log ends; taken when it is opened for writing.
    pub end: LogEnd,
    _lock: FolderLock,
}

impl Opened {
    pub fn open(job: &Job, show: &mut Show<'_>) -> anyhow::Result<Opened> {
        let folder = Folder::at(&job.data_dir);
        let disk = &*job.disk;
        folder.create(disk)?;
        let lock = folder.lock()?;
        snapshots::remove_leftovers(disk, &folder)?;
        let (log_id, is_marked) = log_of(disk, &folder)?;
        let history = open_history(&folder, job.history_cache_bytes)?;
        let mut recovered = recover(disk, &folder, log_id, &history, &|| Ok(Directory::new()), |progress| {
            if progress.stage == Stage::Log {
                show(Phase::Opening, progress.done, progress.all);
            }
        })?;
        let keys = PersonalKeys::open(job.disk.clone(), &folder, log_id)?;
        let nothing = LogEnd::without_segment(log_id, recovered.end.chain.clone());
        let end = std::mem::replace(&mut recovered.end, nothing);
        Ok(Opened { folder, log_id, is_marked, history, keys, recovered, end, _lock: lock })
    }

    /// What the log held before.
    pub fn base(&self, service: &Terms) -> Base<'_> {
        let terms = self.recovered.tenants.iter().map(|(crm_id, tenant)| {
            let terms = tenant.settings.terms(service);
            (crm_id.clone(), terms)
        });
        let terms: HashMap<String, Terms> = terms.collect();
        Base { directory: &self.recovered.directory, history: &self.history, service: service.clone(), terms }
    }

    /// Whether the log does not say yet that times are in this zone.
    pub fn lacks_zone(&self, zone: Tz) -> bool {
        self.recovered.zones.last().map(|(_, zone)| *zone) != Some(zone)
    }

    pub fn take_end(&mut self) -> LogEnd {
        let chain = self.end.chain.clone();
        let nothing = LogEnd::without_segment(self.log_id, chain);
        std::mem::replace(&mut self.end, nothing)
    }

    /// Says whose folder it is, where it does not yet: after the first segment is there.
    pub fn mark(&mut self, disk: &dyn Disk) -> anyhow::Result<()> {
        if !self.is_marked {
            self.folder.mark(disk, self.log_id)?;
            self.is_marked = true;
        }
        Ok(())
    }

    /// Who has which mobile.
    pub fn mobiles(&self) -> anyhow::Result<Mobiles> {
        let directory = &self.recovered.directory;
        let mut mobiles = HashMap::new();
        for id in &self.recovered.sealed {
            let seen = directory.with_resting(*id, |_, _, account| {
                (false, account.profile().and_then(|profile| profile.sealed.clone()))
            })?;
            let Some(sealed) = seen.flatten() else { continue };
            let (crm_id, member_no) = directory.name_of(*id)?;
            // What can't be read has no claim, as at a start.
            let Some(key) = self.keys.get(sealed.slot)? else { continue };
            if let Ok(personal) = unseal(&key, &crm_id, &member_no, &sealed)
                && let Some(mobile) = personal.mobile
            {
                mobiles.insert((crm_id, mobile), (*member_no).into());
            }
        }
        Ok(mobiles)
    }

    /// Brings the history index up to the log, and makes it durable.
    pub fn index(&self, disk: &Arc<dyn Disk>, through: Lsn, show: &mut Show<'_>) -> anyhow::Result<()> {
        let progress = |progress: crate::store::recovery::Progress| {
            show(Phase::Indexing, progress.done, progress.all);
        };
        index_only(&**disk, &self.folder, self.log_id, &self.history, through, progress).context(
            "everything is imported, and the history index is not up to it; the next start brings it up",
        )?;
        self.history.sync()?;
        Ok(())
    }
}
