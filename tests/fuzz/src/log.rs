//! The log: bytes as a segment, as frames, and as what a frame with good checksums holds.
use eros_points::format::entry::{Entry, EntryRef};
use eros_points::format::frame::{Frame, FrameKind, frame_header, push_record};
use eros_points::format::scan::scan;
use eros_points::format::segment::{Chain, SegmentHeader};

const LOG_ID: u128 = 0x1234_5678_9abc_def0_1234_5678_9abc_def0;

pub fn run(data: &[u8]) {
    let Some((what, bytes)) = data.split_first() else { return };
    match what % 4 {
        0 => entry(bytes),
        1 => payload(bytes),
        2 => records(bytes),
        _ => raw(bytes),
    }
}

/// One record. What is read is written as it was read.
fn entry(bytes: &[u8]) {
    if let Ok(EntryRef::Member(entry)) = EntryRef::decode(bytes) {
        let _ = entry.event();
    }
    if let Ok(entry) = Entry::decode(bytes) {
        let written = entry.encode();
        let again = Entry::decode(&written).expect("what was written is read");
        assert_eq!(again.encode(), written);
    }
}

/// A frame whose checksums are good and whose payload is anything.
fn payload(bytes: &[u8]) {
    let Some((count, bytes)) = bytes.split_first() else { return };
    let header = frame_header(LOG_ID, &mut Chain::default(), FrameKind::Batch, u32::from(*count), bytes);
    scan_all(&[&header[..], bytes].concat(), Chain::default());
}

/// Frames as they are written, of records that are anything, then damaged in one place and cut.
fn records(bytes: &[u8]) {
    let Some((place, bytes)) = bytes.split_at_checked(4) else { return };
    let mut segment = Vec::new();
    let mut chain = Chain::default();
    for part in bytes.split(|byte| *byte == b'\n').take(20) {
        let mut payload = Vec::new();
        chain.sequences[0] += 1;
        push_record(&mut payload, 0, chain.sequences[0], part);
        segment.extend_from_slice(&frame_header(LOG_ID, &mut chain, FrameKind::Batch, 1, &payload));
        segment.extend_from_slice(&payload);
    }
    let at = usize::from(u16::from_le_bytes([place[0], place[1]])) % segment.len();
    segment[at] ^= place[2];
    let cut = segment.len() - usize::from(place[3]).min(segment.len());
    scan_all(&segment, Chain::default());
    scan_all(&segment[..cut], Chain::default());
}

fn raw(bytes: &[u8]) {
    let _ = SegmentHeader::decode(bytes);
    // The checksum made good, so that what is behind it is looked at, too.
    let mut header = bytes.to_vec();
    header.resize(4_096, 0);
    if let Ok(found) = SegmentHeader::decode(&header) {
        assert_eq!(SegmentHeader::decode(&found.encode()).expect("written").ordinal, found.ordinal);
    }
    scan_all(bytes, Chain::default());
}

fn scan_all(bytes: &[u8], chain: Chain) {
    let _ = Frame::decode(bytes, LOG_ID);
    for newest in [true, false] {
        let mut chain = chain.clone();
        let done = scan(bytes, 0, LOG_ID, &mut chain, newest, |record| {
            let _ = Entry::decode(record.payload);
            Ok::<(), ()>(())
        });
        assert!(done.is_ok());
    }
}
