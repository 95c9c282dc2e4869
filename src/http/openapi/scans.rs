//! What reads of a whole tenant answer, and how far a recovery is.
use crate::actors::readiness::Standing as Stage;
use crate::http::openapi::values::{AutoId, Count, CrmId, MemberNo, PointsShown, Text, TimeShown, one_of};
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// What expires.
#[derive(ToSchema)]
pub struct Expiring {
    /// On all the days together.
    pub total: PointsShown,
    /// Every day, today the first.
    pub items: Vec<Day>,
}

/// What expires on a day of the tenant's calendar.
#[derive(ToSchema)]
pub struct Day {
    #[schema(pattern = "^[0-9]{4,6}-[0-9]{2}-[0-9]{2}$")]
    pub date: String,
    pub points: PointsShown,
    /// How many lose some.
    pub members: u64,
}

/// A member that loses points.
#[derive(ToSchema)]
pub struct Reminder {
    pub member_no: MemberNo,
    /// What expires within the days asked for.
    pub points: PointsShown,
    /// When the first of them do.
    pub expire_time: TimeShown,
    /// What the member can spend now.
    pub active_points: PointsShown,
}

/// A member's balances.
#[derive(ToSchema)]
pub struct Balance {
    pub detail_id: Option<AutoId>,
    pub crm_id: CrmId,
    pub member_no: MemberNo,
    pub total_points: PointsShown,
    pub freeze_points: PointsShown,
    pub expired_points: PointsShown,
    pub active_points: PointsShown,
    pub used_points: PointsShown,
    pub future_expired: PointsShown,
    pub create_time: Option<TimeShown>,
    pub update_time: Option<TimeShown>,
    pub tier: Option<Text>,
}

/// Points outstanding.
#[derive(ToSchema)]
pub struct Liability {
    /// What active and frozen lots hold, what lies in open offers, and what is on its way.
    pub total: PointsShown,
    /// What members owe after reversals; no part of `total`.
    pub debt: PointsShown,
    /// By month, store and cost center; at most 100,000.
    pub items: Vec<Owed>,
    /// The rest, where there are more.
    pub others: Others,
}

/// Points outstanding of one origin.
#[derive(ToSchema)]
pub struct Owed {
    /// Of the `event_at` of the accrual that issued the points, in the tenant's zone.
    #[schema(pattern = "^[0-9]{4,6}-[0-9]{2}$")]
    pub month: String,
    /// Of that accrual.
    pub store_code: Option<Text>,
    /// Of that accrual.
    pub cost_center: Option<Text>,
    pub points: PointsShown,
    /// How many lots, and parts of lots in flight, they lie in.
    pub lots: Count,
}

/// Points outstanding that are not listed.
#[derive(ToSchema)]
pub struct Others {
    pub points: PointsShown,
    pub lots: Count,
}

fn stages() -> Object {
    let words = "`snapshot` is counted in bytes, `log` in segments, `catch_up` in members with transfers to carry on.";
    one_of(words, Stage::ALL.map(Stage::name))
}

/// How far a recovery is.
#[derive(ToSchema)]
pub struct Standing {
    #[schema(schema_with = stages)]
    pub stage: String,
    pub done: Count,
    pub all: Count,
    #[schema(minimum = 0, maximum = 100)]
    pub percent: u64,
    /// The last record known.
    pub last_lsn: u64,
}
