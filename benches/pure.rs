//! What the pure parts cost, one by one, by criterion: what the ledger decides and applies, what becomes of it as
//! bytes, how fast a log is read back. Each group says what to expect of it, reckoned on the back of an envelope.
//!
//! - `cargo bench --bench pure` measures everything, `cargo bench --bench pure -- replay` what has that in its name.
//! - `cargo test --bench pure` runs each once; `cargo test` does too.
//! - The medians, in nanoseconds, are `.median.point_estimate` of `target/criterion/GROUP/NAME/new/estimates.json`,
//!   such as `replay/mixed_events` and `decide/accrual_3_lots`; `.throughput` of `benchmark.json` beside it has the
//!   elements or bytes of one iteration. All of them:
//!
//! ```sh
//! jq -r '"\(input_filename) \(.median.point_estimate) ns"' target/criterion/*/*/new/estimates.json
//! ```
#[path = "pure/made.rs"]
mod made;

use criterion::{BatchSize, Bencher, Criterion, Throughput, criterion_group, criterion_main};
use eros_points::format::codec;
use eros_points::format::entry::{Entry, encode_member};
use eros_points::format::frame::{Frame, FrameKind, chain_hash, frame_header};
use eros_points::format::scan::{Ending, scan};
use eros_points::format::segment::Chain;
use eros_points::ledger::account::Account;
use eros_points::ledger::command::Command;
use eros_points::ledger::event::Event;
use eros_points::ledger::{Decision, Prior, Terms, apply, decide};
use made::{LOG_ID, NOW, TENANT};
use std::collections::{HashMap, VecDeque};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

criterion_group!(pure, deciding, applying, entries, frames, snapshots, replay, rules);
criterion_main!(pure);

/// How many lots the accounts have.
const LOTS: [usize; 3] = [3, 100, 10_000];

fn recorded(account: &Account, command: &Command, prior: &Prior, terms: &Terms) -> Event {
    match decide(account, command.clone(), prior, NOW, terms) {
        Ok(Decision::Record(event)) => Event::clone(&event),
        other => panic!("something to record, not {other:?}"),
    }
}

fn decides(bencher: &mut Bencher<'_>, account: &Account, command: &Command, prior: &Prior, terms: &Terms) {
    recorded(account, command, prior, terms);
    // The command is made, and what was decided dropped, outside the measured time.
    let decided = |command| decide(black_box(account), black_box(command), prior, NOW, terms);
    bencher.iter_batched(|| command.clone(), decided, BatchSize::SmallInput);
}

/// An event of 450 bytes on the heap and its six texts: seven allocations of 20 ns, and 40 ns to copy: 200 ns. What
/// is active is a sum over all lots, 1 ns each; a spend goes over them again, up to the last that it takes from,
/// and writes down 64 bytes for each: of half the points 5,000 of 10,000 lots, at 3 ns. So 25 us for 10,000 lots.
fn deciding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    let terms = Terms::default();
    for lots in LOTS {
        let account = made::account(lots);
        let none = Prior::default();
        group.bench_function(format!("accrual_{lots}_lots"), |bencher| {
            decides(bencher, &account, &made::accrual(), &none, &terms);
        });
        group.bench_function(format!("spend_of_half_{lots}_lots"), |bencher| {
            decides(bencher, &account, &made::spend(made::held(&account, 2)), &none, &terms);
        });
        group.bench_function(format!("reversal_{lots}_lots"), |bencher| {
            decides(bencher, &account, &made::reversal(), &made::origin(), &terms);
        });
    }
}

fn applies(bencher: &mut Bencher<'_>, account: &Account, event: &Event) {
    let lsn = account.last.next();
    // Room as in an account that grew: a clone has none, and would pay for all of its growth at once.
    let prepared = || {
        let mut lots = VecDeque::with_capacity(account.lots.len() + 1);
        lots.extend(account.lots.iter());
        Account { lots: lots.into(), ..account.clone() }
    };
    bencher.iter_batched_ref(
        prepared,
        |account| apply(account, lsn, NOW, black_box(event)),
        BatchSize::SmallInput,
    );
}

/// Five sums, and a lot put into its place or taken out of it: a binary search over 80 bytes a lot, and in the
/// middle of a deque half of what is on the nearer side is moved. 30 ns for a few lots, and 10 us for each lot in
/// the middle of 10,000. A spend empties them from the front, where nothing is moved: 5,000 searches of 14 steps,
/// 30 ns each, make 150 us.
fn applying(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply");
    let terms = Terms::default();
    for lots in LOTS {
        let account = made::account(lots);
        let none = Prior::default();
        let events = [
            ("accrual", recorded(&account, &made::accrual(), &none, &terms)),
            ("spend_of_half", recorded(&account, &made::spend(made::held(&account, 2)), &none, &terms)),
            ("reversal", recorded(&account, &made::reversal(), &made::origin(), &terms)),
        ];
        for (name, event) in &events {
            group.bench_function(format!("{name}_{lots}_lots"), |bencher| applies(bencher, &account, event));
        }
    }
}

/// 200 bytes of which most are texts: one allocation and twenty short copies to encode, 100 ns; to decode, an
/// allocation and a check of its UTF-8 for each of nine texts, 25 ns each, 250 ns.
fn entries(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("entry");
    let account = made::account(3);
    let (none, terms) = (Prior::default(), Terms::default());
    let events = [
        ("accrual", recorded(&account, &made::accrual(), &none, &terms)),
        ("spend", recorded(&account, &made::spend(made::held(&account, 2)), &none, &terms)),
    ];
    for (name, event) in &events {
        let member = made::member(1);
        let bytes = encode_member(TENANT, &member, NOW, event);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("encode_{name}"), |bencher| {
            bencher.iter_with_large_drop(|| encode_member(TENANT, &member, NOW, black_box(event)));
        });
        group.bench_function(format!("decode_{name}"), |bencher| {
            bencher.iter_with_large_drop(|| Entry::decode(black_box(&bytes)));
        });
    }
}

/// A CRC with carry-less multiplication runs at 10 bytes a nanosecond or more: 60 KB in 6 us, both ways; and 5 ns a
/// record for its header.
fn frames(criterion: &mut Criterion) {
    const RECORDS: u64 = 256;
    let mut group = criterion.benchmark_group("frame");
    let log = made::log(RECORDS);
    let (chain, payload) = (Chain::default(), made::payload(&log));
    let made =
        || frame_header(LOG_ID, &mut chain.clone(), FrameKind::Batch, log.len() as u32, black_box(&payload));
    let bytes = [&made()[..], &payload].concat();
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function(format!("head_of_{RECORDS}_records"), |bencher| bencher.iter(made));
    let read =
        || Frame::decode(black_box(&bytes), LOG_ID).expect("a frame").records().expect("records").len();
    assert_eq!(read(), log.len());
    // The part of a head that the hash costs, and no CRC.
    let hashed = || chain_hash(&chain.hash, black_box(&bytes), black_box(&payload));
    group.bench_function(format!("hash_of_{RECORDS}_records"), |bencher| bencher.iter(hashed));
    group.bench_function(format!("check_of_{RECORDS}_records"), |bencher| bencher.iter(read));
}

/// An account is some 30 numbers and 12 for each lot, 2 to 3 ns each: 200 ns for 3 lots, 30 ns for each further
/// one.
fn snapshots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot");
    for lots in LOTS {
        let account = made::account(lots);
        let packed = codec::encode(&account);
        group.throughput(Throughput::Bytes(packed.len() as u64));
        group.bench_function(format!("pack_{lots}_lots"), |bencher| {
            bencher.iter_with_large_drop(|| codec::encode(black_box(&account)));
        });
        group.bench_function(format!("unpack_{lots}_lots"), |bencher| {
            bencher
                .iter_with_large_drop(|| codec::decode::<Account>(black_box(&packed)).expect("an account"));
        });
    }
}

/// 50,000 events of 5,000 members. For each event its frame's check (25 ns), decoding (250 ns), finding the member
/// (50 ns, for accounts that are partly in no cache) and applying (50 ns): 375 ns, 2.7 million events a second.
fn replay(criterion: &mut Criterion) {
    const EVENTS: u64 = 50_000;
    let mut group = criterion.benchmark_group("replay");
    let segment = made::segment(&made::log(EVENTS));
    assert_eq!(replayed(&segment).1, EVENTS);
    group.throughput(Throughput::Elements(EVENTS));
    group.sample_size(20);
    group.bench_function("mixed_events", |bencher| {
        bencher.iter_with_large_drop(|| replayed(black_box(&segment)));
    });
}

/// The accounts that a segment's frames make, and how many records there were.
fn replayed(segment: &[u8]) -> (HashMap<String, Account>, u64) {
    let (mut accounts, mut count) = (HashMap::<String, Account>::new(), 0);
    let mut chain = Chain::default();
    let ending = scan(segment, 0, LOG_ID, &mut chain, true, |record| {
        let Entry::Member(entry) = Entry::decode(record.payload)? else { panic!("a member's record") };
        let account = accounts.entry(entry.member_no).or_default();
        apply(account, record.lsn, entry.at, &entry.event);
        count += 1;
        Ok::<_, codec::CodecError>(())
    });
    assert!(matches!(ending, Ok(Ending::Clean { .. })), "{ending:?}");
    (accounts, count)
}

/// Ten rules looked at, the last is taken: 10 x 20 ns to compare their scenes. Base, two multipliers, product and
/// rounding in fractions of unbounded integers: ten operations with an allocation or a greatest common divisor, 50
/// to 100 ns each. The calendar's day, week and month in the tenant's zone: 100 ns. About 1.5 us; the accrual
/// around it adds 300 ns.
fn rules(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rule");
    let (account, terms) = (made::gold_account(), made::terms_with_rules(10));
    group.bench_function("accrual_by_the_last_of_10", |bencher| {
        decides(bencher, &account, &made::accrual_by_rule(), &Prior::default(), &terms);
    });
}
