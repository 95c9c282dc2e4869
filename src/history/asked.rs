//! The index as the service asks it: each question to the file that answers it.
use crate::history::index::TreeHistory;
use crate::history::view::{
    Feed, HistoryQuery, Issue, LotView, Page, PageQuery, RecordView, Scan, Source, TransferView,
};
use crate::history::{History, HistoryError, Row, Visit, keys};
use crate::ledger::Known;
use crate::ledger::account::Account;
use crate::ledger::event::{Key, TransferStatus};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use std::sync::Arc;

impl History for TreeHistory {
    fn applied(&self) -> Lsn {
        self.applied_now()
    }

    fn apply(&self, rows: &[Row<'_>], through: Lsn) -> Result<(), HistoryError> {
        self.write_step(rows, through)
    }

    fn sync(&self) -> Result<Lsn, HistoryError> {
        self.persist()
    }

    fn begin_sync(&self) {
        self.begin_persisting();
    }

    fn durable(&self) -> Lsn {
        self.durable_now()
    }

    fn reaches(&self) -> Lsn {
        self.reaches_now()
    }

    fn size_bytes(&self) -> Option<u64> {
        let snapshot = self.steps.snapshot();
        Some(self.tables().iter().map(|table| snapshot.size_bytes(table)).sum())
    }

    fn find(&self, crm_id: &str, member_no: &str, key: Key<'_>) -> Result<Option<Known>, HistoryError> {
        let taken = self.hashes.taken(crm_id, member_no, &key);
        if self.sieve.lacks(&taken) {
            return Ok(None);
        }
        let snapshot = self.steps.snapshot();
        let Some(number) = snapshot.get(&self.keys, taken)? else { return Ok(None) };
        let lsn = keys::lsn_of(&number);
        let entry = self.expect_entry(&snapshot, lsn)?;
        if entry.crm_id != crm_id || entry.member_no != member_no || entry.event.key() != Some(key) {
            return Err(HistoryError::Corrupt(format!("two keys have the same hash, one is record {lsn}'s")));
        }
        let standing = self.standing_at(&snapshot, lsn, Lsn::MAX)?;
        Ok(Some(Known { lsn, at: entry.at, event: Arc::new(entry.event), standing }))
    }

    fn transfers_to(
        &self,
        crm_id: &str,
        member_no: &str,
        transfer_no: &str,
    ) -> Result<Vec<(Lsn, String)>, HistoryError> {
        self.offers_under(crm_id, member_no, transfer_no)
    }

    fn search(
        &self,
        crm_id: &str,
        query: &HistoryQuery,
        account: Option<&Account>,
        now: Instant,
    ) -> Result<Page<RecordView>, HistoryError> {
        self.search_records(crm_id, query, account, now)
    }

    fn lots(
        &self,
        crm_id: &str,
        member_no: &str,
        account: &Account,
        now: Instant,
        page: PageQuery,
    ) -> Result<Page<LotView>, HistoryError> {
        self.list_lots(crm_id, member_no, account, now, page)
    }

    fn transfers(
        &self,
        crm_id: &str,
        member_no: &str,
        status: Option<TransferStatus>,
        now: Instant,
        page: PageQuery,
    ) -> Result<Page<TransferView>, HistoryError> {
        self.list_transfers(crm_id, member_no, status, now, page)
    }

    fn older(
        &self,
        crm_id: &str,
        query: &HistoryQuery,
        scan: &mut Scan,
    ) -> Result<Vec<RecordView>, HistoryError> {
        self.step_of_scan(crm_id, query, scan)
    }

    fn feed(&self, crm_id: &str, after: Lsn, most: usize) -> Result<Feed, HistoryError> {
        self.feed_after(crm_id, after, most)
    }

    fn records(&self, crm_id: &str, numbers: &[Lsn], lots: bool) -> Result<Vec<RecordView>, HistoryError> {
        self.records_at(crm_id, numbers, lots)
    }

    fn past(
        &self,
        crm_id: &str,
        member_no: &str,
        span: (Lsn, Lsn),
        until: Instant,
        visit: Visit<'_>,
    ) -> Result<Option<Lsn>, HistoryError> {
        self.visit_past(crm_id, member_no, span, until, visit)
    }

    fn issues(&self, sources: &[Lsn]) -> Result<Vec<Option<Issue>>, HistoryError> {
        let snapshot = self.steps.snapshot();
        sources.iter().map(|source| self.issue_at(&snapshot, *source)).collect()
    }

    fn sources(&self, accruals: &[Lsn]) -> Result<Vec<Source>, HistoryError> {
        let snapshot = self.steps.snapshot();
        let source = |lsn: &Lsn| {
            let entry = self.expect_entry(&snapshot, *lsn)?;
            let at = entry.at;
            Ok(match entry.event.into_accrual() {
                Some(accrued) => Source {
                    event_at: accrued.event_at,
                    store_code: accrued.details.store_code,
                    cost_center: accrued.details.cost_center,
                },
                None => Source { event_at: at, store_code: None, cost_center: None },
            })
        };
        accruals.iter().map(source).collect()
    }
}
