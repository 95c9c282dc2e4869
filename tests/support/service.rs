//! The whole service below HTTP, in this process: on a disk that can lie, with a clock that tests turn.
use crate::support::disk::{FaultyDisk, Leaves};
use eros_points::actors::answer::{Answer, Failure};
use eros_points::actors::beside::Beside;
use eros_points::actors::core::Bounds;
use eros_points::actors::service::Service;
use eros_points::actors::start::{Running, Setup, StartError, start};
use eros_points::clock::Clock;
use eros_points::ledger::Terms;
use eros_points::ledger::command::Command;
use eros_points::ledger::instant::Instant;
use eros_points::ledger::refusal::Refusal;
use eros_points::store::error::StoreError;
use eros_points::store::folder::Folder;
use eros_points::store::journal::JournalOptions;
use eros_points::store::recovery::Progress;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub const TENANT: &str = "10080";

/// Stands still until it is turned.
pub struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::SeqCst))
    }
}

impl HandClock {
    pub fn turn_to(&self, now: Instant) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

/// A data folder: log and snapshots on the faulty disk, the index (whose library wants real files) beside it.
pub struct House {
    pub disk: FaultyDisk,
    pub clock: Arc<HandClock>,
    pub journal: JournalOptions,
    /// The setting of the same name; 0: members at rest all stay in memory.
    pub resting_bytes_max: u64,
    real: TempDir,
}

/// A service at work in a [`House`].
pub struct Lodger {
    pub service: Service,
    pub running: Running,
    pub runtime: Runtime,
}

/// A start in a folder that nobody else uses. A process that another test spawns has this one's files, and so the folder's
/// lock, until its exec.
pub async fn start_alone(
    setup: &Setup,
    progress: impl Fn(Progress) + Clone + Send + 'static,
) -> Result<Running, StartError> {
    loop {
        match start(setup.clone(), progress.clone()).await {
            Err(StartError::Store(StoreError::Locked { .. })) => std::thread::sleep(Duration::from_millis(1)),
            started => return started,
        }
    }
}

impl House {
    pub fn new(now: Instant) -> House {
        let real = tempfile::tempdir().expect("a folder");
        let journal = JournalOptions { segment_bytes: 1, min_free_bytes: 0, ..JournalOptions::default() };
        House {
            disk: FaultyDisk::new(),
            clock: Arc::new(HandClock(AtomicI64::new(now.0))),
            journal,
            resting_bytes_max: 0,
            real,
        }
    }

    pub fn folder(&self) -> Folder {
        Folder::at(self.real.path())
    }

    pub fn start(&self) -> Result<Lodger, StartError> {
        self.start_beside(Beside::Threads)
    }

    /// With the log's writer and the index as `beside` has them.
    pub fn start_beside(&self, beside: Beside) -> Result<Lodger, StartError> {
        // The lock is of a real file.
        std::fs::create_dir_all(self.folder().wal).expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let running = runtime.block_on(start_alone(&self.setup(beside), |_| {}))?;
        let service = Service::starting(chrono_tz::Asia::Shanghai);
        service.ready(running.core.clone());
        Ok(Lodger { service, running, runtime })
    }

    /// So small that members go to rest and snapshots are taken all the time.
    fn setup(&self, beside: Beside) -> Setup {
        Setup {
            data_dir: self.real.path().to_owned(),
            disk: Arc::new(self.disk.clone()),
            clock: self.clock.clone(),
            journal: self.journal,
            history_cache_bytes: 4 << 20,
            snapshot_every_bytes: 2_048,
            bounds: Bounds {
                live_actors_max: 1,
                in_flight_max: 1_000,
                index_lag_max: 100_000,
                resting_bytes_max: self.resting_bytes_max,
            },
            terms: Terms::default(),
            zone: chrono_tz::Asia::Shanghai,
            beside,
        }
    }

    /// What a power failure at this moment leaves. The index is copied first, as it lies there: it may be behind the
    /// log, and it may be cut off anywhere.
    pub fn crash(&mut self, lodger: Lodger, leaves: Leaves) {
        let (index, copy) = (self.folder().history, self.real.path().join("index-copy"));
        copy_folder(&index, &copy);
        let image = self.disk.after_crash(leaves);
        lodger.gone();
        std::fs::remove_dir_all(&index).expect("an index to replace");
        std::fs::rename(&copy, &index).expect("the copy in its place");
        self.disk = image;
    }

    /// Takes the index away: it can be made anew from the log.
    pub fn lose_index(&self) {
        std::fs::remove_dir_all(self.folder().history).expect("an index to lose");
    }
}

impl Lodger {
    /// An orderly stop.
    pub fn stop(self) {
        let Lodger { service, running, runtime } = self;
        service.stop();
        runtime.block_on(running.stop());
        drop(service);
        runtime.shutdown_timeout(Duration::from_secs(30));
    }

    /// Ends what can't end by itself: what is done from here on is on a disk that nobody looks at any more.
    fn gone(self) {
        let Lodger { service, running, runtime } = self;
        running.core.journal.close();
        let index = Arc::downgrade(&running.core.history);
        drop((service, running));
        runtime.shutdown_timeout(Duration::from_secs(30));
        // Its thread works off what it was fed, and ends.
        while index.strong_count() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn change(&self, member: &str, command: &Command) -> Result<Answer, Failure> {
        self.runtime.block_on(self.asked(member, command))
    }

    /// What the edge would call for this command. An acceptance is the receiver's to ask for.
    pub async fn asked(&self, member: &str, command: &Command) -> Result<Answer, Failure> {
        match command {
            Command::AcceptOffer(c) => self.service.accept(TENANT, &c.to, &c.transfer_no, Some(member)).await,
            Command::CancelOffer { transfer_no } => self.service.cancel(TENANT, member, transfer_no).await,
            command => self.service.change(TENANT, member, command.clone()).await,
        }
    }

    /// Total, used, expired, freeze, active, in ten-thousandths.
    pub fn sums(&self, member: &str) -> [i128; 5] {
        let sums = self.runtime.block_on(self.service.summary(TENANT, member)).expect("a summary");
        [sums.total, sums.used, sums.expired, sums.freeze, sums.active].map(|total| total.0)
    }
}

/// The code on the wire of a refusal.
pub fn code(refusal: &Refusal) -> u32 {
    match refusal {
        Refusal::Invalid { .. } => 40001,
        Refusal::NoSuchMember => 40405,
        Refusal::MobileTaken => 40902,
        Refusal::NoSuchAccrual | Refusal::NoSuchSpend => 40402,
        Refusal::NoSuchTransfer => 40403,
        Refusal::KeyReused => 40901,
        Refusal::NotEnough { .. } => 42201,
        Refusal::WouldGoNegative { .. } => 42202,
        Refusal::MoreThanLeft { .. } | Refusal::MoreThanPaid => 42203,
        Refusal::TransferClosed { .. } => 42204,
        Refusal::TooManyLots => 42207,
        Refusal::NoSuchRule | Refusal::NoRuleFits { .. } => 40401,
        Refusal::GrantsNothing { .. } => 42205,
        Refusal::CapUsedUp { .. } => 42206,
    }
}

/// Copies what is there; files may go while they are copied.
fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    let Ok(entries) = std::fs::read_dir(from) else { return };
    for entry in entries.flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else if let Ok(bytes) = std::fs::read(entry.path()) {
            std::fs::write(target, bytes).expect("room for a copy");
        }
    }
}
