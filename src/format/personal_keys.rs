//! The file of personal keys: a header, then slots. Specified in `snapshots/README.md`.
use crate::format::bytes::{put, u16_at, u32_at, u64_at, u128_at};
use crate::format::newer::{Unread, known_version};

pub const KEYS_MAGIC: [u8; 8] = *b"EROSKEYS";
pub const KEYS_VERSION: u16 = 1;
pub const KEYS_HEADER_BYTES: usize = 64;
pub const KEY_SLOT_BYTES: usize = 64;

/// A key of XChaCha20-Poly1305.
pub type PersonalKey = [u8; 32];

pub fn encode_header(log_id: u128) -> [u8; KEYS_HEADER_BYTES] {
    let mut bytes = [0; KEYS_HEADER_BYTES];
    put(&mut bytes, 0, &KEYS_MAGIC);
    put(&mut bytes, 8, &KEYS_VERSION.to_le_bytes());
    put(&mut bytes, 16, &log_id.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..60]);
    put(&mut bytes, 60, &crc.to_le_bytes());
    bytes
}

/// Says what is wrong with the header of a file that should be log `log_id`'s.
pub fn check_header(bytes: &[u8], log_id: u128) -> Result<(), Unread> {
    if bytes[..8] != KEYS_MAGIC {
        return Err("the file does not begin as one of personal keys".into());
    }
    if crc32fast::hash(&bytes[..60]) != u32_at(bytes, 60) {
        return Err("the header's checksum does not match".into());
    }
    known_version("file of personal keys", u16_at(bytes, 8), KEYS_VERSION)?;
    let found = u128_at(bytes, 16);
    if found != log_id {
        return Err(format!("it belongs to log {found:032x}, not {log_id:032x}").into());
    }
    Ok(())
}

pub fn encode_slot(slot: u64, key: &PersonalKey) -> [u8; KEY_SLOT_BYTES] {
    let mut bytes = [0; KEY_SLOT_BYTES];
    put(&mut bytes, 0, key);
    put(&mut bytes, 32, &(slot + 1).to_le_bytes());
    let crc = crc32fast::hash(&bytes[..60]);
    put(&mut bytes, 60, &crc.to_le_bytes());
    bytes
}

/// The key in a slot; none in one never used, destroyed or torn.
pub fn decode_slot(slot: u64, bytes: &[u8]) -> Option<PersonalKey> {
    let whole = u64_at(bytes, 32) == slot + 1 && crc32fast::hash(&bytes[..60]) == u32_at(bytes, 60);
    whole.then(|| std::array::from_fn(|n| bytes[n]))
}
