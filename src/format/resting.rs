//! A member at rest as bytes: the records that lie one after the other in memory and in the pages of the file of members
//! out of memory. Specified in `snapshots/README.md`.
use crate::format::bytes::{put, u16_at, u32_at};

pub const RESTING_PAGE_BYTES: usize = 4_096;
pub const RESTING_PAGE_HEADER_BYTES: usize = 16;
pub const RESTING_RECORD_HEADER_BYTES: usize = 9;
/// What a page holds; a longer record fills pages of its own.
pub const RESTING_CONTENT_BYTES: usize = RESTING_PAGE_BYTES - RESTING_PAGE_HEADER_BYTES;

const _: () = assert!(RESTING_PAGE_BYTES <= u16::MAX as usize);

/// A member at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestingRecord<'a> {
    /// Its place in its shard of the directory.
    pub slot: u32,
    pub name: &'a str,
    /// Its packed account: empty where nothing was recorded of it.
    pub account: &'a [u8],
}

impl RestingRecord<'_> {
    pub fn bytes(&self) -> usize {
        RESTING_RECORD_HEADER_BYTES + self.name.len() + self.account.len()
    }

    /// Appends the record to `out`.
    pub fn push(&self, out: &mut Vec<u8>) {
        // Both are bounded before they get here: names by `MEMBER_BYTES_MAX`, accounts by what a block of a snapshot holds.
        let narrow = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let name_bytes = u8::try_from(self.name.len()).unwrap_or(u8::MAX);
        out.extend_from_slice(&self.slot.to_le_bytes());
        out.extend_from_slice(&narrow(self.account.len()).to_le_bytes());
        out.push(name_bytes);
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(self.account);
    }
}

/// The record that begins at `offset`; none where there is no whole one.
pub fn record_at(bytes: &[u8], offset: usize) -> Option<RestingRecord<'_>> {
    let bytes = bytes.get(offset..)?;
    let (header, rest) = bytes.split_at_checked(RESTING_RECORD_HEADER_BYTES)?;
    let (name, rest) = rest.split_at_checked(usize::from(header[8]))?;
    let account = rest.get(..u32_at(header, 4) as usize)?;
    Some(RestingRecord { slot: u32_at(header, 0), name: std::str::from_utf8(name).ok()?, account })
}

/// The records that lie one after the other, each with its offset.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = (usize, RestingRecord<'_>)> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let (at, record) = (offset, record_at(bytes, offset)?);
        offset += record.bytes();
        Some((at, record))
    })
}

/// A page of the file: page `number`, the `sequence`th that its shard wrote, with `content`.
pub fn encode_page(number: u32, sequence: u32, content: &[u8]) -> [u8; RESTING_PAGE_BYTES] {
    debug_assert!(content.len() <= RESTING_CONTENT_BYTES);
    let mut page = [0; RESTING_PAGE_BYTES];
    put(&mut page, 0, &number.to_le_bytes());
    put(&mut page, 4, &sequence.to_le_bytes());
    put(&mut page, 8, &(content.len() as u16).to_le_bytes());
    put(&mut page, RESTING_PAGE_HEADER_BYTES, content);
    let checksum = checksum(&page, content.len());
    put(&mut page, 12, &checksum.to_le_bytes());
    page
}

/// What page `number` holds, if it is as it was when it was written as the `sequence`th.
pub fn decode_page(page: &[u8], number: u32, sequence: u32) -> Result<&[u8], String> {
    let bytes = usize::from(u16_at(page, 8));
    if bytes > RESTING_CONTENT_BYTES || page.len() != RESTING_PAGE_BYTES {
        return Err(format!("it claims to hold {bytes} bytes"));
    }
    if checksum(page, bytes) != u32_at(page, 12) {
        return Err("its checksum does not match".into());
    }
    let (found, written) = (u32_at(page, 0), u32_at(page, 4));
    if (found, written) != (number, sequence) {
        return Err(format!(
            "it is page {found}, written as {written}, not page {number}, written as {sequence}"
        ));
    }
    Ok(&page[RESTING_PAGE_HEADER_BYTES..RESTING_PAGE_HEADER_BYTES + bytes])
}

/// Of the header before it, then of the content.
fn checksum(page: &[u8], content_bytes: usize) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&page[..12]);
    hasher.update(&page[RESTING_PAGE_HEADER_BYTES..RESTING_PAGE_HEADER_BYTES + content_bytes]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<RestingRecord<'static>> {
        let long: &[u8] = &[9; 300];
        vec![
            RestingRecord { slot: 0, name: "ann", account: &[1, 2, 3] },
            RestingRecord { slot: u32::MAX, name: "会员", account: &[] },
            RestingRecord { slot: 7, name: "", account: long },
        ]
    }

    #[test]
    fn records_lie_one_after_the_other() {
        let mut bytes = Vec::new();
        sample().iter().for_each(|record| record.push(&mut bytes));
        assert_eq!(bytes.len(), sample().iter().map(RestingRecord::bytes).sum::<usize>());
        let found: Vec<_> = records(&bytes).map(|(_, record)| record).collect();
        assert_eq!(found, sample());
        let offsets: Vec<usize> = records(&bytes).map(|(offset, _)| offset).collect();
        assert_eq!(offsets, [0, 9 + 3 + 3, 9 + 3 + 3 + 9 + 6], "header, name and account");
        for (offset, record) in records(&bytes) {
            assert_eq!(record_at(&bytes, offset), Some(record));
        }
        assert_eq!(record_at(&bytes[..bytes.len() - 1], sample()[0].bytes() + sample()[1].bytes()), None);
    }

    #[test]
    fn a_page_can_be_full_and_no_fuller_and_is_read_whole_or_not_at_all() {
        let content = [5; RESTING_CONTENT_BYTES];
        let page = encode_page(3, 5, &content);
        assert_eq!(decode_page(&page, 3, 5), Ok(&content[..]));
        let claims = |page: &[u8]| decode_page(page, 3, 5).expect_err("no page").contains("claims to hold");
        let mut fuller = page;
        put(&mut fuller, 8, &(RESTING_CONTENT_BYTES as u16 + 1).to_le_bytes());
        assert!(claims(&fuller));
        let short = encode_page(3, 5, b"content");
        assert!(claims(&short[..RESTING_PAGE_BYTES - 1]) && claims(&[&short[..], &[0]].concat()));
    }

    #[test]
    fn a_page_is_taken_only_as_it_was_written() {
        let page = encode_page(3, 5, b"content");
        assert_eq!(decode_page(&page, 3, 5), Ok(&b"content"[..]));
        assert!(decode_page(&page, 4, 5).is_err(), "another page");
        assert!(decode_page(&page, 3, 4).is_err(), "what lay there before");
        for bit in 0..(RESTING_PAGE_HEADER_BYTES + 7) * 8 {
            let mut flipped = page;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_page(&flipped, 3, 5).is_err(), "bit {bit}");
        }
    }
}
