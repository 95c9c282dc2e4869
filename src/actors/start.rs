//! Starting and stopping: recovery, then the journal, the index's thread and the tasks that run beside requests.
use crate::actors::answer::Failure;
use crate::actors::beside::Beside;
use crate::actors::core::{Bounds, Core, partition_of};
use crate::actors::directory::{Directory, NameKey, Spill};
use crate::actors::feeds::Feeds;
use crate::actors::held::Held;
use crate::actors::indexer::Indexer;
use crate::actors::issues::Issues;
use crate::actors::personal::PersonalError;
use crate::actors::profiles::{Profiles, take_up};
use crate::actors::recovery::{Recovered, RecoveryError, index_only, recover};
use crate::actors::scans::Cuts;
use crate::actors::scans::gauge::{self, GaugePlan};
use crate::actors::shown::Shown;
use crate::actors::snapshot::{Snapshotter, take_in_background};
use crate::actors::tenants::Tenants;
use crate::actors::timer::Timer;
use crate::actors::vitals::Vitals;
use crate::actors::zones::Zones;
use crate::actors::{carrier, snapshot, sweeper, ticker};
use crate::clock::Clock;
use crate::format::entry::{Entry, ServiceEntry};
use crate::history::{FjallHistory, History, HistoryError, ReopeningHistory};
use crate::ledger::Terms;
use crate::ledger::lsn::Lsn;
use crate::limits::SCANS_MAX;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::{Folder, FolderLock};
use crate::store::journal::{Batch, Class, Journal, JournalOptions, Sink};
use crate::store::personal_keys::PersonalKeys;
use crate::store::recovery::{Progress, Stage};
use crate::store::resting::RestingFile;
use crate::store::{resting, segments, snapshots};
use chrono_tz::Tz;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, mpsc as threads};
use std::thread::JoinHandle;
use tokio::sync::{Semaphore, mpsc, watch};

/// All that a running service is made from.
#[derive(Clone)]
pub struct Setup {
    pub data_dir: PathBuf,
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub journal: JournalOptions,
    pub history_cache_bytes: u64,
    pub snapshot_every_bytes: u64,
    pub bounds: Bounds,
    pub terms: Terms,
    pub zone: Tz,
    pub beside: Beside,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{}: {source}", path.display())]
    History { path: PathBuf, source: HistoryError },
    #[error(transparent)]
    Recovery(RecoveryError),
    #[error(transparent)]
    Personal(#[from] PersonalError),
    #[error("recovery panicked: {0}")]
    Panicked(String),
    #[error("what was in flight could not be carried on: {0:?}")]
    Unfinished(Failure),
    #[error("{0}")]
    Broken(String),
}

/// A running service and what it takes to stop it.
pub struct Running {
    pub core: Arc<Core>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    index_thread: Option<JoinHandle<()>>,
    /// The index and the log's writer, where they are no threads: the last snapshot still waits for them.
    steppers: Vec<tokio::task::JoinHandle<()>>,
    snapshotter: Snapshotter,
    _lock: FolderLock,
}

/// What the folder held.
struct Loaded {
    folder: Folder,
    lock: FolderLock,
    log_id: u128,
    /// Whether the folder says that it is this log's.
    is_marked: bool,
    history: Arc<dyn History>,
    recovered: Recovered,
}

/// Reads all that the folder holds: file work and arithmetic, for a thread of its own.
fn load(setup: &Setup, progress: &mut impl FnMut(Progress)) -> Result<Loaded, StartError> {
    let folder = Folder::at(&setup.data_dir);
    let disk = &*setup.disk;
    folder.create(disk)?;
    let lock = folder.lock()?;
    snapshots::remove_leftovers(disk, &folder)?;
    let (log_id, is_marked) = match &setup.beside {
        Beside::Threads => log_of(disk, &folder)?,
        Beside::Tasks(tasks) => log_or(disk, &folder, || tasks.log_id)?,
    };
    let history: Arc<dyn History> = match &setup.beside {
        Beside::Threads => Arc::new(reopening(setup, &folder, log_id)?),
        Beside::Tasks(tasks) => tasks.history.clone(),
    };
    let started = crate::clock::monotonic();
    let recovered = recover(disk, &folder, log_id, &*history, &|| empty_directory(setup, &folder), progress);
    let recovered = recovered.map_err(|error| match error {
        RecoveryError::History(source) => of_history(&folder, source),
        other => StartError::Recovery(other),
    })?;
    let last = recovered.end.last_lsn();
    let members = recovered.directory.census().members;
    tracing::info!(%last, snapshot = ?recovered.snapshot.map(|lsn| lsn.0), members, took = ?started.elapsed(), "recovered");
    Ok(Loaded { folder, lock, log_id, is_marked, history, recovered })
}

/// A directory with the memory that members at rest may take.
fn empty_directory(setup: &Setup, folder: &Folder) -> Result<Directory, StoreError> {
    let bytes_max = setup.bounds.resting_bytes_max;
    let names = match &setup.beside {
        Beside::Threads => NameKey::random(),
        Beside::Tasks(tasks) => tasks.names,
    };
    if bytes_max == 0 {
        resting::remove(&*setup.disk, folder)?;
        return Ok(Directory::spilling(None, names));
    }
    // Well before the log would turn changes away for want of space.
    let left_free_bytes = setup.journal.min_free_bytes * 2;
    let file = RestingFile::begin(setup.disk.clone(), folder, left_free_bytes)?;
    Ok(Directory::spilling(Some(Spill::new(file, bytes_max)), names))
}

/// Recovers what the folder holds and starts. When this answers, everything is durable, indexed and on its way again.
pub async fn start(
    setup: Setup,
    mut progress: impl FnMut(Progress) + Send + 'static,
) -> Result<Running, StartError> {
    let beside = setup.beside.clone();
    let in_background = matches!(beside, Beside::Threads);
    let loading = move || load(&setup, &mut progress).map(|loaded| (setup, progress, loaded));
    let (setup, progress, loaded) = match in_background {
        false => loading()?,
        true => {
            let loaded = tokio::task::spawn_blocking(loading).await;
            loaded.map_err(|error| StartError::Panicked(error.to_string()))??
        }
    };
    let Loaded { folder, lock, log_id, is_marked, history, recovered } = loaded;
    let disk = setup.disk;

    let (releases, to_release) = mpsc::unbounded_channel();
    let (feed, fed) = threads::channel();
    let (broken, _) = watch::channel(None);
    let outlet = Outlet { releases, feed, broken: broken.clone() };
    let open = if in_background { Journal::open } else { Journal::open_by_hand };
    let journal = open(disk.clone(), folder.clone(), setup.journal, recovered.end, outlet)?;
    if !is_marked {
        folder.mark(&*disk, log_id)?;
    }
    let (shown, indexed) = Shown::through(history.applied());
    let index_waiters = Arc::new(AtomicUsize::new(0));
    let feeds = Arc::new(Feeds::default());
    let (synced, index_synced) = watch::channel(Lsn::ZERO);
    let (waiting, told) = (index_waiters.clone(), feeds.clone());
    let gathered_max = usize::try_from(setup.bounds.index_lag_wanted() / 2).unwrap_or(usize::MAX);
    let indexer =
        Indexer { history: history.clone(), feed: fed, shown, synced, waiting, feeds: told, gathered_max };
    let (mut index_thread, mut steppers) = (None, Vec::new());
    let tasks = vec![tokio::spawn(release(to_release))];
    match &beside {
        Beside::Threads => {
            let thread = std::thread::Builder::new().name("history".into()).spawn(move || indexer.run());
            let failed = StoreError::io(&folder.history, "starting the index's thread");
            index_thread = Some(thread.map_err(failed)?);
        }
        Beside::Tasks(steps) => steppers.push(tokio::spawn(steps.clone().index(indexer))),
    }
    let timer = Timer::new(setup.clock.now());
    recovered.due.iter().for_each(|(due, member)| timer.push(*due, *member));
    drop(recovered.due);
    let base = Terms { zone: setup.zone, ..setup.terms };
    let tenants = Tenants::new(base, Zones::new(recovered.zones), recovered.tenants);
    let profiles = Profiles::new(PersonalKeys::open(disk.clone(), &folder, log_id)?)?;
    let core = Arc::new(Core {
        directory: recovered.directory,
        journal,
        history,
        indexed,
        index_waiters,
        feeds,
        issues: Issues::default(),
        clock: setup.clock,
        timer,
        awake: Mutex::new(VecDeque::new()),
        tenants,
        profiles,
        bounds: setup.bounds,
        in_flight: AtomicUsize::new(0),
        vitals: Vitals::default(),
        cuts: Cuts::default(),
        scans: Arc::new(Semaphore::new(SCANS_MAX)),
        broken,
    });
    if let Some(found) = recovered.taken {
        core.vitals.snapshots.set_newest(found);
    }
    let snapshotter = Snapshotter {
        disk,
        folder,
        log_id,
        every_bytes: setup.snapshot_every_bytes,
        replayed_bytes: recovered.replayed_bytes,
        index_synced,
        in_background,
    };
    if let Beside::Tasks(steps) = beside {
        steppers.push(tokio::spawn(steps.write_log(core.clone())));
    }
    let mut running = Running { core, tasks, index_thread, steppers, snapshotter, _lock: lock };
    let unfinished = |failure| unfinished(&running.core, failure);
    let used = take_up(&running.core, recovered.sealed).await.map_err(unfinished)?;
    running.core.profiles.keys.destroy_all_but(&used)?;
    running.catch_up(setup.zone, recovered.outboxes, progress).await.map_err(unfinished)?;
    running.tasks.push(tokio::spawn(ticker::run(running.core.clone())));
    running.tasks.push(tokio::spawn(sweeper::run(running.core.clone())));
    running.tasks.push(tokio::spawn(snapshot::run(running.core.clone(), running.snapshotter.clone())));
    Ok(running)
}

/// Why a start could not carry on what was in flight: what broke says more than the step that failed for it.
fn unfinished(core: &Core, failure: Failure) -> StartError {
    match core.broken.borrow().clone() {
        Some(why) => StartError::Broken(why),
        None => StartError::Unfinished(failure),
    }
}

/// The log that the folder is for, and whether the folder says so. A folder in which there is nothing gets a new log.
pub fn log_of(disk: &dyn Disk, folder: &Folder) -> Result<(u128, bool), StoreError> {
    let random = || u128::from(RandomState::new().hash_one(std::process::id()));
    log_or(disk, folder, || random() << 64 | random())
}

/// The same, with the number of a new log given.
fn log_or(disk: &dyn Disk, folder: &Folder, new: impl FnOnce() -> u128) -> Result<(u128, bool), StoreError> {
    let all = segments::list(disk, folder)?;
    match (folder.log_id(disk)?, all.first()) {
        (Some(log_id), Some(_)) => Ok((log_id, true)),
        (Some(log_id), None) => Err(StoreError::LogMissing { path: folder.wal.clone(), log_id }),
        // The first start was cut short between the first segment and the marker.
        (None, Some(first)) => {
            let bytes = segments::read(disk, first)?;
            Ok((segments::header(&bytes, first)?.log_id, false))
        }
        (None, None) => {
            if let Some(snapshot) = snapshots::list(disk, folder)?.first() {
                let why = "there is a snapshot and no log".to_owned();
                return Err(StoreError::BadSnapshot { path: snapshot.path.clone(), why });
            }
            let log_id = new();
            tracing::warn!("{} holds no log: a new one begins, {log_id:032x}", folder.wal.display());
            Ok((log_id, false))
        }
    }
}

/// The index, with what it takes to open it anew while the service runs.
fn reopening(setup: &Setup, folder: &Folder, log_id: u128) -> Result<ReopeningHistory, StartError> {
    let (cache_bytes, disk) = (setup.history_cache_bytes, setup.disk.clone());
    let history = open_history(folder, cache_bytes)?;
    let path = folder.history.clone();
    let open = move || FjallHistory::open(&path, cache_bytes);
    let folder = folder.clone();
    let refill = move |history: &FjallHistory, through| {
        index_only(&*disk, &folder, log_id, history, through, |_| {}).map_err(|error| match error {
            RecoveryError::History(error) => error,
            other => HistoryError::Storage(other.to_string()),
        })
    };
    Ok(ReopeningHistory::new(history, Box::new(open), Box::new(refill)))
}

/// Opens the index; one that can't be opened is made anew from the log.
pub fn open_history(folder: &Folder, cache_bytes: u64) -> Result<FjallHistory, StartError> {
    match FjallHistory::open(&folder.history, cache_bytes) {
        Ok(history) => Ok(history),
        Err(error) => {
            tracing::warn!("{}: {error}; it is made anew from the log", folder.history.display());
            remove_history(folder)?;
            FjallHistory::open(&folder.history, cache_bytes).map_err(|error| of_history(folder, error))
        }
    }
}

/// The index's library does not say where it failed.
fn of_history(folder: &Folder, source: HistoryError) -> StartError {
    StartError::History { path: folder.history.clone(), source }
}

/// Removes the index with all that is in it: the log has it all.
#[expect(clippy::disallowed_methods, reason = "the index's folder is its library's, not the log's disk")]
pub fn remove_history(folder: &Folder) -> Result<(), StoreError> {
    match std::fs::remove_dir_all(&folder.history) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Io { path: folder.history.clone(), what: "removing the old index", source })
        }
        _ => Ok(()),
    }
}

impl Running {
    /// Records what fell due while the service was down, carries what lies in outboxes, notes the zone.
    async fn catch_up(
        &self,
        zone: Tz,
        outboxes: Vec<crate::actors::directory::MemberId>,
        mut progress: impl FnMut(Progress),
    ) -> Result<(), Failure> {
        let core = &self.core;
        if core.tenants.service_zones().all().last().map(|(_, zone)| *zone) != Some(zone) {
            self.note_zone(zone).await?;
        }
        let all = outboxes.len() as u64;
        let mut show = |done| {
            let lsn = core.journal.durable();
            progress(Progress { stage: Stage::CatchUp, done, all, lsn });
        };
        show(0);
        for (done, id) in (1..).zip(outboxes) {
            let (crm_id, from) = core.trusted(core.directory.name_of(id))?;
            let outbox = core.look_at(id, |account| account.outbox.clone()).await?;
            for outgoing in outbox {
                carrier::carry(core, &crm_id, &from, outgoing).await?;
            }
            show(done);
        }
        while core.timer.next().is_some_and(|due| due <= core.clock.now()) && !core.journal.is_full() {
            ticker::settle_due(core).await;
            core.durable(core.journal.last_assigned()).await?;
            self.all_indexed().await?;
        }
        self.all_indexed().await
    }

    /// Waits for the index, and longer than a request would.
    async fn all_indexed(&self) -> Result<(), Failure> {
        loop {
            match self.core.indexed(self.core.journal.durable()).await {
                Err(Failure::Overloaded) => {}
                other => return other,
            }
        }
    }

    async fn note_zone(&self, zone: Tz) -> Result<(), Failure> {
        let payload = Entry::Service(ServiceEntry::ZoneSet { zone: zone.name().to_owned() }).encode();
        let appended = self.core.journal.append(Class::Mandatory, partition_of("", ""), &payload);
        let lsn = appended.map_err(|_| Failure::Full)?;
        self.core.tenants.service_zones().set(lsn, zone);
        self.core.durable(lsn).await
    }

    /// Has the points of every tenant added up now and then, from now on.
    pub fn gauge_points(&mut self, plan: GaugePlan) {
        self.tasks.push(tokio::spawn(gauge::run(self.core.clone(), plan)));
    }

    /// Ends it in order: a snapshot, the log closed, the index synced. Requests have ended before.
    pub async fn stop(mut self) {
        for task in &self.tasks[1..] {
            task.abort();
        }
        if let Err(error) = take_in_background(&self.core, &self.snapshotter).await {
            tracing::error!("no snapshot at the end, the next start replays more of the log: {error}");
        }
        self.steppers.iter().for_each(tokio::task::JoinHandle::abort);
        let core = self.core.clone();
        let index_thread = self.index_thread.take();
        let closed = tokio::task::spawn_blocking(move || {
            core.journal.close();
            if let Some(thread) = index_thread
                && thread.join().is_err()
            {
                tracing::error!("the index's thread panicked");
            }
            if let Err(error) = core.history.sync() {
                tracing::error!("{error}");
            }
        });
        if closed.await.is_err() {
            tracing::error!("closing the log panicked");
        }
    }
}

/// Lets out what has become durable, inside the runtime: one wake-up for a whole group.
async fn release(mut groups: mpsc::UnboundedReceiver<Vec<Held>>) {
    while let Some(group) = groups.recv().await {
        group.into_iter().for_each(Held::release);
    }
}

/// Where the journal hands things to.
struct Outlet {
    releases: mpsc::UnboundedSender<Vec<Held>>,
    feed: threads::Sender<Batch>,
    broken: watch::Sender<Option<String>>,
}

impl Sink<Held> for Outlet {
    fn durable(&mut self, batch: Batch) {
        // The receiving ends live as long as the journal; at the very end nobody misses what they would get.
        let _ = self.feed.send(batch);
    }

    fn release(&mut self, waiters: Vec<Held>) {
        if !waiters.is_empty() {
            let _ = self.releases.send(waiters);
        }
    }

    fn failed(&mut self, waiters: Vec<Held>, error: StoreError) {
        tracing::error!(
            "{error}; the log is closed for good, and the process ends; hint: see the disk, then start again"
        );
        // First, so that who hears of it knows why.
        self.broken.send_replace(Some(error.to_string()));
        waiters.into_iter().for_each(|held| held.fail(Failure::Unknown));
    }
}
