//! A rule as it is written. Fields that do not exist are refused, however deep.
use crate::http::openapi::values::{
    FactorGiven, MoneyAbove, MoneyGiven, PointsGiven, SomeText, Text, TimeGiven, one_of, or_null,
};
use crate::ledger::calendar::Stretch;
use crate::ledger::command::SourceType;
use crate::ledger::rule::definition::Rounding;
use utoipa::ToSchema;
use utoipa::openapi::Object;

fn source_types() -> Object {
    one_of("The kind of event that it is for.", [SourceType::Order, SourceType::Event].map(SourceType::name))
}

fn roundings() -> Object {
    or_null(one_of("Left out: `floor`.", Rounding::ALL.map(|rounding| rounding.name())))
}

fn stretches() -> Object {
    one_of("The end of which period.", Stretch::ALL.map(|stretch| stretch.name()))
}

/// What events of a kind are worth. `rule_id`, `version`, `create_time` and `update_time` are passed over, so that what the
/// service answers can be edited and sent back.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// For people.
    pub name: SomeText,
    /// The scene that it is for.
    pub action_scene: SomeText,
    #[schema(schema_with = source_types)]
    pub event_type: String,
    /// Left out: true.
    pub enabled: Option<bool>,
    /// The higher is looked at first. Left out: 0.
    #[schema(minimum = -1000000000, maximum = 1000000000)]
    pub priority: Option<i64>,
    /// In force from here.
    pub valid_from: Option<TimeGiven>,
    /// In force up to here, not including it.
    pub valid_to: Option<TimeGiven>,
    /// The stores that it is for. Left out or empty: all.
    pub store_codes: Option<Vec<SomeText>>,
    pub earn: NewEarn,
    /// Every one that fits multiplies the others.
    #[schema(max_items = 32)]
    pub multipliers: Option<Vec<NewMultiplier>>,
    #[schema(schema_with = roundings, required = false)]
    pub rounding: Option<String>,
    /// Decimal places kept. Left out: 0.
    #[schema(minimum = 0, maximum = 4)]
    pub scale: Option<u8>,
    pub limits: Option<NewLimits>,
    /// Left out: the tenant's default.
    pub expiry: Option<NewExpiry>,
    #[schema(minimum = 0, maximum = 87600)]
    pub freeze_hours: Option<u32>,
    /// For the record, where the request names none.
    pub cost_center: Option<Text>,
    /// For the record, where the request names none.
    pub campaign_code: Option<Text>,
    /// Passed over.
    #[schema(value_type = Value, required = false)]
    pub rule_id: (),
    /// Passed over.
    #[schema(value_type = Value, required = false)]
    pub version: (),
    /// Passed over.
    #[schema(value_type = Value, required = false)]
    pub create_time: (),
    /// Passed over.
    #[schema(value_type = Value, required = false)]
    pub update_time: (),
}

/// What is earned: exactly one of these.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewEarn {
    Fixed(PointsGiven),
    PerAmount(NewPerAmount),
    /// 1 to 100 lines.
    PerItem(Vec<NewLine>),
}

/// `points` for each `amount` paid, and in proportion. For orders only.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerAmount {
    pub points: PointsGiven,
    pub amount: MoneyAbove,
    /// Nothing below this.
    pub min_amount: Option<MoneyGiven>,
}

/// What an item is worth: exactly one of `points`, `per_amount` and `exclude`. The first line that fits counts.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// Items that it fits. Left out: all.
    #[schema(min_items = 1)]
    pub sku: Option<Vec<SomeText>>,
    /// Items that it fits. Left out: all.
    #[schema(min_items = 1)]
    pub category: Option<Vec<SomeText>>,
    /// A piece.
    pub points: Option<PointsGiven>,
    /// Of price x quantity.
    pub per_amount: Option<NewRate>,
    pub exclude: Option<bool>,
}

/// `points` for each `amount`, and in proportion.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRate {
    pub points: PointsGiven,
    pub amount: MoneyAbove,
}

/// Multiplies where all its conditions hold at the event's time.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMultiplier {
    /// Members of this tier.
    pub tier: Option<Text>,
    /// 1 is Monday, 7 Sunday.
    pub weekdays: Option<Vec<Weekday>>,
    pub from: Option<TimeGiven>,
    /// Not including this instant.
    pub to: Option<TimeGiven>,
    pub factor: FactorGiven,
}

/// 1 is Monday, 7 Sunday.
#[derive(ToSchema)]
#[schema(minimum = 1, maximum = 7)]
pub struct Weekday(pub u8);

/// Caps of a rule.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLimits {
    /// The most points of one event.
    pub per_event: Option<PointsGiven>,
    /// The most points of one member.
    pub points: Option<NewPointsCaps>,
    /// How often for one member.
    pub times: Option<NewTimesCaps>,
}

/// By calendar periods in the tenant's zone; weeks begin on Monday.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPointsCaps {
    pub day: Option<PointsGiven>,
    pub week: Option<PointsGiven>,
    pub month: Option<PointsGiven>,
    pub ever: Option<PointsGiven>,
}

/// By calendar periods in the tenant's zone; weeks begin on Monday.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTimesCaps {
    #[schema(minimum = 1, maximum = 1000000000)]
    pub day: Option<u64>,
    #[schema(minimum = 1, maximum = 1000000000)]
    pub week: Option<u64>,
    #[schema(minimum = 1, maximum = 1000000000)]
    pub month: Option<u64>,
    #[schema(minimum = 1, maximum = 1000000000)]
    pub ever: Option<u64>,
}

/// How long the points live: exactly one of these.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum NewExpiry {
    Days(ExpiryDays),
    EndOf(NewExpiryEndOf),
    At(NewExpiryAt),
}

/// So many days of 24 h.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpiryDays {
    #[schema(minimum = 1, maximum = 36500)]
    pub days: u32,
}

/// The first instant after the period, and `plus` further periods on, which make no more than a century.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExpiryEndOf {
    #[schema(schema_with = stretches)]
    pub end_of: String,
    /// Left out: 0. At most 36,500 days, 1,200 months, 400 quarters or 100 years.
    #[schema(minimum = 0, maximum = 36500)]
    pub plus: Option<u32>,
}

/// At this moment.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExpiryAt {
    pub at: TimeGiven,
}
