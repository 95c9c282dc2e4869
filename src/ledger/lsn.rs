//! Log sequence numbers: the one order of all changes, and a record's `auto_id`.
use bincode::{Decode, Encode};
use serde::Serialize;
use std::fmt;

/// The number of a record in the log, from 1, without gaps. 0 stands for "before the first".
/// Below 2^53, so that it is exact as a JSON number in every client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize)]
pub struct Lsn(pub u64);

impl Lsn {
    pub const ZERO: Lsn = Lsn(0);
    pub const MAX: Lsn = Lsn((1 << 53) - 1);

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Lsn {
        self.plus(1)
    }

    /// The number `n` further on.
    #[must_use]
    pub fn plus(self, n: u64) -> Lsn {
        Lsn(self.0 + n)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
