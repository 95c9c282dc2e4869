//! Damage is refused, in words that say where, and nothing is changed by a refusal.
use super::*;
use crate::support::small_segments;
use eros_points::store::segments;

fn path_text(first_lsn: u64) -> String {
    segment(first_lsn).display().to_string()
}

#[test]
fn every_flipped_bit_is_refused_with_its_place_or_in_the_very_last_frame_cut_off() {
    let disk = log_of(&[4], payload);
    let good = disk.read(&segment(1));
    let frames = frames_of(&good);
    let (last, end) = (frames[3], frames[4]);
    for bit in 0..end * 8 {
        let byte = bit / 8;
        let mut bad = good.clone();
        bad[byte] ^= 1 << (bit % 8);
        disk.place(&segment(1), bad);
        match frames[..4].iter().rposition(|begins| *begins <= byte) {
            None => refused(&disk, &[&path_text(1), "at byte 0", "at record 1"]),
            Some(frame) if frame < 3 => {
                let (place, record) =
                    (format!("at byte {}", frames[frame]), format!("at record {}", frame + 1));
                refused(&disk, &[&path_text(1), &place, &record]);
            }
            Some(_) => {
                let (found, records) = read(&disk, Mode::LookOnly).expect("a last frame that looks torn");
                assert_eq!(records, expected(3));
                assert!(found.torn.expect("a warning").contains(&format!("at byte {last}")));
            }
        }
    }
}

#[test]
fn a_mark_behind_the_last_records_makes_damage_in_them_known_as_damage() {
    let disk = FaultyDisk::new();
    let (journal, ear) = open(&disk, options());
    append(&journal, &ear, 1, 3);
    // When nothing comes for a while the journal marks what it has written as durable.
    let marked = || {
        let bytes = disk.read(&segment(1));
        let frames = frames_of(&bytes);
        let last = frames.iter().rev().nth(1).copied().unwrap_or(SEGMENT_HEADER_BYTES);
        Frame::decode(&bytes[last..], LOG_ID)
            .is_ok_and(|frame| frame.kind == FrameKind::Mark && frame.first_lsn == Lsn(3))
    };
    until(marked);
    journal.close();
    let mut bytes = disk.read(&segment(1));
    let frames = frames_of(&bytes);
    let record = frames.iter().find(|at| {
        Frame::decode(&bytes[**at..], LOG_ID).is_ok_and(|frame| frame.first_lsn == Lsn(2) && frame.count == 1)
    });
    let record = *record.expect("the frame of record 2");
    bytes[record + 100] ^= 1;
    disk.place(&segment(1), bytes);
    refused(&disk, &[&path_text(1), &format!("at byte {record}"), "at record 2"]);
}

#[test]
fn a_missing_segment_is_a_gap_that_names_what_is_missing() {
    let whole = log_of(&[2, 2, 2], payload);
    let disk = whole.copy();
    disk.take_away(&segment(3));
    refused(&disk, &[&path_text(5), "begins at record 5, not 3"]);
    let disk = whole.copy();
    disk.take_away(&segment(1));
    refused(&disk, &["does not reach back to record 1", "begins at 3"]);
}

#[test]
fn a_newest_segment_that_is_gone_is_missed() {
    let disk = FaultyDisk::new();
    let (journal, ear) = open(&disk, small_segments());
    append_with_patience(&journal, &ear, 500);
    journal.close();
    let segments = segments::list(&disk, &folder()).expect("segments");
    let [.., before, newest] = &segments[..] else { panic!("only one segment: {segments:?}") };
    let note = |ordinal: usize| folder().wal.join(format!("newest-{ordinal:020}"));
    let is_note = |path: &&PathBuf| path.display().to_string().contains("newest-");
    assert_eq!(disk.paths().iter().filter(is_note).collect::<Vec<_>>(), [&note(segments.len())]);

    let gone = disk.copy();
    gone.take_away(&newest.path);
    for mode in [REPAIR, Mode::Verify] {
        let words = read(&gone, mode).err().expect("a refusal").to_string();
        for word in
            ["a newer segment than", &before.path.display().to_string(), "put the newest segment back"]
        {
            assert!(words.contains(word), "{words}");
        }
    }
    // Who knows that it is gone for good takes the note away.
    gone.take_away(&note(segments.len()));
    let (end, records) = read(&gone, REPAIR).expect("a shorter log");
    assert_eq!((end.last_lsn(), records), (Lsn(newest.first_lsn.0 - 1), expected(newest.first_lsn.0 - 1)));

    // One that says less is what a crash leaves.
    disk.take_away(&note(segments.len()));
    disk.place(&note(segments.len() - 1), Vec::new());
    assert_eq!(read(&disk, REPAIR).expect("the whole log").1, expected(500));
}

#[test]
fn a_torn_end_is_damage_in_any_segment_but_the_newest() {
    let disk = log_of(&[2, 2], payload);
    let mut bytes = disk.read(&segment(1));
    let begins = frames_of(&bytes)[1];
    bytes[begins + 50..].fill(0);
    disk.place(&segment(1), bytes);
    refused(&disk, &[&path_text(1), &format!("at byte {begins}"), "at record 2"]);
}

#[test]
fn frames_missing_at_the_end_of_an_older_segment_are_a_gap() {
    let disk = log_of(&[2, 2], payload);
    let mut bytes = disk.read(&segment(1));
    let begins = frames_of(&bytes)[1];
    bytes[begins..].fill(0);
    disk.place(&segment(1), bytes);
    refused(&disk, &[&path_text(3), "begins at record 3, not 2"]);
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let disk = log_of(&[2, 2], payload);
    for first_lsn in [1, 3] {
        let disk = disk.copy();
        let bytes = disk.read(&segment(first_lsn));
        let header = SegmentHeader::decode(&bytes).expect("a header");
        let foreign = SegmentHeader { log_id: 7, ..header }.encode();
        disk.place(&segment(first_lsn), [&foreign[..], &bytes[SEGMENT_HEADER_BYTES..]].concat());
        refused(&disk, &[&path_text(first_lsn), "belongs to log", "00007", "feedbeef"]);
    }
}

#[test]
fn a_segment_under_anothers_name_or_of_another_past_is_refused() {
    let disk = log_of(&[2, 2, 2], payload);
    let (middle, newest) = (disk.read(&segment(3)), disk.read(&segment(5)));
    let swapped = disk.copy();
    swapped.place(&segment(3), newest);
    refused(&swapped, &[&path_text(3), "at byte 0", "its name says otherwise"]);
    let repeated = disk.copy();
    repeated.place(&segment(5), middle);
    refused(&repeated, &[&path_text(5), "its name says otherwise"]);
    // The same log, gone another way: as after putting back an old copy and going on.
    let other = log_of(&[2, 2, 2], |n| payload(n + 100));
    let mixed = disk.copy();
    mixed.place(&segment(5), other.read(&segment(5)));
    refused(&mixed, &[&path_text(5), "does not continue the one before it"]);
}

#[test]
fn a_zeroed_or_emptied_segment_is_refused() {
    for first_lsn in [1, 3, 5] {
        let disk = log_of(&[2, 2, 2], payload);
        let bytes = disk.read(&segment(first_lsn));
        disk.place(&segment(first_lsn), vec![0; bytes.len()]);
        refused(&disk, &[&path_text(first_lsn), "does not begin with its magic"]);
        disk.place(&segment(first_lsn), Vec::new());
        refused(&disk, &[&path_text(first_lsn), "0 bytes"]);
    }
}

#[test]
fn an_archived_segment_that_does_not_unpack_is_refused() {
    let disk = log_of(&[2, 2], payload);
    eros_points::store::archive::archive_through(&disk, &folder(), Lsn(2), &mut || {}).expect("archived");
    let path = folder().archive.join(format!("{:020}.seg.zst", 1));
    let mut bytes = disk.read(&path);
    bytes.truncate(bytes.len() / 2);
    disk.place(&path, bytes);
    refused(&disk, &[&path.display().to_string(), "does not unpack"]);
}
