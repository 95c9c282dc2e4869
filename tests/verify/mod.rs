//! `verify` on folders that were damaged, each in one way: it finds every one.
mod chain;
mod damage;
mod index;

use crate::support::every_kind;
use crate::support::lying_disk::{LyingDisk, Plan};
use eros_points::actors::core::partition_of;
use eros_points::actors::snapshot::{MemberImage, ServiceImage};
use eros_points::cli::verify::{self, Found, Kept};
use eros_points::format::codec;
use eros_points::format::entry::Entry;
use eros_points::format::frame::{FRAME_HEADER_BYTES, FrameKind, frame_header, push_record};
use eros_points::format::segment::{Chain, SEGMENT_HEADER_BYTES, SegmentHeader};
use eros_points::format::snapshot::{EntryKind, SNAPSHOT_VERSION, SnapshotHeader};
use eros_points::ledger::account::Account;
use eros_points::ledger::apply;
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lsn::Lsn;
use eros_points::store::folder::Folder;
use eros_points::store::snapshots::SnapshotWriter;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const LOG_ID: u128 = 0xfeed_beef;
/// The first record of each segment; the first one is archived.
const SEGMENTS: [u64; 3] = [1, 20, 40];
const NOTED: [Lsn; 2] = [Lsn(30), Lsn(50)];

fn folder() -> Folder {
    Folder::at(Path::new("/data"))
}

fn live(first: u64) -> PathBuf {
    folder().wal.join(format!("{first:020}.seg"))
}

fn archived() -> PathBuf {
    folder().archive.join(format!("{:020}.seg.zst", SEGMENTS[0]))
}

fn snapshot(noted: Lsn) -> PathBuf {
    folder().snapshots.join(format!("{:020}.snap", noted.0))
}

/// The records of a log with every kind of event.
fn payloads() -> Vec<Vec<u8>> {
    every_kind::entries().iter().map(Entry::encode).collect()
}

/// Their segments: batches of four, a mark at the end of each segment.
fn segments(payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut chain = Chain::default();
    let mut made = Vec::new();
    for (place, first) in SEGMENTS.into_iter().enumerate() {
        let end = SEGMENTS.get(place + 1).map_or(payloads.len(), |next| *next as usize - 1);
        let header = SegmentHeader { log_id: LOG_ID, ordinal: place as u64 + 1, chain: chain.clone() };
        let mut bytes = header.encode();
        for group in payloads[first as usize - 1..end].chunks(4).chain([&[][..]]) {
            let mut frame = Vec::new();
            for payload in group {
                let partition = match Entry::decode(payload).expect("an entry") {
                    Entry::Member(entry) => partition_of(&entry.crm_id, &entry.member_no),
                    Entry::Tenant(entry) => partition_of(&entry.crm_id, ""),
                    Entry::Service(_) => partition_of("", ""),
                };
                chain.sequences[usize::from(partition)] += 1;
                push_record(&mut frame, partition, chain.sequences[usize::from(partition)], payload);
            }
            let kind = if group.is_empty() { FrameKind::Mark } else { FrameKind::Batch };
            bytes.extend(frame_header(LOG_ID, &mut chain, kind, group.len() as u32, &frame));
            bytes.extend(frame);
        }
        bytes.extend([0; 600]);
        made.push(bytes);
    }
    made
}

fn accounts(through: Lsn) -> BTreeMap<(String, String), Account> {
    let mut accounts = BTreeMap::<_, Account>::new();
    for (lsn, entry) in (1..=through.0).map(Lsn).zip(every_kind::entries()) {
        if let Entry::Member(entry) = entry {
            let account = accounts.entry((entry.crm_id, entry.member_no)).or_default();
            apply(account, lsn, entry.at, &entry.event);
        }
    }
    accounts
}

fn write_snapshot(disk: &LyingDisk, noted: Lsn, accounts: BTreeMap<(String, String), Account>) {
    let header = SnapshotHeader { version: SNAPSHOT_VERSION, log_id: LOG_ID, noted, created_at: Instant(7) };
    let folder = folder();
    let mut writer = SnapshotWriter::create(disk, &folder, header).expect("a snapshot");
    let zones: ServiceImage = vec![(Lsn(1), "Asia/Shanghai".into())];
    writer.push(EntryKind::Service, &codec::encode(&zones), Lsn::ZERO).expect("to write");
    for ((crm_id, member_no), account) in accounts {
        let image: MemberImage = (crm_id, member_no, codec::encode(&account));
        writer.push(EntryKind::Member, &codec::encode(&image), account.last).expect("to write");
    }
    writer.finish(&mut || {}).expect("to finish").publish().expect("to publish");
}

/// A data folder with nothing wrong in it.
fn good() -> LyingDisk {
    let disk = LyingDisk::new(3, Plan::honest());
    let segments = segments(&payloads());
    disk.place(&folder().wal.join("LOG"), format!("{LOG_ID:032x}\n").as_bytes());
    disk.place(&archived(), &zstd::encode_all(&segments[0][..], 3).expect("packed"));
    disk.place(&live(SEGMENTS[1]), &segments[1]);
    disk.place(&live(SEGMENTS[2]), &segments[2]);
    NOTED.into_iter().for_each(|noted| write_snapshot(&disk, noted, accounts(noted)));
    disk
}

fn verified(disk: &LyingDisk, kept: Option<Kept>) -> Result<Found, String> {
    let log_id = folder().log_id(disk).map_err(|error| error.to_string())?.ok_or("no log")?;
    verify::check(disk, &folder(), log_id, kept).map_err(|error| format!("{error:#}"))
}

/// The hash of the whole log.
fn newest(disk: &LyingDisk) -> Kept {
    verified(disk, None).expect("a log").chain.newest.expect("a hash")
}

/// What `verify` says is wrong: a refusal to read on, or what does not hold. None where all holds.
fn wrong(disk: &LyingDisk, kept: Option<Kept>) -> Option<String> {
    match verified(disk, kept) {
        Err(error) => Some(error),
        Ok(found) if found.wrong.is_empty() => None,
        Ok(found) => Some(found.wrong.join("\n")),
    }
}

/// Makes all checksums of these segments anew, and what they repeat of each other: only the hashes are as they were.
fn with_right_checksums(segments: &mut [Vec<u8>]) {
    let mut previous = 0_u32.to_le_bytes();
    let checksum = |bytes: &[u8]| crc32fast::hash(bytes).to_le_bytes();
    for bytes in segments {
        bytes[56..60].copy_from_slice(&previous);
        let header = checksum(&bytes[..SEGMENT_HEADER_BYTES - 4]);
        bytes[SEGMENT_HEADER_BYTES - 4..SEGMENT_HEADER_BYTES].copy_from_slice(&header);
        let mut at = SEGMENT_HEADER_BYTES;
        while bytes[at..at + 4] == *b"EFR\n" {
            let length = u32::from_le_bytes(bytes[at + 28..at + 32].try_into().expect("4 bytes")) as usize;
            let end = at + FRAME_HEADER_BYTES + length;
            bytes[at + 32..at + 36].copy_from_slice(&previous);
            if length > 0 {
                let payload = checksum(&bytes[at + FRAME_HEADER_BYTES..end]);
                bytes[at + 36..at + 40].copy_from_slice(&payload);
            }
            previous = checksum(&bytes[at..at + FRAME_HEADER_BYTES - 4]);
            bytes[at + FRAME_HEADER_BYTES - 4..at + FRAME_HEADER_BYTES].copy_from_slice(&previous);
            at = end;
        }
    }
}
