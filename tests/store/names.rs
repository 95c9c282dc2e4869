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
            let header = disk.read(&segment(3))[..SEGMENT_HEADER_BYTES].to_vec();
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
            assert!(disk.read(&segment(3)).starts_with(&header), "it begins as it did");
        }
    }
}

#[test]
fn a_start_that_fails_while_beginning_a_segment_again_can_be_made_again() {
    let ops = [Op::Open, Op::Write, Op::Sync, Op::Rename, Op::SyncFolder];
    for (op, passing) in ops.into_iter().flat_map(|op| [(op, 0), (op, 1)]) {
        let disk = without_a_record(2, 0);
        disk.fail(op, passing);
        let begun = read(&disk, REPAIR).and_then(|(end, _)| {
            Journal::open(Arc::new(disk.clone()), folder(), options(), end, Ear::default())
        });
        match begun {
            Ok(journal) => journal.close(),
            Err(error) => assert!(error.to_string().contains("as told"), "{op:?}: {error}"),
        }
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
    let chain = Chain { next_lsn: Lsn(3), ..read(&disk, Mode::LookOnly).expect("a log").0.chain };
    let before = disk.read(&segment(3));
    let spare = make_spare(&disk, &folder(), 0, 17 << 20, &mut || {}).expect("a spare segment");
    let begun = begin(&disk, &folder(), spare, &SegmentHeader { log_id: LOG_ID, ordinal: 3, chain });
    assert!(begun.err().expect("a refusal").to_string().contains("already"));
    assert!(disk.read(&segment(3)) == before, "it is as it was");
}
