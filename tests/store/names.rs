//! A segment is named by its first record: two of one name must never come to be.
use super::*;
use eros_points::format::frame::FRAME_HEADER_BYTES;
use eros_points::limits::RECORD_BYTES_MAX;
use eros_points::store::segments::{begin, make_spare};

/// A log of two records whose newest segment holds `marks` marks and has `room` bytes behind them.
fn without_a_record(marks: usize, room: usize) -> FaultyDisk {
    let disk = log_of(&[2, 0], payload);
    let mut chain = read(&disk, Mode::LookOnly).expect("a log").0.chain;
    let mut bytes = disk.read(&segment(3));
    bytes.truncate(SEGMENT_HEADER_BYTES);
    for _ in 0..marks {
        bytes.extend(frame_header(LOG_ID, &mut chain, FrameKind::Mark, 0, &[]));
    }
    bytes.resize(bytes.len() + room, 0);
    disk.place(&segment(3), bytes);
    disk
}

#[test]
fn a_full_segment_without_a_record_takes_the_next_records_itself() {
    for (marks, room) in [(0, 0), (0, 500), (3, 0), (3, FRAME_HEADER_BYTES - 1), (500, 100)] {
        for first in [payload(3), vec![7; RECORD_BYTES_MAX]] {
            let disk = without_a_record(marks, room);
            let before = disk.read(&segment(3));
            let (journal, ear) = open(&disk, options());
            let lsn = journal.append(Class::Mandatory, 0, &first).expect("room");
            ear.wait(|heard| heard.durable.last().is_some_and(|(last, _)| *last == lsn), |_| ());
            until(|| !journal.is_full());
            append(&journal, &ear, 4, 6);
            journal.close();
            let (end, records) =
                read(&disk.after_crash(Leaves::Nothing), Mode::LookOnly).expect("the log goes on");
            assert_eq!((end.last_lsn(), records.len()), (Lsn(5), 5), "{marks} marks, room {room}");
            assert!(records[2] == (Lsn(3), first), "{marks} marks, room {room}");
            let after = disk.read(&segment(3));
            assert!(after.starts_with(&before[..before.len() - room]), "what stood there stays");
        }
    }
}

#[test]
fn a_start_that_fails_while_beginning_a_segment_again_can_be_made_again() {
    for (op, passing) in [(Op::Open, 1), (Op::Write, 1), (Op::Sync, 1)] {
        let disk = without_a_record(2, 0);
        disk.fail(op, passing);
        let words = read(&disk, REPAIR).err().expect("a refusal").to_string();
        assert!(words.contains("as told"), "{op:?}: {words}");
        for leaves in [Leaves::Nothing, Leaves::Bytes(1_000), Leaves::Everything] {
            let disk = disk.after_crash(leaves);
            let (journal, ear) = open(&disk, options());
            append(&journal, &ear, 3, 5);
            journal.close();
            assert_eq!(read(&disk, Mode::LookOnly).expect("a log").1, expected(4), "{op:?} {leaves:?}");
        }
    }
}

#[test]
fn a_segment_is_never_put_in_anothers_place() {
    let disk = log_of(&[2, 2], payload);
    let chain = read(&disk, Mode::LookOnly).expect("a log").0.chain;
    let before = disk.read(&segment(3));
    let spare = make_spare(&disk, &folder(), 0, 17 << 20).expect("a spare segment");
    let begun = begin(&disk, &folder(), spare, LOG_ID, 3, &Chain { next_lsn: Lsn(3), ..chain });
    assert!(begun.err().expect("a refusal").to_string().contains("already"));
    assert!(disk.read(&segment(3)) == before, "it is as it was");
}
