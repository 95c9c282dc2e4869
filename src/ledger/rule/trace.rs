//! How a grant came about. It stands in the log with every grant: so it holds what the rule's version does not tell by
//! itself, and no more.
use crate::ledger::event::RuleRef;
use crate::ledger::points::{Points, Total};
use crate::ledger::rule::choice::Unfit;
use crate::ledger::rule::definition::{Factor, Period, Rounding};
use bincode::{Decode, Encode};
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Trace {
    /// Rules of this scene and type that come first in the order and did not fit; the first few of them.
    pub passed_over: Vec<PassedOver>,
    /// None: the request named the points.
    pub reckoning: Option<Reckoning>,
    pub expiry: Source,
    pub freeze: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct PassedOver {
    pub rule: RuleRef,
    pub why: Unfit,
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Source {
    Nobody,
    Request,
    Rule,
    Tenant,
}

impl Source {
    pub fn name(self) -> Option<&'static str> {
        match self {
            Source::Nobody => None,
            Source::Request => Some("request"),
            Source::Rule => Some("rule"),
            Source::Tenant => Some("tenant"),
        }
    }
}

/// From the event to the points. `base` and `product` are shown to four places, the rest of them cut off; it was
/// reckoned with all of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Reckoning {
    pub base: Points,
    /// Those that fit, in the rule's order.
    pub multipliers: Vec<Applied>,
    pub product: Points,
    pub rounding: Rounding,
    pub scale: u8,
    pub rounded: Points,
    /// The rule's caps, as they stood before this grant. What is left is cut to each of them in turn.
    pub caps: Vec<Cap>,
}

/// A multiplier by its place in the rule, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Applied {
    pub place: u32,
    pub factor: Factor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Cap {
    PerEvent { limit: Points },
    Points { period: Period, limit: Points, used: Total },
    Times { period: Period, limit: u64, used: u64 },
}

impl Cap {
    /// So many of `points` does the cap let through.
    pub fn lets_through(&self, points: Points) -> Points {
        match *self {
            Cap::PerEvent { limit } => points.min(limit),
            Cap::Points { .. } => points.min(self.points_left().unwrap_or(points)),
            Cap::Times { limit, used, .. } => {
                if used < limit {
                    points
                } else {
                    Points::ZERO
                }
            }
        }
    }

    /// Of a cap on points, what is left of it. A cap that was lowered may be overdrawn: then nothing is left.
    pub fn points_left(&self) -> Option<Points> {
        match *self {
            Cap::PerEvent { limit } => Some(limit),
            Cap::Points { limit, used, .. } => {
                let left = (Total::from(limit) - used).0.max(0);
                Some(Points(i64::try_from(left).unwrap_or(i64::MAX)))
            }
            Cap::Times { .. } => None,
        }
    }

    /// Of a cap on times, what is left of it.
    pub fn times_left(&self) -> Option<u64> {
        match *self {
            Cap::Times { limit, used, .. } => Some(limit.saturating_sub(used)),
            _ => None,
        }
    }

    /// The path under `limits` by which the rule names it.
    pub fn name(&self) -> &'static str {
        match self {
            Cap::PerEvent { .. } => "per_event",
            Cap::Points { period, .. } => period.names().0,
            Cap::Times { period, .. } => period.names().1,
        }
    }
}

impl Reckoning {
    /// What all caps let through.
    pub fn granted(&self) -> Points {
        self.caps.iter().fold(self.rounded, |points, cap| cap.lets_through(points))
    }

    /// The first cap that left nothing.
    pub fn used_up(&self) -> Option<&Cap> {
        self.caps.iter().find(|cap| self.rounded.is_positive() && cap.lets_through(self.rounded).is_zero())
    }
}
