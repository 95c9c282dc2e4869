//! A rule as its tenant wrote it: plain data, every number exact, times as instants.
//!
//! It goes into the log and into snapshots: the order of fields and variants is the format on disk.
use crate::ledger::calendar::Stretch;
use crate::ledger::command::SourceType;
use crate::ledger::instant::Instant;
use crate::ledger::points::{Amount, Points};
use bincode::{Decode, Encode};
use serde::{Serialize, Serializer};
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Definition {
    pub name: String,
    pub action_scene: String,
    /// `event_type` on the wire.
    pub source_type: SourceType,
    pub enabled: bool,
    /// The higher is looked at first.
    pub priority: i64,
    /// Holds from here on.
    pub valid_from: Option<Instant>,
    /// Holds no longer from here on.
    pub valid_to: Option<Instant>,
    /// None: every store.
    pub store_codes: Vec<String>,
    pub earn: Earn,
    pub multipliers: Vec<Multiplier>,
    pub rounding: Rounding,
    /// Decimal places that are kept, 0 to 4.
    pub scale: u8,
    pub limits: Limits,
    /// None: the tenant's default.
    pub expiry: Option<Expiry>,
    pub freeze_hours: Option<u32>,
    /// For the record, where the request names none.
    pub cost_center: Option<String>,
    pub campaign_code: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Earn {
    Fixed(Points),
    /// On what was paid for the order; nothing below `min_amount`.
    PerAmount {
        rate: Rate,
        min_amount: Amount,
    },
    /// Of each item the first line that fits.
    PerItem(Vec<Line>),
}

/// So many points for each `amount` of money, and in proportion for a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Rate {
    pub points: Points,
    /// Above zero.
    pub amount: Amount,
}

/// Fits an item that is in both lists; an empty list fits all.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Line {
    pub sku: Vec<String>,
    pub category: Vec<String>,
    pub worth: Worth,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Worth {
    PerPiece(Points),
    /// Of price x quantity.
    PerAmount(Rate),
    Nothing,
}

/// Fits where all its conditions hold; without any it always fits.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Multiplier {
    pub tier: Option<String>,
    pub weekdays: Option<Weekdays>,
    pub from: Option<Instant>,
    /// Not included.
    pub to: Option<Instant>,
    pub factor: Factor,
}

/// A set of days; bit 1 is Monday, bit 7 Sunday.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Weekdays(u8);

impl Weekdays {
    pub fn of(days: impl IntoIterator<Item = u32>) -> Weekdays {
        Weekdays(days.into_iter().filter(|day| (1..=7).contains(day)).fold(0, |set, day| set | 1 << day))
    }

    pub fn has(self, day: u32) -> bool {
        (1..=7).contains(&day) && self.0 >> day & 1 == 1
    }

    pub fn days(self) -> impl Iterator<Item = u32> {
        (1..=7).filter(move |day| self.has(*day))
    }
}

/// As the list that the rule's tenant wrote.
impl Serialize for Weekdays {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.days())
    }
}

/// A factor, in ten-thousandths: `Factor(15_000)` is 1.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Factor(pub i64);

impl Factor {
    pub const UNIT: i64 = 10_000;
    /// 1,000 times.
    pub const MAX: Factor = Factor(1_000 * Factor::UNIT);
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As many places as points have.
        Points(self.0).fmt(f)
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Rounding {
    Floor,
    HalfUp,
    Ceil,
}

impl Rounding {
    pub const ALL: [Rounding; 3] = [Rounding::Floor, Rounding::HalfUp, Rounding::Ceil];

    pub fn name(self) -> &'static str {
        match self {
            Rounding::Floor => "floor",
            Rounding::HalfUp => "half_up",
            Rounding::Ceil => "ceil",
        }
    }
}

/// The most that one event may bring, and that a member may have in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Limits {
    pub per_event: Option<Points>,
    pub day: Most,
    pub week: Most,
    pub month: Most,
    pub ever: Most,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Most {
    pub points: Option<Points>,
    pub times: Option<u64>,
}

impl Limits {
    pub fn periods(&self) -> [(Period, Most); 4] {
        let Limits { day, week, month, ever, .. } = *self;
        [(Period::Day, day), (Period::Week, week), (Period::Month, month), (Period::Ever, ever)]
    }
}

/// What a member's use of a rule is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Period {
    Day,
    Week,
    Month,
    Ever,
}

impl Period {
    /// The caps on points and on times, as a rule names them.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Period::Day => ("points.day", "times.day"),
            Period::Week => ("points.week", "times.week"),
            Period::Month => ("points.month", "times.month"),
            Period::Ever => ("points.ever", "times.ever"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Expiry {
    /// Of 24 hours, from `event_at`.
    Days(u32),
    /// The first instant after the stretch that `event_at` lies in, and after `plus` more.
    EndOf {
        stretch: Stretch,
        plus: u32,
    },
    At(Instant),
}
