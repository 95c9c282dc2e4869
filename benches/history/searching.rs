//! The searches behind the routes, and the look-ups of keys.
use crate::common::figures::Figures;
use crate::common::mix;
use crate::records::{at, event_no, member, store};
use crate::{Arguments, TENANT};
use eros_points::history::view::{HistoryQuery, SearchType};
use eros_points::history::{History, TreeHistory};
use eros_points::ledger::account::Account;
use eros_points::ledger::event::{Key, RecordType};
use eros_points::ledger::lsn::Lsn;
use hdrhistogram::Histogram;

pub fn searches(history: &TreeHistory, arguments: &Arguments, told: &mut Figures) {
    let some = |n: u64| 1 + mix(n ^ 0xabcd) % arguments.rows();
    let now = at(arguments.rows());
    let search = |query: HistoryQuery, account: Option<&Account>| {
        history.search(TENANT, &query, account, now).expect("a page").items.len()
    };
    let mut timed = |name: &str, query: &dyn Fn(u64)| {
        let histogram = timed(arguments.searches, query);
        let us = |nanos: u64| nanos as f64 / 1_000.0;
        let (p50, p99) = (us(histogram.value_at_quantile(0.5)), us(histogram.value_at_quantile(0.99)));
        println!("| {name} | {p50:.1} | {p99:.1} | {:.1} |", us(histogram.max()));
        told.put(&format!("{name}, p50"), p50 / 1_000.0, "ms");
        told.put(&format!("{name}, p99"), p99 / 1_000.0, "ms");
    };
    println!("| query | p50 us | p99 us | max us |");
    println!("| --- | --- | --- | --- |");
    // The service knows a member's total from the account.
    let account = Account { last: Lsn::MAX, records: 10, ..Account::default() };
    timed("a member's newest page", &|n| {
        let member_no = Some(member(some(n), arguments.members));
        assert!(search(HistoryQuery { member_no, ..HistoryQuery::default() }, Some(&account)) > 0);
    });
    timed("the tenant's newest page", &|_| assert_eq!(search(HistoryQuery::default(), None), 20));
    timed("a store's newest page", &|n| {
        let store_code = Some(store(some(n)));
        assert!(search(HistoryQuery { store_code, ..HistoryQuery::default() }, None) > 0);
    });
    timed("a store's newest spends", &|n| {
        let store_code = Some(store(some(n)));
        let search_type = Some(SearchType::Type(RecordType::Consume));
        search(HistoryQuery { store_code, search_type, ..HistoryQuery::default() }, None);
    });
    timed("by event_no in the tenant", &|n| {
        let event_no = Some(event_no(some(n)));
        assert!(search(HistoryQuery { event_no, ..HistoryQuery::default() }, None) <= 1);
    });
    timed("a key that is there", &|n| {
        let lsn = some(n);
        let number = event_no(lsn);
        let find =
            |key: Key<'_>| history.find(TENANT, &member(lsn, arguments.members), key).expect("an answer");
        let found = find(Key::Event(&number)).or_else(|| find(Key::Transfer(&number)));
        assert_eq!(found.map(|known| known.lsn), Some(Lsn(lsn)));
    });
    timed("a key that is not", &|n| {
        let number = format!("MISS202206{:020}", mix(n));
        let found =
            history.find(TENANT, &member(n, arguments.members), Key::Event(&number)).expect("an answer");
        assert!(found.is_none());
    });
}

fn timed(count: u64, query: &dyn Fn(u64)) -> Histogram<u64> {
    let mut histogram = Histogram::<u64>::new(3).expect("a histogram");
    for n in 0..count {
        let start = std::time::Instant::now();
        query(n);
        let took = u64::try_from(start.elapsed().as_nanos()).expect("not centuries");
        histogram.record(took).expect("a histogram that grows");
    }
    histogram
}
