//! The header of a log segment. Specified in `wal/README.md`.
//!
//! It holds what a reader must know to begin here: where the chain of frames and every partition's sequence stand.
use crate::format::bytes::{array, put, u16_at, u32_at, u64_at, u128_at};
use crate::format::newer::{Unread, known_version};
use crate::ledger::lsn::Lsn;
use crate::limits::PARTITIONS;

pub const SEGMENT_MAGIC: [u8; 8] = *b"EROSWAL\n";
/// Version 1 has no chain of hashes.
pub const SEGMENT_VERSION: u16 = 2;
pub const SEGMENT_HEADER_BYTES: usize = 4_096;

const SEQUENCES_AT: usize = 64;
const HASH_AT: usize = SEQUENCES_AT + 8 * PARTITIONS as usize;
const CRC_AT: usize = SEGMENT_HEADER_BYTES - 4;

const _: () = assert!(HASH_AT + size_of::<Hash>() <= CRC_AT);

/// The last sequence number of each partition.
pub type Sequences = [u64; PARTITIONS as usize];

/// Of all batches so far; zeros before the first that has one.
pub type Hash = [u8; 32];

/// Where the log stands: what the next frame continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The next record's number.
    pub next_lsn: Lsn,
    /// The next frame's number, from 1.
    pub next_frame: u64,
    /// The checksum of the frame before; 0 before the first.
    pub previous: u32,
    pub sequences: Sequences,
    /// The hash of the last batch.
    pub hash: Hash,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain {
            next_lsn: Lsn(1),
            next_frame: 1,
            previous: 0,
            sequences: [0; PARTITIONS as usize],
            hash: Hash::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    pub log_id: u128,
    /// From 1.
    pub ordinal: u64,
    pub chain: Chain,
}

impl SegmentHeader {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; SEGMENT_HEADER_BYTES];
        put(&mut bytes, 0, &SEGMENT_MAGIC);
        put(&mut bytes, 8, &SEGMENT_VERSION.to_le_bytes());
        put(&mut bytes, 10, &PARTITIONS.to_le_bytes());
        put(&mut bytes, 16, &self.log_id.to_le_bytes());
        put(&mut bytes, 32, &self.ordinal.to_le_bytes());
        put(&mut bytes, 40, &self.chain.next_lsn.0.to_le_bytes());
        put(&mut bytes, 48, &self.chain.next_frame.to_le_bytes());
        put(&mut bytes, 56, &self.chain.previous.to_le_bytes());
        for (place, sequence) in self.chain.sequences.iter().enumerate() {
            put(&mut bytes, SEQUENCES_AT + 8 * place, &sequence.to_le_bytes());
        }
        put(&mut bytes, HASH_AT, &self.chain.hash);
        let crc = crc32fast::hash(&bytes[..CRC_AT]);
        put(&mut bytes, CRC_AT, &crc.to_le_bytes());
        bytes
    }

    /// The header at the start of a segment, or why there is none.
    pub fn decode(bytes: &[u8]) -> Result<SegmentHeader, Unread> {
        let Some(bytes) = bytes.get(..SEGMENT_HEADER_BYTES) else {
            return Err(format!("the segment has {} bytes, fewer than its header", bytes.len()).into());
        };
        if bytes[..8] != SEGMENT_MAGIC {
            return Err("the segment does not begin with its magic".into());
        }
        if crc32fast::hash(&bytes[..CRC_AT]) != u32_at(bytes, CRC_AT) {
            return Err("the segment header's checksum does not match".into());
        }
        let version = u16_at(bytes, 8);
        known_version("segment", version, SEGMENT_VERSION)?;
        if u16_at(bytes, 10) != PARTITIONS {
            return Err(format!(
                "the segment has {} partitions, this build has {PARTITIONS}",
                u16_at(bytes, 10)
            )
            .into());
        }
        let mut sequences = [0; PARTITIONS as usize];
        for (place, sequence) in sequences.iter_mut().enumerate() {
            *sequence = u64_at(bytes, SEQUENCES_AT + 8 * place);
        }
        let chain = Chain {
            next_lsn: Lsn(u64_at(bytes, 40)),
            next_frame: u64_at(bytes, 48),
            previous: u32_at(bytes, 56),
            sequences,
            // Reserved in version 1, and zero.
            hash: if version > 1 { array(bytes, HASH_AT) } else { Hash::default() },
        };
        Ok(SegmentHeader { log_id: u128_at(bytes, 16), ordinal: u64_at(bytes, 32), chain })
    }
}
