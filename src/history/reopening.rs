//! The index with a way back from failed writes: after one, the store's library trusts its own memory no more and
//! takes nothing further until it is opened anew. That happens here, in place: closed at once, opened when that works
//! again, and brought up from the log to where it was. Until then nobody can ask it.
use crate::history::view::{
    Feed, HistoryQuery, Issue, LotView, Page, PageQuery, RecordView, Scan, Source, TransferView,
};
use crate::history::{History, HistoryError, Row, TreeHistory, Visit};
use crate::ledger::Known;
use crate::ledger::account::Account;
use crate::ledger::event::{Key, TransferStatus};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

type Open = Box<dyn Fn() -> Result<TreeHistory, HistoryError> + Send + Sync>;
/// Feeds an index what it lacks of the log, through a record.
type Refill = Box<dyn Fn(&TreeHistory, Lsn) -> Result<(), HistoryError> + Send + Sync>;

pub struct ReopeningHistory {
    open: Open,
    refill: Refill,
    /// None while it is closed.
    inner: RwLock<Option<TreeHistory>>,
    /// Never goes back: who was told that a record is indexed relies on it.
    applied: AtomicU64,
}

impl ReopeningHistory {
    pub fn new(history: TreeHistory, open: Open, refill: Refill) -> ReopeningHistory {
        let applied = AtomicU64::new(history.applied().0);
        ReopeningHistory { open, refill, inner: RwLock::new(Some(history)), applied }
    }

    fn ask<T>(&self, ask: impl FnOnce(&TreeHistory) -> Result<T, HistoryError>) -> Result<T, HistoryError> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        ask(inner.as_ref().ok_or(HistoryError::Unavailable)?)
    }

    /// Something that writes; where it fails, the store is closed.
    fn write<T>(
        &self,
        write: impl FnOnce(&TreeHistory) -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        let written = self.ask(write);
        if matches!(written, Err(HistoryError::Storage(_))) {
            *self.inner.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        written
    }

    fn is_closed(&self) -> bool {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Opens the store and brings it to where it was, before anybody can ask it.
    fn reopen(&self) -> Result<(), HistoryError> {
        let history = (self.open)()?;
        (self.refill)(&history, self.applied())?;
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) = Some(history);
        tracing::info!("the history index is open again");
        Ok(())
    }
}

impl History for ReopeningHistory {
    fn applied(&self) -> Lsn {
        Lsn(self.applied.load(Ordering::Acquire))
    }

    fn apply(&self, rows: &[Row<'_>], through: Lsn) -> Result<(), HistoryError> {
        if self.is_closed() {
            self.reopen()?;
        }
        self.write(|history| history.apply(rows, through))?;
        self.applied.store(through.0, Ordering::Release);
        Ok(())
    }

    fn sync(&self) -> Result<Lsn, HistoryError> {
        self.write(TreeHistory::sync)
    }

    fn begin_sync(&self) {
        // Where it fails the next step hears of it.
        if let Some(history) = &*self.inner.read().unwrap_or_else(PoisonError::into_inner) {
            history.begin_sync();
        }
    }

    fn durable(&self) -> Lsn {
        self.ask(|history| Ok(history.durable())).unwrap_or(Lsn::ZERO)
    }

    fn reaches(&self) -> Lsn {
        self.ask(|history| Ok(history.reaches())).unwrap_or(Lsn::ZERO).max(self.applied())
    }

    fn size_bytes(&self) -> Option<u64> {
        self.ask(|history| Ok(history.size_bytes())).ok().flatten()
    }

    fn find(&self, crm_id: &str, member_no: &str, key: Key<'_>) -> Result<Option<Known>, HistoryError> {
        self.ask(|history| history.find(crm_id, member_no, key))
    }

    fn sources(&self, accruals: &[Lsn]) -> Result<Vec<Source>, HistoryError> {
        self.ask(|history| history.sources(accruals))
    }

    fn transfers_to(
        &self,
        crm_id: &str,
        member_no: &str,
        transfer_no: &str,
    ) -> Result<Vec<(Lsn, String)>, HistoryError> {
        self.ask(|history| history.transfers_to(crm_id, member_no, transfer_no))
    }

    fn search(
        &self,
        crm_id: &str,
        query: &HistoryQuery,
        account: Option<&Account>,
        now: Instant,
    ) -> Result<Page<RecordView>, HistoryError> {
        self.ask(|history| history.search(crm_id, query, account, now))
    }

    fn lots(
        &self,
        crm_id: &str,
        member_no: &str,
        account: &Account,
        now: Instant,
        page: PageQuery,
    ) -> Result<Page<LotView>, HistoryError> {
        self.ask(|history| history.lots(crm_id, member_no, account, now, page))
    }

    fn transfers(
        &self,
        crm_id: &str,
        member_no: &str,
        status: Option<TransferStatus>,
        now: Instant,
        page: PageQuery,
    ) -> Result<Page<TransferView>, HistoryError> {
        self.ask(|history| history.transfers(crm_id, member_no, status, now, page))
    }

    fn older(
        &self,
        crm_id: &str,
        query: &HistoryQuery,
        scan: &mut Scan,
    ) -> Result<Vec<RecordView>, HistoryError> {
        self.ask(|history| history.older(crm_id, query, scan))
    }

    fn feed(&self, crm_id: &str, after: Lsn, most: usize) -> Result<Feed, HistoryError> {
        self.ask(|history| history.feed(crm_id, after, most))
    }

    fn records(&self, crm_id: &str, numbers: &[Lsn], lots: bool) -> Result<Vec<RecordView>, HistoryError> {
        self.ask(|history| history.records(crm_id, numbers, lots))
    }

    fn past(
        &self,
        crm_id: &str,
        member_no: &str,
        span: (Lsn, Lsn),
        until: Instant,
        visit: Visit<'_>,
    ) -> Result<Option<Lsn>, HistoryError> {
        self.ask(|history| history.past(crm_id, member_no, span, until, visit))
    }

    fn issues(&self, sources: &[Lsn]) -> Result<Vec<Option<Issue>>, HistoryError> {
        self.ask(|history| history.issues(sources))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::entry::encode_member;
    use crate::ledger::event::{Accrued, Event};

    const NUMBERS: [&str; 3] = ["e1", "e2", "e3"];

    /// The payload of record `lsn`.
    fn payload(lsn: u64) -> Vec<u8> {
        let number = NUMBERS[lsn as usize - 1];
        let event = Event::Accrued(Accrued { fingerprint: [lsn as u8; 16], ..Accrued::sample(number) });
        encode_member("t", "m", Instant(0), &event)
    }

    fn feed(history: &dyn History, lsn: u64) -> Result<(), HistoryError> {
        let payload = payload(lsn);
        history.apply(Row::of(Lsn(lsn), &payload)?.as_slice(), Lsn(lsn))
    }

    fn finds(history: &ReopeningHistory, number: &str) -> Result<bool, HistoryError> {
        history.find("t", "m", Key::Event(number)).map(|known| known.is_some())
    }

    #[test]
    fn a_failed_write_closes_it_and_the_next_one_opens_it_with_nothing_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let open = move || TreeHistory::open(&path, 1 << 20);
        let refill = |history: &TreeHistory, through: Lsn| {
            (history.applied().0 + 1..=through.0).try_for_each(|lsn| feed(history, lsn))
        };
        let history = ReopeningHistory::new(open().unwrap(), Box::new(open), Box::new(refill));
        feed(&history, 1).unwrap();
        feed(&history, 2).unwrap();

        let failed = history.write::<()>(|_| Err(HistoryError::Storage("no space left".into())));
        assert!(matches!(failed, Err(HistoryError::Storage(_))));
        assert!(
            matches!(finds(&history, "e1"), Err(HistoryError::Unavailable)),
            "not an answer that may be wrong"
        );
        assert_eq!(history.applied(), Lsn(2), "what was said to be indexed stays said");

        feed(&history, 3).unwrap();
        for number in NUMBERS {
            assert!(finds(&history, number).unwrap(), "{number}");
        }
        assert_eq!(history.applied(), Lsn(3));
    }
}
