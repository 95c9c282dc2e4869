//! What a power failure leaves of the last write is cut off, kept aside, and costs nothing that was acknowledged.
use super::*;

fn without_zeros_behind(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}

fn kept_aside(disk: &FaultyDisk) -> Vec<Vec<u8>> {
    let is_kept = |path: &PathBuf| path.to_string_lossy().contains("/torn-");
    disk.paths().into_iter().filter(is_kept).map(|path| disk.read(&path)).collect()
}

/// Reads a log whose last frame, of record 4 at `begins`, is torn; cuts it, and reads again.
fn cuts(disk: &FaultyDisk, begins: usize, earlier: &Records) {
    let torn = disk.read(&segment(1));
    let before = disk.all();
    let (looked, records) = read(disk, Mode::LookOnly).expect("a torn log can be looked at");
    assert_eq!(&records, earlier);
    let said = looked.torn.expect("that it is torn");
    assert!(said.contains(&format!("at byte {begins}, after record 3")), "{said}");
    assert!(disk.all() == before, "looking changed a file");

    let (repaired, records) = read(disk, REPAIR).expect("a torn log can be repaired");
    assert_eq!((&records, repaired.last_lsn()), (earlier, Lsn(3)));
    let now = disk.read(&segment(1));
    assert_eq!(now.len(), torn.len());
    assert_eq!(now[..begins], torn[..begins], "what was whole stays as it was");
    assert!(now[begins..].iter().all(|byte| *byte == 0), "what was torn is zeros");
    assert!(kept_aside(disk).contains(&without_zeros_behind(&torn[begins..]).to_vec()), "its bytes are kept");
    let (LogEnd { torn, .. }, records) =
        read(&disk.after_crash(Leaves::Nothing), Mode::LookOnly).expect("a log");
    assert_eq!((torn, &records), (None, earlier), "the cut is durable");
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_off_and_all_before_it_is_there() {
    let whole = log_of(&[4], payload);
    let bytes = whole.read(&segment(1));
    let frames = frames_of(&bytes);
    let (begins, ends) = (frames[3], frames[4]);
    for kept in 1..ends - begins {
        let disk = whole.copy();
        let mut torn = bytes.clone();
        torn[begins + kept..].fill(0);
        disk.place(&segment(1), torn);
        cuts(&disk, begins, &expected(3));
        if kept % 40 == 1 {
            let (journal, ear) = open(&disk, options());
            append(&journal, &ear, 4, 6);
            journal.close();
            assert_eq!(read(&disk, Mode::LookOnly).expect("a log").1, expected(5), "it goes on from there");
        }
    }
}

#[test]
fn a_tail_of_which_any_sectors_are_missing_is_cut_off() {
    const SECTOR: usize = 512;
    let long = |n: u64| payload(n).repeat(if n == 4 { 60 } else { 1 });
    let whole = log_of(&[4], long);
    let bytes = whole.read(&segment(1));
    let frames = frames_of(&bytes);
    let (begins, ends) = (frames[3], frames[4]);
    let sectors: Vec<usize> = (begins / SECTOR..=(ends - 1) / SECTOR).collect();
    assert!(sectors.len() > 4);
    for missing in 1..(1_usize << sectors.len()) - 1 {
        let mut torn = bytes.clone();
        for (n, sector) in sectors.iter().enumerate().filter(|(n, _)| missing >> n & 1 == 1) {
            let start = (sector * SECTOR).max(begins);
            torn[start..((sector + 1) * SECTOR).min(ends)].fill(0);
            assert!(n < sectors.len());
        }
        let disk = whole.copy();
        disk.place(&segment(1), torn);
        cuts(&disk, begins, &expected(3));
    }
}

#[test]
fn a_tail_torn_twice_in_one_place_leaves_both_aside() {
    let disk = log_of(&[4], payload);
    let bytes = disk.read(&segment(1));
    let begins = frames_of(&bytes)[3];
    for kept in [90, 30] {
        let mut torn = bytes.clone();
        torn[begins + kept..].fill(0);
        disk.place(&segment(1), torn);
        cuts(&disk, begins, &expected(3));
    }
    assert_eq!(kept_aside(&disk).len(), 2);
}

/// A text whose bytes are a whole frame with a high number, but for the log's salt.
fn text_like_a_frame() -> String {
    let text = |number: u64| {
        let mut chain = Chain { next_frame: number, ..Chain::default() };
        let header = frame_header(0, &mut chain, FrameKind::Mark, 0, &[]);
        String::from_utf8(header.to_vec()).ok()
    };
    (1_000..100_000).find_map(text).expect("a header that is UTF-8")
}

#[test]
fn a_torn_record_whose_text_looks_like_a_later_frame_is_cut_off() {
    let text = text_like_a_frame();
    let whole = log_of(&[4], |n| if n == 4 { [text.as_bytes(), &payload(4)].concat() } else { payload(n) });
    let bytes = whole.read(&segment(1));
    let frames = frames_of(&bytes);
    let (begins, ends) = (frames[3], frames[4]);
    assert!(Frame::decode(&bytes[ends - payload(4).len() - text.len()..], 0).is_ok(), "it looks like one");
    for kept in begins + 94 + text.len()..ends {
        let disk = whole.copy();
        let mut torn = bytes.clone();
        torn[kept..].fill(0);
        disk.place(&segment(1), torn);
        cuts(&disk, begins, &expected(3));
    }
}

#[test]
fn a_start_that_fails_while_cutting_can_be_made_again() {
    let whole = log_of(&[4], payload);
    let mut bytes = whole.read(&segment(1));
    let begins = frames_of(&bytes)[3];
    bytes[begins + 60..].fill(0);
    whole.place(&segment(1), bytes);
    for op in [Op::Open, Op::Write, Op::Sync, Op::SyncFolder] {
        for passing in 0..2 {
            let disk = whole.copy();
            disk.fail(op, passing);
            let failed = read(&disk, REPAIR).is_err();
            assert!(failed || op == Op::SyncFolder && passing > 0, "{op:?} {passing}");
            for leaves in [Leaves::Nothing, Leaves::Bytes(20), Leaves::Everything] {
                let disk = disk.after_crash(leaves);
                let (end, records) = read(&disk, REPAIR).expect("the next start");
                assert_eq!((records, end.last_lsn()), (expected(3), Lsn(3)), "{op:?} {passing} {leaves:?}");
            }
        }
    }
}
