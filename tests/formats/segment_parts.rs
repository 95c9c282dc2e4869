//! A segment's header against bytes put together here from what the page says.
use super::bytes::crc32;
use eros_points::format::newer::Unread;
use eros_points::format::segment::{Chain, SEGMENT_HEADER_BYTES, SegmentHeader, Sequences};
use eros_points::ledger::lsn::Lsn;

const LOG_ID: u128 = 0x0102 << 80 | 7;
const HASH: [u8; 32] = *b"0123456789abcdef0123456789ABCDEF";

fn sequences() -> Sequences {
    std::array::from_fn(|partition| 1_000 + partition as u64)
}

fn header(magic: &[u8], version: u16, partitions: u16, hash: [u8; 32]) -> Vec<u8> {
    let mut bytes = [
        magic,
        &version.to_le_bytes(),
        &partitions.to_le_bytes(),
        &[0; 4],
        &LOG_ID.to_le_bytes(),
        &3_u64.to_le_bytes(),
        &48_213_u64.to_le_bytes(),
        &700_u64.to_le_bytes(),
        &0xdead_beef_u32.to_le_bytes(),
        &[0; 4],
        &sequences().map(u64::to_le_bytes).concat(),
        &hash,
    ]
    .concat();
    bytes.resize(4_092, 0);
    let crc = crc32(&[&bytes]).to_le_bytes();
    [&bytes[..], &crc].concat()
}

fn whole() -> Vec<u8> {
    header(b"EROSWAL\n", 2, 64, HASH)
}

fn meant(hash: [u8; 32]) -> SegmentHeader {
    let chain =
        Chain { next_lsn: Lsn(48_213), next_frame: 700, previous: 0xdead_beef, sequences: sequences(), hash };
    SegmentHeader { log_id: LOG_ID, ordinal: 3, chain }
}

#[test]
fn a_header_is_what_the_log_has_come_to_where_the_segment_begins() {
    assert!(meant(HASH).encode() == whole());
    assert_eq!(SegmentHeader::decode(&whole()), Ok(meant(HASH)));
    let behind = [&whole()[..], b"frames"].concat();
    assert_eq!(SegmentHeader::decode(&behind), Ok(meant(HASH)), "what follows is not its own");
    for place in 0..SEGMENT_HEADER_BYTES {
        let mut flipped = whole();
        flipped[place] ^= 1 << (place % 8);
        assert!(SegmentHeader::decode(&flipped).is_err(), "byte {place}");
    }
}

#[test]
fn one_of_version_1_has_no_hash_whatever_stands_in_its_place() {
    let first = header(b"EROSWAL\n", 1, 64, HASH);
    assert_eq!(SegmentHeader::decode(&first), Ok(meant([0; 32])));
}

#[test]
fn what_is_no_header_or_not_for_this_build_is_refused_in_words_that_say_so() {
    let refused = |bytes: &[u8], part: &str| {
        let words = SegmentHeader::decode(bytes).expect_err(part).to_string();
        assert!(words.contains(part), "{words} should say {part}");
    };
    refused(&whole()[..4_095], "has 4095 bytes, fewer than its header");
    refused(&header(b"EROSSNAP", 2, 64, HASH), "does not begin with its magic");
    refused(&[&whole()[..4_092], &[0; 4]].concat(), "checksum does not match");
    refused(&header(b"EROSWAL\n", 0, 64, HASH), "version 0, which never was");
    refused(&header(b"EROSWAL\n", 2, 32, HASH), "has 32 partitions, this build has 64");
    let newer = SegmentHeader::decode(&header(b"EROSWAL\n", 3, 64, HASH));
    assert!(matches!(newer, Err(Unread::Newer(newer)) if (newer.found, newer.known) == (3, 2)));
}
