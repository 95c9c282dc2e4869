//! The parts of a snapshot file, each against bytes put together here from what the page says.
use super::bytes::crc32;
use eros_points::format::snapshot::*;
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lsn::Lsn;
use eros_points::limits::SNAPSHOT_BLOCK_BYTES_MAX;

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn with_crc(bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32(&[&bytes]).to_le_bytes();
    joined(&[&bytes, &crc])
}

/// Every bit matters, but for those that are named as reserved and under the checksum all the same.
fn no_bit_may_flip<T, E>(bytes: &[u8], decode: impl Fn(&[u8]) -> Result<T, E>) {
    assert!(decode(bytes).is_ok());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn a_header_is_magic_version_log_record_time_and_checksum() {
    let header =
        SnapshotHeader { version: 2, log_id: 0x0102 << 80 | 7, noted: Lsn(300), created_at: Instant(-5) };
    let reserved = [0; 6];
    let expected = with_crc(joined(&[
        b"EROSSNAP",
        &2_u16.to_le_bytes(),
        &reserved,
        &(0x0102_u128 << 80 | 7).to_le_bytes(),
        &300_u64.to_le_bytes(),
        &(-5_i64).to_le_bytes(),
        &[0; 12],
    ]));
    assert_eq!(header.encode()[..], expected);
    assert_eq!(SnapshotHeader::decode(&expected), Ok(header.clone()));
    assert_eq!(header_crc(&expected).to_le_bytes(), expected[60..]);
    no_bit_may_flip(&expected, SnapshotHeader::decode);
    assert_eq!(SnapshotHeader::decode(&joined(&[&expected, b"blocks"])), Ok(header.clone()));
    let other = with_crc(joined(&[b"EROSKEYS", &expected[8..60]]));
    for bytes in [&expected[..63], &expected[..8], &expected[..7], &[], &other] {
        let words = SnapshotHeader::decode(bytes).expect_err("no header").to_string();
        assert!(words.contains("does not begin as a snapshot"), "{} bytes: {words}", bytes.len());
    }
    for version in [0, 3] {
        let other = SnapshotHeader { version, ..header.clone() };
        assert!(SnapshotHeader::decode(&other.encode()).unwrap_err().to_string().contains("format version"));
    }
    let first = SnapshotHeader { version: 1, ..header };
    assert_eq!(SnapshotHeader::decode(&first.encode()), Ok(first));
}

#[test]
fn a_footer_is_magic_counts_highest_record_chain_and_checksum() {
    let footer = SnapshotFooter { blocks: 3, entries: 70_000, highest: Lsn(1 << 40), chain: 0xdead_beef };
    let expected = with_crc(joined(&[
        b"EROSDONE",
        &3_u64.to_le_bytes(),
        &70_000_u64.to_le_bytes(),
        &(1_u64 << 40).to_le_bytes(),
        &0xdead_beef_u32.to_le_bytes(),
        &[0; 8],
    ]));
    assert_eq!(footer.encode()[..], expected);
    assert_eq!(SnapshotFooter::decode(&expected), Ok(footer));
    no_bit_may_flip(&expected, SnapshotFooter::decode);
    assert!(SnapshotFooter::decode(&joined(&[&expected, &[0]])).is_err(), "something follows");
}

#[test]
fn a_blocks_header_is_number_length_and_a_checksum_of_both_and_the_entries() {
    let header = block_header(9, b"entries");
    let before = joined(&[&9_u64.to_le_bytes(), &7_u32.to_le_bytes()]);
    let crc = crc32(&[&before, b"entries"]);
    assert_eq!(header[..], joined(&[&before, &crc.to_le_bytes()]));
    assert_eq!(block_crc(&header, b"entries"), crc);
    assert_eq!(decode_block_header(&header, 9), Ok((7, crc)));
    assert!(decode_block_header(&header, 8).is_err(), "another block");
    let of_length = |length: usize| {
        let length = u32::try_from(length).expect("a length").to_le_bytes();
        decode_block_header(&joined(&[&1_u64.to_le_bytes(), &length, &[0; 4]]), 1).map(|(length, _)| length)
    };
    assert!(of_length(0).is_err());
    assert_eq!(of_length(1), Ok(1));
    assert_eq!(of_length(SNAPSHOT_BLOCK_BYTES_MAX), Ok(SNAPSHOT_BLOCK_BYTES_MAX));
    assert!(of_length(SNAPSHOT_BLOCK_BYTES_MAX + 1).is_err());
}

#[test]
fn the_chain_is_a_checksum_that_goes_on() {
    let (header, block) = (0x0102_0304_u32, 0x0506_0708_u32);
    let one = chain(header, block);
    // A CRC-32 that goes on after bytes whose own is `header`: those that follow change it as they change any.
    assert_ne!(one, chain(header, block ^ 1));
    assert_ne!(one, chain(header ^ 1, block));
    let whole = crc32(&[b"before", &block.to_le_bytes()]);
    assert_eq!(chain(crc32(&[b"before"]), block), whole);
}

#[test]
fn entries_are_kind_length_and_bytes() {
    let mut block = Vec::new();
    let three = [(EntryKind::Service, &b"zone"[..]), (EntryKind::Member, b""), (EntryKind::Tenant, b"t")];
    three.iter().for_each(|(kind, entry)| push_entry(&mut block, *kind, entry));
    let expected = joined(&[&[2, 4, 0, 0, 0], b"zone", &[1, 0, 0, 0, 0], &[3, 1, 0, 0, 0], b"t"]);
    assert_eq!(block, expected);
    assert_eq!(entries(&block), Ok(three.to_vec()));
    assert_eq!(entries(&[]), Ok(Vec::new()));
    assert!(entries(&block[..block.len() - 1]).unwrap_err().contains("longer than its block"));
    assert!(entries(&[1, 0, 0]).unwrap_err().contains("cut short"));
    for kind in [0, 4] {
        assert!(entries(&[kind, 0, 0, 0, 0]).unwrap_err().contains("unknown kind"));
    }
}
