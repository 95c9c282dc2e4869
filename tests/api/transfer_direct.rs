//! `POST /transfer/direct`.
use super::sending::{accrual, with, without};
use super::shapes::{check_change, check_record, check_transfer};
use super::{Server, Value, json};

const ROUTE: &str = "transfer/direct";

fn send(transfer_no: &str, from: &str, to: &str, points: impl Into<Value>) -> Value {
    json!({"transfer_no": transfer_no, "from_user": from, "to_user": to, "points": points.into()})
}

#[test]
fn answers_the_senders_record_when_both_sides_have_it() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("e1", "a", 30), json!({"expire_days": 5})));
    let sent = json!({
        "member_no": "a", "event_no": "t1", "event_type": "transfer", "points": 10.1234,
        "create_time": "2022-06-16 12:00:00", "update_time": "2022-06-16 12:00:00"
    });
    check_change(&server.does(ROUTE, send("t1", "a", "b", "10.1234")), json!(19.8766), sent);
    let received = json!({
        "member_no": "b", "event_no": "t1", "from_transfer_no": "t1", "event_type": "accept",
        "points": 10.1234,
        "expire_time": "2022-06-21 12:00:00", "create_time": "2022-06-16 12:00:00",
        "update_time": "2022-06-16 12:00:00"
    });
    check_record(&server.history(json!({"member_no": "b"}))[0], received);
    server.check_sums("a", ["30", "10.1234", "0", "0", "19.8766"]);
    server.check_sums("b", ["10.1234", "0", "0", "0", "10.1234"]);
}

#[test]
fn is_listed_as_accepted() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.does(ROUTE, send("t1", "a", "b", 10));
    for member in ["a", "b"] {
        let transfer = &server.transfers(member)[0];
        // It has no window; what stands in its place is not promised.
        let expected = json!({
            "transfer_no": "t1", "from_user": "a", "to_user": "b", "points": 10, "status": "accepted",
            "create_time": "2022-06-16 12:00:00", "deadline": transfer["deadline"],
            "update_time": "2022-06-16 12:00:00"
        });
        check_transfer(transfer, expected);
    }
}

#[test]
fn requires_its_four_fields() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    for field in ["transfer_no", "from_user", "to_user", "points"] {
        server.refuses_field(ROUTE, without(send("t1", "a", "b", 1), field), field);
    }
    server.refuses(ROUTE, send("t1", "a", "a", 1), 400, 40001);
}

#[test]
fn does_all_or_nothing() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.refuses(ROUTE, send("t1", "a", "b", "30.0001"), 422, 42201);
    server.refuses(ROUTE, send("t1", "nobody", "b", 1), 422, 42201);
    server.does(ROUTE, send("t1", "a", "b", 30));
}

#[test]
fn takes_in_plain_spending_order() {
    let server = Server::start();
    for (event_no, days) in [("never", None), ("soon", Some(1))] {
        server.does("produce/direct", with(accrual(event_no, "a", 10), json!({"expire_days": days})));
    }
    server.does(ROUTE, send("t1", "a", "b", 10));
    server.check_lots("a", &[("10", "10", "active"), ("10", "0", "used_up")]);
}

#[test]
fn can_be_sent_on() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("e1", "a", 30), json!({"expire_days": 5})));
    server.does(ROUTE, send("t1", "a", "b", 20));
    server.does(ROUTE, send("t1", "b", "c", 15));
    let lot = &server.lots("c")[0];
    assert_eq!(lot["expire_time"], "2022-06-21 12:00:00", "a transfer never lengthens a point's life");
    assert_eq!(lot["origin_event_no"], "e1");
    server.check_sums("b", ["20", "15", "0", "0", "5"]);
}

#[test]
fn cannot_be_cancelled() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.does(ROUTE, send("t1", "a", "b", 10));
    server.refuses("transfer/cancel", json!({"transfer_no": "t1", "member_no": "a"}), 422, 42204);
}

#[test]
fn shares_its_numbers_with_offers() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.does(ROUTE, send("t1", "a", "b", 10));
    let offer = with(send("t1", "a", "b", 10), json!({"trans_type": "by_points"}));
    server.refuses("transfer", offer, 409, 40901);
    server.offer("t2", "a", "b", 10);
    server.refuses(ROUTE, send("t2", "a", "b", 10), 409, 40901);
}

#[test]
fn is_the_senders_number_not_the_receivers() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.accrue("e1", "b", 30);
    server.does(ROUTE, send("t1", "a", "b", 10));
    server.does(ROUTE, send("t1", "b", "a", 5));
    server.check_sums("a", ["35", "10", "0", "0", "25"]);
    server.check_sums("b", ["40", "5", "0", "0", "35"]);
}

#[test]
fn goes_both_ways_at_once_and_loses_nothing() {
    let server = Server::start();
    server.accrue("e1", "a", 50);
    server.accrue("e1", "b", 50);
    std::thread::scope(|scope| {
        let server = &server;
        for (from, to) in [("a", "b"), ("b", "a"), ("a", "b"), ("b", "a")] {
            scope.spawn(move || {
                for n in 0..10 {
                    let number = format!("{from}{:?}{n}", std::thread::current().id());
                    server.post(ROUTE, send(&number, from, to, 1)).data();
                }
            });
        }
    });
    server.check_sums("a", ["70", "20", "0", "0", "50"]);
    server.check_sums("b", ["70", "20", "0", "0", "50"]);
}
