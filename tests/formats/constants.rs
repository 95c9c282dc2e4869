//! The pages' constants and offsets are the code's.
use super::bytes::crc32;
use super::files::{self, LogReader};
use super::page::both;
use eros_points::format::codec::{DECODED_BYTES_MAX, DECODED_BYTES_MAX_LONG, SHORT_BYTES_MAX};
use eros_points::format::entry::ENTRY_VERSION;
use eros_points::format::frame::*;
use eros_points::format::personal_keys::*;
use eros_points::format::resting::*;
use eros_points::format::segment::*;
use eros_points::format::snapshot::*;
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::{Amount, Points};
use eros_points::limits::*;

#[test]
fn the_pages_constants_are_the_codes() {
    let mut page = both();
    let mut header = Vec::new();
    push_entry(&mut header, EntryKind::Member, &[]);
    for (name, value) in [
        ("SEGMENT_VERSION", u64::from(SEGMENT_VERSION)),
        ("SEGMENT_HEADER_BYTES", SEGMENT_HEADER_BYTES as u64),
        ("FRAME_VERSION", FRAME_VERSION.into()),
        ("FRAME_HEADER_BYTES", FRAME_HEADER_BYTES as u64),
        ("CHAIN_HASHED_BYTES", CHAIN_HASHED_BYTES as u64),
        ("FRAME_KIND_BATCH", FrameKind::Batch as u64),
        ("FRAME_KIND_MARK", FrameKind::Mark as u64),
        ("FRAME_PAYLOAD_BYTES_MAX", FRAME_PAYLOAD_BYTES_MAX as u64),
        ("FRAME_PAYLOAD_BYTES_AIM", FRAME_PAYLOAD_BYTES_AIM as u64),
        ("RECORD_HEADER_BYTES", RECORD_HEADER_BYTES as u64),
        ("RECORD_BYTES_MAX", RECORD_BYTES_MAX as u64),
        ("ENTRY_VERSION", ENTRY_VERSION.into()),
        ("DECODED_BYTES_MAX", DECODED_BYTES_MAX as u64),
        ("DECODED_BYTES_MAX_LONG", DECODED_BYTES_MAX_LONG as u64),
        ("SHORT_BYTES_MAX", SHORT_BYTES_MAX as u64),
        ("PARTITIONS", PARTITIONS.into()),
        ("LSN_MAX", Lsn::MAX.0),
        ("POINTS_UNIT", Points::UNIT.unsigned_abs()),
        ("AMOUNT_PLACES", Amount::PLACES.into()),
        ("SNAPSHOT_VERSION", SNAPSHOT_VERSION.into()),
        ("SNAPSHOT_HEADER_BYTES", SNAPSHOT_HEADER_BYTES as u64),
        ("BLOCK_HEADER_BYTES", BLOCK_HEADER_BYTES as u64),
        ("ENTRY_HEADER_BYTES", header.len() as u64),
        ("SNAPSHOT_FOOTER_BYTES", SNAPSHOT_FOOTER_BYTES as u64),
        ("ENTRY_KIND_MEMBER", EntryKind::Member as u64),
        ("ENTRY_KIND_SERVICE", EntryKind::Service as u64),
        ("ENTRY_KIND_TENANT", EntryKind::Tenant as u64),
        ("SNAPSHOT_BLOCK_BYTES_MAX", SNAPSHOT_BLOCK_BYTES_MAX as u64),
        ("KEYS_VERSION", KEYS_VERSION.into()),
        ("KEYS_HEADER_BYTES", KEYS_HEADER_BYTES as u64),
        ("KEY_SLOT_BYTES", KEY_SLOT_BYTES as u64),
        ("RESTING_PAGE_BYTES", RESTING_PAGE_BYTES as u64),
        ("RESTING_PAGE_HEADER_BYTES", RESTING_PAGE_HEADER_BYTES as u64),
        ("RESTING_CONTENT_BYTES", RESTING_CONTENT_BYTES as u64),
        ("RESTING_RECORD_HEADER_BYTES", RESTING_RECORD_HEADER_BYTES as u64),
    ] {
        assert_eq!(page.number(name), value, "{name}");
        page.constants.remove(name);
    }
    for (name, value) in [
        ("SEGMENT_MAGIC", &SEGMENT_MAGIC[..]),
        ("FRAME_MAGIC", &FRAME_MAGIC),
        ("SNAPSHOT_MAGIC", &SNAPSHOT_MAGIC),
        ("FOOTER_MAGIC", &FOOTER_MAGIC),
        ("KEYS_MAGIC", &KEYS_MAGIC),
    ] {
        assert_eq!(page.magic(name), value, "{name}");
        page.constants.remove(name);
    }
    assert!(page.constants.is_empty(), "the pages name what is not compared: {:?}", page.constants);
}

#[test]
fn every_table_of_offsets_covers_its_header_to_the_last_byte() {
    let page = both();
    let sizes = [
        ("Segment header", "SEGMENT_HEADER_BYTES"),
        ("Frame header", "FRAME_HEADER_BYTES"),
        ("Record header", "RECORD_HEADER_BYTES"),
        ("Snapshot header", "SNAPSHOT_HEADER_BYTES"),
        ("Block header", "BLOCK_HEADER_BYTES"),
        ("Entry header", "ENTRY_HEADER_BYTES"),
        ("Snapshot footer", "SNAPSHOT_FOOTER_BYTES"),
        ("Personal keys header", "KEYS_HEADER_BYTES"),
        ("Key slot", "KEY_SLOT_BYTES"),
        ("Resting page header", "RESTING_PAGE_HEADER_BYTES"),
        ("Resting record header", "RESTING_RECORD_HEADER_BYTES"),
    ];
    for (heading, size) in sizes {
        assert_eq!(page.layout(heading).bytes(), page.size(size), "{heading}");
    }
    assert_eq!(page.layouts.len(), sizes.len(), "{:?}", page.layouts.keys());
}

/// Every field has a value of its own, so none can stand in another's place unseen.
#[test]
fn a_segment_that_begins_anywhere_has_its_fields_where_the_page_says() {
    let page = both();
    let sequences = std::array::from_fn(|place| 0x0102_0304_0506_0000 + place as u64);
    let hash = std::array::from_fn(|place| 0xa0 + place as u8);
    let mut chain = Chain {
        next_lsn: Lsn(0x11_1213_1415_1617),
        next_frame: 0x2122_2324_2526_2728,
        previous: 0x3132_3334,
        sequences,
        hash,
    };
    let log_id = 0x4142_4344_4546_4748_494a_4b4c_4d4e_4f50;
    let header = SegmentHeader { log_id, ordinal: 0x5152_5354_5556_5758, chain: chain.clone() };
    let mut bytes = header.encode();
    let mut payload = Vec::new();
    chain.sequences[63] += 1;
    push_record(&mut payload, 63, chain.sequences[63], b"one");
    push_record(&mut payload, 0, chain.sequences[0] + 1, b"");
    bytes.extend_from_slice(&frame_header(log_id, &mut chain, FrameKind::Batch, 2, &payload));
    bytes.extend_from_slice(&payload);
    bytes.extend_from_slice(&frame_header(log_id, &mut chain, FrameKind::Mark, 0, &[]));
    bytes.extend_from_slice(&[0; 100]);

    let mut reader = LogReader::new(&page);
    (reader.log_id, reader.ordinal) = (header.log_id, u128::from(header.ordinal) - 1);
    (reader.next_lsn, reader.next_frame) = (header.chain.next_lsn.0.into(), header.chain.next_frame.into());
    reader.previous = header.chain.previous.into();
    reader.hash = hash.to_vec();
    reader.sequences = header.chain.sequences.iter().map(|sequence| u128::from(*sequence)).collect();
    assert_eq!(reader.segment(&bytes), bytes.len() - 100);
    let read: Vec<_> = reader.records.iter().map(|r| (r.lsn, r.partition, &r.payload[..])).collect();
    let first = header.chain.next_lsn.0;
    assert_eq!(read, [(first, 63, &b"one"[..]), (first + 1, 0, b"")]);
    assert_eq!(reader.marks, 1);
}

#[test]
fn a_snapshot_has_its_fields_where_the_page_says() {
    let page = both();
    let log_id = 0x4142_4344_4546_4748_494a_4b4c_4d4e_4f50;
    let (version, noted) = (SNAPSHOT_VERSION, Lsn(0x11_1213_1415_1617));
    let header = SnapshotHeader { version, log_id, noted, created_at: Instant(-2) };
    let mut bytes = header.encode().to_vec();
    let mut footer_chain = chain(0, header_crc(&bytes));
    let first = &[EntryKind::Service, EntryKind::Tenant, EntryKind::Member][..];
    for (number, kinds) in [(1, first), (2, &[EntryKind::Member])] {
        let mut block = Vec::new();
        kinds.iter().for_each(|kind| push_entry(&mut block, *kind, b"entry"));
        let head = block_header(number, &block);
        footer_chain = chain(footer_chain, block_crc(&head, &block));
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&block);
    }
    let highest = Lsn(0x61_6263_6465_6667);
    bytes.extend_from_slice(&SnapshotFooter { blocks: 2, entries: 4, highest, chain: footer_chain }.encode());
    let read = files::snapshot(&page, &bytes);
    assert_eq!((read.log_id, read.noted, read.created_at), (log_id, header.noted.0.into(), -2));
    assert_eq!((read.highest, read.blocks), (highest.0.into(), 2));
    let kinds: Vec<u64> = read.entries.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [2, 3, 1, 1]);
}

#[test]
fn personal_keys_have_their_fields_where_the_page_says() {
    let page = both();
    let (log_id, key) = (0x4142_4344_4546_4748_494a_4b4c_4d4e_4f50, std::array::from_fn(|n| n as u8 + 1));
    let (header, layout) = (encode_header(log_id), page.layout("Personal keys header"));
    assert_eq!(layout.field("magic", &header), page.magic("KEYS_MAGIC"));
    assert_eq!(layout.number("version", &header), page.number("KEYS_VERSION").into());
    assert_eq!(layout.number("log id", &header), log_id);
    assert_eq!(layout.number("checksum", &header), crc32(&[layout.before("checksum", &header)]).into());
    assert_eq!(check_header(&header, log_id), Ok(()));

    let (slot, layout) = (encode_slot(7, &key), page.layout("Key slot"));
    assert_eq!(layout.field("key", &slot), key);
    assert_eq!(layout.number("number", &slot), 8, "from 1");
    assert_eq!(layout.number("checksum", &slot), crc32(&[layout.before("checksum", &slot)]).into());
    assert_eq!((decode_slot(7, &slot), decode_slot(8, &slot)), (Some(key), None));
    assert_eq!(decode_slot(7, &[0; KEY_SLOT_BYTES]), None, "destroyed");
}

#[test]
fn a_page_of_members_out_of_memory_has_its_fields_where_the_page_says() {
    let page = both();
    let record = RestingRecord { slot: 0x0102_0304, name: "ann", account: &[7; 5] };
    let mut content = Vec::new();
    record.push(&mut content);
    let (header, rest) = content.split_at(page.size("RESTING_RECORD_HEADER_BYTES"));
    let layout = page.layout("Resting record header");
    assert_eq!(layout.field("slot", header), 0x0102_0304_u32.to_le_bytes());
    assert_eq!(layout.field("account length", header), 5_u32.to_le_bytes());
    assert_eq!(layout.field("name length", header), [3]);
    assert_eq!(rest, b"ann\x07\x07\x07\x07\x07");

    let bytes = encode_page(0x1112_1314, 0x2122_2324, &content);
    assert_eq!(bytes.len(), page.size("RESTING_PAGE_BYTES"));
    let (header, rest) = bytes.split_at(page.size("RESTING_PAGE_HEADER_BYTES"));
    assert_eq!(rest.len(), page.size("RESTING_CONTENT_BYTES"));
    let layout = page.layout("Resting page header");
    assert_eq!(layout.field("number", header), 0x1112_1314_u32.to_le_bytes());
    assert_eq!(layout.field("sequence", header), 0x2122_2324_u32.to_le_bytes());
    assert_eq!(layout.field("length", header), (content.len() as u16).to_le_bytes());
    assert_eq!(layout.field("reserved", header), [0; 2]);
    assert_eq!(layout.field("checksum", header), crc32(&[&header[..12], &content]).to_le_bytes());
    let (held, after) = rest.split_at(content.len());
    assert!(held == content && after.iter().all(|byte| *byte == 0));
}
