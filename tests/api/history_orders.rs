//! `/history` by `order_sn`.
use super::sending::{accrual, with};
use super::{Server, Span, Value, json};

fn of_order(event_no: &str, member: &str, order: Value) -> Value {
    with(accrual(event_no, member, 10), json!({"order_info": order}))
}

fn order(order_sn: &str) -> Value {
    json!({"order_sn": order_sn, "pay_amount": 5, "item_list": []})
}

#[track_caller]
fn found(server: &Server, query: Value) -> Vec<String> {
    server.history(query).iter().map(|item| item["event_no"].as_str().unwrap().to_owned()).collect()
}

/// Two orders, one of them with accruals of two members.
fn shop() -> Server {
    let server = Server::start();
    server.does("produce/direct", of_order("p1", "m", order("A-1")));
    server.does("produce/direct", of_order("p2", "n", order("A-1")));
    server.pass(Span::hours(1));
    server.does("produce/direct", with(of_order("p3", "m", order("A-1")), json!({"freeze_hours": 5})));
    let renamed = with(accrual("p4", "m", 10), json!({"order_items": order("B-2"), "store_code": "s"}));
    server.does("produce/direct", renamed);
    server.accrue("p5", "m", 10);
    server.spend("A-1", "m", 1);
    server
}

#[test]
fn finds_the_accruals_of_an_order_newest_first() {
    let server = shop();
    assert_eq!(found(&server, json!({"order_sn": "A-1"})), ["p3", "p2", "p1"]);
    assert_eq!(found(&server, json!({"order_sn": "B-2"})), ["p4"], "by the other name of the field too");
    assert!(found(&server, json!({"order_sn": "A-10"})).is_empty());
    assert!(found(&server, json!({"order_sn": ""})).is_empty());
    let other = server.post_to("another", "history", &json!({"order_sn": "A-1"}));
    assert_eq!(other.data()["total"], 0, "orders are each tenant's own");
}

#[test]
fn narrows_an_order_by_the_other_filters() {
    let server = shop();
    let with_order = |filter: Value| found(&server, with(json!({"order_sn": "A-1"}), filter));
    assert_eq!(with_order(json!({"member_no": "m"})), ["p3", "p1"]);
    assert_eq!(with_order(json!({"member_no": "nobody"})), [""; 0]);
    assert_eq!(with_order(json!({"event_no": "p2"})), ["p2"]);
    assert_eq!(with_order(json!({"event_no": "p4"})), [""; 0]);
    assert_eq!(with_order(json!({"search_type": "produce", "member_no": "m"})), ["p3", "p1"]);
    assert_eq!(with_order(json!({"search_type": "consume"})), [""; 0]);
    assert_eq!(with_order(json!({"search_type": "freeze"})), ["p3"]);
    assert_eq!(with_order(json!({"end_time": "2022-06-16 12:00:00"})), ["p2", "p1"]);
    assert_eq!(with_order(json!({"store_code": "s"})), [""; 0]);
    assert_eq!(found(&server, json!({"order_sn": "B-2", "store_code": "s"})), ["p4"]);
}

#[test]
fn pages_an_order() {
    let server = shop();
    let page = server.post("history", json!({"order_sn": "A-1", "page": 2, "page_size": 2}));
    assert_eq!(page.data()["total"], 3);
    assert_eq!(page.data()["items"].as_array().unwrap().len(), 1);
    assert_eq!(page.data()["items"][0]["event_no"], "p1");
}

#[test]
fn what_is_frozen_stays_frozen_only_where_a_number_is_named() {
    let server = shop();
    assert_eq!(found(&server, json!({"event_no": "p3", "search_type": "freeze"})), ["p3"]);
    assert!(found(&server, json!({"event_no": "p1", "search_type": "freeze"})).is_empty(), "p1 never was");
    server.pass(Span::hours(5));
    assert!(found(&server, json!({"event_no": "p3", "search_type": "freeze"})).is_empty());
}

#[test]
fn refuses_what_can_be_no_number_of_an_order() {
    let server = shop();
    for wrong in [json!(7), json!(["A-1"]), json!("x".repeat(4_097))] {
        server.refuses_field("history", json!({"order_sn": wrong}), "order_sn");
    }
}

#[test]
fn orders_are_found_again_after_a_restart() {
    let mut server = shop();
    server.restart();
    assert_eq!(found(&server, json!({"order_sn": "A-1"})), ["p3", "p2", "p1"]);
}
