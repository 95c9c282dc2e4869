//! `GET /lots`.
use super::sending::{accrual, items, with};
use super::shapes::check_lot;
use super::{Server, Span, Value, json};

#[test]
fn shows_the_whole_lot() {
    let server = Server::start();
    let body = json!({
        "event_at": "2022-06-16 10:00:00", "expire_days": 10, "freeze_hours": 48, "store_code": "s",
        "cost_center": "c"
    });
    server.does("produce/direct", with(accrual("a", "m", 30.50), body));
    check_lot(
        &server.lots("m")[0],
        json!({
            "origin_event_no": "a", "points": 30.5, "remaining": 30.5, "state": "frozen",
            "unfreeze_time": "2022-06-18 10:00:00", "expire_time": "2022-06-26 10:00:00", "store_code": "s",
            "cost_center": "c", "create_time": "2022-06-16 12:00:00"
        }),
    );
}

#[test]
fn leaves_null_what_does_not_apply() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    check_lot(
        &server.lots("m")[0],
        json!({
            "origin_event_no": "a", "points": 30, "remaining": 30, "state": "active",
            "create_time": "2022-06-16 12:00:00"
        }),
    );
}

#[test]
fn keeps_where_a_transferred_lot_comes_from() {
    let server = Server::start();
    let body = json!({"expire_days": 10, "store_code": "s", "cost_center": "c"});
    server.does("produce/direct", with(accrual("a", "m", 30), body));
    server.pass(Span::hours(1));
    server.offer("t", "m", "n", 10);
    server.accept("t", "n");
    let lot = &server.lots("n")[0];
    // Whether a foreign lot tells its issue or its arrival is not promised here.
    check_lot(
        lot,
        json!({
            "origin_event_no": "a", "from_transfer_no": "t", "points": 10, "remaining": 10, "state": "active",
            "expire_time": "2022-06-26 12:00:00", "store_code": "s", "cost_center": "c",
            "create_time": lot["create_time"]
        }),
    );
    assert!(lot["create_time"].is_string());
}

#[test]
fn names_each_state() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 10), json!({"expire_days": 1})));
    server.does("produce/direct", with(accrual("b", "m", 20), json!({"expire_days": 2})));
    server.does("produce/direct", with(accrual("c", "m", 30), json!({"freeze_hours": 48})));
    server.accrue("d", "m", 40);
    server.spend("s", "m", 15);
    server.check_lots(
        "m",
        &[("10", "0", "used_up"), ("20", "15", "active"), ("30", "30", "frozen"), ("40", "40", "active")],
    );
    server.pass(Span::days(2));
    // The first was used up before it could expire: nothing expired from it.
    server.check_lots(
        "m",
        &[("10", "0", "used_up"), ("20", "0", "expired"), ("30", "30", "active"), ("40", "40", "active")],
    );
}

#[test]
fn is_in_the_order_of_the_ids_each_of_which_is_its_own() {
    let server = Server::start();
    for n in 0..12 {
        server.accrue(&format!("e{n}"), "m", n + 1);
    }
    server.accrue("x", "other", 12);
    server.accrue("y", "other", 12);
    server.offer("t", "other", "m", 24);
    server.accept("t", "m");
    let lots = server.lots("m");
    let mut ids: Vec<_> = lots.iter().map(|lot| lot["lot_id"].to_string()).collect();
    let points: Vec<_> = lots.iter().map(|lot| lot["points"].as_i64().unwrap()).collect();
    assert_eq!(points, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12, 12], "as they were made");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 14);
}

#[test]
fn comes_in_pages() {
    let server = Server::start();
    for n in 0..25 {
        server.accrue(&format!("e{n}"), "m", n + 1);
    }
    let page = |query: &str| -> Vec<i64> {
        let answer = server.get(&format!("lots?member_no=m&{query}"));
        assert_eq!(answer.data()["total"], json!(25));
        let points = |lot: &Value| lot["points"].as_i64().unwrap();
        answer.data()["items"].as_array().unwrap().iter().map(points).collect()
    };
    assert_eq!(page(""), (1..=20).collect::<Vec<_>>());
    assert_eq!(page("page=2"), (21..=25).collect::<Vec<_>>());
    assert_eq!(page("page=3&page_size=10"), (21..=25).collect::<Vec<_>>());
    assert_eq!(page("page=9"), Vec::<i64>::new());
    assert_eq!(page("page_size=500").len(), 25);
    for wrong in ["page=0", "page=x", "page=-1", "page_size=0", "page_size=501", "page_size=1.5"] {
        let message = server.get(&format!("lots?member_no=m&{wrong}")).refusal(400, 40001).to_owned();
        assert!(message.contains(wrong.split('=').next().unwrap()), "{message}");
    }
}

#[test]
fn needs_a_member_and_shows_none_of_a_stranger() {
    let server = Server::start();
    let answer = server.get("lots");
    assert!(answer.refusal(400, 40001).contains("member_no"));
    assert!(items(&server.get("lots?member_no=nobody")).is_empty());
}
