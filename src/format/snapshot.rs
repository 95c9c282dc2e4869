//! Snapshot files: header, blocks of entries, footer. Specified in `snapshots/README.md`.
use crate::format::bytes::{put, u16_at, u32_at, u64_at, u128_at};
use crate::format::newer::{Unread, known_version};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::limits::SNAPSHOT_BLOCK_BYTES_MAX;

pub const SNAPSHOT_MAGIC: [u8; 8] = *b"EROSSNAP";
/// Version 1 lacks the last byte of accounts, and tenants.
pub const SNAPSHOT_VERSION: u16 = 2;
pub const SNAPSHOT_HEADER_BYTES: usize = 64;
pub const BLOCK_HEADER_BYTES: usize = 16;
pub const SNAPSHOT_FOOTER_BYTES: usize = 48;
pub const FOOTER_MAGIC: [u8; 8] = *b"EROSDONE";

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EntryKind {
    Member = 1,
    Service = 2,
    Tenant = 3,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// [`SNAPSHOT_VERSION`], or an older one that was read.
    pub version: u16,
    pub log_id: u128,
    /// Replay begins after this record; accounts may hold later ones already, and say so.
    pub noted: Lsn,
    pub created_at: Instant,
}

impl SnapshotHeader {
    pub fn encode(&self) -> [u8; SNAPSHOT_HEADER_BYTES] {
        let mut bytes = [0; SNAPSHOT_HEADER_BYTES];
        put(&mut bytes, 0, &SNAPSHOT_MAGIC);
        put(&mut bytes, 8, &self.version.to_le_bytes());
        put(&mut bytes, 16, &self.log_id.to_le_bytes());
        put(&mut bytes, 32, &self.noted.0.to_le_bytes());
        put(&mut bytes, 40, &self.created_at.0.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        put(&mut bytes, 60, &crc.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<SnapshotHeader, Unread> {
        if bytes.len() < SNAPSHOT_HEADER_BYTES || bytes[..8] != SNAPSHOT_MAGIC {
            return Err("the file does not begin as a snapshot".into());
        }
        if crc32fast::hash(&bytes[..60]) != u32_at(bytes, 60) {
            return Err("the snapshot header's checksum does not match".into());
        }
        let version = u16_at(bytes, 8);
        known_version("snapshot", version, SNAPSHOT_VERSION)?;
        Ok(SnapshotHeader {
            version,
            log_id: u128_at(bytes, 16),
            noted: Lsn(u64_at(bytes, 32)),
            created_at: Instant(u64_at(bytes, 40).cast_signed()),
        })
    }
}

/// The checksum that a snapshot's header bears: where the footer's chain begins. (Taken over a whole header, its own
/// checksum included, a CRC is the same for every header.)
pub fn header_crc(header: &[u8]) -> u32 {
    u32_at(header, 60)
}

/// A block's header: number from 1, length, checksum. The checksum covers number and length too.
pub fn block_header(number: u64, entries: &[u8]) -> [u8; BLOCK_HEADER_BYTES] {
    let mut header = [0; BLOCK_HEADER_BYTES];
    put(&mut header, 0, &number.to_le_bytes());
    put(&mut header, 8, &u32::try_from(entries.len()).unwrap_or(u32::MAX).to_le_bytes());
    let crc = block_crc(&header, entries);
    put(&mut header, 12, &crc.to_le_bytes());
    header
}

/// The length and checksum that a block's header gives, if it is block `number`.
pub fn decode_block_header(header: &[u8], number: u64) -> Result<(usize, u32), String> {
    let (found, length) = (u64_at(header, 0), u32_at(header, 8) as usize);
    if found != number || length == 0 || length > SNAPSHOT_BLOCK_BYTES_MAX {
        return Err(format!("block {number} is not there"));
    }
    Ok((length, u32_at(header, 12)))
}

pub fn block_crc(header: &[u8], entries: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..12]);
    hasher.update(entries);
    hasher.finalize()
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotFooter {
    pub blocks: u64,
    pub entries: u64,
    /// The highest record that any account in it holds.
    pub highest: Lsn,
    /// Over the checksums of header and blocks, in order.
    pub chain: u32,
}

impl SnapshotFooter {
    pub fn encode(&self) -> [u8; SNAPSHOT_FOOTER_BYTES] {
        let mut bytes = [0; SNAPSHOT_FOOTER_BYTES];
        put(&mut bytes, 0, &FOOTER_MAGIC);
        put(&mut bytes, 8, &self.blocks.to_le_bytes());
        put(&mut bytes, 16, &self.entries.to_le_bytes());
        put(&mut bytes, 24, &self.highest.0.to_le_bytes());
        put(&mut bytes, 32, &self.chain.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..44]);
        put(&mut bytes, 44, &crc.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<SnapshotFooter, String> {
        if bytes.len() != SNAPSHOT_FOOTER_BYTES || bytes[..8] != FOOTER_MAGIC {
            return Err("the snapshot is not finished".into());
        }
        if crc32fast::hash(&bytes[..44]) != u32_at(bytes, 44) {
            return Err("the snapshot footer's checksum does not match".into());
        }
        Ok(SnapshotFooter {
            blocks: u64_at(bytes, 8),
            entries: u64_at(bytes, 16),
            highest: Lsn(u64_at(bytes, 24)),
            chain: u32_at(bytes, 32),
        })
    }
}

/// Continues the footer's chain over one more checksum.
pub fn chain(before: u32, crc: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(before);
    hasher.update(&crc.to_le_bytes());
    hasher.finalize()
}

pub fn push_entry(block: &mut Vec<u8>, kind: EntryKind, entry: &[u8]) {
    block.push(kind as u8);
    block.extend_from_slice(&u32::try_from(entry.len()).unwrap_or(u32::MAX).to_le_bytes());
    block.extend_from_slice(entry);
}

/// The entries of a block.
pub fn entries(block: &[u8]) -> Result<Vec<(EntryKind, &[u8])>, String> {
    let mut entries = Vec::new();
    let mut rest = block;
    while let Some((head, body)) = rest.split_at_checked(5) {
        let kind = match head[0] {
            1 => EntryKind::Member,
            2 => EntryKind::Service,
            3 => EntryKind::Tenant,
            other => return Err(format!("an entry is of unknown kind {other}")),
        };
        let Some((entry, after)) = body.split_at_checked(u32_at(head, 1) as usize) else {
            return Err("an entry is longer than its block".into());
        };
        entries.push((kind, entry));
        rest = after;
    }
    if rest.is_empty() { Ok(entries) } else { Err("an entry is cut short".into()) }
}
