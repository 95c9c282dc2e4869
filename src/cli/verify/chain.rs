//! The chain of hashes, held against the log, and against a hash that was kept elsewhere.
use crate::format::segment::Hash;
use crate::ledger::lsn::Lsn;
use crate::store::recovery::CheckedSegment;
use std::fmt;
use std::str::FromStr;

/// A hash of the log through a record, as `/metrics` and `inspect` tell it: `HASH@LSN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub hash: Hash,
    pub lsn: Lsn,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", blake3::Hash::from(self.hash), self.lsn)
    }
}

impl FromStr for Kept {
    type Err = String;

    fn from_str(text: &str) -> Result<Kept, String> {
        let wrong = || "it should be 64 hexadecimal digits, an @ and a record's number".to_owned();
        let (hash, lsn) = text.split_once('@').ok_or_else(wrong)?;
        let hash = blake3::Hash::from_hex(hash).map_err(|_| wrong())?.into();
        Ok(Kept { hash, lsn: Lsn(lsn.parse().map_err(|_| wrong())?) })
    }
}

/// What was seen of the chain.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// Those that bear a hash.
    pub batches: u64,
    pub newest: Option<Kept>,
    /// Looked for.
    pub kept: Option<Kept>,
    kept_is_there: bool,
}

impl Chain {
    pub fn looking_for(kept: Option<Kept>) -> Chain {
        Chain { kept, ..Chain::default() }
    }

    /// The next segment; says what does not hold.
    pub fn take(&mut self, segment: &CheckedSegment) -> Vec<String> {
        let mut wrong = Vec::new();
        for link in &segment.links {
            let (first, last) = link.records;
            if !link.holds {
                wrong.push(format!(
                    "{} at byte {}, at records {first} to {last}: the batch is not what its hash was made of: \
                     it was changed after it was written, or its hash was",
                    segment.path().display(),
                    link.offset
                ));
            }
            let found = Kept { hash: link.hash, lsn: last };
            self.batches += 1;
            self.kept_is_there |= self.kept == Some(found);
            self.newest = Some(found);
        }
        wrong
    }

    /// What does not hold when all was seen.
    pub fn left(&self) -> Option<String> {
        let kept = self.kept.filter(|_| !self.kept_is_there)?;
        Some(format!(
            "the log does not have the hash {kept}: it is not the log that this hash was taken of, or its past was changed"
        ))
    }
}
