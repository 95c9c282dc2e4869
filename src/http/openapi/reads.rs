//! What the reads ask for.
use crate::http::openapi::records::Record;
use crate::http::openapi::values::{
    AutoId, Count, Key, MemberNo, Page, PageSize, Text, TimeGiven, one_of, or_null,
};
use crate::ledger::event::{RecordType, TransferStatus};
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

fn kinds() -> Object {
    let names = RecordType::ALL.map(RecordType::name).into_iter().chain(["freeze"]);
    one_of(
        "Records of this type. `freeze`: the accruals that are frozen now and still hold something.",
        names,
    )
}

fn search_types() -> Object {
    or_null(kinds())
}

fn transfer_states() -> Object {
    one_of("Only these.", TransferStatus::ALL.map(TransferStatus::name))
}

/// Which records. All fields are optional, and a record must fit all that are given.
#[derive(ToSchema)]
pub struct History {
    /// Records of this member. Left out: of the whole tenant.
    pub member_no: Option<MemberNo>,
    /// Records of the member with this mobile.
    pub mobile: Option<Text>,
    #[schema(schema_with = search_types, required = false)]
    pub search_type: Option<String>,
    /// By `create_time`, inclusive, to the second.
    pub start_time: Option<TimeGiven>,
    /// By `create_time`, inclusive, to the second.
    pub end_time: Option<TimeGiven>,
    /// Records whose `event_no` shows this, so a transfer's records too.
    pub event_no: Option<Key>,
    /// Records of transfers of this number: `transfer`, `accept`, `transfer_return`.
    pub transfer_no: Option<Key>,
    /// Exactly this text.
    pub action_scene: Option<Text>,
    /// Exactly this text. Also read as `stroe_code`.
    pub store_code: Option<Text>,
    /// Exactly this text.
    pub cost_center: Option<Text>,
    /// Exactly this text.
    pub campaign_code: Option<Text>,
    /// Records of this order.
    pub order_sn: Option<Text>,
    /// Whether each record shows the lots that it moved.
    pub lots: Option<bool>,
    /// Left out: 1. Beyond the 10,000th record `items` is empty; `after_id` has no end.
    pub page: Option<Page>,
    /// The same as `page`.
    pub page_id: Option<Page>,
    /// Left out: 20.
    pub page_size: Option<PageSize>,
    /// A cursor: only records older than this `auto_id`.
    pub after_id: Option<AutoId>,
}

/// A page of records, newest first.
#[derive(ToSchema)]
pub struct Records {
    /// How many records fit, on all pages together. A filtered search over a whole tenant counts up to 10,000.
    pub total: Count,
    /// `true` where there are more than `total`; otherwise it is not there.
    #[schema(required = false)]
    pub total_is_lower_bound: bool,
    pub items: Vec<Record>,
}

/// Whose summary.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OneMember {
    /// The member. Needed unless `mobile` is given.
    #[param(required = false)]
    pub member_no: MemberNo,
    /// The member with this mobile.
    #[param(required = false)]
    pub mobile: Text,
}

/// Whose list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfMember {
    /// Whose.
    pub member_no: MemberNo,
}

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Pages {
    /// Left out: 1.
    #[param(required = false)]
    pub page: Page,
    /// The same as `page`.
    #[param(required = false)]
    pub page_id: Page,
    /// Left out: 20.
    #[param(required = false)]
    pub page_size: PageSize,
}

/// Of when.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Moment {
    /// As of this moment, in the past or the future. Left out: now.
    #[param(required = false)]
    pub as_of: TimeGiven,
}

/// Whether records show what they moved.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WithLots {
    /// Whether each record shows the lots that it moved. Left out: false.
    #[param(required = false)]
    pub lots: bool,
}

fn formats() -> Object {
    one_of("How the stream is written. Left out: `ndjson`.", ["ndjson", "csv"])
}

/// The filters of `/history`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Export {
    #[param(required = false, schema_with = formats)]
    pub format: String,
    /// Records of this member. Left out: of the whole tenant.
    #[param(required = false)]
    pub member_no: MemberNo,
    /// Records of the member with this mobile.
    #[param(required = false)]
    pub mobile: Text,
    #[param(required = false, schema_with = kinds)]
    pub search_type: String,
    /// By `create_time`, inclusive, to the second.
    #[param(required = false)]
    pub start_time: TimeGiven,
    /// By `create_time`, inclusive, to the second.
    #[param(required = false)]
    pub end_time: TimeGiven,
    /// Records whose `event_no` shows this.
    #[param(required = false)]
    pub event_no: Key,
    /// Records of transfers of this number.
    #[param(required = false)]
    pub transfer_no: Key,
    /// Records of this order.
    #[param(required = false)]
    pub order_sn: Text,
    /// Exactly this text.
    #[param(required = false)]
    pub action_scene: Text,
    /// Exactly this text. Also read as `stroe_code`.
    #[param(required = false)]
    pub store_code: Text,
    /// Exactly this text.
    #[param(required = false)]
    pub cost_center: Text,
    /// Exactly this text.
    #[param(required = false)]
    pub campaign_code: Text,
    /// Whether each record shows the lots that it moved. Left out: false.
    #[param(required = false)]
    pub lots: bool,
}

/// How a stream is written.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Written {
    #[param(required = false, schema_with = formats)]
    pub format: String,
}

/// How far ahead.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Days {
    /// Days of the tenant's calendar, the first one being today, from now on. Left out: 30.
    #[param(required = false, minimum = 1, maximum = 366)]
    pub days: u64,
}

/// Where the feed goes on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Feed {
    /// Only records of a larger `auto_id`. Left out: 0.
    #[param(required = false)]
    pub after: Count,
    /// At most so many. Left out: 500.
    #[param(required = false, minimum = 1, maximum = 10000)]
    pub limit: u64,
    /// Where there is nothing yet, wait so many seconds for it. Left out: 0.
    #[param(required = false, minimum = 0, maximum = 30)]
    pub wait: u64,
    /// Whether each record shows the lots that it moved. Left out: false.
    #[param(required = false)]
    pub lots: bool,
}

/// Which transfers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WithStatus {
    #[param(required = false, schema_with = transfer_states)]
    pub status: String,
}
