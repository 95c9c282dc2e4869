//! A tenant's records in the order of their numbers, for those who follow them.
use crate::history::index::TreeHistory;
use crate::history::postings::{Field, block_of, block_start, decode, list_key};
use crate::history::view::{Feed, RecordView};
use crate::history::{HistoryError, keys};
use crate::ledger::lsn::Lsn;

impl TreeHistory {
    /// Whole steps of the index are visible at once and each leads on from the last, so nothing can appear later
    /// below what was read.
    pub(super) fn feed_after(&self, crm_id: &str, after: Lsn, most: usize) -> Result<Feed, HistoryError> {
        let tenant = self.hashes.tenant(crm_id);
        let all = list_key(&self.hashes, tenant, Field::All, "");
        let recent = self.recent();
        let snapshot = self.steps.snapshot();
        let (filling, last) = (recent.filling.block, recent.filling.lists.get(&all).cloned());
        // Read under the lock that a step holds: not a later step's than the snapshot's.
        let applied = self.applied_now();
        drop(recent);

        let first = block_of(after.next());
        let mut numbers = Vec::new();
        let mut take = |block: u64, places: &[u16]| {
            let lsns = places.iter().map(|place| block_start(block).plus(u64::from(*place)));
            numbers.extend(lsns.filter(|lsn| *lsn > after).take(most - numbers.len()));
            numbers.len() < most
        };
        let key = |block: u64| [&all[..], &block.to_be_bytes()].concat();
        let mut wants_more = most > 0;
        if first < filling {
            for found in snapshot.range(&self.postings, key(first)..key(filling)) {
                let (key, row) = found?;
                wants_more = take(keys::lsn_of(&key).0, &decode(Field::All, &row).0);
                if !wants_more {
                    break;
                }
            }
        }
        if wants_more {
            wants_more = take(filling, &last.unwrap_or_default());
        }
        let through = match numbers.last() {
            Some(last) if !wants_more => *last,
            _ => applied.max(after),
        };
        Ok(Feed { numbers, through })
    }

    pub(super) fn records_at(
        &self,
        crm_id: &str,
        numbers: &[Lsn],
        lots: bool,
    ) -> Result<Vec<RecordView>, HistoryError> {
        let snapshot = self.steps.snapshot();
        let mut reader = self.reader(&snapshot);
        let mut records = Vec::with_capacity(numbers.len());
        for lsn in numbers {
            let entry = reader.expect_entry(*lsn)?;
            // Tenants are found by a hash.
            if entry.crm_id == crm_id {
                records.push(self.view(&snapshot, *lsn, entry, Lsn::MAX, lots)?);
            }
        }
        Ok(records)
    }
}
