//! What the index is asked for and what it shows.
use crate::ledger::event::{Event, RecordType, Standing, TransferStatus};
use crate::ledger::instant::Instant;
use crate::ledger::lot::LotId;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::Points;
use std::sync::Arc;

/// A record as members see it, with how it stands now.
#[derive(Clone, Debug)]
pub struct RecordView {
    pub lsn: Lsn,
    pub crm_id: Arc<str>,
    pub member_no: Arc<str>,
    /// When it was recorded.
    pub at: Instant,
    /// One whose `record_type` is some.
    pub event: Arc<Event>,
    /// Default in a change's own answer: what came later does not alter it.
    pub standing: Standing,
    /// Of an `expired` record: the `event_no` of the accrual that first issued the points.
    pub origin_event_no: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LotState {
    Frozen,
    Active,
    Expired,
    UsedUp,
}

impl LotState {
    pub fn name(self) -> &'static str {
        match self {
            LotState::Frozen => "frozen",
            LotState::Active => "active",
            LotState::Expired => "expired",
            LotState::UsedUp => "used_up",
        }
    }
}

#[derive(Clone, Debug)]
pub struct LotView {
    pub id: LotId,
    /// Of the accrual that first issued the points.
    pub origin_event_no: Option<String>,
    pub from_transfer_no: Option<String>,
    pub points: Points,
    pub remaining: Points,
    pub state: LotState,
    pub unfreeze_at: Option<Instant>,
    pub expire_at: Option<Instant>,
    pub store_code: Option<String>,
    pub cost_center: Option<String>,
    pub created_at: Instant,
}

#[derive(Clone, Debug)]
pub struct TransferView {
    pub transfer_no: String,
    pub from_user: String,
    pub to_user: String,
    pub points: Points,
    pub status: TransferStatus,
    pub created_at: Instant,
    /// None for a direct transfer.
    pub deadline: Option<Instant>,
    pub updated_at: Instant,
}

/// What an accrual says of where its points come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub event_at: Instant,
    pub store_code: Option<String>,
    pub cost_center: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub total: u64,
    /// There are more than `total`.
    pub total_is_lower_bound: bool,
    pub items: Vec<T>,
}

/// What `/history` can be asked for.
#[derive(Clone, Debug, Default)]
pub struct HistoryQuery {
    pub search_type: Option<SearchType>,
    /// Both inclusive, on the second that `create_time` shows.
    pub start_time: Option<Instant>,
    pub end_time: Option<Instant>,
    pub member_no: Option<String>,
    pub action_scene: Option<String>,
    pub campaign_code: Option<String>,
    pub store_code: Option<String>,
    pub cost_center: Option<String>,
    pub event_no: Option<String>,
    pub transfer_no: Option<String>,
    /// Records older than this.
    pub after: Option<Lsn>,
    pub page: PageQuery,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchType {
    Type(RecordType),
    /// Accruals that are frozen now.
    Frozen,
}

/// A page of a list, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageQuery {
    pub page: u64,
    pub page_size: u64,
}

impl Default for PageQuery {
    fn default() -> PageQuery {
        PageQuery { page: 1, page_size: 20 }
    }
}
