//! The service in this process, on a free port and in a folder of its own, with a clock that the test turns.
use crate::support::http::{self, Answer};
use crate::support::metrics::Metrics;
use crate::support::service::start_alone;
use eros_points::actors::answer::Failure;
use eros_points::actors::beside::Beside;
use eros_points::actors::core::{Bounds, Core};
use eros_points::actors::scans::Scan;
use eros_points::actors::scans::gauge::GaugePlan;
use eros_points::actors::service::Service;
use eros_points::actors::start::{Running, Setup};
use eros_points::clock::Clock;
use eros_points::http::edge::Edge;
use eros_points::http::server::serve;
use eros_points::ledger::Terms;
use eros_points::ledger::instant::{Instant, Span};
use eros_points::store::disk::{Disk, RealDisk};
use eros_points::store::folder::Folder;
use eros_points::store::journal::JournalOptions;
use eros_points::store::recovery::Progress;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use ureq::Agent;

/// 2022-06-16 12:00:00 in Shanghai: where every test begins unless it says otherwise.
pub const NOON: Instant = Instant(1_655_352_000_000);

/// The tenant of those who name none.
pub const TENANT: &str = "10080";

pub struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::SeqCst))
    }
}

/// What a test may want otherwise.
#[derive(Clone)]
pub struct Options {
    pub now: Instant,
    pub zone: chrono_tz::Tz,
    pub terms: Terms,
    pub bounds: Bounds,
}

impl Default for Options {
    fn default() -> Options {
        let bounds = Bounds {
            live_actors_max: 1_000,
            in_flight_max: 1_000,
            index_lag_max: 100_000,
            resting_bytes_max: 0,
        };
        Options { now: NOON, zone: chrono_tz::Asia::Shanghai, terms: Terms::default(), bounds }
    }
}

pub struct Server {
    options: Options,
    edge: Arc<Edge>,
    disk: Arc<dyn Disk>,
    clock: Arc<HandClock>,
    folder: TempDir,
    live: Option<Live>,
}

/// From one start to the next stop.
struct Live {
    runtime: Runtime,
    address: SocketAddr,
    agent: Agent,
    service: Arc<Service>,
    /// None while it is starting.
    running: Option<Running>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Server {
    pub fn start() -> Server {
        Server::with(Options::default())
    }

    pub fn with(options: Options) -> Server {
        Server::made(options, Edge::default(), RealDisk::shared())
    }

    /// One that asks for keys, bounds rates and so on.
    pub fn behind(edge: Edge) -> Server {
        Server::made(Options::default(), edge, RealDisk::shared())
    }

    /// One whose log lies on a disk that does as it is told.
    pub fn on(options: Options, disk: Arc<dyn Disk>) -> Server {
        Server::made(options, Edge::default(), disk)
    }

    fn made(options: Options, edge: Edge, disk: Arc<dyn Disk>) -> Server {
        let mut server = Server::unheard(options, edge, disk);
        server.listen();
        server.recover();
        server
    }

    /// One that listens and has not begun to recover.
    pub fn before_recovery(options: Options) -> Server {
        let mut server = Server::unheard(options, Edge::default(), RealDisk::shared());
        server.listen();
        server
    }

    /// One with a folder of its own, and not started.
    pub fn empty() -> Server {
        Server::unheard(Options::default(), Edge::default(), RealDisk::shared())
    }

    fn unheard(options: Options, edge: Edge, disk: Arc<dyn Disk>) -> Server {
        let folder = tempfile::tempdir().unwrap();
        // The lock is of a real file, whatever disk the log lies on.
        std::fs::create_dir_all(Folder::at(folder.path()).wal).unwrap();
        let clock = Arc::new(HandClock(options.now.0.into()));
        Server { options, edge: Arc::new(edge), disk, clock, folder, live: None }
    }

    fn listen(&mut self) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let service = Arc::new(Service::starting(self.options.zone));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = oneshot::channel::<()>();
        let stopped = async { drop(stopping.await) };
        let serving = runtime.spawn(serve(listener, service.clone(), self.edge.clone(), stopped));
        let agent = http::agent();
        self.live = Some(Live { runtime, address, agent, service, running: None, stop, serving });
    }

    pub fn recover(&mut self) {
        let setup = Setup {
            data_dir: self.folder.path().to_owned(),
            disk: self.disk.clone(),
            clock: self.clock.clone(),
            journal: JournalOptions {
                segment_bytes: 4 << 20,
                min_free_bytes: 1,
                ..JournalOptions::default()
            },
            history_cache_bytes: 1 << 20,
            snapshot_every_bytes: 64 << 20,
            bounds: self.options.bounds,
            terms: self.options.terms.clone(),
            zone: self.options.zone,
            beside: Beside::Threads,
        };
        let live = self.live.as_mut().unwrap();
        let told = live.service.clone();
        let progress = move |progress| told.recovery().show(progress);
        let running = live.runtime.block_on(start_alone(&setup, progress)).unwrap();
        live.service.ready(running.core.clone());
        live.running = Some(running);
    }

    /// Says that it stops, and still listens: between SIGTERM and the last answer.
    pub fn begin_to_stop(&self) {
        self.live().service.stop();
    }

    /// Stops in order. The clock can be turned meanwhile.
    pub fn stop(&mut self) {
        let Some(live) = self.live.take() else { return };
        live.service.stop();
        let _ = live.stop.send(());
        live.runtime.block_on(async {
            let _ = live.serving.await;
            if let Some(running) = live.running {
                running.stop().await;
            }
        });
        live.runtime.shutdown_timeout(Duration::from_secs(10));
    }

    /// Starts it again on the same folder.
    pub fn start_again(&mut self) {
        assert!(self.live.is_none(), "it still runs");
        self.listen();
        self.recover();
    }

    /// For the next start.
    pub fn set_zone(&mut self, zone: chrono_tz::Tz) {
        assert!(self.live.is_none(), "it still runs");
        self.options.zone = zone;
    }

    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of personal keys as it is.
    pub fn personal_keys(&self) -> Vec<u8> {
        std::fs::read(self.folder().join("snapshots/personal-keys")).unwrap()
    }

    pub fn address(&self) -> SocketAddr {
        self.live().address
    }

    fn live(&self) -> &Live {
        self.live.as_ref().expect("the server was stopped")
    }

    fn core(&self) -> &Core {
        &self.live().running.as_ref().expect("it has not recovered").core
    }

    /// Has the points of every tenant added up, from now on.
    pub fn gauge_points(&mut self, plan: GaugePlan) {
        let live = self.live.as_mut().expect("the server was stopped");
        let _inside = live.runtime.enter();
        live.running.as_mut().expect("it has not recovered").gauge_points(plan);
    }

    /// Says that recovery has come so far.
    pub fn tell_progress(&self, progress: Progress) {
        self.live().service.recovery().show(progress);
    }

    /// A read of a whole tenant that begins now, and is to be read later.
    pub fn begin_scan(&self, crm_id: &str) -> Scan {
        let live = self.live();
        live.runtime.block_on(live.service.scan(crm_id)).expect("a place")
    }

    pub fn read<T: Send + 'static>(
        &self,
        scan: Scan,
        read: impl FnOnce(&Scan) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.live().runtime.block_on(scan.aside(read))
    }

    /// All places for reads of a whole tenant, until dropped.
    pub fn take_scan_places(&self) -> impl Drop + use<> {
        let places = self.core().scans.clone();
        let all = u32::try_from(places.available_permits()).unwrap();
        places.try_acquire_many_owned(all).unwrap()
    }

    /// What `/metrics` answers now.
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        let answer = self.send("GET", "/metrics", &[], b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        Metrics::parse(std::str::from_utf8(&answer.body).unwrap())
    }

    /// How many records the log holds for good. Asks nothing of any member.
    pub fn durable_records(&self) -> u64 {
        self.core().journal.durable().0
    }

    pub fn turn_clock_to(&self, now: Instant) {
        self.clock.0.store(now.0, Ordering::SeqCst);
    }

    pub fn pass(&self, span: Span) {
        self.clock.0.fetch_add(span.0, Ordering::SeqCst);
    }

    /// Waits until something came true, without a call to the service.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut is_true: impl FnMut(&Server) -> bool) {
        for _ in 0..6_000 {
            if is_true(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it never came true that {what}");
    }

    // The one way to send. Routes are those under the tenant's prefix.

    pub fn post(&self, route: &str, body: impl Into<Value>) -> Answer {
        self.post_text(route, &body.into().to_string())
    }

    /// The body as it is written here.
    pub fn post_text(&self, route: &str, body: &str) -> Answer {
        self.send("POST", &path(TENANT, route), &[("Content-Type", "application/json")], body.as_bytes())
    }

    pub fn get(&self, route: &str) -> Answer {
        self.send("GET", &path(TENANT, route), &[], b"")
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let live = self.live();
        http::send(&live.agent, live.address, method, path, headers, body)
    }
}

pub fn path(crm_id: &str, route: &str) -> String {
    format!("/api/crm/points/{crm_id}/{route}")
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
