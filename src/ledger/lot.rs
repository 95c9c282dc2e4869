//! Lots: the buckets that points lie in.
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::Points;
use bincode::{Decode, Encode};
use serde::{Serialize, Serializer};
use std::fmt;

/// Names a lot: the record that made it and the place in it (an acceptance can make several).
/// In a record's own steps `lsn` 0 stands for that record itself, whose number is given only when it is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct LotId {
    pub lsn: Lsn,
    pub place: u32,
}

impl LotId {
    /// The same name once the record that it stands in has its number.
    #[must_use]
    pub fn resolved(self, record: Lsn) -> LotId {
        if self.lsn == Lsn::ZERO { LotId { lsn: record, ..self } } else { self }
    }
}

impl fmt::Display for LotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.lsn, self.place)
    }
}

impl Serialize for LotId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a lot is, apart from how much it holds: enough to bring it back after it was emptied and forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct LotKind {
    pub id: LotId,
    /// The record of this account that its points belong to: the accrual, or the acceptance of a transfer.
    /// A lot that grace gave carries its origin's.
    pub accrual: Lsn,
    /// The accrual, of whichever member, that first issued its points: time of issue, store, cost center stand there.
    pub source: Lsn,
    pub expire_at: Option<Instant>,
    /// Born by `refund_grace_days`: gets no further grace.
    pub graced: bool,
}

impl LotKind {
    pub fn expired(&self, now: Instant) -> bool {
        self.expire_at.is_some_and(|at| at <= now)
    }

    /// Spending order: earliest expiry first, no expiry last; then recorded first.
    pub fn spending_key(&self) -> (Instant, LotId) {
        (self.expire_at.unwrap_or(Instant::MAX), self.id)
    }

    pub fn resolved(self, record: Lsn) -> LotKind {
        LotKind { id: self.id.resolved(record), ..self }
    }
}

/// A lot that holds something. Emptied lots are not kept: the log and the index remember them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Lot {
    pub kind: LotKind,
    /// Above zero.
    pub remaining: Points,
    /// `None`: was never frozen.
    pub unfreeze_at: Option<Instant>,
}

impl Lot {
    pub fn frozen(&self, now: Instant) -> bool {
        self.unfreeze_at.is_some_and(|at| now < at)
    }

    /// The later state wins at the boundary: active from `unfreeze_at` on, expired from `expire_at` on.
    pub fn active(&self, now: Instant) -> bool {
        !self.frozen(now) && !self.kind.expired(now)
    }
}

/// So many points of a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Taken {
    pub lot: LotKind,
    pub points: Points,
}
