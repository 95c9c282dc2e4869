//! Disks that fail and disks that fill up.
use super::*;
use eros_points::store::journal::AppendError;

/// A journal with two durable records, on a disk that `breaks` before the third; what is told, and the disk.
fn broken(breaks: impl FnOnce(&FaultyDisk)) -> (Journal<u32>, Ear, FaultyDisk) {
    let disk = FaultyDisk::new();
    let (journal, ear) = open(&disk, options());
    append(&journal, &ear, 1, 3);
    // Once the spare segment is there, only the log itself is written to.
    until(|| disk.is_prepared());
    breaks(&disk);
    (journal, ear, disk)
}

/// Whoever waits hears of the failure; nothing is taken, released or synced any more; a restart has what was released.
fn closed_for_good(op: Op) {
    let (journal, ear, disk) = broken(|disk| disk.fail(op, 0));
    // The idle journal may spend the failure on a mark; otherwise the third record meets it.
    if let Ok(lsn) = journal.append(Class::Refusable, 0, &payload(3)) {
        assert_eq!(lsn, Lsn(3));
        assert_eq!(journal.after(lsn, 33), None);
    }
    let (released, failed, error) = ear.wait(
        |heard| heard.error.is_some(),
        |heard| (heard.released.clone(), heard.failed.clone(), heard.error.clone()),
    );
    assert!(released.is_empty() && failed.iter().all(|waiter| *waiter == 33), "{released:?} {failed:?}");
    assert!(error.expect("words").contains("the disk failed, as told"));
    let done_by_then = disk.done().len();
    for class in [Class::Refusable, Class::Mandatory] {
        assert_eq!(journal.append(class, 0, &payload(4)), Err(AppendError::Closed));
    }
    assert_eq!(journal.after(Lsn(3), 34), None, "who asks later waits in vain, and learns it at once");
    assert_eq!(journal.durable(), Lsn(2));
    journal.close();
    let later = disk.done().split_off(done_by_then);
    assert!(
        !later.iter().any(|(op, path)| *op == Op::Sync && *path == segment(1)),
        "synced again: {later:?}"
    );
    for leaves in [Leaves::Nothing, Leaves::Bytes(50), Leaves::Everything] {
        let found = read(&disk.after_crash(leaves), REPAIR).expect("the next start").1;
        assert!(found == expected(2) || found == expected(3), "{leaves:?} left {} records", found.len());
    }
}

#[test]
fn a_failed_sync_closes_the_log_for_good_and_is_not_tried_again() {
    closed_for_good(Op::Sync);
}

#[test]
fn a_failed_write_closes_the_log_for_good() {
    closed_for_good(Op::Write);
}

/// Fills segment after segment with records of this size.
fn large(n: u64) -> Vec<u8> {
    payload(n).repeat(25_000)
}

#[test]
fn a_new_segment_that_can_not_be_named_closes_the_log_and_loses_nothing() {
    for op in [Op::Rename, Op::SyncFolder] {
        let (journal, ear, disk) = broken(|disk| disk.fail(op, 0));
        let mut n = 3;
        while let Ok(lsn) = journal.append(Class::Refusable, 0, &large(n)) {
            assert_eq!(lsn, Lsn(n));
            ear.wait(
                |heard| heard.error.is_some() || heard.durable.last().is_some_and(|(last, _)| *last == lsn),
                |_| (),
            );
            n += 1;
        }
        let durable = journal.durable().0;
        assert!(durable > 10, "a segment was filled");
        journal.close();
        for leaves in [Leaves::Nothing, Leaves::Everything] {
            let (end, records) = read(&disk.after_crash(leaves), REPAIR).expect("the next start");
            assert_eq!(end.last_lsn(), Lsn(durable), "{op:?} {leaves:?}");
            assert_eq!(records.last().map(|(_, bytes)| bytes.clone()), Some(large(durable)));
        }
    }
}

#[test]
fn a_full_disk_turns_changes_away_keeps_a_reserve_for_what_is_owed_and_heals() {
    let (journal, ear, disk) = broken(|disk| disk.set_room(Some(0)));
    let take = |class, n| -> Result<Lsn, AppendError> {
        let lsn = journal.append(class, 0, &large(n))?;
        ear.wait(|heard| heard.durable.last().is_some_and(|(last, _)| *last == lsn), |_| ());
        Ok(lsn)
    };
    let fill = |class, mut n| loop {
        match take(class, n) {
            Ok(_) => n += 1,
            Err(error) => return (n, error),
        }
    };
    let (n, error) = fill(Class::Refusable, 3);
    assert_eq!(error, AppendError::Full);
    assert!(n > 20, "both the segment and its spare were used");
    assert_eq!(take(Class::Mandatory, n), Ok(Lsn(n)), "what is owed has a reserve");
    let (n, error) = fill(Class::Mandatory, n + 1);
    assert_eq!(error, AppendError::Full, "the reserve has an end");
    assert_eq!(journal.append(Class::Refusable, 0, b"small"), Err(AppendError::Full));
    assert_eq!(journal.durable(), Lsn(n - 1), "nothing that was taken is lost");

    disk.set_room(None);
    // It heals by itself.
    until(|| !journal.is_full());
    assert_eq!(take(Class::Refusable, n), Ok(Lsn(n)));
    journal.close();
    let (end, _) = read(&disk.after_crash(Leaves::Nothing), Mode::LookOnly).expect("a log");
    assert_eq!(end.last_lsn(), Lsn(n));
}

#[test]
fn too_little_free_space_turns_changes_away_until_there_is_more() {
    let disk = FaultyDisk::new();
    let (journal, ear) = open(&disk, JournalOptions { min_free_bytes: 1 << 30, ..options() });
    append(&journal, &ear, 1, 3);
    disk.set_room(Some(1 << 29));
    // It looks at the disk now and then.
    until(|| journal.is_full());
    assert_eq!(journal.append(Class::Refusable, 0, &payload(3)), Err(AppendError::Full));
    assert_eq!(journal.append(Class::Mandatory, 0, &payload(3)), Ok(Lsn(3)));
    disk.set_room(Some(1 << 31));
    until(|| !journal.is_full());
    append(&journal, &ear, 4, 5);
    journal.close();
}

#[test]
fn a_start_near_the_end_of_a_segment_is_not_taken_for_a_full_disk() {
    let (journal, ear) = open(&log_of(&[2], payload), options());
    append(&journal, &ear, 3, 4);
    journal.close();
    let disk = log_of(&[2], payload);
    disk.set_room(Some(0));
    let (journal, _) = open(&disk, options());
    assert_eq!(
        journal.append(Class::Refusable, 0, &payload(3)),
        Err(AppendError::Full),
        "but a full disk is one"
    );
    journal.close();
}
