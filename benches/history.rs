//! Load on the history index alone: fills the service's own index as the indexer does (decoding each record of the log,
//! steps of 4,096), prints what each million rows cost, then the latency of the searches behind `/history` and of the
//! look-ups of keys. The rows are made on a thread of their own, whose processor time is left out.
//!
//! Back of an envelope: a row is three keys into three trees and a sixteenth of a row of postings, 300 bytes in all. To
//! decode it and to hash its names takes 1 us each, the memtables 1 to 2 us; the store writes it to its journal and to
//! level 0, and the 60 bytes that lie in random order again for each level, 6 to 10 times. Merging at 100 to 200 ns an
//! entry makes that another 2 to 3 us. So some 120,000 rows per second of processor time are to be expected; the service
//! needs 60,000 on one core.
//!
//! `cargo bench --bench history -- --help`
#![allow(clippy::disallowed_methods, reason = "a load program reads clocks and /proc")]
use clap::Parser;
use eros_points::format::entry::{Entry, encode_member};
use eros_points::history::view::{HistoryQuery, SearchType};
use eros_points::history::{FjallHistory, History, Row};
use eros_points::ledger::account::Account;
use eros_points::ledger::command::{Details, SourceType};
use eros_points::ledger::event::{Accrued, Event, Key, RecordType, Sent, SpendReversed, Spent};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::lot::{LotId, LotKind, Taken};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::{Points, Total};
use hdrhistogram::Histogram;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
struct Arguments {
    /// Records put into the index
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// Members that they are spread over at random
    #[arg(long, default_value_t = 1_000_000)]
    members: u64,
    /// The setting `history_cache_bytes`, MiB
    #[arg(long, default_value_t = 64)]
    cache: u64,
    /// Rows of one step, as the indexer takes them
    #[arg(long, default_value_t = 4_096)]
    step: u64,
    /// Where the index's folder is made, and deleted in the end
    #[arg(long, default_value = "target")]
    folder: PathBuf,
    /// Leave the index's folder behind
    #[arg(long)]
    keep: bool,
    /// Only search the index in this folder, which was filled with the same rows and members, and kept
    #[arg(long)]
    filled: Option<PathBuf>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

const TENANT: &str = "10080";
const MILLION: u64 = 1_000_000;
/// The service syncs its index every five seconds.
const SYNC_EVERY: u64 = 250_000;
const FIRST: Instant = Instant(1_700_000_000_000);

fn main() {
    let arguments = Arguments::parse();
    let mut folder = tempfile::tempdir_in(&arguments.folder).expect("a folder");
    folder.disable_cleanup(arguments.keep);
    let place = arguments.filled.as_deref().unwrap_or(folder.path());
    let history = FjallHistory::open(place, arguments.cache << 20).expect("an index");
    println!(
        "{} rows of about {} bytes, {} members, a cache of {} MiB",
        arguments.rows,
        record(1, arguments.members).len(),
        arguments.members,
        arguments.cache
    );
    if arguments.filled.is_none() {
        fill(&history, &arguments, place);
        decoding(&arguments);
    }
    assert_eq!(history.applied(), Lsn(arguments.rows), "an index filled with these rows");
    searches(&history, &arguments);
    println!("memory after the searches: {} MiB", resident() >> 20);
}

/// SplitMix64's last step: any number gives one that looks random.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn member(lsn: u64, members: u64) -> String {
    format!("ec_18165fd7455_{:09}", mix(lsn) % members)
}

fn event_no(lsn: u64) -> String {
    format!("EACH202206{:020}", mix(!lsn))
}

fn store(lsn: u64) -> String {
    format!("ec_mall_{:03}", mix(lsn ^ 0x77) % 200)
}

fn at(lsn: u64) -> Instant {
    Instant(FIRST.0 + lsn.cast_signed())
}

/// The log's record `lsn`: seven accruals in ten, a tenth of them frozen; spends, give-backs of spends, transfers.
fn record(lsn: u64, members: u64) -> Vec<u8> {
    let random = mix(lsn ^ 0x5555);
    let points = Points::whole((random % 1_000).cast_signed());
    let details = Details {
        action_scene: Some(format!("order_pay_{}", random % 10)),
        store_code: Some(store(lsn)),
        cost_center: Some(format!("cost_center{:03}", (random >> 8) % 40)),
        campaign_code: Some(format!("CMP2026{:02}", (random >> 16) % 5)),
        operator: Some("小程序".into()),
        event_desc: Some("用户购买了100元酸奶".into()),
    };
    let mut fingerprint = [0; 16];
    fingerprint[..8].copy_from_slice(&random.to_le_bytes());
    fingerprint[8..].copy_from_slice(&mix(random).to_le_bytes());
    let origin = Lsn(1 + random % lsn);
    let id = LotId { lsn: origin, place: 0 };
    let lot = LotKind { id, accrual: origin, source: origin, expire_at: Some(at(lsn)), graced: false };
    let (now, event_no) = (at(lsn), event_no(lsn));
    let active_after = Total(i128::from(random % MILLION));
    let event = match (random >> 24) % 20 {
        0..14 => Event::Accrued(Accrued {
            event_no,
            fingerprint,
            source_type: SourceType::Order,
            points,
            event_at: now,
            expire_at: Some(now.after(Span::days(180))),
            unfreeze_at: ((random >> 32).is_multiple_of(10)).then(|| now.after(Span::hours(24))),
            amount: None,
            details,
            order_items: None,
            rule: None,
            paid: Vec::new(),
            active_after,
        }),
        14..18 => Event::Spent(Spent {
            event_no,
            fingerprint,
            points,
            event_at: now,
            details,
            taken: vec![Taken { lot, points }],
            active_after,
        }),
        18 => Event::SpendReversed(SpendReversed {
            event_no,
            fingerprint,
            origin_event_no: self::event_no(origin.0),
            origin,
            points,
            event_at: now,
            steps: Vec::new(),
            active_after,
        }),
        _ => Event::Sent(Sent {
            transfer_no: event_no,
            fingerprint,
            to: member(random, members),
            points,
            taken: vec![Taken { lot, points }],
            active_after,
        }),
    };
    encode_member(TENANT, &member(lsn, members), now, &event)
}

type Step = Vec<(Lsn, Vec<u8>)>;

fn make(steps: &SyncSender<Step>, rows: u64, members: u64, step: u64) {
    for first in (1..=rows).step_by(usize::try_from(step).expect("a step that fits")) {
        let last = (first + step - 1).min(rows);
        let made = (first..=last).map(|lsn| (Lsn(lsn), record(lsn, members))).collect();
        steps.send(made).expect("somebody who takes the rows");
    }
}

/// What has been used so far: processor time of the indexing thread and of the store's own threads.
struct Mark {
    at: std::time::Instant,
    indexing: f64,
    behind: f64,
    written: u64,
}

fn mark(maker: &Path) -> Mark {
    let all: f64 = tasks().iter().map(|task| seconds_of(task)).sum();
    let indexing = seconds_of(Path::new("/proc/thread-self"));
    Mark {
        at: std::time::Instant::now(),
        indexing,
        behind: all - indexing - seconds_of(maker),
        written: number("/proc/self/io", "write_bytes:"),
    }
}

fn tasks() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc/self/task").expect("/proc");
    entries.map(|entry| entry.expect("an entry of /proc").path()).collect()
}

/// Processor time of a thread; none where it has ended.
fn seconds_of(task: &Path) -> f64 {
    let text = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).map_or(0.0, |nanos| nanos / 1e9)
}

fn number(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).expect("/proc");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a known line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn resident() -> u64 {
    number("/proc/self/status", "RssAnon:") << 10
}

fn fill(history: &FjallHistory, arguments: &Arguments, folder: &Path) {
    let (to, from) = sync_channel(2);
    let (name, named) = sync_channel(1);
    let (end, ended) = sync_channel::<()>(0);
    let (rows, members, step) = (arguments.rows, arguments.members, arguments.step);
    std::thread::spawn(move || {
        let link = std::fs::read_link("/proc/thread-self").expect("/proc");
        name.send(Path::new("/proc").join(link)).expect("somebody who asks");
        make(&to, rows, members, step);
        drop(to);
        // Stays until its time has been read; then the other end is gone.
        let _ = ended.recv();
    });
    let maker = named.recv().expect("the maker's name");
    println!(
        "| million rows | rows/s | rows per CPU-second | indexing us/row | store's threads us/row | bytes written/row | memory MiB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let start = mark(&maker);
    index(history, &from, &maker);
    history.sync().expect("a sync");
    print_line("all", rows, &start, &mark(&maker));
    drop(end);
    println!("the index has {} MiB on the disk", bytes_below(folder) >> 20);
}

fn index(history: &FjallHistory, steps: &Receiver<Step>, maker: &Path) {
    let mut last = mark(maker);
    let (mut printed, mut synced, mut through) = (0, 0, Lsn::ZERO);
    for step in steps {
        let rows: Vec<Row<'_>> = step.iter().map(|(lsn, payload)| row(*lsn, payload)).collect();
        through = rows.last().map_or(through, |row| row.lsn);
        history.apply(&rows, through).expect("rows go in");
        if through.0 - synced >= SYNC_EVERY {
            history.sync().expect("a sync");
            synced = through.0;
        }
        if through.0 / MILLION > printed / MILLION {
            let now = mark(maker);
            print_line(&(through.0 / MILLION).to_string(), through.0 - printed, &last, &now);
            (last, printed) = (now, through.0);
        }
    }
}

fn row(lsn: Lsn, payload: &[u8]) -> Row<'_> {
    match Entry::decode(payload) {
        Ok(Entry::Member(entry)) => Row { lsn, entry, payload },
        other => panic!("not a member's entry: {other:?}"),
    }
}

fn print_line(name: &str, rows: u64, from: &Mark, to: &Mark) {
    let (indexing, behind) = (to.indexing - from.indexing, to.behind - from.behind);
    let count = rows as f64;
    println!(
        "| {name} | {:.0} | {:.0} | {:.2} | {:.2} | {} | {} |",
        count / (to.at - from.at).as_secs_f64(),
        count / (indexing + behind),
        indexing * 1e6 / count,
        behind * 1e6 / count,
        (to.written - from.written) / rows,
        resident() >> 20
    );
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the index's folder").flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes_below(&entry.path()),
        Ok(data) => data.len(),
        // A file that a compaction has just removed.
        Err(_) => 0,
    });
    sizes.sum()
}

/// The part of the indexing that is decoding.
fn decoding(arguments: &Arguments) {
    let count = arguments.rows.min(200_000);
    let records: Vec<Vec<u8>> = (1..=count).map(|lsn| record(lsn, arguments.members)).collect();
    let start = std::time::Instant::now();
    let decoded = records.iter().filter(|record| Entry::decode(record).is_ok()).count();
    let took = start.elapsed().as_secs_f64();
    assert_eq!(decoded, records.len());
    println!("decoding alone: {:.2} us/row", took * 1e6 / count as f64);
}

fn searches(history: &FjallHistory, arguments: &Arguments) {
    let some = |n: u64| 1 + mix(n ^ 0xabcd) % arguments.rows;
    let now = at(arguments.rows);
    let search = |query: HistoryQuery, account: Option<&Account>| {
        history.search(TENANT, &query, account, now).expect("a page").items.len()
    };
    println!("| query | p50 us | p99 us | max us |");
    println!("| --- | --- | --- | --- |");
    // The service knows a member's total from the account.
    let account = Account { last: Lsn::MAX, records: 10, ..Account::default() };
    timed("a member's newest page", |n| {
        let member_no = Some(member(some(n), arguments.members));
        assert!(search(HistoryQuery { member_no, ..HistoryQuery::default() }, Some(&account)) > 0);
    });
    timed("the tenant's newest page", |_| assert_eq!(search(HistoryQuery::default(), None), 20));
    timed("a store's newest page", |n| {
        let store_code = Some(store(some(n)));
        assert!(search(HistoryQuery { store_code, ..HistoryQuery::default() }, None) > 0);
    });
    timed("a store's newest spends", |n| {
        let store_code = Some(store(some(n)));
        let search_type = Some(SearchType::Type(RecordType::Consume));
        search(HistoryQuery { store_code, search_type, ..HistoryQuery::default() }, None);
    });
    timed("by event_no in the tenant", |n| {
        let event_no = Some(event_no(some(n)));
        assert!(search(HistoryQuery { event_no, ..HistoryQuery::default() }, None) <= 1);
    });
    timed("a key that is there", |n| {
        let lsn = some(n);
        let number = event_no(lsn);
        let find =
            |key: Key<'_>| history.find(TENANT, &member(lsn, arguments.members), key).expect("an answer");
        let found = find(Key::Event(&number)).or_else(|| find(Key::Transfer(&number)));
        assert_eq!(found.map(|known| known.lsn), Some(Lsn(lsn)));
    });
    timed("a key that is not", |n| {
        let number = format!("MISS202206{:020}", mix(n));
        let found =
            history.find(TENANT, &member(n, arguments.members), Key::Event(&number)).expect("an answer");
        assert!(found.is_none());
    });
}

fn timed(name: &str, query: impl Fn(u64)) {
    let mut histogram = Histogram::<u64>::new(3).expect("a histogram");
    for n in 0..1_000 {
        let start = std::time::Instant::now();
        query(n);
        let took = u64::try_from(start.elapsed().as_nanos()).expect("not centuries");
        histogram.record(took).expect("a histogram that grows");
    }
    let us = |nanos: u64| nanos as f64 / 1_000.0;
    println!(
        "| {name} | {:.1} | {:.1} | {:.1} |",
        us(histogram.value_at_quantile(0.5)),
        us(histogram.value_at_quantile(0.99)),
        us(histogram.max())
    );
}
