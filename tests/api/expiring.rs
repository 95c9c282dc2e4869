//! `GET /expiring` and `GET /expiring/members`.
use super::sending::{accrual, with};
use super::whole_tenant::sum;
use super::{Options, Server, Span, Value, json};
use eros_points::ledger::Terms;
use std::collections::BTreeMap;

/// Noon of 2022-06-16; what expires on which day, and of how many members, days without anything left out.
#[track_caller]
fn check_days(server: &Server, query: &str, expected: &[(&str, Value, u64)]) {
    let data = server.get(&format!("expiring{query}")).data().clone();
    let items = data["items"].as_array().unwrap();
    let found: Vec<_> =
        items.iter().filter(|item| item["points"] != json!(0) || item["members"] != json!(0)).collect();
    let rows: Vec<_> = expected
        .iter()
        .map(|(date, points, members)| json!({"date": date, "points": points, "members": members}))
        .collect();
    assert_eq!(found, rows.iter().collect::<Vec<_>>());
    let total: i128 = sum(items, "points");
    assert_eq!(super::whole_tenant::units(&data["total"]), total);
}

fn lot(server: &Server, number: &str, member: &str, points: impl Into<Value>, more: Value) {
    server.does("produce/direct", with(accrual(number, member, points), more));
}

#[test]
fn lists_every_day_today_first() {
    let server = Server::start();
    for (query, days, last) in
        [("", 30, "2022-07-15"), ("?days=1", 1, "2022-06-16"), ("?days=366", 366, "2023-06-16")]
    {
        let data = server.get(&format!("expiring{query}")).data().clone();
        let items = data["items"].as_array().unwrap();
        assert_eq!(items.len(), days);
        assert_eq!(items[0], json!({"date": "2022-06-16", "points": 0, "members": 0}));
        assert_eq!(items[days - 1]["date"], last);
        assert_eq!(data["total"], json!(0));
    }
}

#[test]
fn sums_up_what_expires_by_the_day_in_the_tenants_zone() {
    let server = Server::start();
    lot(&server, "a", "m", 10, json!({"expire_days": 1}));
    lot(&server, "b", "m", 5.5, json!({"expire_days": 1}));
    lot(&server, "a", "n", 3, json!({"expire_days": 1}));
    // Half a minute to midnight in Shanghai, and midnight: two days.
    lot(&server, "c", "n", 1, json!({"event_at": "2022-06-15 23:59:30", "expire_days": 1}));
    lot(&server, "d", "n", 2, json!({"event_at": "2022-06-16 00:00:00", "expire_days": 1}));
    lot(&server, "e", "n", 4, json!({"expire_days": 29}));
    lot(&server, "f", "n", 8, json!({"expire_days": 30}));
    server.accrue("g", "n", 1_000);
    let month = [("2022-06-16", json!(1), 1), ("2022-06-17", json!(20.5), 2), ("2022-07-15", json!(4), 1)];
    check_days(&server, "", &month);
    check_days(&server, "?days=29", &month[..2]);
    check_days(&server, "?days=1", &month[..1]);
    server.spend("s", "n", 2);
    check_days(&server, "?days=2", &[("2022-06-17", json!(19.5), 2)]);
    server.pass(Span::days(1));
    check_days(&server, "?days=1", &[]);
}

#[test]
fn counts_frozen_points_that_will_have_been_unfrozen_and_no_offered_ones() {
    let server = Server::start();
    lot(&server, "a", "m", 10, json!({"expire_days": 3, "freeze_hours": 24}));
    lot(&server, "b", "m", 20, json!({"expire_days": 4}));
    server.offer("t", "m", "n", 15);
    check_days(&server, "", &[("2022-06-19", json!(10), 1), ("2022-06-20", json!(5), 1)]);
    let rows = server.rows("expiring/members");
    assert_eq!(
        rows,
        [json!({"member_no": "m", "points": 15, "expire_time": "2022-06-19 12:00:00", "active_points": 5})]
    );
}

#[test]
fn what_will_pay_debt_does_not_expire() {
    let server = Server::start();
    server.accrue("a", "m", 10);
    server.spend("s", "m", 10);
    let back = json!({"event_no": "r", "member_no": "m", "origin_event_no": "a", "allow_negative": true});
    server.does("reverse/produce", back);
    lot(&server, "b", "m", 6, json!({"expire_days": 3, "freeze_hours": 24}));
    lot(&server, "c", "m", 9, json!({"expire_days": 5, "freeze_hours": 48}));
    check_days(&server, "", &[("2022-06-21", json!(5), 1)]);
    server.pass(Span::days(3));
    check_days(&server, "", &[("2022-06-21", json!(5), 1)]);
    server.pass(Span::days(3));
    server.check_sums("m", ["15", "10", "5", "0", "0"]);
}

#[test]
fn tells_whom_to_remind() {
    let server = Server::start();
    lot(&server, "a", "soon", 10, json!({"expire_days": 2}));
    lot(&server, "b", "soon", 5, json!({"expire_days": 1}));
    lot(&server, "c", "soon", 100, json!({"expire_days": 40}));
    lot(&server, "a", "later", 7, json!({"expire_days": 40}));
    server.accrue("a", "never", 7);
    let soon = json!({"member_no": "soon", "points": 15, "expire_time": "2022-06-17 12:00:00", "active_points": 115});
    assert_eq!(server.rows("expiring/members"), [soon]);
    assert_eq!(
        server.csv("expiring/members?days=2"),
        [
            ["member_no", "points", "expire_time", "active_points"],
            ["soon", "5", "2022-06-17 12:00:00", "115"]
        ]
    );
    let all = server.rows("expiring/members?days=366");
    let all: BTreeMap<_, _> =
        all.iter().map(|row| (row["member_no"].as_str().unwrap(), row["points"].clone())).collect();
    assert_eq!(all, BTreeMap::from([("soon", json!(115)), ("later", json!(7))]));
}

/// With nothing else happening, what was foretold is what expires.
#[test]
fn foretells_what_comes_to_pass() {
    let terms = Terms { default_expire: Some(Span::days(20)), ..Terms::default() };
    let mut server = Server::with(Options { terms, ..Options::default() });
    super::members_export::populate(&server);
    for n in 1..12 {
        let more = json!({"expire_days": 2 * n, "freeze_hours": 7 * n});
        lot(&server, &format!("x{n}"), &format!("m{}", n % 5), 10 + n, more);
    }
    // An offer that lapses brings points back, which expire too: not foretold, since they are not the member's now.
    server.does("transfer/cancel", json!({"transfer_no": "t", "member_no": "ann"}));
    server.restart();
    let foretold = server.get("expiring?days=30").data()["items"].clone();
    let members = server.rows("expiring/members?days=30");
    assert_eq!(sum(&members, "points"), sum(foretold.as_array().unwrap(), "points"));
    let mut before = sum(&server.rows("members/export"), "expired_points");
    // To midnight, then day by day.
    server.pass(Span::hours(12));
    for day in foretold.as_array().unwrap() {
        let expired = sum(&server.rows("members/export"), "expired_points");
        assert_eq!(expired - before, super::whole_tenant::units(&day["points"]), "{day}");
        before = expired;
        server.pass(Span::days(1));
    }
}
