//! Chunked posting lists, as the service keeps them: for each field and value the records that have it, one row for
//! each block of 4,096 records, written when the block is full.
use crate::rows::Row;
use std::collections::HashMap;

pub const BLOCK: u64 = 4_096;

/// Tenant, field and value.
pub type ListKey = [u8; 17];

/// A list's part in a block.
pub struct Posting {
    pub list: ListKey,
    pub block: u64,
    pub places: Vec<u8>,
}

/// The block that is filling.
#[derive(Default)]
pub struct Filling {
    pub block: u64,
    lists: HashMap<ListKey, Vec<u8>>,
}

impl Filling {
    /// Adds a row; a block that it is beyond is full, and is given out.
    pub fn add(&mut self, row: &Row, full: &mut Vec<Posting>) {
        let block = row.lsn / BLOCK;
        if block != self.block {
            let done = std::mem::take(&mut self.lists);
            full.extend(done.into_iter().map(|(list, places)| Posting { list, block: self.block, places }));
            self.block = block;
        }
        let place = ((row.lsn % BLOCK) as u16).to_le_bytes();
        for list in row.lists {
            self.lists.entry(list).or_default().extend_from_slice(&place);
        }
    }

    pub fn places(&self, list: &ListKey) -> &[u8] {
        self.lists.get(list).map_or(&[], Vec::as_slice)
    }
}

/// The records of a row, newest first.
pub fn newest_first(block: u64, places: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let (pairs, _) = places.as_chunks::<2>();
    pairs.iter().rev().map(move |pair| block * BLOCK + u64::from(u16::from_le_bytes(*pair)))
}

/// `list` and the block, big-endian: the key of a posting.
pub fn posting_key(list: &ListKey, block: u64) -> [u8; 25] {
    let mut key = [0; 25];
    key[..17].copy_from_slice(list);
    key[17..].copy_from_slice(&block.to_be_bytes());
    key
}
