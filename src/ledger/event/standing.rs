//! What later records do to an earlier one, and how it stands then.
use crate::ledger::instant::Instant;
use crate::ledger::lot::LotId;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::{Amount, Points};
use bincode::{Decode, Encode};
use std::ops::Deref;
use std::sync::LazyLock;

/// What a later record did to an earlier one of the same account. Folded in log order it gives the earlier one's
/// [`Standing`]: nothing of it has to stay in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Sequel {
    /// Of an accrual.
    Reversed { points: Points, expired: Points, refunded: Option<Amount>, at: Instant },
    /// Of an accrual or acceptance: so much of its lots expired.
    Expired { lot: LotId, points: Points },
    /// Of a spend.
    GivenBack { points: Points, at: Instant },
    /// Of an offer or a direct transfer.
    Closed { status: TransferStatus, at: Instant },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum TransferStatus {
    Open,
    Accepted,
    Returned,
    Cancelled,
}

impl TransferStatus {
    pub const ALL: [TransferStatus; 4] =
        [TransferStatus::Open, TransferStatus::Accepted, TransferStatus::Returned, TransferStatus::Cancelled];

    pub fn name(self) -> &'static str {
        match self {
            TransferStatus::Open => "open",
            TransferStatus::Accepted => "accepted",
            TransferStatus::Returned => "returned",
            TransferStatus::Cancelled => "cancelled",
        }
    }
}

/// How a record stands now, by its sequels. Most have none: then it is as small as this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing(Option<Box<Followed>>);

/// What the sequels have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Of an accrual: points reversed so far.
    pub reversed: Points,
    /// Of those, the part that refunds took, and the refunds.
    pub reversed_by_refunds: Points,
    pub refunded: Amount,
    /// Of an accrual: what expired of its lots and was not reversed since.
    pub expired_left: Points,
    /// The lots of an accrual or acceptance of which something expired.
    pub expired_lots: Vec<LotId>,
    /// Of a spend.
    pub given_back: Points,
    /// Of a transfer; `None` while open.
    pub closed: Option<TransferStatus>,
    /// When a reversal, give-back or closing last changed it.
    pub updated_at: Option<Instant>,
    /// The last sequel that it counts.
    pub through: Lsn,
}

impl Deref for Standing {
    type Target = Followed;

    fn deref(&self) -> &Followed {
        static NOTHING: LazyLock<Followed> = LazyLock::new(Followed::default);
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl Standing {
    /// The standing after one more sequel, which record `lsn` brought; one that is counted already changes nothing.
    pub fn follow(&mut self, lsn: Lsn, sequel: &Sequel) {
        if lsn > self.through {
            self.0.get_or_insert_default().follow(lsn, sequel);
        }
    }
}

impl Followed {
    fn follow(&mut self, lsn: Lsn, sequel: &Sequel) {
        self.through = lsn;
        match *sequel {
            Sequel::Reversed { points, expired, refunded, at } => {
                self.reversed += points;
                self.expired_left -= expired;
                if let Some(amount) = refunded {
                    self.reversed_by_refunds += points;
                    self.refunded = Amount(self.refunded.0.saturating_add(amount.0));
                }
                self.updated_at = Some(at);
            }
            Sequel::Expired { lot, points } => {
                self.expired_left += points;
                if !self.expired_lots.contains(&lot) {
                    self.expired_lots.push(lot);
                }
            }
            Sequel::GivenBack { points, at } => {
                self.given_back += points;
                self.updated_at = Some(at);
            }
            Sequel::Closed { status, at } => {
                self.closed = Some(status);
                self.updated_at = Some(at);
            }
        }
    }
}
