//! The posting lists of a query, block by block, newest first.
use crate::history::filter::Filter;
use crate::history::index::TreeHistory;
use crate::history::postings::{Field, Filling, ListKey, decode, list_key};
use crate::history::tables::Snapshot;
use crate::history::{HistoryError, keys};
use crate::ledger::instant::Instant;
use std::collections::HashMap;

/// What a search needs of the filling block.
pub(super) struct FillingOfTenant {
    block: u64,
    times: Option<(Instant, Instant)>,
    lists: HashMap<ListKey, Vec<u16>>,
}

impl FillingOfTenant {
    fn list(&self, key: &ListKey) -> Vec<u16> {
        self.lists.get(key).cloned().unwrap_or_default()
    }
}

impl Filling {
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

/// Records of one block that may fit.
pub(super) struct Block {
    pub number: u64,
    /// Those that are in every list asked for; none where the block's times don't touch the query's.
    pub places: Vec<u16>,
    /// Their times fit, all of them.
    pub times_fit: bool,
}

type Times = Option<(Instant, Instant)>;

/// The lists that a query asks for: the first is gone through, the others are looked into.
struct Lists<'a> {
    index: &'a TreeHistory,
    snapshot: &'a Snapshot,
    filter: &'a Filter<'a>,
    all: ListKey,
    driver: (Field, ListKey),
    others: Vec<(Field, ListKey)>,
}

impl TreeHistory {
    /// The blocks up to `top`, newest first.
    pub(super) fn blocks<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        filter: &'a Filter<'a>,
        filling: &FillingOfTenant,
        top: u64,
    ) -> impl Iterator<Item = Result<Block, HistoryError>> + 'a {
        let tenant = keys::tenant(filter.crm_id);
        let all = list_key(tenant, Field::All, "");
        let mut lists: Vec<(Field, ListKey)> =
            filter.texts().into_iter().map(|(field, text)| (field, list_key(tenant, field, text))).collect();
        if let Some(kind) = filter.kind() {
            lists.push((Field::Type, list_key(tenant, Field::Type, kind.name())));
        }
        if lists.is_empty() {
            lists.push((Field::All, all));
        }
        let driver = lists.remove(0);
        let lists = Lists { index: self, snapshot, filter, all, driver, others: lists };

        let newest = (filling.block <= top).then(|| {
            let places = filling.list(&driver.1);
            let others = lists.others.iter().map(|(_, list)| filling.list(list)).collect();
            Ok(lists.block(filling.block, places, others, filling.times))
        });
        let key = |block: u64| [&driver.1[..], &block.to_be_bytes()].concat();
        let below = filling.block.min(top.saturating_add(1));
        let rows = snapshot.range(&self.postings, key(0)..key(below)).rev();
        newest.into_iter().chain(rows.map(move |found| {
            let (key, row) = found?;
            lists.read(keys::lsn_of(&key).0, &row)
        }))
    }
}

impl Lists<'_> {
    fn read(&self, number: u64, row: &[u8]) -> Result<Block, HistoryError> {
        let (places, times) = decode(self.driver.0, row);
        let mut others = Vec::new();
        for (field, list) in &self.others {
            others.push(self.row(*field, list, number)?.0);
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
