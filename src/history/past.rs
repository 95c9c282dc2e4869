//! A member's past, record by record, and what its lots need of the accruals that issued them.
use crate::history::index::TreeHistory;
use crate::history::postings::created_at;
use crate::history::tables::Snapshot;
use crate::history::view::{Issue, MovedLot};
use crate::history::{HistoryError, Visit, keys};
use crate::ledger::event::Event;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;

/// Records of one step: the index can't be closed while it answers, so no answer takes long.
const STEP_RECORDS: usize = 4_096;

impl TreeHistory {
    /// Instants never go back in a member's records where what time did counts as of when it was due: so those up to an
    /// instant are the first ones.
    pub(super) fn visit_past(
        &self,
        crm_id: &str,
        member_no: &str,
        span: (Lsn, Lsn),
        until: Instant,
        visit: Visit<'_>,
    ) -> Result<Option<Lsn>, HistoryError> {
        let snapshot = self.steps.snapshot();
        let mut reader = self.reader(&snapshot);
        let member = self.hashes.member(crm_id, member_no);
        let (after, through) = span;
        let range = keys::with_lsn(&member, after.next())..=keys::with_lsn(&member, through);
        for (n, found) in snapshot.range(&self.members, range).enumerate() {
            let lsn = keys::lsn_of(&found?.0);
            let entry = reader.expect_entry(lsn)?;
            if entry.crm_id != crm_id || entry.member_no != member_no {
                return Err(HistoryError::Corrupt(format!(
                    "two members have the same hash, one is record {lsn}'s"
                )));
            }
            if created_at(&entry) > until {
                return Ok(None);
            }
            visit(lsn, &entry);
            if n + 1 == STEP_RECORDS {
                return Ok(Some(lsn));
            }
        }
        Ok(None)
    }

    pub(super) fn issue_at(&self, snapshot: &Snapshot, source: Lsn) -> Result<Option<Issue>, HistoryError> {
        let entry = self.entry_at(snapshot, source)?;
        let issue = entry.as_ref().and_then(|entry| entry.event.accrual()).map(|accrued| Issue {
            event_no: accrued.event_no.as_str().into(),
            expire_at: accrued.expire_at,
        });
        Ok(issue)
    }

    /// The lots that a record moved.
    pub(super) fn lots_moved(
        &self,
        snapshot: &Snapshot,
        event: &Event,
    ) -> Result<Option<Vec<MovedLot>>, HistoryError> {
        let Some(moved) = event.moved() else { return Ok(None) };
        let lots = moved
            .iter()
            .map(|moved| Ok(MovedLot::new(moved, self.issue_at(snapshot, moved.source)?.as_ref())))
            .collect::<Result<_, HistoryError>>()?;
        Ok(Some(lots))
    }
}
