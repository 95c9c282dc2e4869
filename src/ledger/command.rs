//! What can be asked of an account: plain data, all units known, checked for form but not against any account.
use crate::ledger::event::{ForeignLot, Key, ProfileSet};
use crate::ledger::instant::{Instant, Span};
use crate::ledger::lsn::Lsn;
use crate::ledger::points::{Amount, Points};
use crate::ledger::rule::earn::Item;
use bincode::{Decode, Encode};
use serde::{Serialize, Serializer};

/// 128 bits that stand for a request's content: two requests are the same if theirs are.
/// Made by the edge from the operation and the known fields (`http::content`).
pub type Fingerprint = [u8; 16];

/// A fingerprint for people: 32 hexadecimal digits.
pub(super) fn as_hex<S: Serializer>(fingerprint: &Fingerprint, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:032x}", u128::from_be_bytes(*fingerprint)))
}

/// What the request says of itself beside numbers and members. Only earning rules read any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Details<T = String> {
    pub action_scene: Option<T>,
    pub store_code: Option<T>,
    pub cost_center: Option<T>,
    pub campaign_code: Option<T>,
    pub operator: Option<T>,
    pub event_desc: Option<T>,
}

/// The kind of happening that an accrual is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum SourceType {
    Order,
    Event,
}

impl SourceType {
    pub fn name(self) -> &'static str {
        match self {
            SourceType::Order => "order",
            SourceType::Event => "event",
        }
    }
}

/// A change asked for by a client, with its idempotency key's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Accrue(Accrue),
    AccrueByRule(AccrueByRule),
    Spend(Spend),
    ReverseAccrual(ReverseAccrual),
    ReverseSpend(ReverseSpend),
    /// Offer points to another member, who must accept.
    Offer(Transfer),
    /// Send points to another member at once.
    SendDirect(Transfer),
    /// To the sender: the receiver takes the offer.
    AcceptOffer(AcceptOffer),
    /// To the sender: it takes its offer back.
    CancelOffer {
        transfer_no: String,
    },
    /// To the receiver, from a sender's outbox: never refused.
    Receive(Credit),
    /// To the sender: the receiver has durably recorded the transfer.
    ClearOutbox {
        transfer_no: String,
    },
    /// Replaces the member's profile.
    SetProfile(ProfileSet),
    /// Personal data is gone from the profile; its key is destroyed next.
    ErasePersonalData,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accrue {
    pub event_no: String,
    pub fingerprint: Fingerprint,
    pub source_type: SourceType,
    pub points: Points,
    /// Default: now.
    pub event_at: Option<Instant>,
    /// From `event_at` to expiry; none: never expires.
    pub expire_after: Option<Span>,
    /// From `event_at` to unfreezing; none: active at once.
    pub freeze_for: Option<Span>,
    /// The order's `pay_amount`.
    pub amount: Option<Amount>,
    pub details: Details,
    /// The order as given: a JSON object.
    pub order_items: Option<String>,
}

/// An accrual of as many points as a rule of the tenant says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccrueByRule {
    pub event_no: String,
    pub fingerprint: Fingerprint,
    pub source_type: SourceType,
    /// Scene and store choose the rule; where no cost center or campaign is given it is the rule's.
    pub details: Details,
    /// That rule and no other.
    pub rule_id: Option<u64>,
    /// So many, whatever the rule says.
    pub points: Option<Points>,
    pub event_at: Option<Instant>,
    /// These two win over the rule's; a freeze of 0 too.
    pub expire_after: Option<Span>,
    pub freeze_for: Option<Span>,
    /// The order's `pay_amount`.
    pub amount: Option<Amount>,
    pub items: Vec<Item>,
    /// The order as given: a JSON object.
    pub order_items: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    pub event_no: String,
    pub fingerprint: Fingerprint,
    pub points: Points,
    pub event_at: Option<Instant>,
    pub details: Details,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReverseAccrual {
    pub event_no: String,
    pub fingerprint: Fingerprint,
    pub origin_event_no: String,
    pub allow_negative: bool,
    pub event_at: Option<Instant>,
    /// How many; none: by the refund, or else all that is left.
    pub points: Option<Points>,
    /// `refund_info.refund_amount`
    pub refund_amount: Option<Amount>,
    /// `refund_info.order_pay_amount`
    pub order_pay_amount: Option<Amount>,
    /// `refund_info` as given: a JSON object.
    pub refund_info: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReverseSpend {
    pub event_no: String,
    pub fingerprint: Fingerprint,
    pub origin_event_no: String,
    pub event_at: Option<Instant>,
    /// How many; none: all not yet given back.
    pub points: Option<Points>,
}

/// To the sender's account, for both `/transfer` and `/transfer/direct`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub transfer_no: String,
    pub fingerprint: Fingerprint,
    pub to: String,
    pub points: Points,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptOffer {
    pub transfer_no: String,
    pub to: String,
}

/// What a sender's outbox carries to the receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credit {
    pub from: String,
    pub transfer_no: String,
    /// The sender's record.
    pub offer: Lsn,
    pub lots: Vec<ForeignLot>,
}

impl Command {
    /// The key under which the record that it would make, or the offer that it is about, is found.
    pub fn key(&self) -> Option<Key<'_>> {
        Some(match self {
            Command::Accrue(c) => Key::Event(&c.event_no),
            Command::AccrueByRule(c) => Key::Event(&c.event_no),
            Command::Spend(c) => Key::Event(&c.event_no),
            Command::ReverseAccrual(c) => Key::Event(&c.event_no),
            Command::ReverseSpend(c) => Key::Event(&c.event_no),
            Command::Offer(c) | Command::SendDirect(c) => Key::Transfer(&c.transfer_no),
            Command::AcceptOffer(c) => Key::Transfer(&c.transfer_no),
            Command::CancelOffer { transfer_no } | Command::ClearOutbox { transfer_no } => {
                Key::Transfer(transfer_no)
            }
            Command::Receive(c) => Key::Incoming { from: &c.from, transfer_no: &c.transfer_no },
            Command::SetProfile(_) | Command::ErasePersonalData => return None,
        })
    }

    /// The key of the record that it reverses.
    pub fn origin_key(&self) -> Option<Key<'_>> {
        match self {
            Command::ReverseAccrual(c) => Some(Key::Event(&c.origin_event_no)),
            Command::ReverseSpend(c) => Some(Key::Event(&c.origin_event_no)),
            _ => None,
        }
    }

    /// Whether it concerns its member's account alone, and leaves nothing to carry.
    pub fn is_own(&self) -> bool {
        matches!(
            self,
            Command::Accrue(_)
                | Command::AccrueByRule(_)
                | Command::Spend(_)
                | Command::ReverseAccrual(_)
                | Command::ReverseSpend(_)
                | Command::Receive(_)
        )
    }

    /// Whether it may be turned away when space runs out. What the ledger owes (credits, notes) may not.
    pub fn refusable(&self) -> bool {
        !matches!(self, Command::Receive(_) | Command::ClearOutbox { .. })
    }
}

impl From<Accrue> for Command {
    fn from(accrue: Accrue) -> Command {
        Command::Accrue(accrue)
    }
}

impl From<AccrueByRule> for Command {
    fn from(accrue: AccrueByRule) -> Command {
        Command::AccrueByRule(accrue)
    }
}

impl From<ReverseAccrual> for Command {
    fn from(reverse: ReverseAccrual) -> Command {
        Command::ReverseAccrual(reverse)
    }
}
