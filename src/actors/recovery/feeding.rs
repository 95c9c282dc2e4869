//! Records on their way into the index, in the log's order.
use crate::format::scan::LogRecord;
use crate::history::{History, HistoryError, Row};
use crate::ledger::lsn::Lsn;
use crate::store::recovery::CheckedSegment;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Records that one step of the index takes.
const INDEX_STEP: usize = 8_192;

pub struct Feeding<'a> {
    history: &'a dyn History,
    /// What the index had at the beginning.
    indexed: Lsn,
}

impl<'a> Feeding<'a> {
    pub fn of(history: &'a dyn History) -> Feeding<'a> {
        Feeding { history, indexed: history.applied() }
    }

    pub fn run(mut self, segments: Receiver<Arc<CheckedSegment>>) -> Result<(), HistoryError> {
        segments.into_iter().try_for_each(|segment| self.take(&segment, Lsn::MAX))
    }

    /// Feeds what the index lacks of a segment, through a record.
    pub fn take(&mut self, segment: &CheckedSegment, through: Lsn) -> Result<(), HistoryError> {
        let indexed = self.indexed;
        let lacking = segment.records().filter(|record| record.lsn > indexed && record.lsn <= through);
        let mut lacking = lacking.peekable();
        while lacking.peek().is_some() {
            let step: Vec<LogRecord<'_>> = lacking.by_ref().take(INDEX_STEP).collect();
            let mut rows = Vec::with_capacity(step.len());
            for record in &step {
                rows.extend(Row::of(record.lsn, record.payload)?);
            }
            let last = step.last().map_or(indexed, |record| record.lsn);
            self.history.apply(&rows, last)?;
        }
        Ok(())
    }
}
