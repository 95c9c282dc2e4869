//! `/history`: which records fit, which of them are on the page, how many there are.
//!
//! Candidates come newest first from the narrowest source that the query allows (a number, a member, what is frozen,
//! a posting list); each is checked against the whole query.
use crate::format::entry::MemberEntry;
use crate::history::index::FjallHistory;
use crate::history::postings::{Field, ListKey, block_start, created_at, decode, list_key};
use crate::history::view::{HistoryQuery, Page, RecordView, SearchType};
use crate::history::{HistoryError, keys};
use crate::ledger::account::Account;
use crate::ledger::event::{Event, RecordType};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use fjall::{Readable, Snapshot};
use std::sync::Arc;

/// Totals over a tenant are counted so far, and pages reach no further.
const COUNTED_MAX: u64 = 10_000;

/// A search under way.
struct Finding<'a> {
    index: &'a FjallHistory,
    snapshot: Snapshot,
    crm_id: &'a str,
    query: &'a HistoryQuery,
    now: Instant,
    /// Fitting records so far, and those of them that the page may show.
    count: u64,
    eligible: u64,
    found: Vec<(Lsn, MemberEntry)>,
    /// Counting may end here.
    count_max: u64,
}

impl FjallHistory {
    pub(super) fn search_records(
        &self,
        crm_id: &str,
        query: &HistoryQuery,
        account: Option<&Account>,
        now: Instant,
    ) -> Result<Page<RecordView>, HistoryError> {
        let recent = self.recent();
        let snapshot = self.db.snapshot();
        let filling = recent.filling.snapshot(keys::tenant(crm_id));
        let tenant_count = recent.counts.get(&keys::tenant(crm_id)).copied().unwrap_or(0);
        drop(recent);
        let of_member = query.member_no.is_some();
        let known_total = match (is_unfiltered(query), account) {
            (true, Some(account)) => Some(account.records),
            (true, None) if !of_member => Some(tenant_count),
            _ => None,
        };
        let count_max = if of_member { u64::MAX } else { COUNTED_MAX };
        let mut finding = Finding {
            index: self,
            snapshot,
            crm_id,
            query,
            now,
            count: 0,
            eligible: 0,
            found: Vec::new(),
            count_max,
        };
        let enough = known_total.is_some();
        if query.event_no.is_some() || query.transfer_no.is_some() {
            finding.by_number()?;
        } else if query.search_type == Some(SearchType::Frozen) {
            finding.frozen(account)?;
        } else if let Some(member_no) = &query.member_no {
            let last = account.map_or(Lsn::MAX, |account| account.last);
            finding.by_member(member_no, last, enough)?;
        } else {
            finding.by_postings(&filling, enough)?;
        }
        let total_is_lower_bound = known_total.is_none() && finding.count > finding.count_max;
        let total = known_total.unwrap_or(finding.count.min(finding.count_max));
        Ok(Page { total, total_is_lower_bound, items: finding.items()? })
    }

    /// A record with how it stands now.
    pub(super) fn view(
        &self,
        snapshot: &Snapshot,
        lsn: Lsn,
        entry: MemberEntry,
    ) -> Result<RecordView, HistoryError> {
        let standing = match &entry.event {
            Event::Accrued(_)
            | Event::AccruedByRule(_)
            | Event::Spent(_)
            | Event::Offered(_)
            | Event::Sent(_) => self.standing_at(snapshot, lsn)?,
            _ => Default::default(),
        };
        let origin_event_no = match &entry.event {
            Event::LotExpired(expired) => self.event_no_of(snapshot, expired.lot.source)?,
            _ => None,
        };
        Ok(RecordView {
            lsn,
            crm_id: entry.crm_id.into(),
            member_no: entry.member_no.into(),
            at: entry.at,
            event: Arc::new(entry.event),
            standing,
            origin_event_no,
        })
    }

    /// The `event_no` of the accrual that issued a lot's points.
    pub(super) fn event_no_of(
        &self,
        snapshot: &Snapshot,
        source: Lsn,
    ) -> Result<Option<String>, HistoryError> {
        let accrual = self.entry_at(snapshot, source)?.and_then(|entry| entry.event.into_accrual());
        Ok(accrual.map(|accrued| accrued.event_no))
    }
}

/// Whether every record of the member or tenant fits.
fn is_unfiltered(query: &HistoryQuery) -> bool {
    let HistoryQuery {
        search_type,
        start_time,
        end_time,
        member_no: _,
        event_no,
        transfer_no,
        after: _,
        page: _,
        ..
    } = query;
    let texts = [
        &query.action_scene,
        &query.campaign_code,
        &query.store_code,
        &query.cost_center,
        event_no,
        transfer_no,
    ];
    search_type.is_none()
        && start_time.is_none()
        && end_time.is_none()
        && texts.iter().all(|text| text.is_none())
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
                None => self.index.expect_entry(&self.snapshot, lsn)?,
            };
            self.found.push((lsn, entry));
        }
        Ok(())
    }

    fn check_and_take(&mut self, lsn: Lsn) -> Result<(), HistoryError> {
        let entry = self.index.expect_entry(&self.snapshot, lsn)?;
        if self.fits(&entry) { self.take(lsn, Some(entry)) } else { Ok(()) }
    }

    fn items(self) -> Result<Vec<RecordView>, HistoryError> {
        let Finding { index, snapshot, found, .. } = self;
        found.into_iter().map(|(lsn, entry)| index.view(&snapshot, lsn, entry)).collect()
    }

    fn by_number(&mut self) -> Result<(), HistoryError> {
        let query = self.query;
        let Some(number) = query.event_no.as_ref().or(query.transfer_no.as_ref()) else { return Ok(()) };
        let mut lsns = Vec::new();
        for guard in self.snapshot.prefix(&self.index.keys, keys::number(self.crm_id, number)) {
            lsns.push(keys::lsn_of(&guard.value()?));
        }
        lsns.sort_unstable_by(|a, b| b.cmp(a));
        lsns.into_iter().try_for_each(|lsn| self.check_and_take(lsn))
    }

    /// Accruals that are frozen now: of a member by its lots, of a tenant by what unfreezes later than now.
    fn frozen(&mut self, account: Option<&Account>) -> Result<(), HistoryError> {
        let mut lsns: Vec<Lsn> = match (&self.query.member_no, account) {
            (Some(_), None) => Vec::new(),
            (_, Some(account)) => {
                let frozen = account.lots.iter().filter(|lot| lot.frozen(self.now));
                frozen.map(|lot| lot.kind.accrual).collect()
            }
            (None, None) => {
                let tenant = keys::tenant(self.crm_id);
                let from = [&tenant[..], &keys::instant(Instant(self.now.0.saturating_add(1)))].concat();
                let to = [&tenant[..], &[0xff; 16]].concat();
                let rows = self.snapshot.range(&self.index.frozen, from..=to);
                rows.map(|guard| Ok(keys::lsn_of(&guard.key()?))).collect::<Result<_, fjall::Error>>()?
            }
        };
        lsns.sort_unstable_by(|a, b| b.cmp(a));
        for lsn in lsns {
            if self.done(false) {
                break;
            }
            let entry = self.index.expect_entry(&self.snapshot, lsn)?;
            let Some(accrued) = entry.event.accrual() else { continue };
            // A frozen lot can't be spent: it is empty only where all of it was reversed.
            let reversed = self.index.standing_at(&self.snapshot, lsn)?.reversed;
            if reversed < accrued.points && self.fits(&entry) {
                self.take(lsn, Some(entry))?;
            }
        }
        Ok(())
    }

    fn by_member(&mut self, member_no: &str, last: Lsn, enough: bool) -> Result<(), HistoryError> {
        let member = keys::member(self.crm_id, member_no);
        // Without other filters nothing but the cursor keeps a record off the page.
        let start = if enough {
            self.query.after.map_or(last, |after| Lsn(after.0.saturating_sub(1)).min(last))
        } else {
            last
        };
        let range = keys::with_lsn(&member, Lsn::ZERO)..=keys::with_lsn(&member, start);
        let by_row_alone = self.texts().is_empty();
        for guard in self.snapshot.range(&self.index.members, range).rev() {
            if self.done(enough) {
                break;
            }
            let (key, value) = guard.into_inner()?;
            let lsn = keys::lsn_of(&key);
            if !self.row_fits(&value) {
                continue;
            }
            if by_row_alone { self.take(lsn, None)? } else { self.check_and_take(lsn)? }
        }
        Ok(())
    }

    /// Whether type and time of a row of `members` fit.
    fn row_fits(&self, value: &[u8]) -> bool {
        let kind = RecordType::ALL.into_iter().find(|kind| Some(&(*kind as u8)) == value.first());
        let created = value.get(1..9).and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes);
        self.type_fits(kind) && created.is_some_and(|created| self.time_fits(Instant(created)))
    }

    fn type_fits(&self, kind: Option<RecordType>) -> bool {
        match self.query.search_type {
            None => true,
            Some(SearchType::Type(wanted)) => kind == Some(wanted),
            Some(SearchType::Frozen) => kind == Some(RecordType::Produce),
        }
    }

    /// Both ends included, to the second.
    fn time_fits(&self, created: Instant) -> bool {
        let second = |at: Instant| at.0.div_euclid(1_000);
        self.query.start_time.is_none_or(|start| second(start) <= second(created))
            && self.query.end_time.is_none_or(|end| second(created) <= second(end))
    }

    fn fits(&self, entry: &MemberEntry) -> bool {
        let query = self.query;
        let details = entry.event.details();
        let number = entry.event.key();
        let transfer = matches!(
            entry.event.record_type(),
            Some(RecordType::Transfer | RecordType::Accept | RecordType::TransferReturn)
        );
        let text =
            |wanted: &Option<String>, found: Option<&String>| wanted.is_none() || wanted.as_ref() == found;
        entry.crm_id == self.crm_id
            && entry.event.record_type().is_some()
            && query.member_no.as_ref().is_none_or(|wanted| *wanted == entry.member_no)
            && self.type_fits(entry.event.record_type())
            && self.time_fits(created_at(entry))
            && query
                .event_no
                .as_ref()
                .is_none_or(|wanted| number.as_ref().is_some_and(|key| key.number() == wanted))
            && query
                .transfer_no
                .as_ref()
                .is_none_or(|wanted| transfer && number.as_ref().is_some_and(|key| key.number() == wanted))
            && text(&query.action_scene, details.and_then(|d| d.action_scene.as_ref()))
            && text(&query.campaign_code, details.and_then(|d| d.campaign_code.as_ref()))
            && text(&query.store_code, details.and_then(|d| d.store_code.as_ref()))
            && text(&query.cost_center, details.and_then(|d| d.cost_center.as_ref()))
    }

    /// The text filters, as fields of posting lists.
    fn texts(&self) -> Vec<(Field, &str)> {
        let query = self.query;
        let texts = [
            (Field::ActionScene, &query.action_scene),
            (Field::StoreCode, &query.store_code),
            (Field::CostCenter, &query.cost_center),
            (Field::CampaignCode, &query.campaign_code),
        ];
        texts.into_iter().filter_map(|(field, text)| Some((field, text.as_deref()?))).collect()
    }

    /// Blocks newest first; in each the records that are in every list asked for.
    fn by_postings(&mut self, filling: &FillingOfTenant, enough: bool) -> Result<(), HistoryError> {
        let tenant = keys::tenant(self.crm_id);
        let mut lists: Vec<(Field, ListKey)> =
            self.texts().into_iter().map(|(field, text)| (field, list_key(tenant, field, text))).collect();
        if let Some(SearchType::Type(kind)) = self.query.search_type {
            lists.push((Field::Type, list_key(tenant, Field::Type, kind.name())));
        }
        let all = (Field::All, list_key(tenant, Field::All, ""));
        let (driver, others) = lists.split_first().map_or((all, &[][..]), |(first, rest)| (*first, rest));
        let in_filling: Vec<Vec<u16>> =
            [driver].iter().chain(others).map(|(_, list)| filling.list(list)).collect();
        self.block(filling.block, in_filling, filling.times, enough)?;
        let below = filling.block.to_be_bytes();
        let range = [&driver.1[..], &[0; 8]].concat()..[&driver.1[..], &below].concat();
        for guard in self.snapshot.range(&self.index.postings, range).rev() {
            if self.done(enough) {
                break;
            }
            let (key, row) = guard.into_inner()?;
            let block = keys::lsn_of(&key).0;
            let (places, times) = decode(driver.0, &row);
            let mut wanted = vec![places];
            for (field, list) in others {
                wanted.push(self.places(*field, list, block)?.0);
            }
            let times = if times.is_none() && self.has_times() {
                self.places(all.0, &all.1, block)?.1
            } else {
                times
            };
            self.block(block, wanted, times, enough)?;
        }
        Ok(())
    }

    fn has_times(&self) -> bool {
        self.query.start_time.is_some() || self.query.end_time.is_some()
    }

    #[allow(clippy::type_complexity, reason = "what decode gives")]
    fn places(
        &self,
        field: Field,
        list: &ListKey,
        block: u64,
    ) -> Result<(Vec<u16>, Option<(Instant, Instant)>), HistoryError> {
        let row = self.snapshot.get(&self.index.postings, [&list[..], &block.to_be_bytes()].concat())?;
        Ok(row.map_or((Vec::new(), None), |row| decode(field, &row)))
    }

    /// Takes a block's records, newest first.
    fn block(
        &mut self,
        block: u64,
        lists: Vec<Vec<u16>>,
        times: Option<(Instant, Instant)>,
        enough: bool,
    ) -> Result<(), HistoryError> {
        let (all_fit, none_fit) = match times {
            Some((first, last)) if self.has_times() => {
                let (start, end) = (self.query.start_time, self.query.end_time);
                let outside = end.is_some_and(|end| first.0.div_euclid(1_000) > end.0.div_euclid(1_000))
                    || start.is_some_and(|start| last.0.div_euclid(1_000) < start.0.div_euclid(1_000));
                (self.time_fits(first) && self.time_fits(last), outside)
            }
            _ => (!self.has_times(), false),
        };
        if none_fit {
            return Ok(());
        }
        let Some((first, others)) = lists.split_first() else { return Ok(()) };
        for place in first.iter().rev() {
            if self.done(enough) {
                break;
            }
            if others.iter().all(|list| list.binary_search(place).is_ok()) {
                let lsn = block_start(block).plus(u64::from(*place));
                if all_fit { self.take(lsn, None)? } else { self.check_and_take(lsn)? }
            }
        }
        Ok(())
    }
}

/// What a search needs of the filling block.
pub(super) struct FillingOfTenant {
    block: u64,
    times: Option<(Instant, Instant)>,
    lists: std::collections::HashMap<ListKey, Vec<u16>>,
}

impl FillingOfTenant {
    fn list(&self, key: &ListKey) -> Vec<u16> {
        self.lists.get(key).cloned().unwrap_or_default()
    }
}

impl crate::history::postings::Filling {
    /// The tenant's part: at most a few thousand places.
    pub(super) fn snapshot(&self, tenant: [u8; 8]) -> FillingOfTenant {
        let mine = self.lists.iter().filter(|(list, _)| list[..8] == tenant);
        FillingOfTenant {
            block: self.block,
            times: self.times.get(&tenant).copied(),
            lists: mine.map(|(list, places)| (*list, places.clone())).collect(),
        }
    }
}
