//! The derived index: every key ever taken, every record that members see, what later records did to earlier ones.
//!
//! All of it follows from the log, record by record: an entry is indexed from its own content, without the account's
//! state. So the index may lag behind the log, be lost, or be rebuilt, and loses nothing. What it says is always a
//! prefix of the log: rows of a batch and the LSN they lead to become visible at once.
mod asked;
mod blocks;
mod chunks;
mod differences;
mod feed;
mod filter;
mod index;
mod keys;
mod lists;
mod orders;
mod past;
mod postings;
mod reader;
mod reopening;
mod runs;
mod scan;
mod search;
mod sieve;
mod tables;
mod upkeep;
pub mod view;

pub use index::TreeHistory;
pub use reopening::ReopeningHistory;

use crate::format::codec::CodecError;
use crate::format::entry::{EntryRef, MemberEntry, MemberEntryRef};
use crate::ledger::Known;
use crate::ledger::account::Account;
use crate::ledger::event::{Key, TransferStatus};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use view::{Feed, HistoryQuery, Issue, LotView, Page, PageQuery, RecordView, Scan, Source, TransferView};

/// Is shown records of a member's past, one after the other.
pub type Visit<'a> = &'a mut dyn FnMut(Lsn, &MemberEntry);

/// Why the index can't answer or can't go on. The log is unharmed; `eros-points rebuild` makes a new index.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("the history index failed: {0}; hint: see the disk, or make it anew with `eros-points rebuild`")]
    Storage(String),
    #[error(
        "the history index holds something it can't hold: {0}; hint: make it anew with `eros-points rebuild`"
    )]
    Corrupt(String),
    #[error("the history index is closed after a failed write; it is opened again as soon as that works")]
    Unavailable,
}

/// A member's entry on its way into the index, read where it lies: a step has thousands, and copies of all their texts would drive
/// everything else out of the processor's caches.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub lsn: Lsn,
    pub entry: MemberEntryRef<'a>,
    /// The record's payload as it stands in the log: `Entry::decode` reads it.
    pub payload: &'a [u8],
}

impl<'a> Row<'a> {
    /// The row for a record; none for what is the service's own.
    pub fn of(lsn: Lsn, payload: &'a [u8]) -> Result<Option<Row<'a>>, HistoryError> {
        match EntryRef::decode(payload) {
            Ok(EntryRef::Member(entry)) => Ok(Some(Row { lsn, entry, payload })),
            Ok(EntryRef::Other(_)) => Ok(None),
            Err(error) => Err(HistoryError::unreadable(lsn, &error)),
        }
    }

    /// All of its entry.
    pub fn whole(&self) -> Result<MemberEntry<&'a str>, HistoryError> {
        self.entry.whole().map_err(|error| HistoryError::unreadable(self.lsn, &error))
    }
}

impl HistoryError {
    fn unreadable(lsn: Lsn, error: &CodecError) -> HistoryError {
        HistoryError::Corrupt(format!("record {lsn}: {error}"))
    }
}

/// The index as the service sees it; behind a trait so that a simulation can put another in its place.
/// Every method is synchronous and quick (memory or page cache); every read sees one prefix of the log at least up to
/// the value that [`History::applied`] gave before.
pub trait History: Send + Sync {
    /// The last LSN whose rows are visible.
    fn applied(&self) -> Lsn;

    /// Adds the entries, in LSN order without a gap from `applied() + 1` on, as one atomic step that ends at `through`.
    /// (Entries that are not a member's are left out of `rows` and only move `through`.)
    fn apply(&self, rows: &[Row<'_>], through: Lsn) -> Result<(), HistoryError>;

    /// Makes what is applied durable; what LSN would be found after a power failure.
    fn sync(&self) -> Result<Lsn, HistoryError>;

    /// Begins the same, beside what is applied next.
    fn begin_sync(&self) {}

    /// What LSN would be found after a power failure.
    fn durable(&self) -> Lsn;

    /// There are no rows of later records, also not of those past [`History::applied`] that are to be applied again.
    fn reaches(&self) -> Lsn {
        self.applied()
    }

    /// How much disk it fills, where that is known now.
    fn size_bytes(&self) -> Option<u64> {
        None
    }

    /// The record of this member that took `key`, with how it stands.
    fn find(&self, crm_id: &str, member_no: &str, key: Key<'_>) -> Result<Option<Known>, HistoryError>;

    /// Where points that these records issued come from, one for each.
    fn sources(&self, accruals: &[Lsn]) -> Result<Vec<Source>, HistoryError>;

    /// The offers and direct transfers to `member_no` that bear this number, in whatever state, oldest first, each
    /// with its sender.
    fn transfers_to(
        &self,
        crm_id: &str,
        member_no: &str,
        transfer_no: &str,
    ) -> Result<Vec<(Lsn, String)>, HistoryError>;

    /// Records, newest first. `query.member_no` unset: the whole tenant. `account` is the member's where one is asked
    /// for (its `records` is the total without filters, its frozen lots answer `freeze`); records after
    /// `account.last` are left out then.
    fn search(
        &self,
        crm_id: &str,
        query: &HistoryQuery,
        account: Option<&Account>,
        now: Instant,
    ) -> Result<Page<RecordView>, HistoryError>;

    /// All lots that the member ever had, in order of their id; what they hold comes from `account`, settled at `now`.
    fn lots(
        &self,
        crm_id: &str,
        member_no: &str,
        account: &Account,
        now: Instant,
        page: PageQuery,
    ) -> Result<Page<LotView>, HistoryError>;

    /// What the member sent and was offered, newest first.
    fn transfers(
        &self,
        crm_id: &str,
        member_no: &str,
        status: Option<TransferStatus>,
        now: Instant,
        page: PageQuery,
    ) -> Result<Page<TransferView>, HistoryError>;

    /// The next step of a long search, newest first: some of the records that fit `query` (its page and cursor aside),
    /// maybe none. `scan` is moved on, and says when it was the last step.
    fn older(
        &self,
        crm_id: &str,
        query: &HistoryQuery,
        scan: &mut Scan,
    ) -> Result<Vec<RecordView>, HistoryError>;

    /// The tenant's records after `after` that members see, oldest first, at most so many.
    fn feed(&self, crm_id: &str, after: Lsn, most: usize) -> Result<Feed, HistoryError>;

    /// The tenant's records of these numbers, in their order.
    fn records(&self, crm_id: &str, numbers: &[Lsn], lots: bool) -> Result<Vec<RecordView>, HistoryError>;

    /// Shows `visit` all of a member's records, hidden ones too, oldest first: those past the first number of `span` and
    /// not past its second, up to the first that happened after `until`. After some thousands it answers the number of
    /// the last one, to go on after; none at the end.
    fn past(
        &self,
        crm_id: &str,
        member_no: &str,
        span: (Lsn, Lsn),
        until: Instant,
        visit: Visit<'_>,
    ) -> Result<Option<Lsn>, HistoryError>;

    /// What lots need of the accruals that issued their points; none where a number is no accrual's.
    fn issues(&self, sources: &[Lsn]) -> Result<Vec<Option<Issue>>, HistoryError>;
}
