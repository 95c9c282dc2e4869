//! What answers hold. Every field is always there; what does not apply is null.
use crate::actors::answer::LotState;
use crate::http::openapi::values::{
    AutoId, Count, CrmId, Key, MemberNo, Money, PointsShown, Text, TimeShown, one_of, reference,
};
use crate::ledger::event::{RecordType, TransferStatus};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, Schema};
use utoipa::{PartialSchema, ToSchema};

fn record_types() -> Object {
    one_of("What happened; it tells the direction too.", RecordType::ALL.map(RecordType::name))
}

fn lot_states() -> Object {
    let words = "Once it holds nothing: `expired` if anything expired from it, else `used_up`.";
    let states = [LotState::Frozen, LotState::Active, LotState::Expired, LotState::UsedUp];
    one_of(words, states.map(LotState::name))
}

fn transfer_states() -> Object {
    let words = "`returned`: its deadline passed. `cancelled`: by the sender.";
    one_of(words, TransferStatus::ALL.map(TransferStatus::name))
}

/// What happened to a member's points, by a request or by time.
#[derive(ToSchema)]
pub struct Record {
    pub auto_id: AutoId,
    pub crm_id: CrmId,
    pub member_no: MemberNo,
    /// The request's; of `transfer`, `accept` and `transfer_return` the `transfer_no`. Null on `expired`.
    pub event_no: Option<Key>,
    /// Of a reversal or give-back: what it reverses; of `expired`: the accrual that first issued the points. Else null.
    pub origin_event_no: Option<Key>,
    /// The transfer that brought the points. Null but on `accept`.
    pub from_transfer_no: Option<Key>,
    /// The request's. Null where not given, and always but on `produce` and `consume`.
    pub action_scene: Option<Text>,
    #[schema(schema_with = record_types)]
    pub event_type: String,
    /// The request's `event_type`: `order` or `event`. Null but on `produce`.
    pub source_type: Option<String>,
    /// Of `produce` and `consume`: 0 nothing, 1 a part, 2 all of it was reversed or given back. 0 on all others, and in a
    /// change's own answer.
    #[schema(minimum = 0, maximum = 2)]
    pub reverse_status: u8,
    /// The order's `pay_amount`. Null where no order was given.
    pub amount: Option<Money>,
    /// How many, never negative.
    pub points: PointsShown,
    /// When it happened, by the request or else when it was recorded. Null on transfers and on what time does by itself.
    pub event_at: Option<TimeShown>,
    /// Of `produce`: when the points expire; of `accept`: the earliest of its lots; of `expired`: the lot's. Null where they
    /// never expire, and on all others.
    pub expire_time: Option<TimeShown>,
    /// `event_at` + `freeze_hours`. Null where nothing was frozen.
    pub unfreeze_time: Option<TimeShown>,
    pub store_code: Option<Text>,
    pub cost_center: Option<Text>,
    pub campaign_code: Option<Text>,
    pub operator: Option<Text>,
    pub event_desc: Option<Text>,
    /// The request's `order_info`, as written, without white space.
    #[schema(value_type = Option<Object>)]
    pub order_items: Option<()>,
    /// The rule that granted the points. Null where none did.
    pub rule_id: Option<u64>,
    /// The rule's version that decided. There only where a rule granted the points.
    #[schema(required = false)]
    pub rule_version: u64,
    /// When it was recorded. Of `expired` and `transfer_return`: when it fell due.
    pub create_time: TimeShown,
    /// When a later record last changed how this one stands; before that, when it was recorded.
    pub update_time: TimeShown,
    /// What the record moved, by lot. In a change's answer, and where `lots` was asked for; never of `produce/direct`.
    #[schema(required = false)]
    pub lots: Vec<MovedLot>,
}

/// What a record moved of one lot.
#[derive(ToSchema)]
pub struct MovedLot {
    /// The accrual that first issued the points. Null where that is not known, such as for debt.
    pub origin_event_no: Option<Key>,
    pub points: PointsShown,
    /// When the lot expires. Null if never.
    pub expire_time: Option<TimeShown>,
}

/// A change's answer: the record that it made, and what the member can spend right after it.
pub struct Change;

impl PartialSchema for Change {
    fn schema() -> RefOr<Schema> {
        let mut schema = Record::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            let words = "The record that the change made, and what the member can spend right after it.";
            object.description = Some(words.to_owned());
            object.properties.insert("active_points".to_owned(), reference::<PointsShown>());
        }
        schema
    }
}

impl ToSchema for Change {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Record::schemas(schemas);
    }
}

/// How a member stands. Always: `total_points` = `active_points` + `freeze_points` + `expired_points` + `used_points`.
#[derive(ToSchema)]
pub struct Summary {
    /// The `auto_id` of the member's first record. Null for a member never seen.
    pub detail_id: Option<AutoId>,
    pub crm_id: CrmId,
    pub member_no: MemberNo,
    /// Accrued and accepted, less reversed.
    pub total_points: PointsShown,
    /// Held by frozen lots.
    pub freeze_points: PointsShown,
    /// Held by lots when they expired, less what reversals took out of that.
    pub expired_points: PointsShown,
    /// What can be spent; negative with debt.
    pub active_points: PointsShown,
    /// Spent and sent, open offers included, less given back and returned.
    pub used_points: PointsShown,
    /// Active points that expire within the next 7 days.
    pub future_expired: PointsShown,
    /// When the first record was made. Null for a member never seen.
    pub create_time: Option<TimeShown>,
    /// When the last record was made. Null for a member never seen.
    pub update_time: Option<TimeShown>,
}

/// A bucket of points of one member, with one life.
#[derive(ToSchema)]
pub struct Lot {
    /// Unique in the tenant: the `auto_id` of the record that made it, `-`, and its place in that record.
    #[schema(pattern = "^[0-9]+-[0-9]+$")]
    pub lot_id: String,
    /// The accrual that first issued the points; after a transfer it is the first owner's.
    pub origin_event_no: Key,
    /// The transfer that brought it. Null for a lot of the member's own.
    pub from_transfer_no: Option<Key>,
    /// What it held when it was made.
    pub points: PointsShown,
    /// What it holds now.
    pub remaining: PointsShown,
    #[schema(schema_with = lot_states)]
    pub state: String,
    /// When it becomes active, or became so. Null if it was never frozen.
    pub unfreeze_time: Option<TimeShown>,
    /// When it expires, or did. Null if never.
    pub expire_time: Option<TimeShown>,
    pub store_code: Option<Text>,
    pub cost_center: Option<Text>,
    /// When this member got the lot.
    pub create_time: TimeShown,
}

/// What one member sent or offered to another.
#[derive(ToSchema)]
pub struct TransferView {
    /// The sender's number.
    pub transfer_no: Key,
    pub from_user: MemberNo,
    pub to_user: MemberNo,
    pub points: PointsShown,
    #[schema(schema_with = transfer_states)]
    pub status: String,
    /// When it was offered or sent.
    pub create_time: TimeShown,
    /// Until when it could or can be accepted. Null for a direct transfer.
    pub deadline: Option<TimeShown>,
    /// When it was accepted, returned or cancelled; before that, when it was offered.
    pub update_time: TimeShown,
}

/// A page of lots, in the order of their `lot_id`.
#[derive(ToSchema)]
pub struct Lots {
    /// How many the member ever had.
    pub total: Count,
    pub items: Vec<Lot>,
}

/// A page of transfers, newest first.
#[derive(ToSchema)]
pub struct Transfers {
    /// How many fit.
    pub total: Count,
    pub items: Vec<TransferView>,
}
