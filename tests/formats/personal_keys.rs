//! The file of personal keys, each part against bytes put together here from what the page says.
use super::bytes::crc32;
use eros_points::format::newer::Unread;
use eros_points::format::personal_keys::*;

const LOG_ID: u128 = 0x0102 << 80 | 7;
const KEY: PersonalKey = *b"0123456789abcdef0123456789ABCDEF";

fn with_crc(parts: &[&[u8]]) -> Vec<u8> {
    let bytes = parts.concat();
    let crc = crc32(&[&bytes]).to_le_bytes();
    [&bytes[..], &crc].concat()
}

fn header(version: u16) -> Vec<u8> {
    with_crc(&[b"EROSKEYS", &version.to_le_bytes(), &[0; 6], &LOG_ID.to_le_bytes(), &[0; 28]])
}

/// By its number in the file, which counts from 1.
fn slot(number: u64) -> Vec<u8> {
    with_crc(&[&KEY, &number.to_le_bytes(), &[0; 20]])
}

/// All bytes that differ from these by a bit.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit, flipped)
    })
}

#[test]
fn a_header_is_magic_version_log_and_checksum() {
    assert_eq!(encode_header(LOG_ID)[..], header(1));
    assert_eq!(check_header(&header(1), LOG_ID), Ok(()));
    for (bit, bytes) in flipped(&header(1)) {
        assert!(check_header(&bytes, LOG_ID).is_err(), "bit {bit}");
    }
}

#[test]
fn a_header_that_is_no_headers_another_logs_or_of_another_version_is_refused_in_words_that_say_so() {
    let words = |bytes: &[u8], log_id: u128| check_header(bytes, log_id).map_err(|unread| unread.to_string());
    let refused = |bytes: &[u8], part: &str| {
        let words = words(bytes, LOG_ID).expect_err(part);
        assert!(words.contains(part), "{words} should say {part}");
    };
    refused(&with_crc(&[b"EROSSNAP", &header(1)[8..60]]), "does not begin as one of personal keys");
    refused(&[&header(1)[..60], &[0; 4]].concat(), "checksum does not match");
    refused(&header(0), "version 0, which never was");
    assert!(matches!(check_header(&header(2), LOG_ID), Err(Unread::Newer(newer)) if newer.found == 2));
    let other = words(&header(1), LOG_ID + 1).expect_err("another log's");
    assert_eq!(other, format!("it belongs to log {LOG_ID:032x}, not {:032x}", LOG_ID + 1));
}

#[test]
fn a_slot_is_key_number_from_1_and_checksum() {
    for n in [0, 1, 70_000] {
        assert_eq!(encode_slot(n, &KEY)[..], slot(n + 1));
        assert_eq!(decode_slot(n, &slot(n + 1)), Some(KEY));
    }
}

#[test]
fn a_slot_that_is_destroyed_torn_or_anothers_has_no_key() {
    assert_eq!(decode_slot(0, &[0; KEY_SLOT_BYTES]), None, "destroyed");
    for (bit, bytes) in flipped(&slot(2)) {
        assert_eq!(decode_slot(1, &bytes), None, "bit {bit}");
    }
    for n in [0, 2, 3] {
        assert_eq!(decode_slot(n, &slot(2)), None, "asked for as slot {n}");
    }
}
