//! Starting and stopping: recovery, then the journal, the index's thread and the tasks that run beside requests.
mod loading;
mod outlet;

pub use loading::{log_of, open_history, remove_history};

use crate::actors::answer::Failure;
use crate::actors::beside::Beside;
use crate::actors::core::{Bounds, Core, partition_of};
use crate::actors::feeds::Feeds;
use crate::actors::fresh::Fresh;
use crate::actors::indexer::{self, Indexer};
use crate::actors::issues::Issues;
use crate::actors::personal::PersonalError;
use crate::actors::profiles::{Profiles, take_up};
use crate::actors::recovery::RecoveryError;
use crate::actors::scans::Cuts;
use crate::actors::scans::gauge::{self, GaugePlan};
use crate::actors::shown::Shown;
use crate::actors::snapshot::{Snapshotter, take_last};
use crate::actors::tenants::Tenants;
use crate::actors::timer::Timer;
use crate::actors::vitals::Vitals;
use crate::actors::zones::Zones;
use crate::actors::{carrier, snapshot, sweeper, ticker};
use crate::clock::Clock;
use crate::format::entry::{Entry, ServiceEntry};
use crate::giving_way::GivingWay;
use crate::history::{History, HistoryError};
use crate::ledger::Terms;
use crate::ledger::lsn::Lsn;
use crate::limits::SCANS_MAX;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::{Folder, FolderLock};
use crate::store::journal::{Batch, Class, Journal, JournalOptions};
use crate::store::personal_keys::PersonalKeys;
use crate::store::recovery::{Progress, Stage};
use chrono_tz::Tz;
use loading::{Loaded, load};
use outlet::{Outlet, release};
use std::collections::VecDeque;
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

impl Setup {
    fn in_background(&self) -> bool {
        matches!(self.beside, Beside::Threads)
    }
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

/// Recovers what the folder holds and starts. When this answers, everything is durable, indexed and on its way again.
pub async fn start(
    setup: Setup,
    progress: impl FnMut(Progress) + Send + 'static,
) -> Result<Running, StartError> {
    let (setup, progress, loaded) = loaded(setup, progress).await?;
    let Loaded { folder, lock, log_id, is_marked, history, giving_way, recovered } = loaded;
    let disk = setup.disk.clone();
    let in_background = setup.in_background();

    let (releases, to_release) = mpsc::unbounded_channel();
    let (feed, fed) = threads::channel();
    let (broken, _) = watch::channel(None);
    let outlet = Outlet { releases, feed, broken: broken.clone() };
    let open = if in_background { Journal::open } else { Journal::open_by_hand };
    let journal = open(disk.clone(), folder.clone(), setup.journal, recovered.end, outlet)?;
    if !is_marked {
        folder.mark(&*disk, log_id)?;
    }
    let tasks = vec![tokio::spawn(release(to_release))];
    let index = start_index(&setup, &folder, history.clone(), fed, giving_way.clone())?;
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
        indexed: index.shown,
        giving_way,
        feeds: index.feeds,
        issues: Issues::default(),
        fresh: Fresh::default(),
        clock: setup.clock.clone(),
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
        index_synced: index.synced,
        in_background,
        turn: Arc::default(),
    };
    let mut steppers = Vec::from_iter(index.stepper);
    if let Beside::Tasks(steps) = setup.beside {
        steppers.push(tokio::spawn(steps.write_log(core.clone())));
    }
    let mut running = Running { core, tasks, index_thread: index.thread, steppers, snapshotter, _lock: lock };
    let unfinished = |failure| unfinished(&running.core, failure);
    let used = take_up(&running.core, recovered.sealed).await.map_err(unfinished)?;
    running.core.profiles.keys.destroy_all_but(&used)?;
    running.catch_up(setup.zone, recovered.outboxes, progress).await.map_err(unfinished)?;
    running.look_after_members();
    Ok(running)
}

/// What the folder holds, read on a thread of its own where the service has threads; and what was asked for, back again.
async fn loaded<P: FnMut(Progress) + Send + 'static>(
    setup: Setup,
    mut progress: P,
) -> Result<(Setup, P, Loaded), StartError> {
    let in_background = setup.in_background();
    let loading = move || load(&setup, &mut progress).map(|loaded| (setup, progress, loaded));
    if !in_background {
        return loading();
    }
    let loaded = tokio::task::spawn_blocking(loading).await;
    loaded.map_err(|error| StartError::Panicked(error.to_string()))?
}

/// The index on its way behind the log.
struct Index {
    shown: Arc<Shown>,
    synced: watch::Receiver<Lsn>,
    feeds: Arc<Feeds>,
    /// One of the two.
    thread: Option<JoinHandle<()>>,
    stepper: Option<tokio::task::JoinHandle<()>>,
}

fn start_index(
    setup: &Setup,
    folder: &Folder,
    history: Arc<dyn History>,
    feed: threads::Receiver<Batch>,
    giving_way: Arc<GivingWay>,
) -> Result<Index, StoreError> {
    let (showing, shown) = Shown::through(history.applied());
    let (synced, index_synced) = watch::channel(Lsn::ZERO);
    let feeds = Arc::new(Feeds::default());
    let gathered_max = usize::try_from(setup.bounds.index_lag_wanted() / 2).unwrap_or(usize::MAX);
    let indexer =
        Indexer { history, feed, shown: showing, synced, feeds: feeds.clone(), gathered_max, giving_way };
    let (mut thread, mut stepper) = (None, None);
    match &setup.beside {
        Beside::Threads => {
            let started = std::thread::Builder::new().name("history".into()).spawn(move || indexer.run());
            let failed = StoreError::io(&folder.history, "starting the index's thread");
            thread = Some(started.map_err(failed)?);
        }
        Beside::Tasks(steps) => stepper = Some(tokio::spawn(steps.clone().index(indexer))),
    }
    Ok(Index { shown, synced: index_synced, feeds, thread, stepper })
}

/// Why a start could not carry on what was in flight: what broke says more than the step that failed for it.
fn unfinished(core: &Core, failure: Failure) -> StartError {
    match core.broken.borrow().clone() {
        Some(why) => StartError::Broken(why),
        None => StartError::Unfinished(failure),
    }
}

impl Running {
    /// What happens to members by itself from now on, and what becomes of memory.
    fn look_after_members(&mut self) {
        let core = || self.core.clone();
        self.tasks.push(tokio::spawn(ticker::run(core())));
        if self.core.giving_way.is_allowed() {
            self.tasks.push(tokio::spawn(indexer::watch(core())));
        }
        self.tasks.push(tokio::spawn(sweeper::run(core())));
        self.tasks.push(tokio::spawn(snapshot::run(core(), self.snapshotter.clone())));
    }

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
        self.core.giving_way.end();
        if let Err(error) = take_last(&self.core, &self.snapshotter).await {
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
