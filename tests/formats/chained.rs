//! The chain of hashes: what the page says of it, on frames put together here.
use super::page::{Layout, both};
use eros_points::format::frame::{
    CHAIN_HASHED_BYTES, FRAME_HEADER_BYTES, Frame, FrameKind, frame_header, push_record,
};
use eros_points::format::segment::{Chain, Hash};

const LOG_ID: u128 = 0x5a17_0000_0000_0001_0102_0304;

/// A frame behind what hashed to `before`, with its payload.
fn frame(before: Hash, kind: FrameKind, record: Option<&[u8]>) -> Vec<u8> {
    let mut payload = Vec::new();
    record.iter().for_each(|record| push_record(&mut payload, 5, 1, record));
    let mut chain = Chain { hash: before, ..Chain::default() };
    let count = u32::from(record.is_some());
    let mut bytes = frame_header(LOG_ID, &mut chain, kind, count, &payload).to_vec();
    bytes.extend_from_slice(&payload);
    bytes
}

fn batch(before: Hash, record: &[u8]) -> Vec<u8> {
    frame(before, FrameKind::Batch, Some(record))
}

fn is_chained(bytes: &[u8], before: Hash) -> bool {
    Frame::decode(bytes, LOG_ID).expect("a whole frame").is_chained_to(&before)
}

/// Makes both checksums fit what stands there now, as whoever edits a frame would.
fn checked_anew(mut bytes: Vec<u8>) -> Vec<u8> {
    let payload = crc32fast::hash(&bytes[FRAME_HEADER_BYTES..]).to_le_bytes();
    bytes[36..40].copy_from_slice(&payload);
    let header = crc32fast::hash(&bytes[..FRAME_HEADER_BYTES - 4]).to_le_bytes();
    bytes[FRAME_HEADER_BYTES - 4..FRAME_HEADER_BYTES].copy_from_slice(&header);
    bytes
}

/// By the page: the hash before it, the first bytes of the header, the payload.
fn hash(before: Hash, bytes: &[u8]) -> Hash {
    let (header, payload) = bytes.split_at(FRAME_HEADER_BYTES);
    let hashed = both().size("CHAIN_HASHED_BYTES");
    assert_eq!(hashed, CHAIN_HASHED_BYTES);
    *blake3::hash(&[&before, &header[..hashed], payload].concat()).as_bytes()
}

fn borne(bytes: &[u8]) -> Vec<u8> {
    let page = both();
    let layout: &Layout = page.layout("Frame header");
    layout.field("chain hash", bytes).to_vec()
}

#[test]
fn a_batch_bears_the_hash_of_itself_and_all_before_it_and_a_mark_that_of_the_batch_before() {
    for before in [Hash::default(), [7; 32]] {
        let batch = batch(before, b"one");
        assert_eq!(borne(&batch), hash(before, &batch));
        assert!(is_chained(&batch, before));
        let mark = frame(before, FrameKind::Mark, None);
        assert_eq!(borne(&mark), before);
        assert!(is_chained(&mark, before));
    }
}

#[test]
fn what_is_chained_to_something_else_shows() {
    let (before, other) = ([7; 32], [8; 32]);
    assert!(!is_chained(&batch(before, b"one"), other));
    assert!(!is_chained(&frame(before, FrameKind::Mark, None), other));
    // The batch's own hash is not the one before it.
    let batch = batch(before, b"one");
    let own = borne(&batch).try_into().expect("32 bytes");
    assert!(!is_chained(&batch, own));
}

#[test]
fn a_record_edited_with_all_checksums_made_anew_shows() {
    let before = [7; 32];
    let mut edited = batch(before, b"10 points");
    let last = edited.len() - 1;
    edited[last - 8] = b'9';
    assert!(Frame::decode(&edited, LOG_ID).is_err(), "the checksums alone find it");
    let edited = checked_anew(edited);
    assert!(!is_chained(&edited, before));
    // And what the header says of it: each byte that is hashed beside magic, version, kind and length.
    let whole = batch(before, b"10 points");
    for place in (6..28).chain([HASH_AT, HASH_AT + 31]) {
        let mut edited = whole.clone();
        edited[place] ^= 1;
        assert!(!is_chained(&checked_anew(edited), before), "byte {place}");
    }
    // What follows from the rest is not hashed: the checksum of the frame before.
    let mut moved = whole;
    moved[32] ^= 1;
    assert!(is_chained(&checked_anew(moved), before));
}

const HASH_AT: usize = 40;

#[test]
fn a_frame_of_version_1_bears_no_hash_and_is_chained_to_anything() {
    for kind in [FrameKind::Batch, FrameKind::Mark] {
        let mut first = frame([7; 32], kind, (kind == FrameKind::Batch).then_some(b"one"));
        first[4] = 1;
        first[HASH_AT..HASH_AT + 32].fill(0);
        let first = checked_anew(first);
        assert_eq!(Frame::decode(&first, LOG_ID).expect("a whole frame").hash, None);
        assert!(is_chained(&first, [7; 32]) && is_chained(&first, Hash::default()));
        assert_eq!(
            Frame::decode(&frame([7; 32], FrameKind::Mark, None), LOG_ID).expect("a mark").hash,
            Some([7; 32])
        );
    }
}
