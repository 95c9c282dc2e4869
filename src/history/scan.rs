//! All that fits a query, newest first, in steps: for exports of any length.
//!
//! Each step asks the index anew, below where the last one ended, and answers soon: while it is asked the index can't
//! be closed, and a client may take as long as it likes between two steps. What came after the scan's moment is left
//! out of every step, so all of them show the same moment.
use crate::format::entry::MemberEntry;
use crate::history::blocks::{Block, Way};
use crate::history::filter::Filter;
use crate::history::index::TreeHistory;
use crate::history::postings::{block_of, block_start};
use crate::history::reader::Reader;
use crate::history::tables::{Row, Snapshot};
use crate::history::view::{HistoryQuery, RecordView, Scan};
use crate::history::{HistoryError, keys};
use crate::ledger::lsn::Lsn;

/// A step ends when it has found so many records, or has looked at so many. A record that moved many lots is large, and
/// counts for many.
const STEP_FOUND: usize = 256;
const STEP_LOOKS: usize = 4_096;
const LOTS_A_LOOK: usize = 16;

struct Step<'a> {
    index: &'a TreeHistory,
    snapshot: &'a Snapshot,
    reader: Reader<'a>,
    filter: &'a Filter<'a>,
    scan: &'a mut Scan,
    found: Vec<(Lsn, MemberEntry)>,
    looks: usize,
}

impl TreeHistory {
    pub(super) fn step_of_scan(
        &self,
        crm_id: &str,
        query: &HistoryQuery,
        scan: &mut Scan,
    ) -> Result<Vec<RecordView>, HistoryError> {
        let filter = Filter { crm_id, query, now: scan.now };
        let (snapshot, way) = self.way(&filter);
        let through = scan.through;
        let mut step = Step {
            index: self,
            snapshot: &snapshot,
            reader: self.reader(&snapshot),
            filter: &filter,
            scan,
            found: Vec::new(),
            looks: 0,
        };
        let top = Lsn(step.scan.before.0.saturating_sub(1));
        let ended = match way {
            Way::Number(number) => {
                let all = match step.scan.numbered.take() {
                    Some(all) => all,
                    None => self.numbered(&snapshot, crm_id, number)?,
                };
                let done = all.partition_point(|lsn| *lsn > top);
                let ended = step.walk(all[done..].iter().map(|lsn| Ok(*lsn)))?;
                step.scan.numbered = Some(all);
                ended
            }
            Way::Order(order_sn) => {
                let order = self.hashes.order(crm_id, order_sn);
                let range = keys::with_lsn(&order, Lsn::ZERO)..=keys::with_lsn(&order, top);
                let rows = snapshot.range(&self.orders, range).rev();
                step.walk(rows.map(|found| Ok(keys::lsn_of(&found?.0))))?
            }
            Way::Member(member_no) => {
                let member = self.hashes.member(crm_id, member_no);
                let range = keys::with_lsn(&member, Lsn::ZERO)..=keys::with_lsn(&member, top);
                step.walk_rows(snapshot.range(&self.members, range).rev())?
            }
            Way::Lists(lists) => step.walk_blocks(self.blocks(&snapshot, &filter, lists, block_of(top)))?,
        };
        let found = std::mem::take(&mut step.found);
        scan.ended = ended;
        found.into_iter().map(|(lsn, entry)| self.view(&snapshot, lsn, entry, through, query.lots)).collect()
    }

    /// The records of a tenant that show a number, newest first.
    pub(super) fn numbered(
        &self,
        snapshot: &Snapshot,
        crm_id: &str,
        number: &str,
    ) -> Result<Vec<Lsn>, HistoryError> {
        let rows = snapshot.prefix(&self.keys, self.hashes.number(crm_id, number));
        let mut lsns: Vec<Lsn> =
            rows.map(|found| Ok(keys::lsn_of(&found?.1))).collect::<Result<_, HistoryError>>()?;
        lsns.sort_unstable_by(|a, b| b.cmp(a));
        Ok(lsns)
    }
}

impl Step<'_> {
    /// Looks at the candidates in turn; answers whether it came to their end.
    fn walk(&mut self, lsns: impl Iterator<Item = Result<Lsn, HistoryError>>) -> Result<bool, HistoryError> {
        for lsn in lsns {
            if !self.look(lsn?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn walk_rows(
        &mut self,
        rows: impl Iterator<Item = Result<Row, HistoryError>>,
    ) -> Result<bool, HistoryError> {
        for found in rows {
            let (key, value) = found?;
            let lsn = keys::lsn_of(&key);
            let goes_on = if self.filter.row_fits(&value) { self.look(lsn)? } else { self.pass_over(lsn) };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn walk_blocks(
        &mut self,
        blocks: impl Iterator<Item = Result<Block, HistoryError>>,
    ) -> Result<bool, HistoryError> {
        for block in blocks {
            let block = block?;
            let start = block_start(block.number);
            for place in block.places.iter().rev() {
                if !self.look(start.plus(u64::from(*place)))? {
                    return Ok(false);
                }
            }
            if !self.pass_over(start) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes a record where it fits; answers whether the step goes on.
    fn look(&mut self, lsn: Lsn) -> Result<bool, HistoryError> {
        if lsn >= self.scan.before {
            // Of the block that the last step ended in.
            return Ok(true);
        }
        let entry = self.reader.expect_entry(lsn)?;
        if self.index.fits(self.snapshot, self.filter, lsn, &entry, self.scan.through)? {
            self.looks += entry.event.moved().map_or(0, |lots| lots.len() / LOTS_A_LOOK);
            self.found.push((lsn, entry));
        }
        Ok(self.pass_over(lsn))
    }

    /// All from `lsn` on has been looked at.
    fn pass_over(&mut self, lsn: Lsn) -> bool {
        self.scan.before = self.scan.before.min(lsn);
        self.looks += 1;
        self.found.len() < STEP_FOUND && self.looks < STEP_LOOKS
    }
}
