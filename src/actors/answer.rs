//! What the service answers: plain data that the edge turns into envelopes.
pub use crate::history::view::{
    HistoryQuery, LotState, LotView, MovedLot, Page, PageQuery, RecordView, SearchType, TransferView,
};
use crate::ledger::Terms;
use crate::ledger::account::Account;
use crate::ledger::instant::{Instant, Span};
use crate::ledger::lsn::Lsn;
use crate::ledger::points::Total;
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::Evaluation;
use std::sync::Arc;

/// The window of `future_expired`.
const SOON: Span = Span::days(7);

/// The answer to a change.
#[derive(Clone, Debug)]
pub struct Answer {
    pub record: RecordView,
    /// The change was made by an earlier request with the same key and content.
    pub replayed: bool,
    /// The zone that times were written in when the record was made, so that a replay has the same bytes.
    pub zone: chrono_tz::Tz,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The ledger said no: nothing changed.
    Refused(Refusal),
    /// Starting up or stopping: nothing was done.
    NotReady,
    /// The log can't take more: nothing was done.
    Full,
    /// Shed: nothing was done.
    Overloaded,
    /// The log failed meanwhile: send it again with the same key.
    Unknown,
    /// A fault of ours; the detail is for the log, not for the client.
    Fault(String),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Refused(refusal)
    }
}

impl Summary {
    /// Of an account as it is at `now`.
    pub fn of(account: &Account, now: Instant) -> Summary {
        let seen = account.records > 0;
        Summary {
            detail_id: seen.then_some(account.first_record),
            total: account.total,
            freeze: account.lots.frozen(now),
            expired: account.expired,
            active: account.active(now),
            used: account.used,
            future_expired: account.expiring_within(SOON, now),
            created_at: seen.then_some(account.created_at),
            updated_at: seen.then_some(account.updated_at),
        }
    }
}

/// The five sums of an account and its dates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The member's first record; none for a member never seen.
    pub detail_id: Option<Lsn>,
    pub total: Total,
    pub freeze: Total,
    pub expired: Total,
    pub active: Total,
    pub used: Total,
    /// Active points that expire within the next 7 days.
    pub future_expired: Total,
    pub created_at: Option<Instant>,
    pub updated_at: Option<Instant>,
}

/// What an event would earn by the tenant's rules.
pub struct Preview {
    pub event_at: Instant,
    /// The terms that it was held against.
    pub terms: Arc<Terms>,
    /// When it happened and what the rules make of it; that they grant nothing is no refusal yet.
    pub outcome: Result<(Instant, Evaluation), Refusal>,
}
