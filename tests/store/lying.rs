//! Log, snapshots and archive on a disk that lies in every way at once: what was released is there after each restart,
//! whatever was struck. `EROS_LYING_SEEDS=2000 cargo test --release --test suite lying` takes more seeds.
use super::*;
use crate::support::lying_disk::{Fault, LyingDisk, Plan};
use crate::support::random::Random;
use eros_points::format::snapshot::{EntryKind, SNAPSHOT_VERSION, SnapshotHeader};
use eros_points::ledger::instant::Instant;
use eros_points::store::archive::archive_through;
use eros_points::store::snapshots::{self, SnapshotWriter};

/// The log as a start finds it. A refusal names a place, and there is none on a disk that is well.
fn found(disk: &LyingDisk, is_well: bool, what: &str) -> Option<(LogEnd, Records)> {
    match read(disk, REPAIR) {
        Ok(found) => Some(found),
        Err(error) => {
            assert!(!is_well, "{what}: {error}");
            assert!(error.to_string().contains("/data/"), "{what}: {error}");
            None
        }
    }
}

/// Takes a snapshot that says of itself how far the log is, and archives what two of them cover. Whatever fails is tried
/// again another time, as in the service.
fn look_after(disk: &LyingDisk, durable: Lsn) -> Result<(), StoreError> {
    let header =
        SnapshotHeader { version: SNAPSHOT_VERSION, log_id: LOG_ID, noted: durable, created_at: Instant(0) };
    let folder = folder();
    let mut writer = SnapshotWriter::create(disk, &folder, header)?;
    writer.push(EntryKind::Member, &payload(durable.0), durable)?;
    writer.finish(&mut || {})?.publish()?;
    if let [.., older, _] = &snapshots::list(disk, &folder)?[..] {
        archive_through(disk, &folder, older.noted, &mut || {})?;
    }
    Ok(())
}

/// No snapshot in place tells of more than the log has; the newest is whole, since it was read back before.
fn snapshots_are_in_order(disk: &LyingDisk, end: Lsn, what: &str) {
    for file in snapshots::list(disk, &folder()).expect("to list") {
        assert!(file.noted <= end, "{what}: a snapshot of record {}, and the log ends at {end}", file.noted);
        let read = snapshots::read(disk, &file.path, LOG_ID, |_, _, entry| {
            if entry == payload(file.noted.0) { Ok(()) } else { Err("another snapshot's".into()) }
        });
        read.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

/// One life of a log: starts where the disk lets it, appends until it has enough or the disk has failed it.
fn live(disk: &LyingDisk, is_well: bool, chance: &mut Random, known: &mut Records, what: &str) {
    let Some((end, records)) = found(disk, is_well, what) else { return };
    assert!(records.starts_with(known), "{what}: what was released is not there");
    // More than that may be there: it was on its way when the life before ended. From now on it has to stay.
    *known = records;
    let ear = Ear::default();
    let opened = Journal::open(Arc::new(disk.clone()), folder(), options(), end, ear.clone());
    let Ok(journal) = opened else { return };
    for _ in 0..chance.below(40) {
        let n = journal.last_assigned().0 + 1;
        // A full disk turns it away, a failed one for good.
        let Ok(lsn) = journal.append(Class::Refusable, (n % 3) as u16, &payload(n)) else { break };
        let is_heard = |heard: &Heard| {
            heard.error.is_some() || heard.durable.last().is_some_and(|(last, _)| *last >= lsn)
        };
        if chance.one_in(3) {
            ear.wait(is_heard, |_| ());
        }
        if chance.one_in(10) && journal.durable() > Lsn::ZERO {
            let _ = look_after(disk, journal.durable());
        }
    }
    // The power fails in the middle of it, or it ends in order.
    if chance.one_in(2) {
        disk.power_off_at(disk.operations() + chance.below(4));
    }
    journal.close();
    known.extend(ear.0.0.lock().expect("what was heard").durable.iter().cloned());
}

#[test]
fn lying_disk_what_was_released_outlives_every_lie() {
    let seeds = std::env::var("EROS_LYING_SEEDS").map_or(5, |seeds| seeds.parse().expect("how many seeds"));
    let mut injected = [0; Fault::ALL.len()];
    for seed in 0..seeds {
        let mut chance = Random::new(seed);
        let mut disk = LyingDisk::new(seed, Plan::honest());
        let mut known = Records::new();
        for life in 0..8 {
            let is_well = chance.one_in(4);
            disk.set_plan(if is_well {
                Plan::honest()
            } else {
                Plan::all(60).with(Fault::SyncFails, 12).with(Fault::WriteFails, 25)
            });
            let what = format!("seed {seed}, life {life}");
            live(&disk, is_well, &mut chance, &mut known, &what);
            disk = if chance.one_in(3) { disk.process_dies() } else { disk.power_fails() };
            // A copying program that leaves zeros out: the next life begins another segment.
            let newest =
                disk.paths().into_iter().rfind(|path| path.extension().is_some_and(|end| end == "seg"));
            if let Some(newest) = newest.filter(|_| chance.one_in(3)) {
                disk.trim(&newest);
            }
        }
        disk.set_plan(Plan::honest());
        let what = format!("seed {seed}, at the end");
        let (end, records) = found(&disk, true, &what).expect("no refusal on a disk that is well");
        assert!(records.starts_with(&known), "{what}: what was released is not there");
        snapshots_are_in_order(&disk, end.last_lsn(), &what);
        Fault::ALL.iter().zip(&mut injected).for_each(|(fault, sum)| *sum += disk.injected().of(*fault));
        assert!(disk.injected().all() > 0);
    }
    println!("{:?}", Fault::ALL.iter().zip(&injected).collect::<Vec<_>>());
    let met = injected.iter().filter(|times| **times > 0).count();
    assert!(met >= 10, "only {met} kinds of faults were met: {injected:?}");
}

#[test]
fn lying_disk_the_same_seed_tells_the_same_lies() {
    let lies = |seed| {
        let disk = LyingDisk::new(seed, Plan::all(5));
        let mut answers = Vec::new();
        for n in 0..50_u64 {
            let path = folder().wal.join(format!("{}.tmp", n % 5));
            let Ok(file) = disk.open(&path, true) else {
                answers.push("open");
                continue;
            };
            answers.push(if file.write_all_at(&payload(n).repeat(40), n * 7).is_ok() {
                "written"
            } else {
                "no"
            });
            answers.push(if file.sync_data().is_ok() { "synced" } else { "no" });
            answers.push(if disk.sync_folder(&folder().wal).is_ok() { "synced" } else { "no" });
        }
        let next = disk.power_fails();
        (answers, next.all(), disk.injected().table())
    };
    let (first, second) = (lies(7), lies(7));
    assert!(first.0 == second.0 && first.1 == second.1 && first.2 == second.2, "{}{}", first.2, second.2);
    assert!(first.1 != lies(8).1, "another seed, other lies");
}

#[test]
fn lying_disk_a_full_one_turns_changes_away_and_takes_them_again_when_there_is_room() {
    let disk = LyingDisk::new(1, Plan::honest());
    let (journal, ear) = open(&disk, JournalOptions { min_free_bytes: 1 << 20, ..options() });
    append(&journal, &ear, 1, 5);
    disk.set_full(true);
    until(|| journal.is_full());
    assert!(journal.append(Class::Refusable, 0, &payload(5)).is_err());
    disk.set_full(false);
    until(|| !journal.is_full());
    append(&journal, &ear, 5, 9);
    journal.close();
    assert!(!disk.is_off());
    assert_eq!(read(&disk.power_fails(), REPAIR).expect("a log").1, expected(8));
}
