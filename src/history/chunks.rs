//! Records by eights: one row of the store holds eight records of the log, so that the table that all of it goes into takes
//! an eighth of the insertions. The last row is written again with every step until its eight are there; what it holds is
//! kept here meanwhile. A row is, for each place up to the last one that is taken, the payload's length (4 bytes,
//! little-endian; 0 where the record is no member's) and the payload. Pure.
use crate::ledger::lsn::Lsn;

/// Records of one row. More would make a step of few records write the same bytes more often.
const CHUNK_LSNS: u64 = 8;
const LENGTH_BYTES: usize = 4;

/// The row that a record is in.
pub fn chunk_of(lsn: Lsn) -> u64 {
    lsn.0 / CHUNK_LSNS
}

/// The row that is filling.
#[derive(Debug, Default)]
pub struct Chunk {
    number: u64,
    places: u64,
    bytes: Vec<u8>,
}

impl Chunk {
    /// Goes on after a record with the row that it is in, empty where there is none. The row may have later records.
    pub fn resumed(after: Lsn, row: &[u8]) -> Chunk {
        let mut chunk = Chunk { number: chunk_of(after), ..Chunk::default() };
        let places = (after.0 % CHUNK_LSNS + 1) as usize;
        payloads(row).take(places).for_each(|payload| chunk.add(payload));
        chunk
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds a record, which is past all that are there; gives the row before where it begins a new one.
    pub fn push(&mut self, lsn: Lsn, payload: &[u8]) -> Option<Chunk> {
        let number = chunk_of(lsn);
        let full =
            (number != self.number).then(|| std::mem::replace(self, Chunk { number, ..Chunk::default() }));
        while self.places < lsn.0 % CHUNK_LSNS {
            self.add(&[]);
        }
        self.add(payload);
        full
    }

    fn add(&mut self, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(payload);
        self.places += 1;
    }
}

/// The payload of a record in its row; none where it is no member's, or not there.
pub fn payload_in(row: &[u8], lsn: Lsn) -> Option<&[u8]> {
    payloads(row).nth((lsn.0 % CHUNK_LSNS) as usize).filter(|payload| !payload.is_empty())
}

/// The records of a row with their numbers.
pub fn records_in(number: u64, row: &[u8]) -> impl Iterator<Item = (Lsn, &[u8])> {
    let numbered = (number * CHUNK_LSNS..).map(Lsn).zip(payloads(row));
    numbered.filter(|(_, payload)| !payload.is_empty())
}

/// What stands in each place.
fn payloads(mut row: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = row.split_first_chunk::<LENGTH_BYTES>()?;
        let (payload, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        row = rest;
        Some(payload)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_each_record_back_whatever_is_missing_between() {
        let taken = [1, 2, 5, 7, 8, 9, 15, 16, 31, 40];
        let payload = |lsn: u64| format!("record {lsn}").into_bytes();
        let mut rows = std::collections::BTreeMap::new();
        let mut chunk = Chunk::default();
        for (n, lsn) in taken.into_iter().enumerate() {
            if let Some(full) = chunk.push(Lsn(lsn), &payload(lsn)) {
                rows.insert(full.number(), full.bytes().to_vec());
            }
            rows.insert(chunk.number(), chunk.bytes().to_vec());
            if n % 2 == 0 {
                // A restart goes on with what was written.
                chunk = Chunk::resumed(Lsn(lsn), &rows[&chunk.number()]);
            }
        }
        for lsn in 0..48 {
            let found = rows.get(&chunk_of(Lsn(lsn))).and_then(|row| payload_in(row, Lsn(lsn)));
            assert_eq!(found.map(<[u8]>::to_vec), taken.contains(&lsn).then(|| payload(lsn)), "{lsn}");
        }
        let all: Vec<u64> =
            rows.iter().flat_map(|(n, row)| records_in(*n, row)).map(|(lsn, _)| lsn.0).collect();
        assert_eq!(all, taken);
    }

    #[test]
    fn a_row_that_is_cut_off_gives_no_more_than_it_has() {
        let mut chunk = Chunk::default();
        chunk.push(Lsn(0), b"whole");
        chunk.push(Lsn(1), b"cut");
        let row = &chunk.bytes()[..chunk.bytes().len() - 1];
        assert_eq!((payload_in(row, Lsn(0)), payload_in(row, Lsn(1))), (Some(&b"whole"[..]), None));
    }
}
