//! `/history`: which records fit, which of them are on the page, how many there are.
//!
//! Candidates come newest first from the narrowest source that the query allows (what is frozen, a number, an order, a
//! member, a posting list); each is checked against the whole query.
use crate::format::entry::MemberEntry;
use crate::history::blocks::{AskedFor, Way};
use crate::history::filter::Filter;
use crate::history::index::TreeHistory;
use crate::history::postings::block_start;
use crate::history::reader::Reader;
use crate::history::tables::Snapshot;
use crate::history::view::{HistoryQuery, Page, RecordView};
use crate::history::{HistoryError, keys};
use crate::ledger::account::Account;
use crate::ledger::event::Event;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use std::sync::Arc;

/// Totals over a tenant are counted so far, and pages reach no further.
const COUNTED_MAX: u64 = 10_000;

/// A search under way.
struct Finding<'a> {
    index: &'a TreeHistory,
    snapshot: &'a Snapshot,
    filter: &'a Filter<'a>,
    query: &'a HistoryQuery,
    /// Fitting records so far, and those of them that the page may show.
    count: u64,
    eligible: u64,
    found: Vec<(Lsn, MemberEntry)>,
    reader: Reader<'a>,
    /// Counting may end here.
    count_max: u64,
}

impl TreeHistory {
    pub(super) fn search_records(
        &self,
        crm_id: &str,
        query: &HistoryQuery,
        account: Option<&Account>,
        now: Instant,
    ) -> Result<Page<RecordView>, HistoryError> {
        let filter = Filter { crm_id, query, now };
        let (snapshot, way) = self.way(&filter);
        let of_member = query.member_no.is_some();
        let all = match (account, &way) {
            (Some(account), _) => Some(account.records),
            (None, Way::Lists(lists)) => Some(lists.records),
            (None, _) => None,
        };
        let known_total = all.filter(|_| filter.is_open());
        let count_max = if of_member { u64::MAX } else { COUNTED_MAX };
        let mut finding = Finding {
            index: self,
            snapshot: &snapshot,
            filter: &filter,
            query,
            count: 0,
            eligible: 0,
            found: Vec::new(),
            reader: self.reader(&snapshot),
            count_max,
        };
        let enough = known_total.is_some();
        if filter.is_frozen() {
            finding.frozen(account)?;
        } else {
            match way {
                Way::Number(number) => {
                    for lsn in self.numbered(&snapshot, crm_id, number)? {
                        finding.check_and_take(lsn)?;
                    }
                }
                Way::Order(order_sn) => finding.by_order(order_sn)?,
                Way::Member(member_no) => {
                    let last = account.map_or(Lsn::MAX, |account| account.last);
                    finding.by_member(member_no, last, enough)?;
                }
                Way::Lists(lists) => finding.by_postings(lists, enough)?,
            }
        }
        let total_is_lower_bound = known_total.is_none() && finding.count > finding.count_max;
        let total = known_total.unwrap_or(finding.count.min(finding.count_max));
        let found = finding.found.into_iter();
        let items = found
            .map(|(lsn, entry)| self.view(&snapshot, lsn, entry, Lsn::MAX, query.lots))
            .collect::<Result<_, HistoryError>>()?;
        Ok(Page { total, total_is_lower_bound, items })
    }

    /// A record with how it stands by what was recorded up to `through`, and the lots that it moved where asked for.
    pub(super) fn view(
        &self,
        snapshot: &Snapshot,
        lsn: Lsn,
        entry: MemberEntry,
        through: Lsn,
        lots: bool,
    ) -> Result<RecordView, HistoryError> {
        let has_sequels = entry.event.accrual().is_some()
            || matches!(&entry.event, Event::Spent(_) | Event::Offered(_) | Event::Sent(_));
        let standing =
            if has_sequels { self.standing_at(snapshot, lsn, through)? } else { Default::default() };
        let origin_event_no = match &entry.event {
            Event::LotExpired(expired) => {
                self.issue_at(snapshot, expired.lot.source)?.map(|issue| issue.event_no.as_ref().to_owned())
            }
            _ => None,
        };
        let lots = if lots { self.lots_moved(snapshot, &entry.event)? } else { None };
        Ok(RecordView {
            lsn,
            crm_id: entry.crm_id.into(),
            member_no: entry.member_no.into(),
            at: entry.at,
            event: Arc::new(entry.event),
            standing,
            origin_event_no,
            lots,
        })
    }

    /// Whether a record fits by the whole query; of what is frozen, too, that it was not reversed.
    pub(super) fn fits(
        &self,
        snapshot: &Snapshot,
        filter: &Filter<'_>,
        lsn: Lsn,
        entry: &MemberEntry,
        through: Lsn,
    ) -> Result<bool, HistoryError> {
        if !filter.fits(entry) {
            return Ok(false);
        }
        // A frozen lot can't be spent: it is empty only where all of it was reversed.
        match entry.event.accrual().filter(|_| filter.is_frozen()) {
            Some(accrued) => Ok(self.standing_at(snapshot, lsn, through)?.reversed < accrued.points),
            None => Ok(true),
        }
    }
}

impl Finding<'_> {
    /// The first place on the page, from 0.
    fn offset(&self) -> u64 {
        (self.query.page.page - 1).saturating_mul(self.query.page.page_size)
    }

    fn page_full(&self) -> bool {
        let cursor = self.query.after.is_some();
        let beyond = !cursor && self.offset() >= COUNTED_MAX;
        beyond || self.found.len() as u64 >= self.page_size()
    }

    fn page_size(&self) -> u64 {
        let size = self.query.page.page_size;
        if self.query.after.is_some() { size } else { size.min(COUNTED_MAX.saturating_sub(self.offset())) }
    }

    /// Whether nothing further can change the answer.
    fn done(&self, enough: bool) -> bool {
        self.page_full() && (enough || self.count > self.count_max)
    }

    /// Counts a record that fits, and puts it on the page where it belongs there. `entry` where it was read already.
    fn take(&mut self, lsn: Lsn, entry: Option<MemberEntry>) -> Result<(), HistoryError> {
        self.count += 1;
        if self.query.after.is_some_and(|after| lsn >= after) {
            return Ok(());
        }
        self.eligible += 1;
        if self.eligible > self.offset() && !self.page_full() {
            let entry = match entry {
                Some(entry) => entry,
                None => self.reader.expect_entry(lsn)?,
            };
            self.found.push((lsn, entry));
        }
        Ok(())
    }

    fn check_and_take(&mut self, lsn: Lsn) -> Result<(), HistoryError> {
        let entry = self.reader.expect_entry(lsn)?;
        let fits = self.index.fits(self.snapshot, self.filter, lsn, &entry, Lsn::MAX)?;
        if fits { self.take(lsn, Some(entry)) } else { Ok(()) }
    }

    /// Accruals whose order bears a number.
    fn by_order(&mut self, order_sn: &str) -> Result<(), HistoryError> {
        let order = self.index.hashes.order(self.filter.crm_id, order_sn);
        for found in self.snapshot.prefix(&self.index.orders, order).rev() {
            if self.done(false) {
                break;
            }
            self.check_and_take(keys::lsn_of(&found?.0))?;
        }
        Ok(())
    }

    /// Accruals that are frozen now: of a member by its lots, of a tenant by what unfreezes later than now.
    fn frozen(&mut self, account: Option<&Account>) -> Result<(), HistoryError> {
        let mut lsns: Vec<Lsn> = match (&self.query.member_no, account) {
            (Some(_), None) => Vec::new(),
            (_, Some(account)) => {
                let frozen = account.lots.iter().filter(|lot| lot.frozen(self.filter.now));
                frozen.map(|lot| lot.kind.accrual).collect()
            }
            (None, None) => {
                let tenant = self.index.hashes.tenant(self.filter.crm_id);
                let from =
                    [&tenant[..], &keys::instant(Instant(self.filter.now.0.saturating_add(1)))].concat();
                let to = [&tenant[..], &[0xff; 16]].concat();
                let rows = self.snapshot.range(&self.index.frozen, from..=to);
                rows.map(|found| Ok(keys::lsn_of(&found?.0))).collect::<Result<_, HistoryError>>()?
            }
        };
        lsns.sort_unstable_by(|a, b| b.cmp(a));
        for lsn in lsns {
            if self.done(false) {
                break;
            }
            self.check_and_take(lsn)?;
        }
        Ok(())
    }

    fn by_member(&mut self, member_no: &str, last: Lsn, enough: bool) -> Result<(), HistoryError> {
        let member = self.index.hashes.member(self.filter.crm_id, member_no);
        // Without other filters nothing but the cursor keeps a record off the page.
        let start = if enough {
            self.query.after.map_or(last, |after| Lsn(after.0.saturating_sub(1)).min(last))
        } else {
            last
        };
        let range = keys::with_lsn(&member, Lsn::ZERO)..=keys::with_lsn(&member, start);
        let by_row_alone = self.filter.texts().is_empty();
        for found in self.snapshot.range(&self.index.members, range).rev() {
            if self.done(enough) {
                break;
            }
            let (key, value) = found?;
            let lsn = keys::lsn_of(&key);
            if !self.filter.row_fits(&value) {
                continue;
            }
            if by_row_alone { self.take(lsn, None)? } else { self.check_and_take(lsn)? }
        }
        Ok(())
    }

    /// Blocks newest first; in each the records that are in every list asked for.
    fn by_postings(&mut self, lists: AskedFor, enough: bool) -> Result<(), HistoryError> {
        for block in self.index.blocks(self.snapshot, self.filter, lists, u64::MAX) {
            let block = block?;
            for place in block.places.iter().rev() {
                if self.done(enough) {
                    return Ok(());
                }
                let lsn = block_start(block.number).plus(u64::from(*place));
                if block.times_fit { self.take(lsn, None)? } else { self.check_and_take(lsn)? }
            }
            if self.done(enough) {
                break;
            }
        }
        Ok(())
    }
}
