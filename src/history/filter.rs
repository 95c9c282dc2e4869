//! Which records a query of `/history` means.
use crate::format::entry::MemberEntry;
use crate::history::orders::order_sn;
use crate::history::postings::{Field, created_at};
use crate::history::view::{HistoryQuery, SearchType};
use crate::ledger::event::RecordType;
use crate::ledger::instant::Instant;

pub(super) struct Filter<'a> {
    pub crm_id: &'a str,
    pub query: &'a HistoryQuery,
    pub now: Instant,
}

impl<'a> Filter<'a> {
    /// Whether every record of the member or tenant fits.
    pub fn is_open(&self) -> bool {
        let HistoryQuery {
            search_type,
            start_time,
            end_time,
            member_no: _,
            action_scene,
            campaign_code,
            store_code,
            cost_center,
            event_no,
            transfer_no,
            order_sn,
            after: _,
            lots: _,
            page: _,
        } = self.query;
        let texts = [action_scene, campaign_code, store_code, cost_center, event_no, transfer_no, order_sn];
        search_type.is_none()
            && start_time.is_none()
            && end_time.is_none()
            && texts.iter().all(|text| text.is_none())
    }

    /// Whether type and time of a row of `members` fit.
    pub fn row_fits(&self, value: &[u8]) -> bool {
        let kind = RecordType::ALL.into_iter().find(|kind| Some(&(*kind as u8)) == value.first());
        let created = value.get(1..9).and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes);
        self.type_fits(kind) && created.is_some_and(|created| self.time_fits(Instant(created)))
    }

    /// The one type that fits, where not all do.
    pub fn kind(&self) -> Option<RecordType> {
        match self.query.search_type? {
            SearchType::Type(kind) => Some(kind),
            SearchType::Frozen => Some(RecordType::Produce),
        }
    }

    /// No type at all: a record that members don't see.
    fn type_fits(&self, kind: Option<RecordType>) -> bool {
        kind.is_some() && (self.kind().is_none() || self.kind() == kind)
    }

    /// Both ends included, to the second.
    pub fn time_fits(&self, created: Instant) -> bool {
        let second = |at: Instant| at.0.div_euclid(1_000);
        self.query.start_time.is_none_or(|start| second(start) <= second(created))
            && self.query.end_time.is_none_or(|end| second(created) <= second(end))
    }

    pub fn has_times(&self) -> bool {
        self.query.start_time.is_some() || self.query.end_time.is_some()
    }

    pub fn is_frozen(&self) -> bool {
        self.query.search_type == Some(SearchType::Frozen)
    }

    /// The number that the query names, of whichever kind.
    pub fn number(&self) -> Option<&'a str> {
        self.query.event_no.as_deref().or(self.query.transfer_no.as_deref())
    }

    /// The text filters, as fields of posting lists.
    pub fn texts(&self) -> Vec<(Field, &str)> {
        let query = self.query;
        let texts = [
            (Field::ActionScene, &query.action_scene),
            (Field::StoreCode, &query.store_code),
            (Field::CostCenter, &query.cost_center),
            (Field::CampaignCode, &query.campaign_code),
        ];
        texts.into_iter().filter_map(|(field, text)| Some((field, text.as_deref()?))).collect()
    }

    /// The whole query against a record. (Of what is frozen, whether it was reversed is another row's to tell.)
    pub fn fits(&self, entry: &MemberEntry) -> bool {
        let query = self.query;
        let details = entry.event.details();
        let number = entry.event.key().map(|key| key.number());
        let transfer = matches!(
            entry.event.record_type(),
            Some(RecordType::Transfer | RecordType::Accept | RecordType::TransferReturn)
        );
        let text =
            |wanted: &Option<String>, found: Option<&String>| wanted.is_none() || wanted.as_ref() == found;
        let is = |wanted: &Option<String>| wanted.is_none() || wanted.as_deref() == number;
        let unfreezes_later =
            || entry.event.accrual().and_then(|accrued| accrued.unfreeze_at).is_some_and(|at| self.now < at);
        entry.crm_id == self.crm_id
            && query.member_no.as_ref().is_none_or(|wanted| *wanted == entry.member_no)
            && self.type_fits(entry.event.record_type())
            && self.time_fits(created_at(entry))
            && is(&query.event_no)
            && is(&query.transfer_no)
            && (query.transfer_no.is_none() || transfer)
            && text(&query.action_scene, details.and_then(|d| d.action_scene.as_ref()))
            && text(&query.campaign_code, details.and_then(|d| d.campaign_code.as_ref()))
            && text(&query.store_code, details.and_then(|d| d.store_code.as_ref()))
            && text(&query.cost_center, details.and_then(|d| d.cost_center.as_ref()))
            && (!self.is_frozen() || unfreezes_later())
            && (query.order_sn.is_none() || query.order_sn == order_sn(&entry.event))
    }
}
