//! Where the log ends: the table of the page, row by row, on bytes.
use eros_points::format::frame::{
    FRAME_HEADER_BYTES, Frame, FrameKind, RecordRef, frame_header, push_record,
};
use eros_points::format::scan::{Ending, scan, scan_frames};
use eros_points::format::segment::Chain;
use eros_points::limits::FRAME_PAYLOAD_BYTES_MAX;

const LOG_ID: u128 = 0x5a17_0000_0000_0001_0102_0304;

/// Frames one after the other, as a segment has them behind its header.
#[derive(Clone, Default)]
struct Frames {
    chain: Chain,
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<usize>,
}

impl Frames {
    fn batch(mut self, payload: &[u8]) -> Frames {
        let mut records = Vec::new();
        self.chain.sequences[5] += 1;
        push_record(&mut records, 5, self.chain.sequences[5], payload);
        self.push(FrameKind::Batch, 1, &records)
    }

    fn mark(self) -> Frames {
        self.push(FrameKind::Mark, 0, &[])
    }

    fn push(mut self, kind: FrameKind, count: u32, payload: &[u8]) -> Frames {
        let header = frame_header(LOG_ID, &mut self.chain, kind, count, payload);
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(payload);
        self
    }

    /// Flips a bit of frame `n`, `place` bytes into it.
    fn flipped(mut self, n: usize, place: usize) -> Frames {
        self.bytes[self.starts[n] + place] ^= 1;
        self
    }

    /// Sets a byte of frame `n`'s header, which then bears the right checksum.
    fn rewritten(mut self, n: usize, place: usize, byte: u8) -> Frames {
        let start = self.starts[n];
        self.bytes[start + place] = byte;
        let checksum = crc32fast::hash(&self.bytes[start..start + FRAME_HEADER_BYTES - 4]);
        self.bytes[start + FRAME_HEADER_BYTES - 4..start + FRAME_HEADER_BYTES]
            .copy_from_slice(&checksum.to_le_bytes());
        self
    }

    fn read(&self, newest: bool) -> (&'static str, usize, u64) {
        let mut bytes = self.bytes.clone();
        bytes.resize(bytes.len() + 1_000, 0);
        verdict(&bytes, newest)
    }
}

/// The verdict, where, and how many records were given before.
fn verdict(bytes: &[u8], newest: bool) -> (&'static str, usize, u64) {
    let mut records = 0;
    let ending = scan(bytes, 0, LOG_ID, &mut Chain::default(), newest, |_| {
        records += 1;
        Ok::<(), ()>(())
    });
    match ending.unwrap() {
        Ending::Clean { offset } => ("clean", offset, records),
        Ending::Torn { offset, .. } => ("torn", offset, records),
        Ending::Corrupt { offset, .. } => ("damage", offset, records),
        Ending::Newer { offset, .. } => ("newer", offset, records),
    }
}

fn two() -> Frames {
    Frames::default().batch(b"one").batch(b"two")
}

#[test]
fn only_what_can_be_an_unfinished_write_is_taken_for_one() {
    let (header, payload) = (20, FRAME_HEADER_BYTES + 15);
    for (what, frames, newest, expected) in [
        ("whole", two(), true, ("clean", 0)),
        ("whole, not newest", two(), false, ("clean", 0)),
        ("a bit of the last header", two().flipped(1, header), true, ("torn", 1)),
        ("a bit of the last payload", two().flipped(1, payload), true, ("torn", 1)),
        ("a bit of the last magic", two().flipped(1, 0), true, ("torn", 1)),
        ("the same in an older segment", two().flipped(1, payload), false, ("damage", 1)),
        ("a bit of an earlier frame", two().flipped(0, payload), true, ("damage", 0)),
        ("a bit of an earlier header", two().flipped(0, header), true, ("damage", 0)),
        ("a bit before a mark", two().mark().flipped(1, payload), true, ("damage", 1)),
        ("a bit of the mark", two().mark().flipped(2, header), true, ("torn", 2)),
    ] {
        let place = if expected.0 == "clean" { frames.bytes.len() } else { frames.starts[expected.1] };
        let records = if expected.0 == "clean" { 2 } else { expected.1 as u64 };
        assert_eq!(frames.read(newest), (expected.0, place, records), "{what}");
    }
}

#[test]
fn a_frame_that_was_written_whole_is_never_cut_off() {
    let (version, kind, longest) = (4, 5, 31);
    for (what, frames) in [
        ("a version that never was", two().rewritten(1, version, 0)),
        ("version 1 behind version 2", two().rewritten(1, version, 1)),
        ("an unknown kind", two().rewritten(1, kind, 3)),
        ("a length beyond all frames", two().rewritten(1, longest, 0xFF)),
        ("another number", two().rewritten(1, 8, 9)),
        ("another predecessor", two().rewritten(1, 32, two().bytes[32].wrapping_add(1))),
        ("a gap in the records", two().rewritten(1, 16, 7)),
        ("another count", two().rewritten(1, 24, 2)),
        ("a mark with records", two().rewritten(1, kind, 2)),
    ] {
        assert_eq!(frames.read(true), ("damage", frames.starts[1], 1), "{what}");
    }
    let newer = two().rewritten(1, version, 3);
    assert_eq!(
        newer.read(true),
        ("newer", newer.starts[1], 1),
        "and what is only newer is not called damaged"
    );
}

/// A header's claim decides, before anything behind it is looked at.
#[test]
fn a_frame_may_claim_just_as_much_as_the_largest_has() {
    let claims = |bytes: usize| {
        let claim = u32::try_from(bytes).expect("a length").to_le_bytes();
        let frames = (28..).zip(claim).fold(two(), |frames, (place, byte)| frames.rewritten(1, place, byte));
        frames.read(true).0
    };
    assert_eq!(claims(FRAME_PAYLOAD_BYTES_MAX), "torn", "its end is not there");
    assert_eq!(claims(FRAME_PAYLOAD_BYTES_MAX + 1), "damage");
}

#[test]
fn a_newer_builds_frames_behind_a_broken_one_show_that_it_was_durable() {
    let frames = two().batch(b"three").rewritten(2, 4, 3).flipped(1, 20);
    assert_eq!(frames.read(true), ("damage", frames.starts[1], 1));
}

#[test]
fn only_a_frame_that_comes_later_shows_that_a_broken_one_was_durable() {
    let broken = two().batch(b"three").flipped(1, 20);
    let (start, whole) = (broken.starts[1], two().batch(b"three"));
    for (n, expected) in [(0, "torn"), (1, "torn"), (2, "damage")] {
        let end = whole.starts.get(n + 1).copied().unwrap_or(whole.bytes.len());
        let frame = &whole.bytes[whole.starts[n]..end];
        let bytes = [&broken.bytes[..broken.starts[2]], frame, &[0; 100]].concat();
        assert_eq!(verdict(&bytes, true), (expected, start, 1), "frame {} behind frame 2", n + 1);
    }
}

#[test]
fn bytes_that_are_not_zero_are_no_clean_end_however_they_lie() {
    let whole = two();
    let end = whole.bytes.len();
    for places in [&[0][..], &[0, 1], &[2, 15], &[15, 16], &[16, 17], &[16, 9_000], &[9_000, 9_001]] {
        let mut bytes = [&whole.bytes[..], &[0; 10_000]].concat();
        assert_eq!(verdict(&bytes, true), ("clean", end, 2));
        places.iter().for_each(|place| bytes[end + place] = 7);
        assert_eq!(verdict(&bytes, true), ("torn", end, 2), "{places:?}");
        assert_eq!(verdict(&bytes, false), ("damage", end, 2), "{places:?}");
    }
}

#[test]
fn what_reaches_beyond_one_frame_is_no_unfinished_write() {
    let broken = two().flipped(1, 20);
    let start = broken.starts[1];
    let mut bytes = broken.bytes;
    bytes.resize(start + FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX + 100, 0);
    let last_of_a_frame = start + FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX - 1;
    bytes[last_of_a_frame] = 1;
    assert_eq!(verdict(&bytes, true), ("torn", start, 1));
    bytes[last_of_a_frame + 1] = 1;
    assert_eq!(verdict(&bytes, true), ("damage", start, 1));
}

/// A frame as a client could send it in a text: all of it but the salt is right.
fn made_up(log_id: u128, change: impl Fn(Frames) -> Frames) -> Vec<u8> {
    let mut chain = Chain { next_frame: 1_000_000, ..Chain::default() };
    let header = frame_header(log_id, &mut chain, FrameKind::Mark, 0, &[]);
    change(Frames { bytes: header.to_vec(), starts: vec![0], ..Frames::default() }).bytes
}

#[test]
fn what_a_client_made_to_look_like_a_later_frame_is_none() {
    type Change = fn(Frames) -> Frames;
    let changes: [(&str, Change); 4] = [
        ("a whole frame", |frames| frames),
        ("a newer version", |frames| frames.rewritten(0, 4, 3)),
        ("an unknown kind", |frames| frames.rewritten(0, 5, 3)),
        ("a length beyond all frames", |frames| frames.rewritten(0, 31, 0xFF)),
    ];
    for (what, change) in changes {
        for (log_id, verdict) in
            [(LOG_ID ^ 1, "torn"), (LOG_ID ^ 1 << 31, "torn"), (0, "torn"), (LOG_ID, "damage")]
        {
            let text = [&b"a text, "[..], &made_up(log_id, change), b" and more of it"].concat();
            let frames = Frames::default().batch(b"one").batch(&text);
            let torn = frames.clone().flipped(1, FRAME_HEADER_BYTES + 15);
            assert_eq!(torn.read(true), (verdict, frames.starts[1], 1), "{what} of {log_id:x}");
            assert_eq!(frames.read(true), ("clean", frames.bytes.len(), 2), "{what} in a whole frame");
        }
    }
}

#[test]
fn each_frame_is_told_with_the_place_where_it_begins_and_its_records_with_theirs() {
    for frames in [Frames::default(), two(), two().mark(), two().mark().batch(b"three").mark().batch(b"four")]
    {
        let bytes = [&[0x11; 64][..], &frames.bytes, &[0; 100]].concat();
        let mut starts = Vec::new();
        let look = |offset: usize, frame: &Frame<'_>, records: &[RecordRef<'_>]| {
            assert_eq!(
                (frame.kind == FrameKind::Mark, records.len()),
                (frame.count == 0, frame.count as usize)
            );
            for record in records {
                let at = offset + FRAME_HEADER_BYTES + record.offset;
                assert_eq!(bytes[at..at + record.payload.len()], *record.payload);
            }
            starts.push(offset - 64);
            Ok::<(), ()>(())
        };
        let ending = scan_frames(&bytes, 64, LOG_ID, &mut Chain::default(), true, look);
        assert_eq!(ending, Ok(Ending::Clean { offset: 64 + frames.bytes.len() }));
        assert_eq!(starts, frames.starts);
    }
}
