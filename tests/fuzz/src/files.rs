//! The other files: pages of members out of memory, personal keys, a backup's manifest, keys of the interface.
use eros_points::format::personal_keys::{KEY_SLOT_BYTES, KEYS_HEADER_BYTES, check_header, decode_slot};
use eros_points::format::resting::{RESTING_CONTENT_BYTES, decode_page, encode_page, record_at, records};
use eros_points::http::keys::Keys;
use eros_points::store::backup::Manifest;

pub fn run(data: &[u8]) {
    let Some((what, bytes)) = data.split_first() else { return };
    match what % 4 {
        0 => page(bytes),
        1 => personal_keys(bytes),
        2 => manifest(bytes),
        _ => drop(std::str::from_utf8(bytes).map(Keys::parse)),
    }
}

fn page(bytes: &[u8]) {
    let content = &bytes[..bytes.len().min(RESTING_CONTENT_BYTES)];
    let page = encode_page(1, 2, content);
    assert_eq!(decode_page(&page, 1, 2), Ok(content));
    let _ = decode_page(bytes, 1, 2);
    for (offset, record) in records(bytes) {
        assert_eq!(record_at(bytes, offset), Some(record));
    }
}

fn personal_keys(bytes: &[u8]) {
    let mut padded = bytes.to_vec();
    padded.resize(KEYS_HEADER_BYTES.max(KEY_SLOT_BYTES), 0);
    let _ = check_header(&padded, 1);
    let _ = decode_slot(0, &padded);
    let crc = crc32fast::hash(&padded[..60]);
    padded[60..64].copy_from_slice(&crc.to_le_bytes());
    let _ = check_header(&padded, 1);
    let _ = decode_slot(0, &padded);
}

/// One whose checksum is not looked at is made one whose checksum is good.
fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = Manifest::decode(text);
    if let Ok(manifest) = Manifest::decode(&with_good_end(text)) {
        assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
    }
}

fn with_good_end(text: &str) -> String {
    let body = text.split("\nend ").next().unwrap_or_default();
    let body = format!("{}\n", body.trim_end_matches('\n'));
    format!("{body}end {}\n", blake3::hash(body.as_bytes()))
}
