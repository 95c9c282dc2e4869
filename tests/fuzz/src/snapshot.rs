//! Snapshots: header, blocks, entries and accounts of either version.
use eros_points::actors::snapshot::{MemberImage, ServiceImage, TenantImage, account_of};
use eros_points::format::codec;
use eros_points::format::snapshot::{
    BLOCK_HEADER_BYTES, EntryKind, SNAPSHOT_FOOTER_BYTES, SNAPSHOT_HEADER_BYTES, SnapshotFooter,
    SnapshotHeader, decode_block_header, entries,
};

pub fn run(data: &[u8]) {
    let Some((what, bytes)) = data.split_first() else { return };
    match what % 4 {
        0 => account(1, bytes),
        1 => account(2, bytes),
        2 => block(bytes),
        _ => ends(bytes),
    }
}

/// What is read of an account is written as it was read, and its sums can be reckoned.
fn account(version: u16, bytes: &[u8]) {
    if let Ok(account) = account_of(version, bytes) {
        let written = codec::encode(&account);
        assert_eq!(codec::encode(&account_of(2, &written).expect("what was written is read")), written);
        let _ = account.check();
    }
}

fn block(bytes: &[u8]) {
    for (kind, entry) in entries(bytes).unwrap_or_default() {
        match kind {
            EntryKind::Member => {
                if let Ok((_, _, packed)) = codec::decode::<MemberImage>(entry) {
                    account(2, &packed);
                }
            }
            EntryKind::Service => drop(codec::decode::<ServiceImage>(entry)),
            EntryKind::Tenant => drop(codec::decode::<TenantImage>(entry)),
        }
    }
}

/// Header and footer with their checksums made good, and a block's header.
fn ends(bytes: &[u8]) {
    let good = |length: usize| {
        let mut bytes = bytes.to_vec();
        bytes.resize(length, 0);
        let crc = crc32fast::hash(&bytes[..length - 4]);
        bytes[length - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    };
    let _ = SnapshotHeader::decode(&good(SNAPSHOT_HEADER_BYTES));
    let _ = SnapshotFooter::decode(&good(SNAPSHOT_FOOTER_BYTES));
    let _ = decode_block_header(&good(BLOCK_HEADER_BYTES), 1);
    let _ = SnapshotHeader::decode(bytes);
    let _ = SnapshotFooter::decode(bytes);
}
