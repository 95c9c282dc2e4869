//! An account: what one member holds. Changed by `apply` alone.
//!
//! It keeps what is open (lots that hold something, debts, offers, the outbox) and five sums, never the past: that is
//! the log's and the index's. So its size is bounded by what the member has, not by what it did.
use crate::ledger::event::{Event, ForeignLot};
use crate::ledger::instant::{Instant, Span};
use crate::ledger::lot::{Lot, LotId, Taken};
use crate::ledger::lots::Lots;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::{Points, Total};
use crate::ledger::profile::Profile;
use crate::ledger::rule::Uses;
use bincode::{Decode, Encode};

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Account {
    /// The last record applied; replay skips what is not newer.
    pub last: Lsn,
    /// The first record that members see, and when it was made.
    pub first_record: Lsn,
    pub created_at: Instant,
    /// When the last record that members see was made.
    pub updated_at: Instant,
    /// How many records members see.
    pub records: u64,
    /// The latest moment that the account has acted at. Time never goes back behind it.
    pub clock: Instant,
    /// Accrued + accepted - reversed.
    pub total: Total,
    /// Spent + sent (open offers included) - given back.
    pub used: Total,
    /// What lots held when they expired - what reversals took out of that.
    pub expired: Total,
    pub lots: Lots,
    /// Oldest first. While there is one, no active lot holds anything.
    pub debts: Vec<Debt>,
    /// What reversals took from other lots than their origin's, oldest first, until it is made good.
    pub elsewhere: Vec<Elsewhere>,
    /// Oldest first.
    pub offers: Vec<OpenOffer>,
    /// Transfers that the receiver's account is not yet known to have, oldest first.
    pub outbox: Vec<Outgoing>,
    /// What most members don't have; apart, so that they pay a byte for it.
    pub more: Option<Box<More>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct More {
    pub profile: Option<Profile>,
    /// What it has had by rules.
    pub uses: Uses,
}

/// Points that the reversal of `accrual` took and nobody had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Debt {
    pub accrual: Lsn,
    pub points: Points,
}

/// So many points of a lot were taken for the reversal of `accrual`, which is another lot's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Elsewhere {
    pub accrual: Lsn,
    pub taken: Taken,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OpenOffer {
    pub lsn: Lsn,
    pub transfer_no: String,
    pub to: String,
    pub points: Points,
    pub taken: Vec<Taken>,
    pub deadline: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Outgoing {
    /// The record of the offer or direct transfer.
    pub offer: Lsn,
    pub transfer_no: String,
    pub to: String,
    pub lots: Vec<ForeignLot>,
}

impl Outgoing {
    /// What an offer or a direct transfer, recorded as `offer`, brings its receiver.
    pub fn of(offer: Lsn, event: &Event) -> Option<Outgoing> {
        let (transfer_no, to, taken) = match event {
            Event::Offered(e) => (&e.transfer_no, &e.to, &e.taken),
            Event::Sent(e) => (&e.transfer_no, &e.to, &e.taken),
            _ => return None,
        };
        let lots = on_their_way(taken);
        Some(Outgoing { offer, transfer_no: transfer_no.clone(), to: to.clone(), lots })
    }
}

/// Lots as the receiver will have them: they keep their expiry and their source.
pub(super) fn on_their_way(taken: &[Taken]) -> Vec<ForeignLot> {
    let foreign = |part: &Taken| ForeignLot {
        points: part.points,
        source: part.lot.source,
        expire_at: part.lot.expire_at,
    };
    taken.iter().map(foreign).collect()
}

/// The earlier of two instants, of which there may be none.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl Account {
    /// What active lots hold, less debt: what the member can spend, where it is positive.
    pub fn active(&self, now: Instant) -> Total {
        self.lots.active(now) - self.debt()
    }

    /// Active points that expire within `span` from now.
    pub fn expiring_within(&self, span: Span, now: Instant) -> Total {
        let soon = self.lots.expired(now.after(span));
        soon.filter(|lot| lot.active(now)).map(|lot| lot.remaining).sum()
    }

    pub fn debt(&self) -> Total {
        self.debts.iter().map(|debt| debt.points).sum()
    }

    /// Debt made by the reversal of `accrual`.
    pub fn debt_for(&self, accrual: Lsn) -> Points {
        self.debts.iter().filter(|debt| debt.accrual == accrual).map(|debt| debt.points).sum()
    }

    pub fn lot(&self, id: LotId) -> Option<&Lot> {
        self.lots.iter().find(|lot| lot.kind.id == id)
    }

    pub fn offer(&self, transfer_no: &str) -> Option<&OpenOffer> {
        self.offers.iter().find(|offer| offer.transfer_no == transfer_no)
    }

    pub fn outgoing(&self, transfer_no: &str) -> Option<&Outgoing> {
        self.outbox.iter().find(|out| out.transfer_no == transfer_no)
    }

    pub fn profile(&self) -> Option<&Profile> {
        self.more.as_ref()?.profile.as_ref()
    }

    pub fn uses(&self) -> Option<&Uses> {
        self.more.as_ref().map(|more| &more.uses)
    }

    /// The next instant at which time alone changes something that must be recorded.
    pub fn next_due(&self) -> Option<Instant> {
        // Asked at each change, of accounts that mostly have neither offers nor debts.
        let mut due = self.lots.first_expiry();
        for offer in &self.offers {
            due = earlier(due, Some(offer.deadline));
        }
        if !self.debts.is_empty() {
            due = self.lots_that_will_pay().fold(due, |due, lot| earlier(due, lot.unfreeze_at));
        }
        due.map(|due| due.max(self.clock))
    }

    /// Frozen lots, while there is debt.
    pub(super) fn lots_that_will_pay(&self) -> impl Iterator<Item = &Lot> {
        let those = if self.debts.is_empty() { 0 } else { self.lots.len() };
        self.lots.iter().take(those).filter(|lot| lot.unfreeze_at.is_some())
    }

    pub(super) fn pay_debt(&mut self, accrual: Lsn, mut points: Points) {
        for debt in self.debts.iter_mut().filter(|debt| debt.accrual == accrual) {
            let part = debt.points.min(points);
            debt.points -= part;
            points -= part;
        }
        debug_assert!(points.is_zero(), "a record pays more debt than there is");
        self.debts.retain(|debt| debt.points.is_positive());
    }

    /// The last lot remembered as taken for `accrual`.
    pub(super) fn last_elsewhere(&self, accrual: Lsn) -> Option<Taken> {
        self.elsewhere.iter().rev().find(|entry| entry.accrual == accrual).map(|entry| entry.taken)
    }

    /// Reduces the last memory of `lot` taken for `accrual` by `points`; by all of it where `None`.
    pub(super) fn forget_elsewhere(&mut self, accrual: Lsn, lot: LotId, points: Option<Points>) {
        let is_it = |entry: &Elsewhere| entry.accrual == accrual && entry.taken.lot.id == lot;
        let Some(place) = self.elsewhere.iter().rposition(is_it) else {
            debug_assert!(false, "a record makes good what is not remembered");
            return;
        };
        let rest = points.map_or(Points::ZERO, |points| self.elsewhere[place].taken.points - points);
        if rest.is_positive() {
            self.elsewhere[place].taken.points = rest;
        } else {
            self.elsewhere.remove(place);
        }
    }

    /// Holds the account against the identity and its own invariants; says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let held: Total = self.lots.iter().map(|lot| lot.remaining).sum();
        if self.lots.held() != held {
            return Err(format!("lots hold {held} and are said to hold {}", self.lots.held()));
        }
        let first = self.lots.front().and_then(|lot| lot.kind.expire_at);
        if self.lots.first_expiry() != first {
            return Err(format!("the first lot expires at {first:?}, not at {:?}", self.lots.first_expiry()));
        }
        let sum = held - self.debt() + self.expired + self.used;
        if self.total != sum {
            return Err(format!(
                "total {} is not held {held} - debt {} + expired {} + used {}",
                self.total,
                self.debt(),
                self.expired,
                self.used
            ));
        }
        if !self.lots.iter().is_sorted_by(|a, b| a.kind.spending_key() < b.kind.spending_key()) {
            return Err("lots are out of spending order".into());
        }
        let positive = self.lots.iter().all(|lot| lot.remaining.is_positive())
            && self.debts.iter().all(|debt| debt.points.is_positive())
            && self.elsewhere.iter().all(|entry| entry.taken.points.is_positive());
        if !positive {
            return Err("an empty lot, debt or memory is kept".into());
        }
        if self.expired < Total::ZERO || self.used < Total::ZERO || self.total < Total::ZERO {
            return Err(format!(
                "a sum is negative: total {}, used {}, expired {}",
                self.total, self.used, self.expired
            ));
        }
        // Lots that unfreeze at this very instant pay one after the other, each in a record of its own.
        let unfrozen = |lot: &Lot| lot.unfreeze_at.is_none_or(|at| at < self.clock);
        let idle = self.lots.iter().any(|lot| lot.active(self.clock) && unfrozen(lot));
        if idle && !self.debts.is_empty() {
            return Err("an active lot holds points while there is debt".into());
        }
        Ok(())
    }
}
