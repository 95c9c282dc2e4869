//! A rule as it is answered, and what a preview tells.
use crate::http::openapi::new_rules::ExpiryDays;
use crate::http::openapi::values::{Count, Money, PointsShown, RuleId, SomeText, Text, TimeShown, one_of};
use crate::ledger::calendar::Stretch;
use crate::ledger::command::SourceType;
use crate::ledger::rule::definition::Rounding;
use utoipa::ToSchema;
use utoipa::openapi::Object;

fn source_types() -> Object {
    one_of("The kind of event that it is for.", [SourceType::Order, SourceType::Event].map(SourceType::name))
}

fn roundings() -> Object {
    one_of("The only rounding, after the multipliers.", Rounding::ALL.map(|rounding| rounding.name()))
}

fn stretches() -> Object {
    one_of("The end of which period.", Stretch::ALL.map(|stretch| stretch.name()))
}

/// What events of a kind are worth.
#[derive(ToSchema)]
pub struct Rule {
    pub rule_id: RuleId,
    /// Grows by one with each change.
    #[schema(minimum = 1)]
    pub version: u64,
    pub name: SomeText,
    pub action_scene: SomeText,
    #[schema(schema_with = source_types)]
    pub event_type: String,
    pub enabled: bool,
    /// The higher is looked at first.
    pub priority: i64,
    /// In force from here. Null: from ever.
    pub valid_from: Option<TimeShown>,
    /// In force up to here, not including it. Null: for ever.
    pub valid_to: Option<TimeShown>,
    /// The stores that it is for. Empty: all.
    pub store_codes: Vec<Text>,
    pub earn: Earn,
    pub multipliers: Vec<Multiplier>,
    #[schema(schema_with = roundings)]
    pub rounding: String,
    /// Decimal places kept.
    #[schema(minimum = 0, maximum = 4)]
    pub scale: u8,
    pub limits: Limits,
    /// Null: the tenant's default.
    pub expiry: Option<Expiry>,
    /// Null: none.
    pub freeze_hours: Option<u32>,
    pub cost_center: Option<Text>,
    pub campaign_code: Option<Text>,
    pub create_time: TimeShown,
    pub update_time: TimeShown,
}

/// A page of rules, in the order of their ids.
#[derive(ToSchema)]
pub struct Rules {
    /// How many there are.
    pub total: Count,
    pub items: Vec<Rule>,
}

/// What is earned: exactly one of these.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Earn {
    Fixed(PointsShown),
    PerAmount(PerAmount),
    PerItem(Vec<Line>),
}

/// `points` for each `amount` paid, and in proportion.
#[derive(ToSchema)]
pub struct PerAmount {
    pub points: PointsShown,
    pub amount: Money,
    /// Nothing below this.
    pub min_amount: Money,
}

/// What an item is worth. Only what was given is there.
#[derive(ToSchema)]
pub struct Line {
    pub sku: Vec<Text>,
    pub category: Vec<Text>,
    pub points: PointsShown,
    pub per_amount: Rate,
    pub exclude: bool,
}

/// `points` for each `amount`, and in proportion.
#[derive(ToSchema)]
pub struct Rate {
    pub points: PointsShown,
    pub amount: Money,
}

/// Multiplies where all its conditions hold. Only conditions that were given are there.
#[derive(ToSchema)]
pub struct Multiplier {
    pub tier: Text,
    /// 1 is Monday, 7 Sunday.
    pub weekdays: Vec<u8>,
    pub from: TimeShown,
    /// Not including this instant.
    pub to: TimeShown,
    pub factor: f64,
}

/// Caps of a rule. Null: none.
#[derive(ToSchema)]
pub struct Limits {
    pub per_event: Option<PointsShown>,
    pub points: PointsCaps,
    pub times: TimesCaps,
}

/// The most points of one member in a period. Null: any number.
#[derive(ToSchema)]
pub struct PointsCaps {
    pub day: Option<PointsShown>,
    pub week: Option<PointsShown>,
    pub month: Option<PointsShown>,
    pub ever: Option<PointsShown>,
}

/// How often for one member in a period. Null: any number.
#[derive(ToSchema)]
pub struct TimesCaps {
    pub day: Option<u64>,
    pub week: Option<u64>,
    pub month: Option<u64>,
    pub ever: Option<u64>,
}

/// How long the points live: exactly one of these.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum Expiry {
    Days(ExpiryDays),
    EndOf(ExpiryEndOf),
    At(ExpiryAt),
}

/// The first instant after the period, and `plus` further periods on.
#[derive(ToSchema)]
pub struct ExpiryEndOf {
    #[schema(schema_with = stretches)]
    pub end_of: String,
    pub plus: u32,
}

/// At this moment.
#[derive(ToSchema)]
pub struct ExpiryAt {
    pub at: TimeShown,
}

/// What an event would earn, and why.
#[derive(ToSchema)]
pub struct Preview {
    /// What the record would show; 0 where nothing would be recorded.
    pub points: PointsShown,
    /// Null where no rule fits.
    pub rule_id: Option<RuleId>,
    /// Null where no rule fits.
    pub version: Option<u64>,
    pub event_at: TimeShown,
    pub expire_time: Option<TimeShown>,
    pub unfreeze_time: Option<TimeShown>,
    pub cost_center: Option<Text>,
    pub campaign_code: Option<Text>,
    pub would_answer: WouldAnswer,
    pub trace: Trace,
}

/// What `produce/by_rule` would answer.
#[derive(ToSchema)]
pub struct WouldAnswer {
    pub code: u32,
    pub msg: String,
}

/// Who decided what.
#[derive(ToSchema)]
pub struct Trace {
    /// In the order that they are looked at.
    pub rules: Vec<LookedAt>,
    /// `rule`, or `request` where it named the points. Null where no rule fits.
    pub points_from: Option<String>,
    /// `request`, `rule` or `tenant`. Null: nobody.
    pub expiry_from: Option<String>,
    /// `request`, `rule` or `tenant`. Null: nobody.
    pub freeze_from: Option<String>,
    /// Null where the request named the points, or no rule fits.
    pub reckoning: Option<Reckoning>,
}

/// A rule that was looked at.
#[derive(ToSchema)]
pub struct LookedAt {
    pub rule_id: RuleId,
    pub version: u64,
    pub name: SomeText,
    pub fits: bool,
    pub taken: bool,
    /// Only where it does not fit.
    pub why_not: Option<String>,
}

/// How the points come about. Decimals are shown to four places, the rest cut off.
#[derive(ToSchema)]
pub struct Reckoning {
    /// Before the multipliers.
    pub base: f64,
    pub multipliers: Vec<Tried>,
    /// After the multipliers.
    pub product: f64,
    #[schema(schema_with = roundings)]
    pub rounding: String,
    pub scale: u8,
    pub rounded: PointsShown,
    pub limits: Vec<Cap>,
}

/// A multiplier of the rule.
#[derive(ToSchema)]
pub struct Tried {
    /// Its place in the rule.
    pub place: u32,
    pub tier: Text,
    pub weekdays: Vec<u8>,
    pub from: TimeShown,
    pub to: TimeShown,
    pub factor: f64,
    pub fits: bool,
}

/// A cap of the rule.
#[derive(ToSchema)]
pub struct Cap {
    /// Such as `points.day`.
    pub limit: String,
    pub most: f64,
    /// Before this event. Not there for `per_event`.
    pub used: f64,
    /// Before this event. Not there for `per_event`.
    pub left: f64,
    /// What it lets through.
    pub points: PointsShown,
}
