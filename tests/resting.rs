//! Members at rest out of memory: they come back as they were, whatever memory there is for them; a full disk leaves them
//! in memory, a damaged one stops the service, and neither loses anything.
use crate::support::books::{accrue, send};
use crate::support::random::Random;
use crate::support::service::{House, Lodger, TENANT};
use crate::support::until;
use eros_points::actors::beside::{Beside, Cadence, Part, Tasks};
use eros_points::actors::directory::{Directory, MemberId, NameKey, Spill};
use eros_points::actors::recovery::recover;
use eros_points::format::codec;
use eros_points::history::TreeHistory;
use eros_points::ledger::account::Account;
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lot::{Lot, LotId, LotKind};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::Points;
use eros_points::store::disk::{Disk, RealDisk};
use eros_points::store::folder::Folder;
use eros_points::store::resting::RestingFile;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const BEGINS: Instant = Instant(1_655_258_400_000);
const MEMBERS: usize = 200;

fn member(n: usize) -> String {
    format!("member-{n}")
}

/// A directory with a budget, on a real disk.
fn spilling(folder: &std::path::Path, bytes_max: u64) -> Directory {
    let (disk, folder) = (RealDisk::shared(), Folder::at(folder));
    folder.create(&*disk).unwrap();
    let file = RestingFile::begin(disk, &folder, 0).unwrap();
    Directory::spilling(Some(Spill::new(file, bytes_max)), NameKey::random())
}

/// An account that takes some bytes more for each lot.
fn account(lots: u64, last: u64) -> Account {
    let lot = |n| {
        let kind = LotKind {
            id: LotId { lsn: Lsn(n + 1), place: 0 },
            accrual: Lsn(n + 1),
            source: Lsn(n + 1),
            expire_at: None,
            graced: false,
        };
        Lot { kind, remaining: Points(1 + last as i64), unfreeze_at: None }
    };
    Account { last: Lsn(last), lots: (0..lots).map(lot).collect(), ..Account::default() }
}

/// Every member of the directory, once, as a walk gives them.
fn walked(directory: &Directory) -> HashMap<String, Account> {
    let mut found = HashMap::new();
    for shard in 0..Directory::SHARDS {
        let mut walk = directory.walk(shard, None);
        while let Some(batch) = walk.next().unwrap() {
            assert!(batch.awake.is_empty());
            for member in batch.resting {
                let account = if member.packed.is_empty() {
                    Account::default()
                } else {
                    codec::decode(&member.packed).unwrap()
                };
                let again = found.insert(member.member_no.to_string(), account);
                assert!(again.is_none(), "{} twice", member.member_no);
            }
        }
    }
    found
}

#[test]
fn whatever_memory_there_is_a_member_is_as_it_was_put() {
    for (seed, bytes_max) in [(1, 1), (2, 5 << 20), (3, u64::MAX)] {
        let folder = tempfile::tempdir().unwrap();
        let directory = spilling(folder.path(), bytes_max);
        let mut random = Random::new(seed);
        let mut model: HashMap<String, Account> = HashMap::new();
        for step in 1..=40_000 {
            let name = member(random.below(4_000) as usize);
            assert_eq!(directory.find(TENANT, &name).unwrap().is_some(), model.contains_key(&name));
            let id = directory.find_or_new(TENANT, &name).unwrap();
            let expected = model.entry(name.clone()).or_default();
            if random.one_in(2) {
                // Now and then one that fills pages of its own.
                let lots = if random.one_in(200) { random.below(2_000) } else { random.below(40) };
                *expected = account(lots, step);
                directory.place(id, expected).unwrap();
            } else {
                let seen = directory.with_resting(id, |_, member_no, account| {
                    (false, (member_no.to_owned(), account.clone()))
                });
                assert_eq!(seen.unwrap(), Some((name.clone(), expected.clone())), "seed {seed}, step {step}");
            }
            assert_eq!(&*directory.name_of(id).unwrap().1, name);
        }
        assert_eq!(walked(&directory), model, "seed {seed}");
        let census = directory.census();
        assert_eq!((census.members, census.awake), (model.len(), 0));
        let is_spilling = bytes_max < u64::MAX;
        assert_eq!(census.on_disk > 0, is_spilling, "{census:?}");
        if bytes_max == 1 {
            assert_eq!((census.on_disk, census.memory_bytes), (model.len(), 0));
        } else if is_spilling {
            assert!(census.memory_bytes as u64 <= bytes_max, "{census:?}");
            let file = RealDisk.open_read_only(&Folder::at(folder.path()).resting()).unwrap();
            let (size, used) = (file.size().unwrap(), census.disk_bytes);
            // A run of each shard is begun, and pages may be half empty.
            let bound = 3 * used + 256 * (64 * 4_096);
            assert!(size <= bound, "{size} bytes for {used} in use: space is not used again");
        }
    }
}

#[test]
fn accounts_that_leave_much_of_a_chunk_free_are_put_to_rest_like_any() {
    let directory = Directory::new();
    let fat = account(700, 1);
    let bytes = codec::encode(&fat).len();
    assert!((7_200..14_000).contains(&bytes), "one to a chunk: {bytes}");
    let ids: Vec<MemberId> =
        (0..3_000).map(|n| directory.find_or_new("t", &member(n)).expect("a place")).collect();
    for id in &ids {
        directory.place(*id, &fat).expect("memory");
    }
    for id in ids {
        let seen = directory.with_resting(id, |_, _, account| (false, *account == fat));
        assert_eq!(seen.expect("memory"), Some(true));
    }
}

#[test]
fn changes_walks_and_looks_at_once_see_every_member_once_and_lose_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let directory = spilling(folder.path(), 1);
    let ids: Vec<MemberId> =
        (0..MEMBERS).map(|n| directory.find_or_new(TENANT, &member(n)).unwrap()).collect();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                assert_eq!(walked(&directory).len(), MEMBERS);
            }
        });
        let changing: Vec<_> = (0..4)
            .map(|thread| {
                let (directory, ids) = (&directory, &ids);
                scope.spawn(move || {
                    let mut random = Random::new(thread);
                    for _ in 0..5_000 {
                        let id = random.pick(ids).unwrap();
                        let add = |_: &str, _: &str, account: &mut Account| {
                            account.records += 1;
                            account.last = Lsn(account.records);
                            // Another length each time, so that it moves.
                            account.lots = self::account(account.records % 7, 1).lots;
                            (true, ())
                        };
                        directory.with_resting(*id, add).unwrap().unwrap();
                    }
                })
            })
            .collect();
        changing.into_iter().for_each(|thread| thread.join().unwrap());
        ended.store(true, Ordering::Relaxed);
    });
    let sum: u64 = walked(&directory).values().map(|account| account.records).sum();
    assert_eq!(sum, 4 * 5_000);
}

/// A house with no memory for members at rest.
fn house() -> House {
    let mut house = House::new(BEGINS);
    house.resting_bytes_max = 1;
    house
}

/// Gives every member points, and waits until all are at rest and out of memory.
fn fill(lodger: &Lodger) {
    for n in 0..MEMBERS {
        lodger.change(&member(n), &accrue(&format!("e{n}"), 10.0).into()).expect("an answer");
    }
    until(|| lodger.running.core.directory.census().on_disk == MEMBERS);
}

fn total(lodger: &Lodger) -> i128 {
    (0..MEMBERS).map(|n| lodger.sums(&member(n))[4]).sum()
}

#[test]
fn points_are_neither_lost_nor_made_while_members_come_and_go_and_through_restarts() {
    let house = house();
    let lodger = house.start().expect("a start");
    fill(&lodger);
    std::thread::scope(|scope| {
        for client in 0..4_u64 {
            let lodger = &lodger;
            scope.spawn(move || {
                let mut random = Random::new(client);
                for n in 0..100 {
                    let [from, to] = [(); 2].map(|()| random.below(MEMBERS as u64) as usize);
                    let transfer = send(&format!("{client}-{n}"), &member(to), 1.0);
                    // One to oneself, or of more than there is, is refused.
                    let _ = lodger.change(&member(from), &transfer);
                }
            });
        }
    });
    let all = MEMBERS as i128 * 100_000;
    assert_eq!(total(&lodger), all);
    let before: Vec<_> = (0..MEMBERS).map(|n| lodger.sums(&member(n))).collect();
    lodger.stop();
    for _ in 0..2 {
        let lodger = house.start().expect("the next start");
        let census = lodger.running.core.directory.census();
        assert_eq!(census.members, MEMBERS);
        assert!(census.awake == 0 && census.memory_bytes == 0, "a start wakes nobody: {census:?}");
        let after: Vec<_> = (0..MEMBERS).map(|n| lodger.sums(&member(n))).collect();
        assert_eq!(after, before);
        lodger.stop();
    }
}

#[test]
fn a_full_disk_leaves_members_in_memory_and_they_leave_once_there_is_room() {
    let house = house();
    let lodger = house.start().expect("a start");
    until(|| house.disk.is_prepared());
    house.disk.set_room(Some(0));
    for n in 0..MEMBERS {
        lodger.change(&member(n), &accrue(&format!("e{n}"), 10.0).into()).expect("log space was made ahead");
    }
    let census = || lodger.running.core.directory.census();
    until(|| census().awake == 0);
    assert_eq!(census().on_disk, 0);
    assert!(census().write_failures > 0 && census().memory_bytes > 0);
    assert_eq!(total(&lodger), MEMBERS as i128 * 100_000);
    house.disk.set_room(None);
    until(|| {
        total(&lodger);
        census().on_disk == MEMBERS
    });
    assert_eq!(total(&lodger), MEMBERS as i128 * 100_000);
    lodger.stop();
}

#[test]
fn a_damaged_page_stops_the_service_and_the_next_start_has_all() {
    let house = house();
    let lodger = house.start().expect("a start");
    fill(&lodger);
    let path = house.folder().resting();
    let mut bytes = house.disk.read(&path);
    for page in bytes.chunks_mut(4_096) {
        page[40] ^= 1;
    }
    house.disk.overwrite(&path, bytes);
    let mut broken = lodger.running.core.broken.subscribe();
    let seen = lodger.runtime.block_on(lodger.service.summary(TENANT, &member(7)));
    assert!(seen.is_err(), "{seen:?}");
    let why = lodger.runtime.block_on(broken.wait_for(Option::is_some)).expect("the news").clone();
    let why = why.expect("words");
    assert!(why.contains("resting") && why.contains("its checksum does not match"), "{why}");
    // As a process that ends.
    let mut house = house;
    house.crash(lodger, crate::support::disk::Leaves::Everything);
    let lodger = house.start().expect("the next start");
    assert_eq!(total(&lodger), MEMBERS as i128 * 100_000);
    lodger.stop();
}

#[test]
fn recovery_alone_fills_memory_up_to_the_budget() {
    let house = house();
    let lodger = house.start().expect("a start");
    fill(&lodger);
    lodger.stop();
    let disk: Arc<dyn Disk> = Arc::new(house.disk.clone());
    let folder = house.folder();
    let log_id = eros_points::actors::start::log_of(&*disk, &folder).unwrap().0;
    let history = TreeHistory::open(&folder.history, 1 << 20).unwrap();
    let empty = || {
        let file = RestingFile::begin(disk.clone(), &folder, 0)?;
        Ok(Directory::spilling(Some(Spill::new(file, 1)), NameKey::random()))
    };
    let recovered = recover(&*disk, &folder, log_id, &history, &empty, |_| {}).unwrap();
    let census = recovered.directory.census();
    assert_eq!((census.members, census.on_disk, census.awake), (MEMBERS, MEMBERS, 0));
}

/// The log's writer works; the index does until it is told to sleep.
#[derive(Default)]
struct SleepyIndex {
    tired: AtomicBool,
    asleep: AtomicBool,
}

impl Cadence for SleepyIndex {
    fn pause(&self, before: Part) -> Duration {
        if before == Part::Index && self.tired.load(Ordering::SeqCst) {
            self.asleep.store(true, Ordering::SeqCst);
            return Duration::from_secs(3_600);
        }
        Duration::from_millis(1)
    }

    fn syncs_index(&self) -> bool {
        false
    }
}

#[test]
fn a_member_that_comes_again_at_once_does_not_wait_for_the_index() {
    let house = House::new(BEGINS);
    house.folder().create(&RealDisk).expect("folders");
    let history = TreeHistory::open(&house.folder().history, 1 << 20).expect("an index");
    let cadence = Arc::new(SleepyIndex::default());
    let tasks =
        Tasks { history: Arc::new(history), cadence: cadence.clone(), names: NameKey(1, 2), log_id: 1 };
    let lodger = house.start_beside(Beside::Tasks(tasks)).expect("a start");
    cadence.tired.store(true, Ordering::SeqCst);
    until(|| cadence.asleep.load(Ordering::SeqCst));
    let comes = |event_no: &str, amount| lodger.change("m", &accrue(event_no, amount).into());
    // The first where it lies, the second wakes it: the clock stands still.
    let first = comes("e1", 10.0).expect("an answer");
    assert_eq!(lodger.running.core.directory.live_count(), 0);
    comes("e2", 5.0).expect("an answer");
    assert_eq!(lodger.running.core.directory.live_count(), 1);
    assert_eq!(
        comes("e1", 10.0).expect("the same answer").record.lsn,
        first.record.lsn,
        "known for a repetition"
    );
    assert!(comes("e1", 11.0).is_err(), "the same number for something else");
    assert_eq!(lodger.sums("m")[4], 150_000);
}
