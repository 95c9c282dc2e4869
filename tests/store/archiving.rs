//! Moving a segment to the archive: at every moment it is whole in one place or the other.
use super::*;
use eros_points::store::archive::archive_through;

#[test]
fn a_crash_at_any_step_of_archiving_loses_nothing() {
    let whole = log_of(&[2, 2, 2], payload);
    for op in [Op::Open, Op::Write, Op::Sync, Op::Rename, Op::SyncFolder, Op::Remove] {
        for passing in 0..5 {
            let disk = whole.copy();
            disk.fail(op, passing);
            let done = archive_through(&disk, &folder(), Lsn(4), &mut || {});
            for leaves in [Leaves::Nothing, Leaves::Bytes(10), Leaves::Everything] {
                let disk = disk.after_crash(leaves);
                let found = read(&disk, Mode::LookOnly).expect("the log after a crash").1;
                assert_eq!(found, expected(6), "{op:?} {passing} {leaves:?}, {done:?}");
                archive_through(&disk, &folder(), Lsn(4), &mut || {}).expect("the next attempt");
                assert_eq!(read(&disk, Mode::LookOnly).expect("the archived log").1, expected(6));
                assert!(!disk.paths().contains(&segment(1)) && !disk.paths().contains(&segment(3)));
            }
        }
    }
}

#[test]
fn only_what_is_covered_wholly_is_archived_and_never_the_newest() {
    for (covered, archived) in [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (6, 2), (9, 2)] {
        let disk = log_of(&[2, 2, 2], payload);
        let moved = archive_through(&disk, &folder(), Lsn(covered), &mut || {}).expect("archived");
        assert_eq!(moved, archived, "covered through {covered}");
        assert!(disk.paths().contains(&segment(5)));
        assert_eq!(read(&disk, Mode::LookOnly).expect("a log").1, expected(6));
    }
}

#[test]
fn a_long_segment_is_archived_part_by_part_and_whole() {
    let long = |n: u64| payload(n).repeat(40_000);
    let disk = log_of(&[3, 3], long);
    let before = read(&disk, Mode::LookOnly).expect("the log").1;
    let mut rests = 0;
    assert_eq!(archive_through(&disk, &folder(), Lsn(3), &mut || rests += 1).expect("archived"), 1);
    assert!(rests > 4, "{rests} rests, for compressing and comparing");
    assert_eq!(read(&disk, Mode::LookOnly).expect("the archived log").1, before);
}

#[test]
fn a_log_of_which_only_archived_segments_are_left_is_not_written_to() {
    let disk = log_of(&[2, 2], payload);
    archive_through(&disk, &folder(), Lsn(2), &mut || {}).expect("archived");
    disk.take_away(&segment(3));
    let before = disk.all();
    let words = read(&disk, REPAIR).err().expect("a refusal").to_string();
    assert!(
        words.contains("00000000000000000001.seg.zst was there, and is missing") && words.contains("hint:"),
        "{words}"
    );
    assert!(disk.all() == before, "a refusal changed a file");
    assert_eq!(read(&disk, Mode::LookOnly).expect("what is left").1, expected(2));
}
