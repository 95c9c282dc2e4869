//! Group commit: nothing is told before it is durable, and a tear lies within one frame.
use super::*;

#[test]
fn nothing_is_released_before_its_sync_has_returned() {
    let disk = FaultyDisk::new();
    let (journal, ear) = open(&disk, options());
    append(&journal, &ear, 1, 2);
    disk.hold(Op::Sync);
    let lsn = journal.append(Class::Refusable, 0, &payload(2)).expect("room");
    assert_eq!(journal.after(lsn, 22), None, "it must wait");
    assert_eq!(journal.after(Lsn(1), 11), Some(11), "what is durable need not");
    disk.wait_until_held();
    assert_eq!(journal.durable(), Lsn(1));
    ear.wait(|heard| heard.released.is_empty() && heard.durable.len() == 1, |_| ());
    let without = read(&disk.after_crash(Leaves::Nothing), REPAIR).expect("a log").1;
    assert_eq!(without, expected(1), "a power failure now would take it");
    disk.let_go();
    assert_eq!(ear.wait(|heard| !heard.released.is_empty(), |heard| heard.released.clone()), [22]);
    let with = read(&disk.after_crash(Leaves::Nothing), REPAIR).expect("a log").1;
    assert_eq!(with, expected(2), "and now it would not");
    journal.close();
}

#[test]
fn what_waits_while_a_group_is_synced_is_the_next_group() {
    let disk = FaultyDisk::new();
    let (journal, ear) = open(&disk, options());
    append(&journal, &ear, 1, 2);
    disk.hold(Op::Sync);
    for n in 2..52 {
        journal.append(Class::Refusable, (n % 3) as u16, &payload(n)).expect("room");
    }
    disk.let_go();
    ear.wait(|heard| heard.durable.len() == 51, |heard| assert_eq!(heard.durable, expected(51)));
    journal.close();
    assert_eq!(read(&disk.after_crash(Leaves::Nothing), Mode::LookOnly).expect("a log").1, expected(51));
    let bytes = disk.read(&segment(1));
    let frames = frames_of(&bytes);
    let counts =
        frames.iter().filter_map(|at| Frame::decode(&bytes[*at..], LOG_ID).ok()).map(|frame| frame.count);
    assert!(counts.max() > Some(20), "many records share one frame");
}

/// Recovery takes a whole frame behind a broken one as proof that the broken one was durable. So it must have been.
#[test]
fn no_frame_is_written_while_the_one_before_it_is_not_synced() {
    let large = |n: u64| payload(n).repeat(25_000);
    let disk = FaultyDisk::new();
    let (journal, ear) = open(&disk, options());
    append(&journal, &ear, 1, 2);
    disk.hold(Op::Sync);
    for n in 2..12 {
        journal.append(Class::Refusable, 0, &large(n)).expect("room");
    }
    disk.let_go();
    ear.wait(|heard| heard.durable.len() == 11, |_| ());
    journal.close();
    let mut unsynced = 0;
    for (op, path) in disk.done().iter().filter(|(_, path)| *path == segment(1)) {
        match op {
            Op::Write => unsynced += 1,
            Op::Sync => unsynced = 0,
            _ => {}
        }
        assert!(unsynced <= 1, "two frames of {} are on their way to the disk at once", path.display());
    }
    let frames = frames_of(&disk.read(&segment(1)));
    assert!(frames.len() > 4, "the group took more than one frame");
}

#[test]
fn all_that_was_ever_released_survives_a_power_failure_across_segments() {
    let large = |n: u64| payload(n).repeat(60_000);
    let disk = FaultyDisk::new();
    let (journal, ear) = open(&disk, options());
    for n in 1..16 {
        let lsn = journal.append(Class::Refusable, 0, &large(n)).expect("room");
        ear.wait(|heard| heard.durable.last().is_some_and(|(last, _)| *last == lsn), |_| ());
        for leaves in [Leaves::Nothing, Leaves::Bytes(1_000)] {
            let (end, _) = read(&disk.after_crash(leaves), REPAIR).expect("the next start");
            assert_eq!(end.last_lsn(), lsn, "{leaves:?}");
        }
    }
    journal.close();
    assert!(
        disk.paths().iter().filter(|path| path.extension().is_some_and(|ending| ending == "seg")).count() > 1
    );
}
