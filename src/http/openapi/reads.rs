//! What the reads ask for.
use crate::http::openapi::records::Record;
use crate::http::openapi::values::{
    AutoId, Count, Key, MemberNo, Page, PageSize, Text, TimeGiven, one_of, or_null,
};
use crate::ledger::event::{RecordType, TransferStatus};
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

fn search_types() -> Object {
    let names = RecordType::ALL.map(RecordType::name).into_iter().chain(["freeze"]);
    one_of(
        "Records of this type. `freeze`: the accruals that are frozen now and still hold something.",
        names,
    )
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

/// Whose lots.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListOfMember {
    /// Whose.
    pub member_no: MemberNo,
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

/// Which transfers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WithStatus {
    #[param(required = false, schema_with = transfer_states)]
    pub status: String,
}
