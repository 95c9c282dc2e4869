//! `GET /liability`.
use super::sending::{accrual, with};
use super::whole_tenant::{sum, units};
use super::{Server, Span, Value, json};

fn lot(server: &Server, number: &str, member: &str, points: impl Into<Value>, more: Value) {
    server.does("produce/direct", with(accrual(number, member, points), more));
}

#[track_caller]
fn check(
    server: &Server,
    total: impl Into<Value>,
    debt: impl Into<Value>,
    lines: &[(&str, Value, Value, f64, u64)],
) {
    let items: Vec<_> = lines
        .iter()
        .map(|(month, store, center, points, lots)| {
            let points = if points.fract() == 0.0 { json!(*points as i64) } else { json!(points) };
            json!({"month": month, "store_code": store, "cost_center": center, "points": points, "lots": lots})
        })
        .collect();
    let data = server.get("liability").data().clone();
    assert_eq!(data, json!({"total": total.into(), "debt": debt.into(), "items": items}));
}

#[test]
fn sums_up_by_month_of_issue_store_and_cost_center() {
    let server = Server::start();
    lot(&server, "a", "m", 10, json!({"store_code": "s1", "cost_center": "c1"}));
    lot(&server, "b", "n", 20.5, json!({"store_code": "s1", "cost_center": "c1"}));
    lot(&server, "c", "m", 5, json!({"store_code": "s1"}));
    lot(&server, "d", "m", 3, json!({"cost_center": "c1"}));
    lot(
        &server,
        "e",
        "m",
        2,
        json!({"event_at": "2022-05-31 23:59:59", "store_code": "s1", "cost_center": "c1"}),
    );
    // It is June in Shanghai already.
    lot(
        &server,
        "f",
        "m",
        1,
        json!({"event_at": "2022-05-31T16:00:00Z", "store_code": "s1", "cost_center": "c1"}),
    );
    lot(&server, "g", "m", 4, json!({"event_at": "1999-12-31 00:00:00"}));
    lot(&server, "h", "m", 100, json!({"freeze_hours": 24, "store_code": "s0", "cost_center": "c9"}));
    check(
        &server,
        json!(145.5),
        0,
        &[
            ("1999-12", Value::Null, Value::Null, 4.0, 1),
            ("2022-05", json!("s1"), json!("c1"), 2.0, 1),
            ("2022-06", Value::Null, json!("c1"), 3.0, 1),
            ("2022-06", json!("s0"), json!("c9"), 100.0, 1),
            ("2022-06", json!("s1"), Value::Null, 5.0, 1),
            ("2022-06", json!("s1"), json!("c1"), 31.5, 3),
        ],
    );
}

#[test]
fn what_is_spent_expired_or_reversed_is_no_longer_owed() {
    let server = Server::start();
    lot(&server, "a", "m", 10, json!({"store_code": "s"}));
    lot(&server, "b", "m", 20, json!({"store_code": "t", "expire_days": 1}));
    server.spend("s", "m", 5);
    check(
        &server,
        25,
        0,
        &[("2022-06", json!("s"), Value::Null, 10.0, 1), ("2022-06", json!("t"), Value::Null, 15.0, 1)],
    );
    server.pass(Span::days(1));
    check(&server, 10, 0, &[("2022-06", json!("s"), Value::Null, 10.0, 1)]);
    let back = json!({"event_no": "r", "member_no": "m", "origin_event_no": "a", "allow_negative": true});
    server.does("reverse/produce", back);
    check(&server, 0, 0, &[]);
}

#[test]
fn tells_debt_apart() {
    let server = Server::start();
    lot(&server, "a", "m", 10, json!({"store_code": "s"}));
    server.spend("s", "m", 8);
    server.accrue("a", "n", 5);
    let back = json!({"event_no": "r", "member_no": "m", "origin_event_no": "a", "allow_negative": true});
    server.does("reverse/produce", back);
    check(&server, 5, 8, &[("2022-06", Value::Null, Value::Null, 5.0, 1)]);
}

#[test]
fn what_was_offered_or_sent_is_owed_where_it_was_issued() {
    let server = Server::start();
    lot(&server, "a", "m", 10, json!({"store_code": "s"}));
    let line = |lots| [("2022-06", json!("s"), Value::Null, 10.0, lots)];
    server.offer("t", "m", "n", 4);
    check(&server, 10, 0, &line(2));
    server.accept("t", "n");
    check(&server, 10, 0, &line(2));
    server
        .does("transfer/direct", json!({"transfer_no": "u", "from_user": "m", "to_user": "n", "points": 6}));
    check(&server, 10, 0, &line(2));
    server.spend("s", "n", 10);
    check(&server, 0, 0, &[]);
}

#[test]
fn adds_up_to_what_the_summaries_and_the_open_offers_say() {
    let mut server = Server::start();
    super::members_export::populate(&server);
    for round in 0..8 {
        let rows = server.rows("members/export");
        let data = server.get("liability").data().clone();
        let offered: i128 = server
            .transfers("ann")
            .iter()
            .filter(|transfer| transfer["status"] == "open")
            .map(|transfer| units(&transfer["points"]))
            .sum();
        let held = sum(&rows, "active_points") + sum(&rows, "freeze_points");
        assert_eq!(units(&data["total"]), held + offered + units(&data["debt"]), "day {round}");
        assert_eq!(sum(data["items"].as_array().unwrap(), "points"), units(&data["total"]));
        server.pass(Span::days(1));
        if round == 3 {
            server.restart();
        }
    }
}

/// More accruals than are looked up at a time, of one member with many lots.
#[test]
fn looks_up_any_number_of_accruals() {
    let server = Server::start();
    for n in 0..300 {
        lot(
            &server,
            &format!("e{n}"),
            &format!("m{}", n % 3),
            1,
            json!({"store_code": format!("s{}", n % 7)}),
        );
    }
    let data = server.get("liability").data().clone();
    let items = data["items"].as_array().unwrap();
    assert_eq!((items.len(), &data["total"]), (7, &json!(300)));
    assert_eq!(items.iter().map(|item| item["lots"].as_u64().unwrap()).sum::<u64>(), 300);
}
