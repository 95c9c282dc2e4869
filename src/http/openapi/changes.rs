//! The bodies of changes, as `requests` reads them. A field that may be left out may also be null, which is the same.
use crate::http::openapi::values::{
    Key, MemberNo, MoneyGiven, PointsGiven, RuleId, SomeText, Text, TimeGiven, one_of, reference,
};
use crate::ledger::command::SourceType;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, Object, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

fn source_types() -> Object {
    one_of("Recorded as `source_type`.", [SourceType::Order, SourceType::Event].map(SourceType::name))
}

fn transfer_types() -> Object {
    let slips = "The only kind there is. `by_poins` and `by_by_poins` are accepted in its place.";
    one_of(slips, ["by_points", "by_poins", "by_by_poins"])
}

/// An order; one with nothing in it is none.
fn order_or_nothing() -> Schema {
    let nothing = ObjectBuilder::new().schema_type(Type::Null);
    let empty = ObjectBuilder::new().schema_type(Type::Object).max_properties(Some(0));
    let words = "The order, kept as given. An empty object counts as left out. Also read as `order_items`.";
    let any = AnyOfBuilder::new().description(Some(words));
    any.item(reference::<Order>()).item(nothing).item(empty).into()
}

/// An accrual of a given number of points.
#[derive(ToSchema)]
pub struct ProduceDirect {
    /// The key: the same number with the same content is answered as a replay.
    pub event_no: Key,
    /// Whose points.
    pub member_no: MemberNo,
    /// Recorded as `source_type`.
    #[schema(schema_with = source_types)]
    pub event_type: String,
    /// How many.
    pub points: PointsGiven,
    pub action_scene: Option<Text>,
    /// When it happened; expiry and freezing count from here. Left out: now. At most 24 h (a setting) in the future.
    pub event_at: Option<TimeGiven>,
    /// Days of 24 h from `event_at` to expiry. Left out: the tenant's `default_expire_days`, without which they never expire.
    #[schema(minimum = 1, maximum = 36500)]
    pub expire_days: Option<i64>,
    /// Hours from `event_at` until they can be spent. Left out: 0. The points must unfreeze before they expire.
    #[schema(minimum = 0, maximum = 87600)]
    pub freeze_hours: Option<i64>,
    /// Also read as `stroe_code`.
    pub store_code: Option<Text>,
    pub cost_center: Option<Text>,
    pub campaign_code: Option<Text>,
    pub operator: Option<Text>,
    pub event_desc: Option<Text>,
    /// The order, kept as given. An empty object counts as left out. Also read as `order_items`.
    #[schema(schema_with = order_or_nothing)]
    pub order_info: Option<Order>,
}

/// Accrues by a rule.
#[derive(ToSchema)]
pub struct ProduceByRule {
    /// The key.
    pub event_no: Key,
    /// Whose points; the member's `tier` can multiply them.
    pub member_no: MemberNo,
    /// Chooses the rule; recorded.
    pub action_scene: SomeText,
    /// Chooses the rule; recorded as `source_type`.
    #[schema(schema_with = source_types)]
    pub event_type: String,
    /// Chooses the rule; recorded. Also read as `stroe_code`.
    pub store_code: SomeText,
    pub operator: SomeText,
    pub event_desc: SomeText,
    /// That rule and no other. Left out: the first that fits.
    pub rule_id: Option<RuleId>,
    /// This number instead of the rule's: nothing is reckoned and no cap applies; the rule still sets expiry and freeze.
    pub points: Option<PointsGiven>,
    /// When it happened; picks rules, multipliers and caps. Left out: now. At most 24 h (a setting) in the future.
    pub event_at: Option<TimeGiven>,
    /// Wins over the rule's expiry.
    #[schema(minimum = 1, maximum = 36500)]
    pub expire_days: Option<i64>,
    /// Wins over the rule's, 0 too.
    #[schema(minimum = 0, maximum = 87600)]
    pub freeze_hours: Option<i64>,
    pub cost_center: Option<Text>,
    pub campaign_code: Option<Text>,
    /// The order, kept as given; required where `event_type` is `order`. An empty object counts as left out. Also read as
    /// `order_info`.
    #[schema(schema_with = order_or_nothing)]
    pub order_items: Option<Order>,
}

/// An event that did not happen yet.
#[derive(ToSchema)]
pub struct PreviewRules {
    pub event_no: Option<Key>,
    /// Whose points; the member's `tier` can multiply them.
    pub member_no: MemberNo,
    /// Chooses the rule; recorded.
    pub action_scene: SomeText,
    /// Chooses the rule; recorded as `source_type`.
    #[schema(schema_with = source_types)]
    pub event_type: String,
    /// Chooses the rule; recorded. Also read as `stroe_code`.
    pub store_code: SomeText,
    pub operator: SomeText,
    pub event_desc: SomeText,
    /// That rule and no other. Left out: the first that fits.
    pub rule_id: Option<RuleId>,
    /// This number instead of the rule's: nothing is reckoned and no cap applies; the rule still sets expiry and freeze.
    pub points: Option<PointsGiven>,
    /// When it happened; picks rules, multipliers and caps. Left out: now. At most 24 h (a setting) in the future.
    pub event_at: Option<TimeGiven>,
    /// Wins over the rule's expiry.
    #[schema(minimum = 1, maximum = 36500)]
    pub expire_days: Option<i64>,
    /// Wins over the rule's, 0 too.
    #[schema(minimum = 0, maximum = 87600)]
    pub freeze_hours: Option<i64>,
    pub cost_center: Option<Text>,
    pub campaign_code: Option<Text>,
    /// The order, kept as given; required where `event_type` is `order`. An empty object counts as left out. Also read as
    /// `order_info`.
    #[schema(schema_with = order_or_nothing)]
    pub order_items: Option<Order>,
}

/// An order. Whatever else is in it is kept too.
#[derive(ToSchema)]
pub struct Order {
    /// The order's number.
    #[schema(min_length = 1, max_length = 4096)]
    pub order_sn: String,
    /// What was paid: the record's `amount`, and the base for refunds.
    pub pay_amount: MoneyGiven,
    /// The goods. Rules read `sku` and `category` (texts), `price` (money, required where the rule earns by price) and
    /// `quantity` (a decimal from 0 to 1,000,000,000, 1 where it is missing) of each.
    #[schema(value_type = Vec<Object>)]
    pub item_list: (),
}

/// A spend: all or nothing, from the active lots, earliest expiry first.
#[derive(ToSchema)]
pub struct ConsumeDirect {
    /// The key.
    pub event_no: Key,
    /// Who spends.
    pub member_no: MemberNo,
    /// How many.
    pub points: PointsGiven,
    pub action_scene: Option<Text>,
    /// Recorded; the spend acts on the present all the same. Left out: now.
    pub event_at: Option<TimeGiven>,
    /// Also read as `stroe_code`.
    pub store_code: Option<Text>,
    pub cost_center: Option<Text>,
    pub campaign_code: Option<Text>,
    pub operator: Option<Text>,
    pub event_desc: Option<Text>,
}

/// Takes back points of an accrual.
#[derive(ToSchema)]
pub struct ReverseProduce {
    /// The key of this reversal.
    pub event_no: Key,
    /// Whose accrual.
    pub member_no: MemberNo,
    /// The accrual's `event_no`.
    pub origin_event_no: Key,
    /// Whether the balance may go below zero.
    pub allow_negative: bool,
    /// How many; wins over `refund_info`. Left out: by the refund, else all that is left.
    pub reverse_points: Option<PointsGiven>,
    /// Left out: now.
    pub event_at: Option<TimeGiven>,
    /// The refund. An empty object counts as left out.
    pub refund_info: Option<Refund>,
}

/// A refund. Whatever else is in it is kept too.
#[derive(ToSchema)]
pub struct Refund {
    /// What is paid back; the points are taken in proportion. Left out: all that is left is taken.
    pub refund_amount: Option<MoneyGiven>,
    /// What was paid; needed only where the accrual has no positive `amount`.
    pub order_pay_amount: Option<MoneyGiven>,
}

/// Gives back points of a spend.
#[derive(ToSchema)]
pub struct ReverseConsume {
    /// The key of this give-back.
    pub event_no: Key,
    /// Whose spend.
    pub member_no: MemberNo,
    /// The spend's `event_no`.
    pub origin_event_no: Key,
    /// How many. Left out: all not yet given back.
    pub reverse_points: Option<PointsGiven>,
    /// Left out: now.
    pub event_at: Option<TimeGiven>,
}

/// An offer of points to another member.
#[derive(ToSchema)]
pub struct Transfer {
    /// The key, the sender's.
    pub transfer_no: Key,
    /// The sender.
    pub from_user: MemberNo,
    /// The receiver, another member than the sender.
    pub to_user: MemberNo,
    #[schema(schema_with = transfer_types)]
    pub trans_type: String,
    /// How many.
    pub points: PointsGiven,
}

/// Points sent at once.
#[derive(ToSchema)]
pub struct TransferDirect {
    /// The key, the sender's; one name space with `transfer`.
    pub transfer_no: Key,
    /// The sender.
    pub from_user: MemberNo,
    /// The receiver, another member than the sender.
    pub to_user: MemberNo,
    /// How many.
    pub points: PointsGiven,
}

/// The sender takes an open offer back.
#[derive(ToSchema)]
pub struct TransferCancel {
    /// The offer's number.
    pub transfer_no: Key,
    /// The sender.
    pub member_no: MemberNo,
}

/// An offer is taken: by `member_no`, or by `to_user` in its place.
pub struct Accept;

impl PartialSchema for Accept {
    fn schema() -> RefOr<Schema> {
        let words = "Takes an offer. `trans_type` and `points` may be sent, as with `transfer`; nobody looks at them.";
        let either = AnyOfBuilder::new().description(Some(words));
        let either = either.item(AcceptByMember::schema()).item(AcceptByReceiver::schema());
        Schema::from(either).into()
    }
}

impl ToSchema for Accept {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        AcceptByMember::schemas(schemas);
    }
}

/// Takes an offer.
#[derive(ToSchema)]
pub struct AcceptByMember {
    /// The offer's number.
    pub transfer_no: Key,
    /// The receiver.
    pub member_no: MemberNo,
    /// The receiver again: the same as `member_no`, where it is given.
    pub to_user: Option<MemberNo>,
    /// The sender; needed only where two senders' transfers to this member bear the same number.
    pub from_user: Option<MemberNo>,
}

/// Takes an offer.
#[derive(ToSchema)]
pub struct AcceptByReceiver {
    /// The offer's number.
    pub transfer_no: Key,
    /// The receiver.
    pub to_user: MemberNo,
    /// The receiver again: the same as `to_user`, where it is given.
    pub member_no: Option<MemberNo>,
    /// The sender; needed only where two senders' transfers to this member bear the same number.
    pub from_user: Option<MemberNo>,
}
