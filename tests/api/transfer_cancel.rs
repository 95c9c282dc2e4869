//! `POST /transfer/cancel`.
use super::sending::{accrual, with, without};
use super::shapes::{check_change, check_record, check_transfer};
use super::{Server, Span, Value, json};

const ROUTE: &str = "transfer/cancel";

fn cancel(transfer_no: &str, member: &str) -> Value {
    json!({"transfer_no": transfer_no, "member_no": member})
}

#[test]
fn answers_the_return() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("e1", "a", 30), json!({"expire_days": 3})));
    server.offer("t1", "a", "b", 10);
    server.pass(Span::hours(1));
    let data = server.does(ROUTE, cancel("t1", "a"));
    let record = json!({
        "member_no": "a", "event_no": data["event_no"], "origin_event_no": data["origin_event_no"],
        "from_transfer_no": data["from_transfer_no"], "event_type": "transfer_return", "points": 10,
        "create_time": "2022-06-16 13:00:00", "update_time": "2022-06-16 13:00:00"
    });
    check_change(&data, json!(30), record.clone());
    assert_eq!(data["event_no"], "t1", "a transfer's event_no is its transfer_no");
    check_record(&server.history(json!({"member_no": "a"}))[0], record);
    server.check_sums("a", ["30", "0", "0", "0", "30"]);
    server.check_lots("a", &[("30", "30", "active")]);
    check_transfer(
        &server.transfers("b")[0],
        json!({
            "transfer_no": "t1", "from_user": "a", "to_user": "b", "points": 10, "status": "cancelled",
            "create_time": "2022-06-16 12:00:00", "deadline": "2022-06-17 12:00:00",
            "update_time": "2022-06-16 13:00:00"
        }),
    );
}

#[test]
fn requires_the_number_and_the_sender() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.offer("t1", "a", "b", 10);
    server.refuses_field(ROUTE, without(cancel("t1", "a"), "transfer_no"), "transfer_no");
    server.refuses_field(ROUTE, without(cancel("t1", "a"), "member_no"), "member_no");
}

#[test]
fn is_only_for_the_sender() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.offer("t1", "a", "b", 10);
    server.refuses(ROUTE, cancel("t1", "b"), 404, 40403);
    server.refuses(ROUTE, cancel("t1", "c"), 404, 40403);
    server.refuses(ROUTE, cancel("t2", "a"), 404, 40403);
}

#[test]
fn replays_by_the_state_of_the_transfer() {
    let mut server = Server::start();
    server.accrue("e1", "a", 30);
    server.offer("t1", "a", "b", 10);
    let first = server.post(ROUTE, cancel("t1", "a"));
    first.data();
    assert!(!first.is_replay());
    server.spend("s1", "a", 1);
    assert_eq!(server.replays(ROUTE, cancel("t1", "a")).body, first.body, "byte for byte");
    server.restart();
    assert_eq!(server.replays(ROUTE, cancel("t1", "a")).body, first.body);
    server.check_sums("a", ["30", "1", "0", "0", "29"]);
}

#[test]
fn is_too_late_for_an_accepted_or_returned_offer() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.offer("accepted", "a", "b", 10);
    server.accept("accepted", "b");
    server.refuses(ROUTE, cancel("accepted", "a"), 422, 42204);
    server.offer("lapsed", "a", "b", 10);
    server.pass(Span::hours(24));
    server.post(ROUTE, cancel("lapsed", "a")).refusal(422, 42204);
    server.check_sums("a", ["30", "10", "0", "0", "20"]);
}

#[test]
fn pays_debt_with_what_comes_back() {
    let server = Server::start();
    server.accrue("e1", "a", 10);
    server.offer("t1", "a", "b", 10);
    let back = json!({"event_no": "r", "member_no": "a", "origin_event_no": "e1", "allow_negative": true,
        "reverse_points": 4});
    assert_eq!(server.does("reverse/produce", back)["active_points"], json!(-4));
    assert_eq!(server.does(ROUTE, cancel("t1", "a"))["active_points"], json!(6));
    server.check_sums("a", ["6", "0", "0", "0", "6"]);
}

#[test]
fn shows_a_way_back_that_the_receiver_cannot_see_in_its_sums() {
    let server = Server::start();
    server.accrue("e1", "a", 10);
    server.offer("t1", "a", "b", 10);
    server.does(ROUTE, cancel("t1", "a"));
    server.check_story("b", &[]);
    server.check_story("a", &[("transfer_return", "10"), ("transfer", "10"), ("produce", "10")]);
}
