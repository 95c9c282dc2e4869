//! Frames: the unit of the log, one group commit each. Specified in `wal/README.md`.
use crate::format::bytes::{array, put, u16_at, u32_at, u64_at};
use crate::format::newer::Newer;
use crate::format::segment::{Chain, Hash};
use crate::ledger::lsn::Lsn;
use crate::limits::{FRAME_PAYLOAD_BYTES_MAX, PARTITIONS, RECORD_BYTES_MAX};

pub const FRAME_MAGIC: [u8; 4] = *b"EFR\n";
/// Version 1 has no chain of hashes.
pub const FRAME_VERSION: u8 = 2;
pub const FRAME_HEADER_BYTES: usize = 80;
pub const RECORD_HEADER_BYTES: usize = 14;

// Every record fits a frame.
const _: () = assert!(RECORD_BYTES_MAX + RECORD_HEADER_BYTES <= FRAME_PAYLOAD_BYTES_MAX);

/// Of a header so much is hashed; what follows it is made from that, from the payload and from the log's id.
pub const CHAIN_HASHED_BYTES: usize = 32;
const HASH_AT: usize = 40;
const SALT_AT: usize = 72;
const CRC_AT: usize = FRAME_HEADER_BYTES - 4;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// Records.
    Batch = 1,
    /// No record: everything before it was durable when it was written, so damage there is no torn write.
    Mark = 2,
}

/// Appends a record to a frame's payload.
pub fn push_record(payload: &mut Vec<u8>, partition: u16, sequence: u64, record: &[u8]) {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    payload.extend_from_slice(&partition.to_le_bytes());
    payload.extend_from_slice(&sequence.to_le_bytes());
    payload.extend_from_slice(&length.to_le_bytes());
    payload.extend_from_slice(record);
}

/// What every frame of a log bears: the low 32 bits of its id, which is random and told to no client. So no text of
/// a client's, which lies in a frame byte by byte, can be made to look like a frame.
fn salt(log_id: u128) -> [u8; 4] {
    let [a, b, c, d, ..] = log_id.to_le_bytes();
    [a, b, c, d]
}

/// The hash of the batch with this header and payload, behind what hashed to `before`.
pub fn chain_hash(before: &Hash, header: &[u8], payload: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(&header[..CHAIN_HASHED_BYTES]).update(payload);
    hasher.finalize().into()
}

/// The header for a frame of this log that continues `chain` with `count` records in `payload`. Moves the chain behind it,
/// but for the partitions' sequences, which whoever numbers the records keeps.
pub fn frame_header(
    log_id: u128,
    chain: &mut Chain,
    kind: FrameKind,
    count: u32,
    payload: &[u8],
) -> [u8; FRAME_HEADER_BYTES] {
    let mut header = [0; FRAME_HEADER_BYTES];
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    put(&mut header, 0, &FRAME_MAGIC);
    header[4] = FRAME_VERSION;
    header[5] = kind as u8;
    put(&mut header, 8, &chain.next_frame.to_le_bytes());
    put(&mut header, 16, &chain.next_lsn.0.to_le_bytes());
    put(&mut header, 24, &count.to_le_bytes());
    put(&mut header, 28, &length.to_le_bytes());
    put(&mut header, 32, &chain.previous.to_le_bytes());
    put(&mut header, 36, &crc32fast::hash(payload).to_le_bytes());
    if kind == FrameKind::Batch {
        chain.hash = chain_hash(&chain.hash, &header, payload);
    }
    put(&mut header, HASH_AT, &chain.hash);
    put(&mut header, SALT_AT, &salt(log_id));
    let crc = crc32fast::hash(&header[..CRC_AT]);
    put(&mut header, CRC_AT, &crc.to_le_bytes());
    chain.next_lsn = chain.next_lsn.plus(u64::from(count));
    chain.next_frame += 1;
    chain.previous = crc;
    header
}

/// Why there is no frame to be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFrame {
    /// It is not whole: never written, not to its end, or damaged since; or no frame of this log.
    #[error("{0}")]
    Broken(String),
    /// The header is as it was written, and not for this build. Whatever it is, it is no torn write.
    #[error("{0}")]
    Unknown(String),
    /// The same, of a later version.
    #[error(transparent)]
    Newer(#[from] Newer),
}

/// A frame found whole in a segment.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pub kind: FrameKind,
    pub number: u64,
    pub first_lsn: Lsn,
    pub count: u32,
    pub previous: u32,
    pub checksum: u32,
    /// None in version 1.
    pub hash: Option<Hash>,
    header: &'a [u8],
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame of this log at the start of `bytes`, or why there is none.
    pub fn decode(bytes: &'a [u8], log_id: u128) -> Result<Frame<'a>, NoFrame> {
        let broken = |why: &str| NoFrame::Broken(why.to_owned());
        let Some(header) = bytes.get(..FRAME_HEADER_BYTES) else {
            return Err(broken("the segment ends within a frame's header"));
        };
        if header[..4] != FRAME_MAGIC {
            return Err(broken("there is no frame"));
        }
        let checksum = u32_at(header, CRC_AT);
        if crc32fast::hash(&header[..CRC_AT]) != checksum {
            return Err(broken("the frame header's checksum does not match"));
        }
        if header[SALT_AT..CRC_AT] != salt(log_id) {
            return Err(broken("what stands there is no frame of this log"));
        }
        let (kind, length) = known(header)?;
        let Some(payload) = bytes.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + length) else {
            return Err(broken("the segment ends within a frame"));
        };
        if crc32fast::hash(payload) != u32_at(header, 36) {
            return Err(broken("the frame's checksum does not match"));
        }
        Ok(Frame {
            kind,
            number: u64_at(header, 8),
            first_lsn: Lsn(u64_at(header, 16)),
            count: u32_at(header, 24),
            previous: u32_at(header, 32),
            checksum,
            hash: (header[4] > 1).then(|| array(header, HASH_AT)),
            header,
            payload,
        })
    }

    /// Whether it bears the hash that it must, behind what hashed to `before`: a record changed since it was written
    /// shows here, whatever checksums were made anew. A frame of version 1 bears none.
    pub fn is_chained_to(&self, before: &Hash) -> bool {
        match (self.hash, self.kind) {
            (None, _) => true,
            (Some(hash), FrameKind::Batch) => hash == chain_hash(before, self.header, self.payload),
            (Some(hash), FrameKind::Mark) => hash == *before,
        }
    }

    pub fn size(&self) -> usize {
        FRAME_HEADER_BYTES + self.payload.len()
    }

    /// Its records in order. A frame whose checksum matches and whose records don't add up was written wrong.
    pub fn records(&self) -> Result<Vec<RecordRef<'a>>, String> {
        let mut records = Vec::with_capacity(self.count.min(1 << 16) as usize);
        let mut rest = self.payload;
        while !rest.is_empty() {
            let offset = self.payload.len() - rest.len() + RECORD_HEADER_BYTES;
            let Some((header, body)) = rest.split_at_checked(RECORD_HEADER_BYTES) else {
                return Err("a record is cut short".into());
            };
            let length = u32_at(header, 10) as usize;
            let Some((payload, after)) = body.split_at_checked(length) else {
                return Err("a record is longer than its frame".into());
            };
            let partition = u16_at(header, 0);
            if partition >= PARTITIONS {
                return Err(format!("a record is of partition {partition}, there are {PARTITIONS}"));
            }
            records.push(RecordRef { partition, sequence: u64_at(header, 2), offset, payload });
            rest = after;
        }
        if records.len() != self.count as usize {
            return Err(format!("the frame claims {} records and has {}", self.count, records.len()));
        }
        Ok(records)
    }
}

/// Kind and payload length of a frame whose header is whole. Where the version stands, the salt and the checksum, stays
/// the same in every version: a newer build's frame must not be taken for a torn one by an older build, and cut off.
fn known(header: &[u8]) -> Result<(FrameKind, usize), NoFrame> {
    match header[4] {
        0 => return Err(NoFrame::Unknown("the frame has format version 0, which never was".into())),
        1..=FRAME_VERSION => {}
        found => return Err(Newer { what: "frame", found: found.into(), known: FRAME_VERSION.into() }.into()),
    }
    let kind = match header[5] {
        1 => FrameKind::Batch,
        2 => FrameKind::Mark,
        other => return Err(NoFrame::Unknown(format!("the frame is of unknown kind {other}"))),
    };
    let length = u32_at(header, 28) as usize;
    if length > FRAME_PAYLOAD_BYTES_MAX {
        return Err(NoFrame::Unknown(format!("the frame claims {length} bytes, more than any frame has")));
    }
    Ok((kind, length))
}

#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    pub partition: u16,
    pub sequence: u64,
    /// Where its payload begins in the frame's.
    pub offset: usize,
    pub payload: &'a [u8],
}
