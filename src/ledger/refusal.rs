//! Why the ledger says no. A refusal changes nothing and takes no key.
use crate::ledger::points::{Points, Total};
use std::borrow::Cow;

/// One variant for each thing the ledger can refuse; `http::error` gives each its status, code and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A field can't be right: its name or path, and what it should be.
    Invalid {
        field: Cow<'static, str>,
        should: String,
    },
    /// There is no such member, and the tenant's accruals open none.
    NoSuchMember,
    /// The mobile is another member's.
    MobileTaken,
    /// No accrual of this member bears this `event_no`.
    NoSuchAccrual,
    /// No spend of this member bears this `event_no`.
    NoSuchSpend,
    /// No transfer of this number concerns this member.
    NoSuchTransfer,
    /// The key was used with other content, or for another operation.
    KeyReused,
    NotEnough {
        active: Total,
        asked: Points,
    },
    /// The reversal would need debt of `short`, which the request does not allow.
    WouldGoNegative {
        short: Points,
    },
    /// A reversal past what is left of its origin.
    MoreThanLeft {
        left: Points,
        asked: Points,
    },
    /// Refunds that add up to more than was paid.
    MoreThanPaid,
    /// The offer was accepted, returned or cancelled.
    TransferClosed {
        status: &'static str,
    },
    /// The member has as many open lots as one can have.
    TooManyLots,
    /// The tenant has no such rule.
    NoSuchRule,
    /// No rule is for this event, or not the one that was named.
    NoRuleFits {
        why: String,
    },
    /// The rule earns nothing by this event.
    GrantsNothing {
        rule_id: u64,
    },
    /// The rule's cap, named as in its `limits`, leaves nothing to this member.
    CapUsedUp {
        rule_id: u64,
        cap: &'static str,
    },
}
