//! What members at rest and past events cost in resident memory, on the whole service without HTTP: members get three lots
//! each and go to rest; further events pass over them and leave their lots as they were; then changes come to members as
//! Zipf has it; at last the service starts again in the same process.
//!
//! Back of an envelope. Of a member memory surely keeps a slot of 16 bytes, 8 in the table of names and 13 in the timer,
//! each with an eighth to spare: 40 bytes. Name and account are 22 + 150 bytes with a header of 9: 180 in memory, with the
//! arena's waste at most 205. So ten million members take 245 bytes each where all are in memory; with the 1 GiB that is
//! the default 40 + 107 = 147 each, and the service itself (index, caches, log) 100 to 200 MB, 10 to 20 bytes a member. A
//! past event costs the index's filters, 10 bits for each key, where they are not read from disk: 1 to 2 bytes. A change of
//! a member out of memory reads a page of 4 KiB (1 to 2 us from the system's cache, 100 us from a disk) and has a 23rd of
//! one written: less than a tenth of what the change itself costs, unless the disk is asked.
//!
//! `cargo bench --bench memory -- --help`
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measuring program reads clocks and /proc"
)]
#[path = "common/mod.rs"]
mod common;

use clap::Parser;
use common::called::{Called, called};
use common::figures::Figures;
use common::inside::setup;
use common::process;
use eros_points::actors::answer::Failure;
use eros_points::actors::batch::Operation;
use eros_points::actors::core::partition_of;
use eros_points::actors::service::Service;
use eros_points::actors::snapshot::{MemberImage, ServiceImage};
use eros_points::actors::start::{Running, start};
use eros_points::clock::{Clock, SystemClock};
use eros_points::format::codec;
use eros_points::format::entry::{Entry, ServiceEntry};
use eros_points::format::segment::Chain;
use eros_points::format::snapshot::{EntryKind, SNAPSHOT_VERSION, SnapshotHeader};
use eros_points::history::{FjallHistory, History};
use eros_points::ledger::account::Account;
use eros_points::ledger::apply;
use eros_points::ledger::command::{Accrue, Command, Details, SourceType, Spend};
use eros_points::ledger::event::{Accrued, Event};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::{Points, Total};
use eros_points::store::disk::RealDisk;
use eros_points::store::error::StoreError;
use eros_points::store::folder::Folder;
use eros_points::store::journal::{Batch, Class, Journal, JournalOptions, Sink};
use eros_points::store::recovery::LogEnd;
use eros_points::store::snapshots::SnapshotWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Moment};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
struct Arguments {
    #[arg(long, default_value_t = 1_000_000)]
    members: u64,
    #[arg(long, default_value_t = 3)]
    lots: u64,
    /// Further events, half accruals and half spends of the same size
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// Changes by Zipf (0.99), one request each
    #[arg(long, default_value_t = 500_000)]
    zipf: u64,
    /// The setting `resting_bytes_max`, in MiB; 0: all stay in memory
    #[arg(long, default_value_t = 1_024)]
    resting_bytes_max: u64,
    /// Begin with a snapshot that has all members, instead of making each lot by a change: ten million in a minute. The
    /// index then knows nothing of how they came about
    #[arg(long)]
    prefilled: bool,
    /// Requests under way at once
    #[arg(long, default_value_t = 256)]
    at_once: u64,
    /// The setting `live_actors_max`
    #[arg(long, default_value_t = 100_000)]
    awake: usize,
    /// How long the allocator has to give back what was freed, before memory is looked at
    #[arg(long, default_value_t = 30)]
    settle_seconds: u64,
    /// Where the data folder is made; it is removed afterwards
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Writes the figures to this file, a JSON object a line
    #[arg(long)]
    json: Option<PathBuf>,
    /// A tenth of the members and events
    #[arg(long)]
    short: bool,
    /// So few that it takes no time: whether it works at all
    #[arg(long)]
    tiny: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn sized(mut self) -> Arguments {
        if self.tiny {
            (self.members, self.events, self.zipf) = (400, 400, 200);
            (self.at_once, self.awake, self.settle_seconds, self.resting_bytes_max) = (16, 1, 0, 1);
            (self.prefilled, self.folder) = (true, std::env::temp_dir());
        } else if self.short {
            (self.members, self.events, self.zipf) = (self.members / 10, self.events / 10, self.zipf / 10);
            self.settle_seconds = self.settle_seconds.min(12);
        }
        self
    }
}

const TENANT: &str = "10080";
/// Operations of a batch.
const BATCH: u64 = 1_000;

fn main() {
    let arguments = match called("memory") {
        Called::ForNothing => return,
        Called::ToTest => Arguments::parse_from(["memory", "--tiny"]),
        Called::ToMeasure => Arguments::parse(),
    };
    let arguments = arguments.sized();
    let folder = tempfile::tempdir_in(&arguments.folder).expect("a folder");
    let mut figures = Noted(Figures::of("memory", arguments.json.as_deref()));
    if arguments.prefilled {
        prefill(folder.path(), &arguments);
    }
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let first = runtime();
    first.block_on(run(&arguments, &mut figures, folder.path()));
    // Actors that are still awake hold on to the index.
    first.shutdown_timeout(Duration::from_secs(60));
    runtime().block_on(run_again(&arguments, &mut figures, folder.path()));
}

async fn run(arguments: &Arguments, figures: &mut Noted, folder: &Path) {
    let (members, lots) = (arguments.members, arguments.members * arguments.lots);
    let started = Moment::now();
    let running = open(folder, arguments).await;
    let service = serve(&running);
    if arguments.prefilled {
        figures.note("started in", started.elapsed().as_secs_f64(), "s");
    } else {
        figures.note("resident, empty service", mb(resident_bytes()), "MB");
        // The lots of a member are in one batch.
        let each = arguments.lots;
        let took = batches(&service, arguments, lots, move |n| accrual(n, n / each, 180)).await;
        figures.note("filled by batches", per_second(lots, took), "changes/s");
    }
    let rested = at_rest(&running, arguments).await;
    figures.note("resident, members at rest", mb(rested), "MB");
    figures.note("resident a member, all included", rested as f64 / members as f64, "bytes");
    let census = running.core.directory.census();
    figures.note("members out of memory", census.on_disk as f64, "members");
    figures.note("members at rest in memory take", mb(census.memory_bytes as u64), "MB");
    figures.note("members out of memory take on disk", mb(census.disk_bytes), "MB");

    // The first of them also fill what the log and the index keep in memory anyway.
    let mut before = rested;
    for (round, name) in [(0, "resident a past event, of the first"), (1, "resident a further past event")] {
        if arguments.events == 0 {
            break;
        }
        // What is accrued expires first, and so is what is spent. A few members have them all, as in years to come.
        let first = lots + round * arguments.events;
        let pair = move |n: u64| {
            let member = (n / 2) % members.min(100_000);
            if n.is_multiple_of(2) { accrual(first + n, member, 170) } else { spend(first + n, member) }
        };
        batches(&service, arguments, arguments.events, pair).await;
        let after = at_rest(&running, arguments).await;
        figures.note(name, (after as f64 - before as f64) / arguments.events as f64, "bytes");
        before = after;
    }
    if arguments.zipf > 0 {
        let before = running.core.directory.census();
        let (zipf, first) = (Zipf::new(members), lots + 2 * arguments.events);
        let changes = move |n: u64| accrual(first + n, zipf.member(n), 180);
        let took = singly(&service, arguments, arguments.zipf, changes).await;
        figures.note("changes by Zipf, one request each", per_second(arguments.zipf, took), "changes/s");
        let after = running.core.directory.census();
        let each = |pages: u64| pages as f64 / arguments.zipf as f64;
        figures.note("pages read a change by Zipf", each(after.pages_read - before.pages_read), "pages");
        figures.note(
            "pages written a change by Zipf",
            each(after.pages_written - before.pages_written),
            "pages",
        );
    }
    running.stop().await;
}

async fn run_again(arguments: &Arguments, figures: &mut Noted, folder: &Path) {
    let started = Moment::now();
    let running = open(folder, arguments).await;
    let took = started.elapsed();
    assert_eq!(running.core.directory.live_count(), 0, "a start wakes nobody");
    figures.note("restarted in", took.as_secs_f64(), "s");
    let again = at_rest(&running, arguments).await;
    figures.note("resident after the restart", mb(again), "MB");
    running.stop().await;
}

/// Prints a figure, and leaves it for the tables.
struct Noted(Figures);

impl Noted {
    fn note(&mut self, figure: &str, value: f64, unit: &str) {
        println!("{figure:<44} {value:>12.1} {unit}");
        self.0.put(figure, value, unit);
    }
}

async fn open(folder: &Path, arguments: &Arguments) -> Running {
    let setup = setup(folder, 64 << 20, arguments.awake, arguments.resting_bytes_max << 20);
    start(setup, |_| {}).await.expect("a start")
}

/// A data folder whose snapshot has the members with their lots, and whose log goes on behind the records that made them.
fn prefill(folder: &Path, arguments: &Arguments) {
    let (disk, folder) = (RealDisk::shared(), Folder::at(folder));
    folder.create(&*disk).expect("folders");
    let (log_id, last) = (0x6572_6f73, Lsn(arguments.members * arguments.lots));
    let now = SystemClock::new(Span::days(1)).now();
    let header = SnapshotHeader { version: SNAPSHOT_VERSION, log_id, noted: last, created_at: now };
    let mut snapshot = SnapshotWriter::create(&*disk, &folder, header).expect("a snapshot");
    let zones: ServiceImage = vec![(Lsn(1), "Asia/Shanghai".to_owned())];
    snapshot.push(EntryKind::Service, &codec::encode(&zones), Lsn::ZERO).expect("room");
    for number in 0..arguments.members {
        let mut account = Account::default();
        for lot in 0..arguments.lots {
            // As if they had come one after the other, in the order of lots.
            let (lsn, at) = (Lsn(lot * arguments.members + number + 1), Instant(now.0 - lot as i64));
            apply(&mut account, lsn, at, &accrued(at));
        }
        let image: MemberImage = (TENANT.to_owned(), member(number), codec::encode(&account));
        snapshot.push(EntryKind::Member, &codec::encode(&image), account.last).expect("room");
    }
    snapshot.finish().expect("a whole snapshot").publish().expect("a snapshot in place");
    let history = FjallHistory::open(&folder.history, 32 << 20).expect("an index");
    history.apply(&[], last).and_then(|()| history.sync()).expect("an index that knows of no record");
    drop(history);
    let chain = Chain { next_lsn: last.next(), ..Chain::default() };
    let end = LogEnd { log_id, chain, segment: None, ordinal: 0, torn: None };
    let options = JournalOptions { segment_bytes: 32 << 20, ..JournalOptions::default() };
    let journal: Journal<()> =
        Journal::open(disk.clone(), folder.clone(), options, end, Deaf).expect("a log");
    let payload = Entry::Service(ServiceEntry::ZoneSet { zone: "Asia/Shanghai".into() }).encode();
    journal.append(Class::Mandatory, partition_of("", ""), &payload).expect("room for a record");
    journal.close();
    folder.mark(&*disk, log_id).expect("a marker");
}

fn accrued(at: Instant) -> Event {
    Event::Accrued(Accrued {
        event_no: String::new(),
        fingerprint: [0; 16],
        source_type: SourceType::Order,
        points: Points::whole(20),
        event_at: at,
        expire_at: Some(at.after(Span::days(180))),
        unfreeze_at: None,
        amount: None,
        details: Details::default(),
        order_items: None,
        rule: None,
        paid: Vec::new(),
        active_after: Total::ZERO,
    })
}

/// Nobody waits for what the log tells.
struct Deaf;

impl Sink<()> for Deaf {
    fn durable(&mut self, _: Batch) {}

    fn release(&mut self, _: Vec<()>) {}

    fn failed(&mut self, _: Vec<()>, error: StoreError) {
        panic!("{error}");
    }
}

fn serve(running: &Running) -> Arc<Service> {
    let service = Arc::new(Service::starting(chrono_tz::Tz::Asia__Shanghai));
    service.ready(running.core.clone());
    service
}

/// `count` changes in batches, a few of them under way at once. All must succeed.
async fn batches(
    service: &Arc<Service>,
    arguments: &Arguments,
    count: u64,
    make: impl Fn(u64) -> (String, Command) + Clone + Send + Sync + 'static,
) -> Duration {
    let all = count.div_ceil(BATCH);
    clients(service, arguments.at_once.min(8), all, count, move |service, batch| {
        let make = make.clone();
        async move {
            let changes = (batch * BATCH)..count.min((batch + 1) * BATCH);
            let operations = changes.map(|n| {
                let (member_no, command) = make(n);
                Some(Operation::Change(member_no, command))
            });
            let operations: Vec<_> = operations.collect();
            let answers = loop {
                match service.batch(TENANT, operations.clone()).await {
                    Err(Failure::Overloaded) => tokio::time::sleep(Duration::from_millis(20)).await,
                    other => break other.expect("answers"),
                }
            };
            for answer in answers.into_iter().flatten() {
                answer.expect("a change that counts");
            }
        }
    })
    .await
}

/// `count` changes, a request each.
async fn singly(
    service: &Arc<Service>,
    arguments: &Arguments,
    count: u64,
    make: impl Fn(u64) -> (String, Command) + Clone + Send + Sync + 'static,
) -> Duration {
    clients(service, arguments.at_once, count, count, move |service, n| {
        let (member_no, command) = make(n);
        async move {
            while let Err(failure) = service.change(TENANT, &member_no, command.clone()).await {
                assert!(matches!(failure, Failure::Overloaded), "{failure:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    })
    .await
}

/// `count` requests, `at_once` of them under way; how long they took together.
async fn clients<F: Future<Output = ()> + Send>(
    service: &Arc<Service>,
    at_once: u64,
    count: u64,
    changes: u64,
    request: impl Fn(Arc<Service>, u64) -> F + Clone + Send + Sync + 'static,
) -> Duration {
    let (started, next) = (Moment::now(), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..at_once)
        .map(|_| {
            let (service, next, request) = (service.clone(), next.clone(), request.clone());
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return;
                    }
                    request(service.clone(), n).await;
                    if count > 1_000 && (n + 1).is_multiple_of(count / 20) {
                        let done = changes * (n + 1) / count;
                        eprintln!("  {done} of {changes} changes, {:.0} s", started.elapsed().as_secs_f64());
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("a client that does not panic");
    }
    started.elapsed()
}

/// Members as Zipf has it, 0.99: by the method of Gray et al., "Quickly generating billion-record synthetic databases".
/// Ranks are spread over all members.
#[derive(Clone)]
struct Zipf {
    members: u64,
    zeta: f64,
    eta: f64,
}

impl Zipf {
    const THETA: f64 = 0.99;

    fn new(members: u64) -> Zipf {
        let zeta = |n: u64| (1..=n).map(|rank| 1.0 / (rank as f64).powf(Zipf::THETA)).sum::<f64>();
        let all = zeta(members);
        let eta = (1.0 - (2.0 / members as f64).powf(1.0 - Zipf::THETA)) / (1.0 - zeta(2) / all);
        Zipf { members, zeta: all, eta }
    }

    /// The member of the `n`th change.
    fn member(&self, n: u64) -> u64 {
        let chance = (mixed(n) >> 11) as f64 / (1_u64 << 53) as f64;
        let scaled = chance * self.zeta;
        let rank = if scaled < 1.0 {
            0
        } else if scaled < 1.0 + 0.5_f64.powf(Zipf::THETA) {
            1
        } else {
            let base = self.eta * chance - self.eta + 1.0;
            (self.members as f64 * base.powf(1.0 / (1.0 - Zipf::THETA))) as u64
        };
        mixed(rank.min(self.members - 1)) % self.members
    }
}

/// SplitMix64's.
fn mixed(seed: u64) -> u64 {
    let seed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

/// Resident bytes when no member is awake and the index has caught up.
async fn at_rest(running: &Running, arguments: &Arguments) -> u64 {
    while running.core.directory.live_count() > 0
        || running.core.history.applied() < running.core.journal.durable()
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The allocator gives back over some ten seconds what was freed.
    tokio::time::sleep(Duration::from_secs(arguments.settle_seconds)).await;
    resident_bytes()
}

fn member(number: u64) -> String {
    format!("ec_18165fd7455_{number:09}")
}

fn accrual(event: u64, number: u64, days: i64) -> (String, Command) {
    let details = Details {
        action_scene: Some("order_pay".into()),
        store_code: Some("ec_mall".into()),
        cost_center: Some("cost_center001".into()),
        operator: Some("小程序".into()),
        event_desc: Some("用户购买了100元酸奶".into()),
        ..Details::default()
    };
    let command = Command::Accrue(Accrue {
        event_no: format!("EACH202206152028{event:016}"),
        fingerprint: u128::from(event).to_le_bytes(),
        source_type: SourceType::Order,
        points: Points::whole(20),
        event_at: None,
        expire_after: Some(Span::days(days)),
        freeze_for: None,
        amount: None,
        details,
        order_items: None,
    });
    (member(number), command)
}

fn spend(event: u64, number: u64) -> (String, Command) {
    let command = Command::Spend(Spend {
        event_no: format!("EACH202206152028{event:016}"),
        fingerprint: u128::from(event).to_le_bytes(),
        points: Points::whole(20),
        event_at: None,
        details: Details::default(),
    });
    (member(number), command)
}

fn resident_bytes() -> u64 {
    process::resident_bytes(std::process::id()).expect("/proc")
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
