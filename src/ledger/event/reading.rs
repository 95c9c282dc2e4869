//! What an event says of itself.
use crate::ledger::command::{Details, Fingerprint};
use crate::ledger::event::{
    AccrualReversed, Accrued, Event, Key, RecordType, ReturnReason, Sequel, TransferStatus,
};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::Total;
use crate::ledger::rule::Grant;

impl<T> Event<T> {
    /// The type of record that members see; none for the ledger's own bookkeeping.
    pub fn record_type(&self) -> Option<RecordType> {
        Some(match self {
            Event::Accrued(_) | Event::AccruedByRule(_) => RecordType::Produce,
            Event::Spent(_) => RecordType::Consume,
            Event::AccrualReversed(_) | Event::GrantReversed(_) => RecordType::ReverseProduce,
            Event::SpendReversed(_) => RecordType::ReverseConsume,
            Event::Offered(_) | Event::Sent(_) => RecordType::Transfer,
            Event::OfferReturned(_) => RecordType::TransferReturn,
            Event::Received(_) => RecordType::Accept,
            Event::LotExpired(_) => RecordType::Expired,
            Event::OfferAccepted(_)
            | Event::OutboxCleared(_)
            | Event::LotUnfrozen(_)
            | Event::ProfileSet(_)
            | Event::PersonalDataErased => return None,
        })
    }

    /// When it fell due, for what time does by itself.
    pub fn due(&self) -> Option<Instant> {
        match self {
            Event::LotExpired(e) => Some(e.due),
            Event::LotUnfrozen(e) => Some(e.due),
            Event::OfferReturned(e) => Some(e.due),
            _ => None,
        }
    }
}

impl<T: AsRef<str>> Event<T> {
    /// What the member could spend right after it, where it says so.
    pub fn active_after(&self) -> Option<Total> {
        Some(match self {
            Event::Accrued(e) => e.active_after,
            Event::AccruedByRule(e) => e.accrued.active_after,
            Event::GrantReversed(e) => e.reversed.active_after,
            Event::Spent(e) => e.active_after,
            Event::AccrualReversed(e) => e.active_after,
            Event::SpendReversed(e) => e.active_after,
            Event::Offered(e) => e.active_after,
            Event::Sent(e) => e.active_after,
            Event::OfferReturned(e) => e.active_after,
            Event::Received(e) => e.active_after,
            Event::OfferAccepted(_)
            | Event::OutboxCleared(_)
            | Event::LotExpired(_)
            | Event::LotUnfrozen(_)
            | Event::ProfileSet(_)
            | Event::PersonalDataErased => return None,
        })
    }

    /// The key that it takes.
    pub fn key(&self) -> Option<Key<'_>> {
        Some(match self {
            Event::Accrued(e) => Key::Event(e.event_no.as_ref()),
            Event::AccruedByRule(e) => Key::Event(e.accrued.event_no.as_ref()),
            Event::Spent(e) => Key::Event(e.event_no.as_ref()),
            Event::AccrualReversed(e) => Key::Event(e.event_no.as_ref()),
            Event::GrantReversed(e) => Key::Event(e.reversed.event_no.as_ref()),
            Event::SpendReversed(e) => Key::Event(e.event_no.as_ref()),
            Event::Offered(e) => Key::Transfer(e.transfer_no.as_ref()),
            Event::Sent(e) => Key::Transfer(e.transfer_no.as_ref()),
            Event::OfferReturned(e) => Key::Return(e.transfer_no.as_ref()),
            Event::Received(e) => {
                Key::Incoming { from: e.from.as_ref(), transfer_no: e.transfer_no.as_ref() }
            }
            Event::OfferAccepted(_)
            | Event::OutboxCleared(_)
            | Event::LotExpired(_)
            | Event::LotUnfrozen(_)
            | Event::ProfileSet(_)
            | Event::PersonalDataErased => {
                return None;
            }
        })
    }

    /// The content that the key stands for, where clients choose keys.
    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        match self {
            Event::Accrued(e) => Some(&e.fingerprint),
            Event::AccruedByRule(e) => Some(&e.accrued.fingerprint),
            Event::Spent(e) => Some(&e.fingerprint),
            Event::AccrualReversed(e) => Some(&e.fingerprint),
            Event::GrantReversed(e) => Some(&e.reversed.fingerprint),
            Event::SpendReversed(e) => Some(&e.fingerprint),
            Event::Offered(e) => Some(&e.fingerprint),
            Event::Sent(e) => Some(&e.fingerprint),
            _ => None,
        }
    }

    /// The accrual that it is, by a rule or not.
    pub fn accrual(&self) -> Option<&Accrued<T>> {
        match self {
            Event::Accrued(e) => Some(e),
            Event::AccruedByRule(e) => Some(&e.accrued),
            _ => None,
        }
    }

    /// The same, out of it.
    pub fn into_accrual(self) -> Option<Accrued<T>> {
        match self {
            Event::Accrued(e) => Some(e),
            Event::AccruedByRule(e) => Some(e.accrued),
            _ => None,
        }
    }

    /// How a rule came to it.
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Event::AccruedByRule(e) => Some(&e.grant),
            _ => None,
        }
    }

    /// The reversal of an accrual that it is, of one by a rule or not.
    pub fn accrual_reversed(&self) -> Option<&AccrualReversed<T>> {
        match self {
            Event::AccrualReversed(e) => Some(e),
            Event::GrantReversed(e) => Some(&e.reversed),
            _ => None,
        }
    }

    /// What it did to an earlier record of the account, recorded at `at`.
    pub fn sequel(&self, at: Instant) -> Option<(Lsn, Sequel)> {
        if let Some(e) = self.accrual_reversed() {
            let (points, expired, refunded) = (e.points, e.expired, e.refunded);
            return Some((e.origin, Sequel::Reversed { points, expired, refunded, at }));
        }
        Some(match self {
            Event::SpendReversed(e) => (e.origin, Sequel::GivenBack { points: e.points, at }),
            Event::LotExpired(e) => (e.lot.accrual, Sequel::Expired { lot: e.lot.id, points: e.points }),
            Event::OfferAccepted(e) => (e.offer, Sequel::Closed { status: TransferStatus::Accepted, at }),
            Event::OfferReturned(e) => {
                let status = match e.reason {
                    ReturnReason::Lapsed => TransferStatus::Returned,
                    ReturnReason::Cancelled => TransferStatus::Cancelled,
                };
                (e.offer, Sequel::Closed { status, at: e.due })
            }
            _ => return None,
        })
    }

    /// What its request said beside numbers and members.
    pub fn details(&self) -> Option<&Details<T>> {
        match self {
            Event::Accrued(e) => Some(&e.details),
            Event::AccruedByRule(e) => Some(&e.accrued.details),
            Event::Spent(e) => Some(&e.details),
            _ => None,
        }
    }

    /// The receiver of an offer or a direct transfer.
    pub fn sent_to(&self) -> Option<&str> {
        match self {
            Event::Offered(e) => Some(e.to.as_ref()),
            Event::Sent(e) => Some(e.to.as_ref()),
            _ => None,
        }
    }
}
