//! What members at rest and past events cost in resident memory, measured on the whole service without HTTP: a million
//! members with three lots each go to rest, then a million more events pass over them and leave their lots as they were.
//!
//! Back of an envelope: a packed lot takes about 35 bytes and an account 60, so three lots and their account take 165,
//! the member's name, place and table entry 80, its next due instant 24: about 270 bytes a member. A past event should
//! cost nothing but the index's filters, 10 bits for each key.
//!
//! `cargo bench --bench memory -- --help`
#![allow(clippy::disallowed_methods, reason = "a measuring program reads clocks and /proc")]
use clap::Parser;
use eros_points::actors::core::Bounds;
use eros_points::actors::service::Service;
use eros_points::actors::start::{Running, Setup, start};
use eros_points::clock::SystemClock;
use eros_points::ledger::Terms;
use eros_points::ledger::command::{Accrue, Command, Details, SourceType, Spend};
use eros_points::ledger::instant::Span;
use eros_points::ledger::points::Points;
use eros_points::store::disk::RealDisk;
use eros_points::store::journal::JournalOptions;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
    /// Changes under way at once
    #[arg(long, default_value_t = 2_000)]
    at_once: u64,
    /// The setting `live_actors_max`
    #[arg(long, default_value_t = 100_000)]
    awake: usize,
    /// Where the data folder is made; it is removed afterwards
    #[arg(long, default_value = ".")]
    folder: std::path::PathBuf,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

const TENANT: &str = "10080";

fn main() {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir_in(&arguments.folder).expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&arguments, folder.path()));
}

async fn run(arguments: &Arguments, folder: &Path) {
    let running = open(folder, arguments.awake).await;
    let service = serve(&running);
    let empty = resident_bytes();
    println!("empty service: {} MB resident", mb(empty));

    let (members, lots) = (arguments.members, arguments.members * arguments.lots);
    drive(&service, arguments.at_once, lots, move |n| accrual(n, n % members)).await;
    println!("  {} members awake: {} MB resident", running.core.directory.live_count(), mb(resident_bytes()));
    let rested = at_rest(&running).await;
    let per_member = (rested - empty) as f64 / arguments.members as f64;
    println!(
        "{} members at rest with {} lots each: {} MB resident, {per_member:.0} bytes a member over the empty service",
        arguments.members,
        arguments.lots,
        mb(rested)
    );

    drive(&service, arguments.at_once, arguments.events, move |n| {
        let member = (n / 2) % members;
        if n % 2 == 0 { accrual(lots + n, member) } else { spend(lots + n, member) }
    })
    .await;
    let after = at_rest(&running).await;
    let per_event = (after as f64 - rested as f64) / arguments.events as f64;
    println!("{} further events: {} MB resident, {per_event:.1} bytes an event", arguments.events, mb(after));
    running.stop().await;
    drop(service);

    let started = Instant::now();
    let running = open(folder, arguments.awake).await;
    println!(
        "restarted in {:.1} s: {} MB resident (what the first run left to the allocator included)",
        started.elapsed().as_secs_f64(),
        mb(resident_bytes())
    );
    running.stop().await;
}

async fn open(folder: &Path, live_actors_max: usize) -> Running {
    let setup = Setup {
        data_dir: folder.to_owned(),
        disk: RealDisk::shared(),
        clock: Arc::new(SystemClock::new(Span::days(1))),
        journal: JournalOptions {
            segment_bytes: 32 << 20,
            min_free_bytes: 32 << 20,
            ..JournalOptions::default()
        },
        history_cache_bytes: 32 << 20,
        snapshot_every_bytes: 64 << 20,
        bounds: Bounds { live_actors_max, in_flight_max: 20_000, index_lag_max: 500_000, resting_bytes_max: 0 },
        terms: Terms::default(),
        zone: chrono_tz::Tz::Asia__Shanghai,
    };
    start(setup, |_| {}).await.expect("a start")
}

fn serve(running: &Running) -> Arc<Service> {
    let service = Arc::new(Service::starting(chrono_tz::Tz::Asia__Shanghai));
    service.ready(running.core.clone());
    service
}

/// `count` changes, `at_once` of them under way; all must succeed, and are tried again while the service sheds load.
async fn drive(
    service: &Arc<Service>,
    at_once: u64,
    count: u64,
    make: impl Fn(u64) -> (String, Command) + Clone + Send + Sync + 'static,
) {
    let (started, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..at_once)
        .map(|_| {
            let (service, next, make) = (service.clone(), next.clone(), make.clone());
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return;
                    }
                    let (member_no, command) = make(n);
                    while let Err(failure) = service.change(TENANT, &member_no, command.clone()).await {
                        assert!(
                            matches!(failure, eros_points::actors::answer::Failure::Overloaded),
                            "{failure:?}"
                        );
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("a client that does not panic");
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("  {count} durable changes in {seconds:.0} s, {:.0} a second", count as f64 / seconds);
}

/// Resident bytes when no member is awake and the index has caught up.
async fn at_rest(running: &Running) -> u64 {
    while running.core.directory.live_count() > 0
        || running.core.history.applied() < running.core.journal.durable()
    {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // The allocator gives back over some ten seconds what was freed.
    tokio::time::sleep(Duration::from_secs(30)).await;
    resident_bytes()
}

fn member(number: u64) -> String {
    format!("ec_18165fd7455_{number:09}")
}

fn accrual(event: u64, number: u64) -> (String, Command) {
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
        expire_after: Some(Span::days(180)),
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
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    kib * 1_024
}

fn mb(bytes: u64) -> u64 {
    bytes / 1_000_000
}
