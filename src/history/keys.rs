//! The keys of the index's tables. Names of any length become hashes of fixed length; numbers are big-endian, so that
//! their order is the keys' order. A record found by a hash is compared with what was asked for before it is shown.
use crate::ledger::event::Key;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use foldhash::HashMap;
use siphasher::sip128::SipHasher13;
use std::hash::{BuildHasher, RandomState};

/// So many hashes are remembered of each kind.
const REMEMBERED_MAX: usize = 10_000;

/// Hashes of texts that come again and again: tenants, stores, scenes.
#[derive(Debug)]
pub struct Remembered {
    hashes: Hashes,
    tenants: HashMap<Box<str>, [u8; 8]>,
    values: HashMap<Box<str>, [u8; 8]>,
}

impl Remembered {
    pub fn new(hashes: Hashes) -> Remembered {
        Remembered { hashes, tenants: HashMap::default(), values: HashMap::default() }
    }

    pub fn tenant(&mut self, crm_id: &str) -> [u8; 8] {
        remembered(&mut self.tenants, crm_id, |text| self.hashes.tenant(text))
    }

    pub fn value(&mut self, text: &str) -> [u8; 8] {
        remembered(&mut self.values, text, |text| self.hashes.value(text))
    }
}

fn remembered(
    hashes: &mut HashMap<Box<str>, [u8; 8]>,
    text: &str,
    hash: impl FnOnce(&str) -> [u8; 8],
) -> [u8; 8] {
    if let Some(known) = hashes.get(text) {
        return *known;
    }
    if hashes.len() >= REMEMBERED_MAX {
        hashes.clear();
    }
    *hashes.entry(text.into()).or_insert_with_key(|text| hash(text))
}

/// 96 bits name a member among all that will ever be.
pub type MemberHash = [u8; 12];

/// What is hashed is seldom longer.
const USUAL_BYTES: usize = 256;

/// The key of an index's hashes, its own and kept in it: SipHash-1-3 of 128 bits. A client that knew it could choose
/// numbers that have one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashes(pub [u8; 16]);

impl Hashes {
    pub fn random() -> Hashes {
        let random = || RandomState::new().hash_one(0).to_ne_bytes();
        let mut key = [0; 16];
        key.as_chunks_mut().0.fill_with(random);
        Hashes(key)
    }

    fn hash<const N: usize>(&self, purpose: u8, parts: &[&[u8]]) -> [u8; N] {
        const { assert!(N <= 16) };
        // Hashed at once: the hasher takes small pieces one by one at several times the cost.
        let (mut usual, mut longer) = ([0; USUAL_BYTES], Vec::new());
        let length = 1 + parts.iter().map(|part| 8 + part.len()).sum::<usize>();
        let bytes = match usual.get_mut(..length) {
            Some(bytes) => bytes,
            None => {
                longer.resize(length, 0);
                &mut longer[..]
            }
        };
        bytes[0] = purpose;
        let mut at = 1;
        for part in parts {
            let end = at + 8 + part.len();
            bytes[at..at + 8].copy_from_slice(&(part.len() as u64).to_le_bytes());
            bytes[at + 8..end].copy_from_slice(part);
            at = end;
        }
        let mut out = [0; N];
        out.copy_from_slice(&SipHasher13::new_with_key(&self.0).hash(bytes).as_bytes()[..N]);
        out
    }

    pub fn tenant(&self, crm_id: &str) -> [u8; 8] {
        self.hash(1, &[crm_id.as_bytes()])
    }

    pub fn member(&self, crm_id: &str, member_no: &str) -> MemberHash {
        self.hash(2, &[crm_id.as_bytes(), member_no.as_bytes()])
    }

    pub fn value(&self, text: &str) -> [u8; 8] {
        self.hash(3, &[text.as_bytes()])
    }

    /// All keys of a tenant that show `number` begin so.
    pub fn number(&self, crm_id: &str, number: &str) -> [u8; 8] {
        self.hash(4, &[crm_id.as_bytes(), number.as_bytes()])
    }

    /// An idempotency key: by its number first, so that a tenant can be searched for it.
    pub fn taken(&self, crm_id: &str, member_no: &str, key: &Key<'_>) -> [u8; 20] {
        let from = match key {
            Key::Incoming { from, .. } => from,
            _ => "",
        };
        let parts = [
            crm_id.as_bytes(),
            member_no.as_bytes(),
            &[key.space()],
            key.number().as_bytes(),
            from.as_bytes(),
        ];
        let mut out = [0; 20];
        out[..8].copy_from_slice(&self.number(crm_id, key.number()));
        out[8..].copy_from_slice(&self.hash::<12>(5, &parts));
        out
    }

    /// Offers to a member under a number.
    pub fn offered(&self, crm_id: &str, receiver: &str, transfer_no: &str) -> [u8; 12] {
        self.hash(6, &[crm_id.as_bytes(), receiver.as_bytes(), transfer_no.as_bytes()])
    }

    /// An order, by the number that its accruals bear.
    pub fn order(&self, crm_id: &str, order_sn: &str) -> [u8; 12] {
        self.hash(7, &[crm_id.as_bytes(), order_sn.as_bytes()])
    }
}

/// A member's or an order's record.
pub fn of_record(hash: &[u8; 12], lsn: Lsn) -> [u8; 20] {
    let mut key = [0; 20];
    key[..12].copy_from_slice(hash);
    key[12..].copy_from_slice(&lsn.0.to_be_bytes());
    key
}

/// `prefix` and a record's number.
pub fn with_lsn(prefix: &[u8], lsn: Lsn) -> Vec<u8> {
    [prefix, &lsn.0.to_be_bytes()].concat()
}

/// The record's number that a key ends with.
pub fn lsn_of(key: &[u8]) -> Lsn {
    let mut bytes = [0; 8];
    if let Some(end) = key.len().checked_sub(8) {
        bytes.copy_from_slice(&key[end..]);
    }
    Lsn(u64::from_be_bytes(bytes))
}

/// An instant so that earlier ones sort first, before 1970 too.
pub fn instant(at: Instant) -> [u8; 8] {
    (at.0.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_any_length_are_hashed_with_their_lengths() {
        for length in (0..600).step_by(7).chain([USUAL_BYTES - 10, USUAL_BYTES - 9, USUAL_BYTES - 8]) {
            let part = vec![b'x'; length];
            let whole = [&[9][..], &(length as u64).to_le_bytes(), &part, &[0; 8]].concat();
            let hash = SipHasher13::new_with_key(&[7; 16]).hash(&whole).as_bytes();
            assert_eq!(Hashes([7; 16]).hash::<16>(9, &[&part, &[]]), hash, "{length}");
        }
    }
}
