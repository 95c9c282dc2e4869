//! Segments and snapshots read by the pages alone.
use super::bytes::{Reading, crc32};
use super::page::Page;

/// A record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub lsn: u64,
    pub partition: u64,
    pub payload: Vec<u8>,
}

/// Reads segments in order, each of which must continue the one before.
pub struct LogReader<'a> {
    page: &'a Page,
    pub log_id: u128,
    pub ordinal: u128,
    pub next_lsn: u128,
    pub next_frame: u128,
    pub previous: u128,
    pub sequences: Vec<u128>,
    /// Of the last batch.
    pub hash: Vec<u8>,
    pub records: Vec<Record>,
    pub marks: usize,
}

impl<'a> LogReader<'a> {
    /// From the log's beginning.
    pub fn new(page: &'a Page) -> LogReader<'a> {
        LogReader {
            page,
            log_id: 0,
            ordinal: 0,
            next_lsn: 1,
            next_frame: 1,
            previous: 0,
            sequences: vec![0; page.size("PARTITIONS")],
            hash: vec![0; 32],
            records: Vec::new(),
            marks: 0,
        }
    }

    /// Where its frames end.
    pub fn segment(&mut self, bytes: &[u8]) -> usize {
        self.header(&bytes[..self.page.size("SEGMENT_HEADER_BYTES")]);
        let mut offset = self.page.size("SEGMENT_HEADER_BYTES");
        while bytes[offset..].iter().any(|byte| *byte != 0) {
            offset += self.frame(&bytes[offset..]);
        }
        offset
    }

    fn header(&mut self, header: &[u8]) {
        let layout = self.page.layout("Segment header");
        let number = |name: &str| layout.number(name, header);
        assert_eq!(layout.field("magic", header), self.page.magic("SEGMENT_MAGIC"));
        assert!((1..=self.page.number("SEGMENT_VERSION").into()).contains(&number("version")));
        // Version 1 has zeros there.
        assert_eq!(layout.field("chain hash", header), self.hash);
        assert!(number("version") > 1 || self.hash == [0; 32]);
        assert_eq!(number("partitions"), self.page.number("PARTITIONS").into());
        assert_eq!(number("checksum"), crc32(&[layout.before("checksum", header)]).into());
        if self.ordinal == 0 {
            self.log_id = number("log id");
        }
        assert_eq!(number("log id"), self.log_id);
        self.ordinal += 1;
        assert_eq!(number("ordinal"), self.ordinal);
        assert_eq!(number("first lsn"), self.next_lsn);
        assert_eq!(number("first frame"), self.next_frame);
        assert_eq!(number("previous"), self.previous);
        let sequences = layout.field("sequences", header).chunks(8).map(little_endian);
        assert_eq!(sequences.collect::<Vec<_>>(), self.sequences);
        for name in layout.names().filter(|name| name.starts_with("reserved")) {
            assert!(layout.field(name, header).iter().all(|byte| *byte == 0), "{name}");
        }
    }

    /// The frame's size.
    fn frame(&mut self, bytes: &[u8]) -> usize {
        let size = self.page.size("FRAME_HEADER_BYTES");
        let (header, layout) = (&bytes[..size], self.page.layout("Frame header"));
        let number = |name: &str| layout.number(name, header);
        assert_eq!(layout.field("magic", header), self.page.magic("FRAME_MAGIC"));
        assert!((1..=self.page.number("FRAME_VERSION").into()).contains(&number("version")));
        assert_eq!(number("checksum"), crc32(&[layout.before("checksum", header)]).into());
        assert_eq!(number("number"), self.next_frame);
        assert_eq!(number("first lsn"), self.next_lsn);
        assert_eq!(number("previous"), self.previous);
        let length = number("length") as usize;
        assert!(length <= self.page.size("FRAME_PAYLOAD_BYTES_MAX"));
        let payload = &bytes[size..size + length];
        assert_eq!(number("payload checksum"), crc32(&[payload]).into());
        assert_eq!(number("salt"), self.log_id & 0xFFFF_FFFF, "the frame is of this log");
        assert!(layout.field("reserved", header).iter().all(|byte| *byte == 0));
        if number("version") > 1 && number("kind") as u64 == self.page.number("FRAME_KIND_BATCH") {
            let head = &header[..self.page.size("CHAIN_HASHED_BYTES")];
            self.hash = blake3::hash(&[&self.hash, head, payload].concat()).as_bytes().to_vec();
        }
        assert_eq!(layout.field("chain hash", header), self.hash);
        let before = self.records.len();
        self.take_records(payload);
        let count = (self.records.len() - before) as u128;
        assert_eq!(number("count"), count);
        match number("kind") as u64 {
            kind if kind == self.page.number("FRAME_KIND_BATCH") => assert!(count > 0),
            kind if kind == self.page.number("FRAME_KIND_MARK") => {
                assert_eq!(count, 0);
                self.marks += 1;
            }
            kind => panic!("a frame of kind {kind}"),
        }
        self.previous = number("checksum");
        self.next_frame += 1;
        size + length
    }

    fn take_records(&mut self, mut payload: &[u8]) {
        let (size, layout) = (self.page.size("RECORD_HEADER_BYTES"), self.page.layout("Record header"));
        while !payload.is_empty() {
            let (header, rest) = payload.split_at(size);
            let partition = layout.number("partition", header) as usize;
            self.sequences[partition] += 1;
            assert_eq!(layout.number("sequence", header), self.sequences[partition]);
            let (record, rest) = rest.split_at(layout.number("length", header) as usize);
            let lsn = self.next_lsn as u64;
            self.records.push(Record { lsn, partition: partition as u64, payload: record.to_vec() });
            self.next_lsn += 1;
            payload = rest;
        }
    }
}

/// The partition of a member, by the page.
pub fn partition(page: &Page, crm_id: &str, member_no: &str) -> u64 {
    u64::from(crc32(&[crm_id.as_bytes(), &[0], member_no.as_bytes()])) % page.number("PARTITIONS")
}

/// A snapshot's content.
#[derive(Debug)]
pub struct Snapshot {
    pub log_id: u128,
    pub noted: u128,
    pub created_at: i64,
    pub highest: u128,
    pub blocks: u128,
    /// Kind and bytes.
    pub entries: Vec<(u64, Vec<u8>)>,
}

pub fn snapshot(page: &Page, bytes: &[u8]) -> Snapshot {
    let (head, rest) = bytes.split_at(page.size("SNAPSHOT_HEADER_BYTES"));
    let (mut blocks, foot) = rest.split_at(rest.len() - page.size("SNAPSHOT_FOOTER_BYTES"));
    let (header, footer) = (page.layout("Snapshot header"), page.layout("Snapshot footer"));
    assert_eq!(header.field("magic", head), page.magic("SNAPSHOT_MAGIC"));
    assert!((1..=page.number("SNAPSHOT_VERSION").into()).contains(&header.number("version", head)));
    assert_eq!(header.number("checksum", head), crc32(&[header.before("checksum", head)]).into());
    assert_eq!(footer.field("magic", foot), page.magic("FOOTER_MAGIC"));
    assert_eq!(footer.number("checksum", foot), crc32(&[footer.before("checksum", foot)]).into());

    let mut checksums = header.field("checksum", head).to_vec();
    let mut entries = Vec::new();
    let mut number = 0;
    while !blocks.is_empty() {
        let layout = page.layout("Block header");
        let (block_head, rest) = blocks.split_at(page.size("BLOCK_HEADER_BYTES"));
        number += 1;
        assert_eq!(layout.number("number", block_head), number);
        let (block, rest) = rest.split_at(layout.number("length", block_head) as usize);
        let checksum = crc32(&[layout.before("checksum", block_head), block]);
        assert_eq!(layout.number("checksum", block_head), checksum.into());
        checksums.extend_from_slice(layout.field("checksum", block_head));
        take_entries(page, block, &mut entries);
        blocks = rest;
    }
    assert_eq!(footer.number("blocks", foot), number);
    assert_eq!(footer.number("entries", foot), entries.len() as u128);
    assert_eq!(footer.number("chain", foot), crc32(&[&checksums]).into());
    Snapshot {
        log_id: header.number("log id", head),
        noted: header.number("noted", head),
        created_at: (header.number("created at", head) as u64).cast_signed(),
        highest: footer.number("highest", foot),
        blocks: number,
        entries,
    }
}

fn take_entries(page: &Page, mut block: &[u8], entries: &mut Vec<(u64, Vec<u8>)>) {
    let layout = page.layout("Entry header");
    while !block.is_empty() {
        let (head, rest) = block.split_at(page.size("ENTRY_HEADER_BYTES"));
        let (entry, rest) = rest.split_at(layout.number("length", head) as usize);
        entries.push((layout.number("kind", head) as u64, entry.to_vec()));
        block = rest;
    }
}

/// Tenant, member and the bytes of the account in a member's entry.
pub fn member_image(page: &Page, entry: &[u8]) -> (String, String, Vec<u8>) {
    let mut reading = Reading::of(page, entry);
    let crm_id = reading.text().unwrap();
    let member_no = reading.text().unwrap();
    let account = reading.counted().unwrap().to_vec();
    assert!(reading.rest.is_empty());
    (crm_id, member_no, account)
}

fn little_endian(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
}
