//! `POST /transfer`: an offer.
use super::sending::{accrual, offer, with, without};
use super::shapes::{check_change, check_record, check_transfer};
use super::{Server, Span, json};

const ROUTE: &str = "transfer";

#[test]
fn answers_the_senders_record() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    let record = json!({
        "member_no": "a", "event_no": "t1", "event_type": "transfer", "points": 10.5,
        "create_time": "2022-06-16 12:00:00", "update_time": "2022-06-16 12:00:00"
    });
    check_change(&server.offer("t1", "a", "b", 10.50), json!(19.5), record.clone());
    check_record(&server.history(json!({"member_no": "a"}))[0], record);
}

#[test]
fn takes_from_the_sender_and_does_not_yet_give() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.offer("t1", "a", "b", 10);
    server.check_sums("a", ["30", "10", "0", "0", "20"]);
    server.check_sums("b", ["0", "0", "0", "0", "0"]);
    assert_eq!(server.summary("b")["detail_id"], json!(null), "an offer opens no account");
    check_transfer(
        &server.transfers("b")[0],
        json!({
            "transfer_no": "t1", "from_user": "a", "to_user": "b", "points": 10, "status": "open",
            "create_time": "2022-06-16 12:00:00", "deadline": "2022-06-17 12:00:00",
            "update_time": "2022-06-16 12:00:00"
        }),
    );
}

#[test]
fn requires_its_five_fields() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    for field in ["transfer_no", "from_user", "to_user", "trans_type", "points"] {
        server.refuses_field(ROUTE, without(offer("t1", "a", "b", 1), field), field);
        server.refuses_field(ROUTE, with(offer("t1", "a", "b", 1), json!({field: {}})), field);
    }
}

#[test]
fn transfers_by_points_only_however_it_is_spelt() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    for wrong in ["by_money", "BY_POINTS", "", "points"] {
        server.refuses_field(
            ROUTE,
            with(offer("t", "a", "b", 1), json!({"trans_type": wrong})),
            "trans_type",
        );
    }
    for (number, spelt) in ["by_points", "by_poins", "by_by_poins"].iter().enumerate() {
        server.does(ROUTE, with(offer(&format!("t{number}"), "a", "b", 1), json!({"trans_type": spelt})));
    }
    server.check_sums("a", ["30", "3", "0", "0", "27"]);
}

#[test]
fn refuses_to_send_to_oneself() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.refuses(ROUTE, offer("t1", "a", "a", 1), 400, 40001);
}

#[test]
fn sends_only_active_points() {
    let server = Server::start();
    server.refuses(ROUTE, offer("t1", "a", "b", 1), 422, 42201);
    server.does("produce/direct", with(accrual("e1", "a", 10), json!({"freeze_hours": 1})));
    server.refuses(ROUTE, offer("t1", "a", "b", 1), 422, 42201);
    server.accrue("e2", "a", 5);
    server.refuses(ROUTE, offer("t1", "a", "b", "5.0001"), 422, 42201);
    server.offer("t1", "a", "b", 5);
}

#[test]
fn prefers_lots_that_outlive_the_window() {
    let server = Server::start();
    // Expiring exactly when the window closes is not later than it.
    for (event_no, days) in [("edge", Some(1)), ("longer", Some(2)), ("never", None)] {
        server.does("produce/direct", with(accrual(event_no, "a", 10), json!({"expire_days": days})));
    }
    server.offer("t1", "a", "b", 15);
    server.check_lots("a", &[("10", "10", "active"), ("10", "0", "used_up"), ("10", "5", "active")]);
    assert_eq!(server.transfers("a")[0]["deadline"], "2022-06-17 12:00:00");
    server.offer("t2", "a", "b", 10);
    server.check_lots("a", &[("10", "5", "active"), ("10", "0", "used_up"), ("10", "0", "used_up")]);
}

#[test]
fn closes_an_offer_before_its_points_expire() {
    let server = Server::start();
    let body = json!({"event_at": "2022-06-16 02:00:00", "expire_days": 1});
    server.does("produce/direct", with(accrual("e1", "a", 10), body));
    server.offer("t1", "a", "b", 10);
    assert_eq!(server.transfers("a")[0]["deadline"], "2022-06-17 02:00:00");
}

#[test]
fn keeps_event_numbers_and_transfer_numbers_apart() {
    let server = Server::start();
    server.accrue("n1", "a", 30);
    server.offer("n1", "a", "b", 10);
    server.offer("n2", "a", "b", 10);
    server.accrue("n2", "a", 30);
    server.check_sums("a", ["60", "20", "0", "0", "40"]);
}

#[test]
fn returns_to_its_lots_when_the_window_closes() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("e1", "a", 30), json!({"expire_days": 9})));
    server.offer("t1", "a", "b", 10);
    server.pass(Span(Span::hours(24).0 - 1));
    server.check_sums("a", ["30", "10", "0", "0", "20"]);
    server.pass(Span(1));
    server.check_sums("a", ["30", "0", "0", "0", "30"]);
    server.check_lots("a", &[("30", "30", "active")]);
    server.wait_until("the return is on record", |server| server.story("a").len() == 3);
    let returned = &server.history(json!({"member_no": "a"}))[0];
    assert_eq!(returned["event_type"], "transfer_return");
    assert_eq!(returned["points"], json!(10));
    assert_eq!(returned["event_at"], json!(null), "what time does by itself has no event");
    assert_eq!(returned["create_time"], "2022-06-17 12:00:00");
}
