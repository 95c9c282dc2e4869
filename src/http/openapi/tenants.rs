//! A tenant's settings, its members' profiles, and batches.
use crate::http::openapi::records::Change;
use crate::http::openapi::values::{CrmId, MemberNo, Text, TimeShown};
use utoipa::ToSchema;

/// What a tenant sets for itself. A setting that is left out is the service's. There are no other fields.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSettings {
    /// Whether a first accrual opens the account of a member; if not, `PUT /members/{member_no}` does.
    pub accrual_opens_members: Option<bool>,
    /// IANA name of the zone of times without an offset, and of answers.
    #[schema(example = "Asia/Shanghai", max_length = 4096)]
    pub time_zone: Option<String>,
    /// Days that points live whose accrual names none. 0: for ever.
    #[schema(minimum = 0, maximum = 36500)]
    pub default_expire_days: Option<u32>,
    /// Whether points live to the end of the day that they would expire in.
    pub expire_at_day_end: Option<bool>,
    /// Days that points live which come back to a lot that has expired. 0: none.
    #[schema(minimum = 0, maximum = 36500)]
    pub refund_grace_days: Option<u32>,
    /// Hours that an offer stays open at most.
    #[schema(minimum = 1, maximum = 87600)]
    pub offer_window_hours: Option<u32>,
    /// Hours that `event_at` may lie ahead.
    #[schema(minimum = 0, maximum = 87600)]
    pub future_tolerance_hours: Option<u32>,
    /// Taken and ignored, so that an answer's `data` can be sent back.
    #[schema(value_type = Value, required = false)]
    pub set: (),
    /// Taken and ignored, so that an answer's `data` can be sent back.
    #[schema(value_type = Value, required = false)]
    pub update_time: (),
}

/// The settings in force.
#[derive(ToSchema)]
pub struct Settings {
    /// Whether a first accrual opens the account of a member.
    pub accrual_opens_members: bool,
    /// IANA name of the zone of times without an offset, and of answers.
    pub time_zone: String,
    /// Days that points live whose accrual names none. 0: for ever.
    pub default_expire_days: u32,
    /// Whether points live to the end of the day that they would expire in.
    pub expire_at_day_end: bool,
    /// Days that points live which come back to a lot that has expired. 0: none.
    pub refund_grace_days: u32,
    /// Hours that an offer stays open at most.
    pub offer_window_hours: u32,
    /// Hours that `event_at` may lie ahead.
    pub future_tolerance_hours: u32,
    /// Names of the settings that are the tenant's own; the others are the service's.
    pub set: Vec<String>,
    /// When the tenant last set them. Null: never.
    pub update_time: Option<TimeShown>,
}

/// A member's profile, whole: what is left out is removed.
#[derive(ToSchema)]
pub struct NewMember {
    /// The member of the path again, where it is given.
    pub member_no: Option<MemberNo>,
    /// Unique in the tenant. 1 to 32 bytes, no control character, no white space at either end.
    #[schema(min_length = 1, max_length = 32)]
    pub mobile: Option<String>,
    /// Rules may look at it. 1 to 64 bytes, otherwise as `mobile`.
    #[schema(min_length = 1, max_length = 64)]
    pub tier: Option<String>,
    pub name: Option<Text>,
    /// Anything, at most 16 KiB; kept as given. An empty object counts as left out.
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<()>,
}

/// What is known of a member beside its points.
#[derive(ToSchema)]
pub struct Member {
    pub crm_id: CrmId,
    pub member_no: MemberNo,
    pub mobile: Option<Text>,
    pub tier: Option<Text>,
    pub name: Option<Text>,
    /// As given, without white space.
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<()>,
    /// When the member was first seen.
    pub create_time: TimeShown,
    /// When the profile was last set. Null: never.
    pub update_time: Option<TimeShown>,
}

/// One of a batch.
#[derive(ToSchema)]
pub struct Operation {
    /// The route's path: `produce/direct`, `consume/direct`, `reverse/produce`, `reverse/consume`, `transfer`,
    /// `transfer/direct`, `transfer/cancel` or `accept`. Another is 40400 in its place.
    #[schema(example = "produce/direct")]
    pub op: String,
    /// That route's body.
    #[schema(value_type = Object)]
    pub body: (),
}

/// What each operation came to, in the same order.
#[derive(ToSchema)]
pub struct Batch {
    pub items: Vec<BatchItem>,
}

/// An answer as the operation's own route would have given it.
#[derive(ToSchema)]
pub struct BatchItem {
    /// The HTTP status that it would have had.
    #[schema(minimum = 200, maximum = 599)]
    pub status: u16,
    /// 0, or why not.
    pub code: u32,
    pub msg: String,
    pub data: Option<Change>,
}
