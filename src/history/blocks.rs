//! The posting lists of a query, block by block, newest first.
use crate::history::HistoryError;
use crate::history::filter::Filter;
use crate::history::index::TreeHistory;
use crate::history::keys::{self, Hashes};
use crate::history::postings::{Field, ListKey, decode, list_key};
use crate::history::tables::Snapshot;
use crate::ledger::instant::Instant;

/// The narrowest way to the records that a query asks for.
pub(super) enum Way<'q> {
    Number(&'q str),
    Order(&'q str),
    Member(&'q str),
    Lists(AskedFor),
}

/// The lists that a query asks for, and of the same step what the tables don't hold yet.
pub(super) struct AskedFor {
    /// The tenant's records, all there are.
    pub records: u64,
    /// The block that is filling, and the tenant's times in it.
    filling: u64,
    times: Times,
    /// The list that is gone through. The others are looked into.
    driver: List,
    others: Vec<List>,
}

struct List {
    field: Field,
    key: ListKey,
    /// Its places in the block that is filling.
    filling: Vec<u16>,
}

/// Records of one block that may fit.
pub(super) struct Block {
    pub number: u64,
    /// Those that are in every list asked for; none where the block's times don't touch the query's.
    pub places: Vec<u16>,
    /// Their times fit, all of them.
    pub times_fit: bool,
}

type Times = Option<(Instant, Instant)>;

/// A way through the blocks by lists.
struct Lists<'a> {
    index: &'a TreeHistory,
    snapshot: &'a Snapshot,
    filter: &'a Filter<'a>,
    all: ListKey,
    driver: List,
    others: Vec<List>,
}

impl AskedFor {
    /// The lists by their names: what the tables don't hold is yet to be told.
    fn new(hashes: &Hashes, tenant: [u8; 8], filter: &Filter<'_>) -> AskedFor {
        let of_type = filter.kind().map(|kind| (Field::Type, kind.name()));
        let list =
            |(field, text)| List { field, key: list_key(hashes, tenant, field, text), filling: Vec::new() };
        let mut named = filter.texts().into_iter().chain(of_type).map(list);
        let driver = named.next().unwrap_or_else(|| list((Field::All, "")));
        AskedFor { records: 0, filling: 0, times: None, driver, others: named.collect() }
    }
}

impl TreeHistory {
    /// The tables, and the way through them. Only by lists is a step's end waited for.
    pub(super) fn way<'q>(&self, filter: &Filter<'q>) -> (Snapshot, Way<'q>) {
        let query = filter.query;
        let narrow = if let Some(number) = filter.number() {
            Some(Way::Number(number))
        } else if let Some(order_sn) = &query.order_sn {
            Some(Way::Order(order_sn))
        } else {
            query.member_no.as_deref().map(Way::Member)
        };
        match narrow {
            Some(way) => (self.steps.snapshot(), way),
            None => self.asked_for(filter),
        }
    }

    fn asked_for<'q>(&self, filter: &Filter<'q>) -> (Snapshot, Way<'q>) {
        let tenant = self.hashes.tenant(filter.crm_id);
        let mut asked = AskedFor::new(&self.hashes, tenant, filter);
        let recent = self.recent();
        let filling = &recent.filling;
        asked.records = recent.counts.get(&tenant).copied().unwrap_or(0);
        asked.filling = filling.block;
        asked.times = filling.times.get(&tenant).copied();
        for list in std::iter::once(&mut asked.driver).chain(&mut asked.others) {
            list.filling = filling.lists.get(&list.key).cloned().unwrap_or_default();
        }
        (self.steps.snapshot(), Way::Lists(asked))
    }

    /// The blocks up to `top`, newest first.
    pub(super) fn blocks<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        filter: &'a Filter<'a>,
        asked: AskedFor,
        top: u64,
    ) -> impl Iterator<Item = Result<Block, HistoryError>> + 'a {
        let AskedFor { filling, times, mut driver, mut others, .. } = asked;
        let all = list_key(&self.hashes, self.hashes.tenant(filter.crm_id), Field::All, "");
        let key = |block: u64| [&driver.key[..], &block.to_be_bytes()].concat();
        let below = filling.min(top.saturating_add(1));
        let rows = snapshot.range(&self.postings, key(0)..key(below)).rev();

        let newest = std::mem::take(&mut driver.filling);
        let looked_into = others.iter_mut().map(|list| std::mem::take(&mut list.filling)).collect();
        let lists = Lists { index: self, snapshot, filter, all, driver, others };
        let newest = (filling <= top).then(|| Ok(lists.block(filling, newest, looked_into, times)));
        newest.into_iter().chain(rows.map(move |found| {
            let (key, row) = found?;
            lists.read(keys::lsn_of(&key).0, &row)
        }))
    }
}

impl Lists<'_> {
    fn read(&self, number: u64, row: &[u8]) -> Result<Block, HistoryError> {
        let (places, times) = decode(self.driver.field, row);
        let mut others = Vec::new();
        for list in &self.others {
            others.push(self.row(list.field, &list.key, number)?.0);
        }
        let times = if times.is_none() && self.filter.has_times() {
            self.row(Field::All, &self.all, number)?.1
        } else {
            times
        };
        Ok(self.block(number, places, others, times))
    }

    fn row(&self, field: Field, list: &ListKey, block: u64) -> Result<(Vec<u16>, Times), HistoryError> {
        let row = self.snapshot.get(&self.index.postings, [&list[..], &block.to_be_bytes()].concat())?;
        Ok(row.map_or((Vec::new(), None), |row| decode(field, &row)))
    }

    fn block(&self, number: u64, mut places: Vec<u16>, others: Vec<Vec<u16>>, times: Times) -> Block {
        let (times_fit, outside) = match times {
            Some((first, last)) if self.filter.has_times() => {
                let (start, end) = (self.filter.query.start_time, self.filter.query.end_time);
                let second = |at: Instant| at.0.div_euclid(1_000);
                let outside = end.is_some_and(|end| second(first) > second(end))
                    || start.is_some_and(|start| second(last) < second(start));
                (self.filter.time_fits(first) && self.filter.time_fits(last), outside)
            }
            _ => (!self.filter.has_times(), false),
        };
        if outside {
            places.clear();
        }
        places.retain(|place| others.iter().all(|list| list.binary_search(place).is_ok()));
        Block { number, places, times_fit }
    }
}
