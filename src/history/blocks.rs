//! The posting lists of a query, block by block, newest first.
use crate::history::filter::Filter;
use crate::history::index::TreeHistory;
use crate::history::postings::{Field, ListKey, decode, list_key};
use crate::history::tables::Snapshot;
use crate::history::{HistoryError, keys};
use crate::ledger::instant::Instant;

/// What a search through lists needs of what the tables don't hold yet.
#[derive(Default)]
pub(super) struct RecentOfTenant {
    /// The tenant's records, all there are.
    pub records: u64,
    /// The filling block: its number, its times, and of the lists that are asked for their places in it.
    block: u64,
    times: Times,
    lists: Vec<Vec<u16>>,
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

/// The lists that a query asks for, never none.
fn asked_for(tenant: [u8; 8], filter: &Filter<'_>) -> Vec<(Field, ListKey)> {
    let list = |(field, text)| (field, list_key(tenant, field, text));
    let of_type = filter.kind().map(|kind| (Field::Type, kind.name()));
    let mut lists: Vec<(Field, ListKey)> = filter.texts().into_iter().chain(of_type).map(list).collect();
    if lists.is_empty() {
        lists.push(list((Field::All, "")));
    }
    lists
}

impl TreeHistory {
    /// The tables, and of the same step what else a search through lists needs; nothing where it goes another way, which does
    /// not wait for a step's end then.
    pub(super) fn snapshot_for(&self, filter: &Filter<'_>) -> (Snapshot, RecentOfTenant) {
        if !filter.goes_by_lists() {
            return (self.steps.snapshot(), RecentOfTenant::default());
        }
        let tenant = keys::tenant(filter.crm_id);
        let lists = asked_for(tenant, filter);
        let recent = self.recent();
        let filling = &recent.filling;
        let places = |(_, list): &(Field, ListKey)| filling.lists.get(list).cloned().unwrap_or_default();
        let of_tenant = RecentOfTenant {
            records: recent.counts.get(&tenant).copied().unwrap_or(0),
            block: filling.block,
            times: filling.times.get(&tenant).copied(),
            lists: lists.iter().map(places).collect(),
        };
        (self.steps.snapshot(), of_tenant)
    }

    /// The blocks up to `top`, newest first.
    pub(super) fn blocks<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        filter: &'a Filter<'a>,
        recent: RecentOfTenant,
        top: u64,
    ) -> impl Iterator<Item = Result<Block, HistoryError>> + 'a {
        let tenant = keys::tenant(filter.crm_id);
        let all = list_key(tenant, Field::All, "");
        let mut others = asked_for(tenant, filter);
        let driver = others.remove(0);
        let lists = Lists { index: self, snapshot, filter, all, driver, others };

        let RecentOfTenant { block: filling, times, lists: mut places, .. } = recent;
        let newest = (filling <= top && !places.is_empty()).then(|| {
            let of_driver = places.remove(0);
            Ok(lists.block(filling, of_driver, places, times))
        });
        let key = |block: u64| [&driver.1[..], &block.to_be_bytes()].concat();
        let below = filling.min(top.saturating_add(1));
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
