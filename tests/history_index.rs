//! The index by itself, over several blocks of its posting lists: the feed and long searches against plain lists. And an
//! index that an earlier build made.
use crate::support::random::Random;
use crate::support::rows::Rows;
use crate::support::service::{House, TENANT};
use eros_points::actors::answer::HistoryQuery;
use eros_points::format::entry::{Entry, MemberEntry, encode_member};
use eros_points::history::view::{PageQuery, Scan, SearchType};
use eros_points::history::{History, Row, TreeHistory};
use eros_points::ledger::account::Account;
use eros_points::ledger::command::{Details, SourceType};
use eros_points::ledger::event::{Accrued, Event, RecordType};
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::{Points, Total};

const ROWS: u64 = 10_000;

fn accrued(lsn: u64) -> Event {
    Event::Accrued(Accrued {
        event_no: format!("e{}", lsn % 3_000),
        fingerprint: [0; 16],
        source_type: SourceType::Order,
        points: Points::whole(1),
        event_at: Instant(0),
        expire_at: None,
        unfreeze_at: lsn.is_multiple_of(7).then_some(Instant(lsn as i64 * 1_000)),
        amount: None,
        details: Details { store_code: Some(format!("s{}", lsn % 2)), ..Details::default() },
        order_items: Some(format!(r#"{{"order_sn":"O{}"}}"#, lsn % 4)),
        rule: None,
        paid: Vec::new(),
        active_after: Total::ZERO,
    })
}

/// Record `lsn` is made at second `lsn`.
fn entry(lsn: u64, random: &mut Random) -> MemberEntry {
    let crm_id = if random.one_in(5) { "quiet" } else { "busy" };
    // No member has a number twice.
    let member_no = format!("m{}", (lsn / 3_000 + lsn) % 4);
    MemberEntry { crm_id: crm_id.into(), member_no, at: Instant(lsn as i64 * 1_000), event: accrued(lsn) }
}

/// An index in steps of all sizes, and what was put into it.
fn filled() -> (tempfile::TempDir, TreeHistory, Vec<(u64, MemberEntry)>) {
    let folder = tempfile::tempdir().unwrap();
    let history = TreeHistory::open(folder.path(), 1 << 20).unwrap();
    let mut random = Random::new(11);
    let mut all = Vec::new();
    while all.len() < ROWS as usize {
        let size = 1 + random.below(900);
        let first = all.len() as u64 + 1;
        let step: Vec<_> = (first..first + size).map(|lsn| (lsn, entry(lsn, &mut random))).collect();
        let payloads: Vec<_> =
            step.iter().map(|(_, e)| encode_member(&e.crm_id, &e.member_no, e.at, &e.event)).collect();
        let rows: Vec<_> = step
            .iter()
            .zip(&payloads)
            .map(|((lsn, entry), payload)| {
                assert_eq!(Entry::decode(payload).ok(), Some(Entry::Member(entry.clone())));
                Row::of(Lsn(*lsn), payload).unwrap().unwrap()
            })
            .collect();
        history.apply(&rows, Lsn(first + size - 1)).unwrap();
        all.extend(step);
    }
    (folder, history, all)
}

#[test]
fn the_feed_of_a_tenant_has_all_of_it_however_it_is_read() {
    let (_folder, history, all) = filled();
    let end = all.last().unwrap().0;
    for (tenant, limit) in [("busy", 1_000), ("quiet", 77), ("nobody", 10), ("busy", 10_000)] {
        let expected: Vec<u64> =
            all.iter().filter(|(_, e)| e.crm_id == tenant).map(|(lsn, _)| *lsn).collect();
        let (mut found, mut after) = (Vec::new(), Lsn::ZERO);
        loop {
            let feed = history.feed(tenant, after, limit).unwrap();
            assert!(feed.numbers.len() <= limit);
            after = feed.through;
            found.extend(feed.numbers.iter().map(|lsn| lsn.0));
            if feed.numbers.len() < limit {
                break;
            }
        }
        assert_eq!(found, expected, "{tenant}, {limit} at a time");
        assert_eq!(after, Lsn(end));
    }
}

/// All that a long search finds.
fn scanned(history: &TreeHistory, query: &HistoryQuery, now: Instant, through: u64) -> Vec<u64> {
    let mut scan = Scan::new(now, Lsn(through));
    let mut found = Vec::new();
    while !scan.ended {
        found.extend(history.older("busy", query, &mut scan).unwrap().iter().map(|record| record.lsn.0));
    }
    found
}

#[test]
fn a_long_search_finds_what_fits_newest_first_and_nothing_of_later() {
    let (_folder, history, all) = filled();
    let none = HistoryQuery::default;
    let queries = [
        none(),
        HistoryQuery { member_no: Some("m1".into()), ..none() },
        HistoryQuery { store_code: Some("s1".into()), ..none() },
        HistoryQuery { store_code: Some("s1".into()), member_no: Some("m2".into()), ..none() },
        HistoryQuery { event_no: Some("e17".into()), ..none() },
        HistoryQuery { order_sn: Some("O3".into()), ..none() },
        HistoryQuery { order_sn: Some("O2".into()), store_code: Some("s1".into()), ..none() },
        HistoryQuery { search_type: Some(SearchType::Frozen), ..none() },
        HistoryQuery { search_type: Some(SearchType::Type(RecordType::Consume)), ..none() },
        HistoryQuery { start_time: Some(Instant(4_000_000)), end_time: Some(Instant(4_999_000)), ..none() },
        HistoryQuery { end_time: Some(Instant(100_000)), member_no: Some("m0".into()), ..none() },
    ];
    let now = Instant(9_000_000);
    for query in &queries {
        for through in [all.len() as u64, 5_000, 4_096, 1] {
            let fits = |lsn: u64, e: &MemberEntry| {
                let second = lsn as i64 * 1_000;
                let Event::Accrued(accrued) = &e.event else { return false };
                e.crm_id == "busy"
                    && lsn <= through
                    && query.member_no.as_ref().is_none_or(|wanted| *wanted == e.member_no)
                    && query
                        .store_code
                        .as_ref()
                        .is_none_or(|wanted| Some(wanted) == accrued.details.store_code.as_ref())
                    && query.event_no.as_ref().is_none_or(|wanted| *wanted == accrued.event_no)
                    && query.order_sn.as_ref().is_none_or(|wanted| *wanted == format!("O{}", lsn % 4))
                    && query.start_time.is_none_or(|start| start.0 <= second)
                    && query.end_time.is_none_or(|end| second <= end.0)
                    && match query.search_type {
                        None => true,
                        Some(SearchType::Frozen) => accrued.unfreeze_at.is_some_and(|at| now < at),
                        Some(SearchType::Type(kind)) => kind == RecordType::Produce,
                    }
            };
            let expected: Vec<u64> =
                all.iter().rev().filter(|(lsn, entry)| fits(*lsn, entry)).map(|(lsn, _)| *lsn).collect();
            assert_eq!(scanned(&history, query, now, through), expected, "{query:?} through {through}");
        }
    }
}

#[test]
fn a_page_of_an_order_counts_all_of_it() {
    let (_folder, history, all) = filled();
    let page = PageQuery { page: 2, page_size: 20 };
    let query = HistoryQuery { order_sn: Some("O1".into()), page, ..HistoryQuery::default() };
    let found = history.search("busy", &query, None::<&Account>, Instant(0)).unwrap();
    let expected: Vec<u64> =
        all.iter().rev().filter(|(lsn, e)| lsn % 4 == 1 && e.crm_id == "busy").map(|(lsn, _)| *lsn).collect();
    assert_eq!(found.total, expected.len() as u64);
    assert_eq!(found.items.iter().map(|record| record.lsn.0).collect::<Vec<_>>(), expected[20..40]);
}

#[test]
fn an_index_of_an_earlier_layout_is_made_anew_from_the_log() {
    let house = House::new(Instant(1_655_352_000_000));
    let mut accrue = crate::support::books::accrue("e1", 5.0);
    accrue.order_items = Some(r#"{"order_sn":"O1","pay_amount":1,"item_list":[]}"#.into());
    let lodger = house.start().unwrap();
    lodger.change("m", &eros_points::ledger::command::Command::Accrue(accrue)).unwrap();
    lodger.stop();

    // As a build before this one left it: without orders, and saying so.
    let history = house.folder().history;
    let orders: Vec<_> = {
        let orders = Rows::open(&history, "orders");
        orders.keys()
    };
    assert_eq!(orders.len(), 1);
    Rows::open(&history, "orders").remove(&orders[0]);
    Rows::open(&history, "meta").insert(b"version", &1_u64.to_be_bytes());

    let lodger = house.start().unwrap();
    let query = HistoryQuery { order_sn: Some("O1".into()), ..HistoryQuery::default() };
    let found = lodger.runtime.block_on(lodger.service.history(TENANT, query)).unwrap();
    assert_eq!(found.total, 1);
    lodger.stop();
}
