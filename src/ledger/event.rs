//! What happened to an account: the content of the log. Facts and decisions only; replay never decides again.
//!
//! The order of variants and fields is the format on disk (`wal/README.md`): append, never reorder.
//!
//! `T` is what their texts are: owned, or `&str` where a log is replayed or indexed and hardly any of them is needed. What an event
//! says of itself is in `reading`, its names in `names`, what later ones do to it in `standing`.
mod names;
mod reading;
#[cfg(test)]
mod sample;
mod standing;

pub use names::{Key, RecordType};
pub use standing::{Sequel, Standing, TransferStatus};

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
