//! What happened to an account: the content of the log. Facts and decisions only; replay never decides again.
//!
//! The order of variants and fields is the format on disk (`wal/README.md`): append, never reorder.
//!
//! `T` is what their texts are: owned, or `&str` where a log is replayed and `apply` needs hardly any of them.
use crate::ledger::command::{Details, Fingerprint, SourceType, as_hex};
use crate::ledger::instant::Instant;
use crate::ledger::lot::{LotId, LotKind, Taken};
use crate::ledger::lsn::Lsn;
use crate::ledger::points::{Amount, Points, Total};
use crate::ledger::profile::Sealed;
use crate::ledger::rule::{Counted, Grant};
use bincode::{Decode, Encode};
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Event<T = String> {
    Accrued(Accrued<T>),
    Spent(Spent<T>),
    AccrualReversed(AccrualReversed<T>),
    SpendReversed(SpendReversed<T>),
    Offered(Offered<T>),
    Sent(Sent<T>),
    OfferAccepted(OfferAccepted<T>),
    OfferReturned(OfferReturned<T>),
    Received(Received<T>),
    OutboxCleared(OutboxCleared<T>),
    LotExpired(LotExpired),
    LotUnfrozen(LotUnfrozen),
    // From here on: entry version 2.
    ProfileSet(ProfileSet),
    PersonalDataErased,
    AccruedByRule(AccruedByRule<T>),
    GrantReversed(GrantReversed<T>),
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Accrued<T = String> {
    pub event_no: T,
    #[serde(serialize_with = "as_hex")]
    pub fingerprint: Fingerprint,
    pub source_type: SourceType,
    pub points: Points,
    pub event_at: Instant,
    pub expire_at: Option<Instant>,
    pub unfreeze_at: Option<Instant>,
    pub amount: Option<Amount>,
    pub details: Details<T>,
    /// JSON text.
    pub order_items: Option<T>,
    pub rule: Option<RuleRef>,
    /// Debts that the new lot paid at once.
    pub paid: Vec<Payment>,
    pub active_after: Total,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct RuleRef {
    pub rule_id: u64,
    pub version: u32,
}

/// So much of the debt that the reversal of `accrual` made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Payment {
    pub accrual: Lsn,
    pub points: Points,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Spent<T = String> {
    pub event_no: T,
    #[serde(serialize_with = "as_hex")]
    pub fingerprint: Fingerprint,
    pub points: Points,
    pub event_at: Instant,
    pub details: Details<T>,
    /// In the order taken.
    pub taken: Vec<Taken>,
    pub active_after: Total,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct AccrualReversed<T = String> {
    pub event_no: T,
    #[serde(serialize_with = "as_hex")]
    pub fingerprint: Fingerprint,
    pub origin_event_no: T,
    pub origin: Lsn,
    /// `own` + `expired` + `elsewhere` + `debt`; 0 where a refund rounds to nothing.
    pub points: Points,
    pub event_at: Instant,
    /// The refund that this reversal follows; none where the request named the points, or all.
    pub refunded: Option<Amount>,
    /// JSON text.
    pub refund_info: Option<T>,
    /// From the origin's own lots.
    pub own: Vec<Taken>,
    /// Out of what had expired of the origin.
    pub expired: Points,
    /// From other active lots, remembered as taken for the origin.
    pub elsewhere: Vec<Taken>,
    pub debt: Points,
    pub active_after: Total,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct SpendReversed<T = String> {
    pub event_no: T,
    #[serde(serialize_with = "as_hex")]
    pub fingerprint: Fingerprint,
    pub origin_event_no: T,
    pub origin: Lsn,
    pub points: Points,
    pub event_at: Instant,
    pub steps: Vec<Restore>,
    pub active_after: Total,
}

/// One step of points coming back, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Restore {
    /// They pay debt made for the accrual they came from.
    Debt(Payment),
    /// They make good what was taken from `lot` for `accrual`; where to, the steps after say.
    MakeGood { accrual: Lsn, lot: LotId, points: Points },
    /// What was taken from `lot` for `accrual` is no longer remembered: `lot` has expired.
    Forget { accrual: Lsn, lot: LotId },
    /// They lie in the lot again. If it has expired they expire in the next record.
    Lot(Taken),
    /// They lie in a new lot that refund grace gives (its `id` stands for this record).
    Grace(Taken),
    /// Having become active in `taken.lot`, they pay debt made for another accrual.
    Pay { accrual: Lsn, taken: Taken },
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Offered<T = String> {
    pub transfer_no: T,
    #[serde(serialize_with = "as_hex")]
    pub fingerprint: Fingerprint,
    pub to: T,
    pub points: Points,
    pub taken: Vec<Taken>,
    pub deadline: Instant,
    pub active_after: Total,
}

/// A direct transfer, the sender's half.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Sent<T = String> {
    pub transfer_no: T,
    #[serde(serialize_with = "as_hex")]
    pub fingerprint: Fingerprint,
    pub to: T,
    pub points: Points,
    pub taken: Vec<Taken>,
    pub active_after: Total,
}

/// The offer is the receiver's: it waits in the outbox until the receiver's account has it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct OfferAccepted<T = String> {
    pub transfer_no: T,
    pub offer: Lsn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum ReturnReason {
    Lapsed,
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct OfferReturned<T = String> {
    pub transfer_no: T,
    pub offer: Lsn,
    pub to: T,
    pub reason: ReturnReason,
    /// When it fell due: the deadline, or the moment of cancelling.
    pub due: Instant,
    pub points: Points,
    pub steps: Vec<Restore>,
    pub active_after: Total,
}

/// A lot on its way to another member; it keeps its expiry and its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct ForeignLot {
    pub points: Points,
    pub source: Lsn,
    pub expire_at: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Received<T = String> {
    pub from: T,
    pub transfer_no: T,
    /// The sender's record.
    pub offer: Lsn,
    pub points: Points,
    /// The lot at place `i` of this record is `lots[i]`.
    pub lots: Vec<ForeignLot>,
    /// Debts that the new lots paid at once, with the place of the lot that paid.
    pub paid: Vec<(u32, Payment)>,
    pub active_after: Total,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct OutboxCleared<T = String> {
    pub transfer_no: T,
    pub offer: Lsn,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct LotExpired {
    pub lot: LotKind,
    pub points: Points,
    /// The lot's `expire_at`, or later where it took points after that.
    pub due: Instant,
}

/// A lot that unfroze while there was debt, and paid. Without debt unfreezing needs no record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct LotUnfrozen {
    pub lot: LotKind,
    pub paid: Vec<Payment>,
    pub due: Instant,
}

/// The member's profile from now on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct ProfileSet {
    pub tier: Option<String>,
    /// Mobile, name and attributes.
    pub sealed: Option<Sealed>,
}

/// An accrual whose points, expiry and freeze a rule decided; `accrued.rule` names it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct AccruedByRule<T = String> {
    pub accrued: Accrued<T>,
    pub grant: Box<Grant>,
}

/// The reversal of an accrual that counted against its rule's caps.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct GrantReversed<T = String> {
    pub reversed: AccrualReversed<T>,
    pub back: GivenBack,
}

/// What the rule's caps get back: the reversed points, in the periods that they counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct GivenBack {
    pub rule_id: u64,
    pub counted: Counted,
    /// The accrual is reversed wholly: it no longer counts as a time either.
    pub whole: bool,
}

/// The types of record that members see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[repr(u8)]
pub enum RecordType {
    Produce = 1,
    Consume = 2,
    Transfer = 3,
    Accept = 4,
    Expired = 5,
    ReverseProduce = 6,
    ReverseConsume = 7,
    TransferReturn = 8,
}

impl RecordType {
    pub const ALL: [RecordType; 8] = [
        RecordType::Produce,
        RecordType::Consume,
        RecordType::Transfer,
        RecordType::Accept,
        RecordType::Expired,
        RecordType::ReverseProduce,
        RecordType::ReverseConsume,
        RecordType::TransferReturn,
    ];

    /// The name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            RecordType::Produce => "produce",
            RecordType::Consume => "consume",
            RecordType::Transfer => "transfer",
            RecordType::Accept => "accept",
            RecordType::Expired => "expired",
            RecordType::ReverseProduce => "reverse_produce",
            RecordType::ReverseConsume => "reverse_consume",
            RecordType::TransferReturn => "transfer_return",
        }
    }

    pub fn from_name(name: &str) -> Option<RecordType> {
        RecordType::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A key under which a record is found again: for idempotency, and for reversals and transfers.
/// Unique within (tenant, member).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key<'a> {
    /// The client's `event_no`.
    Event(&'a str),
    /// The client's `transfer_no`, at the sender.
    Transfer(&'a str),
    /// A transfer at its receiver.
    Incoming { from: &'a str, transfer_no: &'a str },
    /// The return of an offer, at the sender.
    Return(&'a str),
}

impl<'a> Key<'a> {
    /// The number that `event_no` shows and `/history` searches.
    pub fn number(&self) -> &'a str {
        match self {
            Key::Event(number) | Key::Transfer(number) | Key::Return(number) => number,
            Key::Incoming { transfer_no, .. } => transfer_no,
        }
    }

    /// The name space, for hashing.
    pub fn space(&self) -> u8 {
        match self {
            Key::Event(_) => 1,
            Key::Transfer(_) => 2,
            Key::Incoming { .. } => 3,
            Key::Return(_) => 4,
        }
    }
}

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

/// How a record stands now, by its sequels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
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

impl Standing {
    /// The standing after one more sequel, which record `lsn` brought; one that is counted already changes nothing.
    pub fn follow(&mut self, lsn: Lsn, sequel: &Sequel) {
        if lsn <= self.through {
            return;
        }
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

impl Event {
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
            Event::Accrued(e) => Key::Event(&e.event_no),
            Event::AccruedByRule(e) => Key::Event(&e.accrued.event_no),
            Event::Spent(e) => Key::Event(&e.event_no),
            Event::AccrualReversed(e) => Key::Event(&e.event_no),
            Event::GrantReversed(e) => Key::Event(&e.reversed.event_no),
            Event::SpendReversed(e) => Key::Event(&e.event_no),
            Event::Offered(e) => Key::Transfer(&e.transfer_no),
            Event::Sent(e) => Key::Transfer(&e.transfer_no),
            Event::OfferReturned(e) => Key::Return(&e.transfer_no),
            Event::Received(e) => Key::Incoming { from: &e.from, transfer_no: &e.transfer_no },
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
    pub fn accrual(&self) -> Option<&Accrued> {
        match self {
            Event::Accrued(e) => Some(e),
            Event::AccruedByRule(e) => Some(&e.accrued),
            _ => None,
        }
    }

    /// The same, out of it.
    pub fn into_accrual(self) -> Option<Accrued> {
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
    pub fn accrual_reversed(&self) -> Option<&AccrualReversed> {
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
    pub fn details(&self) -> Option<&Details> {
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
            Event::Offered(e) => Some(&e.to),
            Event::Sent(e) => Some(&e.to),
            _ => None,
        }
    }
}
