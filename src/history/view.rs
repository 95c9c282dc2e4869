//! What the index is asked for and what it shows.
use crate::ledger::event::{Event, RecordType, Standing, TransferStatus};
use crate::ledger::instant::Instant;
use crate::ledger::lot::LotId;
use crate::ledger::lsn::Lsn;
use crate::ledger::moved::{Moved, Until};
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
    /// Where they were asked for: the lots that the record moved; none of a type that moves none.
    pub lots: Option<Vec<MovedLot>>,
}

/// So many points that a record moved out of or into one lot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedLot {
    /// Of the accrual that first issued the points.
    pub origin_event_no: Option<Arc<str>>,
    pub points: Points,
    pub expire_at: Option<Instant>,
}

/// What a lot needs of the accrual that issued its points. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub event_no: Arc<str>,
    pub expire_at: Option<Instant>,
}

impl MovedLot {
    pub fn new(moved: &Moved, issue: Option<&Issue>) -> MovedLot {
        let expire_at = match moved.until {
            Until::At(at) => at,
            Until::AsIssued => issue.and_then(|issue| issue.expire_at),
        };
        let origin_event_no = issue.map(|issue| issue.event_no.clone());
        MovedLot { origin_event_no, points: moved.points, expire_at }
    }
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
pub struct Source {
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
    /// Accruals whose order bears this number.
    pub order_sn: Option<String>,
    /// Records older than this.
    pub after: Option<Lsn>,
    /// Show the lots that each record moved.
    pub lots: bool,
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

/// A search through all that fits, step by step: where it stands. Every step is of the same moment.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What is frozen, is at this instant.
    pub now: Instant,
    /// Later records, and what they did to earlier ones, are left out.
    pub through: Lsn,
    /// What comes next is older than this.
    pub before: Lsn,
    pub ended: bool,
    /// The candidates, newest first, where they come in no order of the index: those that show a number.
    pub numbered: Option<Vec<Lsn>>,
}

impl Scan {
    pub fn new(now: Instant, through: Lsn) -> Scan {
        Scan { now, through, before: through.next(), ended: false, numbered: None }
    }
}

/// Records of a tenant's change feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    pub numbers: Vec<Lsn>,
    /// The feed was read up to here: what comes later has a larger number.
    pub through: Lsn,
}
