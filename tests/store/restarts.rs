//! A start on what the system holds in memory and the disk does not: a failed sync leaves that behind.
use super::*;
use crate::support::lying_disk::{Fault, LyingDisk, Plan};
use crate::support::small_segments;
use eros_points::store::journal::SyncPolicy;
use eros_points::store::personal_keys::PersonalKeys;
use eros_points::store::segments::{self, begin, make_spare};

/// Appends frames to the newest segment of a process that does not live to see them synced: the sync fails, and the
/// system forgets that they are not on disk.
fn lost_by_the_disk(disk: &FaultyDisk, frames: &[Vec<u8>]) {
    let (path, bytes) = (segment(1), disk.read(&segment(1)));
    let at = *frames_of(&bytes).last().expect("an end") as u64;
    let file = disk.open(&path, false).expect("the segment");
    file.write_all_at(&frames.concat(), at).expect("to write");
    disk.fail(Op::Sync, 0);
    file.sync_data().expect_err("a failed sync");
    file.sync_data().expect("a second one proves nothing");
}

/// A log of two records on disk, and as many more as asked that only the system holds.
fn in_memory_alone(more: u64) -> FaultyDisk {
    let disk = log_of(&[2], payload);
    let mut chain = read(&disk, Mode::LookOnly).expect("a log").0.chain;
    let frames: Vec<_> = (3..3 + more).map(|n| next_frame(&mut chain, &payload(n))).collect();
    lost_by_the_disk(&disk, &frames);
    assert_eq!(read(&disk, Mode::LookOnly).expect("a log").1, expected(2 + more), "a reader sees them");
    assert_eq!(after_power_failure(&disk), expected(2), "and the disk does not have them");
    disk
}

fn after_power_failure(disk: &FaultyDisk) -> Records {
    read(&disk.after_crash(Leaves::Nothing), Mode::LookOnly).expect("a log").1
}

#[test]
fn records_that_a_failed_sync_left_in_memory_are_on_disk_before_a_start_gives_them_to_anybody() {
    for more in [1, 2, 5] {
        let disk = in_memory_alone(more);
        let given = std::cell::Cell::new(0);
        let visit = |record: eros_points::format::scan::LogRecord<'_>| {
            given.set(record.lsn.0);
            assert_eq!(after_power_failure(&disk), expected(2 + more), "record {}", record.lsn);
            Ok(())
        };
        replay(&disk, &folder(), LOG_ID, Lsn::ZERO, REPAIR, visit, |_| {}).expect("a start");
        assert_eq!(given.get(), 2 + more);
    }
}

#[test]
fn a_start_that_can_not_make_its_log_durable_is_refused_and_has_told_nobody() {
    for op in [Op::Open, Op::Write, Op::Sync, Op::SyncFolder] {
        let disk = in_memory_alone(1);
        disk.fail(op, 0);
        let visit = |record: eros_points::format::scan::LogRecord<'_>| panic!("{op:?}: {}", record.lsn);
        let started = replay(&disk, &folder(), LOG_ID, Lsn::ZERO, REPAIR, visit, |_| {});
        let words = started.err().expect("a refusal").to_string();
        assert!(words.contains("making the log's end durable"), "{words}");
        // The next start has the same frames in doubt, and puts them right.
        assert_eq!(read(&disk, REPAIR).expect("the next start").1, expected(3));
        assert_eq!(after_power_failure(&disk), expected(3), "{op:?}");
    }
}

#[test]
fn looking_at_a_log_writes_nothing() {
    let disk = in_memory_alone(1);
    let before = disk.done().len();
    read(&disk, Mode::LookOnly).expect("a log");
    assert_eq!(disk.done().split_off(before), []);
    assert_eq!(after_power_failure(&disk), expected(2));
}

#[test]
fn a_mark_that_a_failed_sync_left_in_memory_makes_no_hole_under_later_records() {
    let disk = log_of(&[2], payload);
    let mut chain = read(&disk, Mode::LookOnly).expect("a log").0.chain;
    let mark = frame_header(LOG_ID, &mut chain, FrameKind::Mark, 0, &[]);
    lost_by_the_disk(&disk, &[mark.to_vec()]);
    let (journal, ear) = open(&disk, options());
    append(&journal, &ear, 3, 4);
    journal.close();
    assert_eq!(after_power_failure(&disk), expected(3));
}

#[test]
fn a_power_failure_under_any_policy_of_syncs_leaves_a_log_that_starts() {
    for sync in [SyncPolicy::Always, SyncPolicy::Interval(PATIENCE), SyncPolicy::Off] {
        let disk = FaultyDisk::new();
        let (journal, ear) = open(&disk, JournalOptions { sync, ..small_segments() });
        append_with_patience(&journal, &ear, 500);
        for leaves in [Leaves::Nothing, Leaves::Everything] {
            let disk = disk.after_crash(leaves);
            let (end, records) = read(&disk, REPAIR).unwrap_or_else(|error| panic!("{sync:?}: {error}"));
            assert_eq!(records, expected(end.last_lsn().0), "{sync:?}");
            let newest = segments::list(&disk, &folder()).expect("segments").pop().expect("a segment");
            assert!(newest.first_lsn > Lsn(1), "one segment shows nothing");
            assert!(end.last_lsn().next() >= newest.first_lsn, "{sync:?}: an older segment is short");
        }
        journal.close();
    }
}

fn next_header(end: &LogEnd) -> SegmentHeader {
    SegmentHeader { log_id: LOG_ID, ordinal: end.ordinal + 1, chain: end.chain.clone() }
}

#[test]
fn a_segment_whose_name_was_never_made_durable_gets_it_before_records_go_in() {
    let disk = log_of(&[2], payload);
    let end = read(&disk, Mode::LookOnly).expect("a log").0;
    let spare = make_spare(&disk, &folder(), 0, 17 << 20, &mut || {}).expect("a spare segment");
    disk.fail(Op::SyncFolder, 0);
    let begun = begin(&disk, &folder(), spare, &next_header(&end));
    assert!(begun.is_err() && disk.paths().contains(&segment(3)));
    let (journal, ear) = open(&disk, options());
    append(&journal, &ear, 3, 5);
    journal.close();
    assert_eq!(after_power_failure(&disk), expected(4));
}

/// The system calls a name clean that a failed sync of its folder did not bring to the disk: no later sync does.
#[test]
fn a_segment_whose_name_a_failed_sync_forgot_is_begun_again() {
    for (seed, records) in (0..20).flat_map(|seed| [(seed, 0), (seed, 2)]) {
        let disk = LyingDisk::new(seed, Plan::honest());
        let log = log_of(if records == 0 { &[] } else { &[2] }, payload);
        log.paths().iter().for_each(|path| disk.place(path, &log.read(path)));
        let end = read(&disk, Mode::LookOnly).expect("a log").0;
        let spare = make_spare(&disk, &folder(), 0, 17 << 20, &mut || {}).expect("a spare segment");
        disk.set_plan(Plan::honest().with(Fault::FolderSyncFails, 1));
        let begun = begin(&disk, &folder(), spare, &next_header(&end));
        assert!(begun.is_err() && disk.paths().contains(&segment(records + 1)));
        disk.set_plan(Plan::honest());
        let disk = disk.process_dies();
        let (journal, ear) = open(&disk, options());
        append(&journal, &ear, records + 1, 5);
        journal.close();
        let found = read(&disk.power_fails(), Mode::LookOnly).expect("a log").1;
        assert_eq!(found, expected(4), "seed {seed}, {records} records before");
    }
}

/// The same of the keys of personal data, whether a later process or the same one comes back to it.
#[test]
fn a_file_of_keys_whose_name_a_failed_sync_forgot_is_begun_again() {
    for (seed, dies) in (0..20).flat_map(|seed| [(seed, false), (seed, true)]) {
        let disk = LyingDisk::new(seed, Plan::honest().with(Fault::FolderSyncFails, 1));
        let keys = |disk: &LyingDisk| {
            PersonalKeys::open(Arc::new(disk.clone()), &folder(), LOG_ID).expect("a file of keys, or none")
        };
        let (before, key) = (keys(&disk), [7; 32]);
        assert!(before.add(&key).is_err());
        disk.set_plan(Plan::honest());
        let (disk, slot) = if dies {
            let disk = disk.process_dies();
            let slot = keys(&disk).add(&key);
            (disk, slot)
        } else {
            (disk, before.add(&key))
        };
        let found = keys(&disk.power_fails()).get(slot.expect("a key")).expect("to read");
        assert_eq!(found, Some(key), "seed {seed}, dies: {dies}");
    }
}

#[test]
fn a_cut_whose_sync_failed_is_made_again_by_the_next_start() {
    let disk = log_of(&[3], payload);
    let mut bytes = disk.read(&segment(1));
    let begins = frames_of(&bytes)[2];
    bytes[begins + 90..].fill(0);
    disk.place(&segment(1), bytes);
    // Synced before: what is not torn, and the bytes kept aside.
    disk.fail(Op::Sync, 2);
    let words = read(&disk, REPAIR).err().expect("a refusal").to_string();
    assert!(words.contains("cutting a torn tail"), "{words}");
    let torn = |disk: &FaultyDisk| read(disk, Mode::LookOnly).expect("a log").0.torn.is_some();
    assert!(!torn(&disk) && torn(&disk.after_crash(Leaves::Nothing)), "cut in memory alone");
    read(&disk, REPAIR).expect("the next start");
    assert!(!torn(&disk.after_crash(Leaves::Nothing)), "cut on disk");
}
