//! Records one after another: those of one row of the table come from one look-up.
use crate::format::entry::MemberEntry;
use crate::history::HistoryError;
use crate::history::chunks::{chunk_of, payload_in};
use crate::history::index::{TreeHistory, decode};
use crate::history::tables::Snapshot;
use crate::ledger::lsn::Lsn;
use lsm_tree::Slice;

/// Records as a snapshot has them.
pub(super) struct Reader<'a> {
    index: &'a TreeHistory,
    snapshot: &'a Snapshot,
    /// The row that was read last, by its number; none where the table has none.
    row: Option<(u64, Option<Slice>)>,
}

impl TreeHistory {
    pub(super) fn reader<'a>(&'a self, snapshot: &'a Snapshot) -> Reader<'a> {
        Reader { index: self, snapshot, row: None }
    }
}

impl Reader<'_> {
    pub fn entry_at(&mut self, lsn: Lsn) -> Result<Option<MemberEntry>, HistoryError> {
        let number = chunk_of(lsn);
        if self.row.as_ref().is_none_or(|(read, _)| *read != number) {
            self.row = Some((number, self.snapshot.get(&self.index.records, number.to_be_bytes())?));
        }
        let row = self.row.as_ref().and_then(|(_, row)| row.as_deref());
        let payload = row.and_then(|row| payload_in(row, lsn));
        payload.map(|payload| decode(lsn, payload)).transpose()
    }

    pub fn expect_entry(&mut self, lsn: Lsn) -> Result<MemberEntry, HistoryError> {
        self.entry_at(lsn)?.ok_or_else(|| HistoryError::Corrupt(format!("record {lsn} is missing")))
    }
}
