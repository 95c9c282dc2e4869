//! What time does by itself: with no call, also to members at rest, also for the time spent stopped.
use super::sending::{accrual, hours_after_noon, with};
use super::shapes::check_record;
use super::{Server, Span, Value, json};

fn expiring(event_no: &str, member: &str, points: i64, days: i64) -> Value {
    with(accrual(event_no, member, points), json!({"expire_days": days}))
}

/// Turns the clock and waits, without a call, until so many more records are durable.
#[track_caller]
fn pass_and_wait(server: &Server, span: Span, records: u64) {
    let before = server.durable_records();
    server.pass(span);
    server.wait_until("time is on record", |server| server.durable_records() >= before + records);
    assert_eq!(server.durable_records(), before + records);
}

#[test]
fn expires_points_of_a_member_nobody_asks_about() {
    let server = Server::start();
    server.does(
        "produce/direct",
        with(expiring("e1", "m", 10, 1), json!({"store_code": "s", "cost_center": "c"})),
    );
    pass_and_wait(&server, Span::days(1), 1);
    // Much later it still says when it was recorded.
    server.pass(Span::days(1));
    let expired = &server.history(json!({"member_no": "m"}))[0];
    check_record(
        expired,
        json!({
            "member_no": "m", "origin_event_no": "e1", "event_type": "expired", "points": 10,
            "expire_time": expired["expire_time"], "store_code": expired["store_code"],
            "cost_center": expired["cost_center"], "create_time": "2022-06-17 12:00:00",
            "update_time": "2022-06-17 12:00:00"
        }),
    );
    server.check_sums("m", ["10", "0", "10", "0", "0"]);
}

#[test]
fn records_as_of_when_it_was_due() {
    let server = Server::start();
    server.does("produce/direct", expiring("e1", "m", 10, 1));
    server.accrue("e2", "m", 5);
    server.offer("t1", "m", "n", 5);
    pass_and_wait(&server, Span::hours(30), 2);
    let records = server.history(json!({"member_no": "m"}));
    for (record, what) in records.iter().zip(["expired", "transfer_return"]) {
        assert_eq!(record["event_type"], what, "at one instant first offers lapse, then lots expire");
        assert_eq!(record["create_time"], "2022-06-17 12:00:00", "{what}");
        assert_eq!(record["update_time"], "2022-06-17 18:00:00", "{what}");
    }
}

#[test]
fn does_nothing_before_its_time() {
    let server = Server::start();
    server.does("produce/direct", expiring("e1", "m", 10, 1));
    server.does("produce/direct", expiring("e2", "other", 10, 2));
    server.pass(Span(Span::days(1).0 - 1));
    server.check_sums("m", ["10", "0", "0", "0", "10"]);
    pass_and_wait(&server, Span(1), 1);
    server.check_sums("m", ["10", "0", "10", "0", "0"]);
    server.check_sums("other", ["10", "0", "0", "0", "10"]);
}

#[test]
fn unfreezes_and_pays_debt_with_it() {
    let server = Server::start();
    server.accrue("a", "m", 10);
    server.spend("s", "m", 10);
    server.does("produce/direct", with(accrual("b", "m", 30), json!({"freeze_hours": 2})));
    server.does(
        "reverse/produce",
        json!({"event_no": "r", "member_no": "m", "origin_event_no": "a", "allow_negative": true}),
    );
    server.check_sums("m", ["30", "10", "0", "30", "-10"]);
    server.pass(Span::hours(2));
    server.check_sums("m", ["30", "10", "0", "0", "20"]);
    server.check_lots("m", &[("10", "0", "used_up"), ("30", "20", "active")]);
}

#[test]
fn pays_debt_by_itself_before_what_paid_it_can_expire() {
    let server = Server::start();
    server.accrue("a", "m", 10);
    server.spend("s", "m", 10);
    server.does("produce/direct", with(expiring("b", "m", 30, 2), json!({"freeze_hours": 24})));
    server.does(
        "reverse/produce",
        json!({"event_no": "r", "member_no": "m", "origin_event_no": "a", "allow_negative": true}),
    );
    // Both instants pass in one leap: first 10 pay the debt, then 20 expire.
    server.pass(Span::days(3));
    server.check_sums("m", ["30", "10", "20", "0", "0"]);
}

#[test]
fn pays_no_debt_with_a_lot_born_expired() {
    let server = Server::start();
    server.accrue("a", "m", 10);
    server.spend("s", "m", 10);
    server.does(
        "reverse/produce",
        json!({"event_no": "r", "member_no": "m", "origin_event_no": "a", "allow_negative": true}),
    );
    let born_expired = json!({"event_at": "2022-06-01 00:00:00"});
    server.does("produce/direct", with(expiring("b", "m", 30, 1), born_expired));
    server.check_sums("m", ["30", "10", "30", "0", "-10"]);
}

#[test]
fn returns_offers_by_itself() {
    let server = Server::start();
    server.does("produce/direct", expiring("e1", "m", 30, 9));
    server.offer("t1", "m", "n", 10);
    pass_and_wait(&server, Span::hours(24), 1);
    server.check_story("m", &[("transfer_return", "10"), ("transfer", "10"), ("produce", "30")]);
    assert_eq!(server.transfers("n")[0]["status"], "returned");
    assert_eq!(server.transfers("n")[0]["update_time"], "2022-06-17 12:00:00");
}

#[test]
fn never_lets_points_expire_in_flight() {
    let server = Server::start();
    server
        .does("produce/direct", with(expiring("e1", "m", 30, 1), json!({"event_at": "2022-06-15 22:00:00"})));
    server.offer("t1", "m", "n", 10);
    pass_and_wait(&server, Span::hours(10), 2);
    server.check_story(
        "m",
        &[("expired", "30"), ("transfer_return", "10"), ("transfer", "10"), ("produce", "30")],
    );
    server.check_sums("m", ["30", "0", "30", "0", "0"]);
    server.check_sums("n", ["0", "0", "0", "0", "0"]);
}

#[test]
fn records_when_it_starts_what_fell_due_while_it_was_down() {
    let mut server = Server::start();
    server.does("produce/direct", expiring("e1", "m", 30, 2));
    server.does("produce/direct", expiring("e2", "k", 7, 1));
    server.offer("t1", "m", "n", 10);
    server.stop();
    server.pass(Span::hours(100));
    server.start_again();
    let told: Vec<_> = server
        .history(json!({}))
        .iter()
        .take(3)
        .map(|item| {
            (
                item["event_type"].clone(),
                item["member_no"].clone(),
                item["create_time"].clone(),
                item["update_time"].clone(),
            )
        })
        .collect();
    let started = "2022-06-20 16:00:00";
    for (what, member, due) in [
        ("expired", "m", "2022-06-18 12:00:00"),
        ("transfer_return", "m", "2022-06-17 12:00:00"),
        ("expired", "k", "2022-06-17 12:00:00"),
    ] {
        assert!(told.contains(&(json!(what), json!(member), json!(due), json!(started))), "{told:?}");
    }
    server.check_story(
        "m",
        &[("expired", "30"), ("transfer_return", "10"), ("transfer", "10"), ("produce", "30")],
    );
    server.check_sums("m", ["30", "0", "30", "0", "0"]);
    server.post("accept", json!({"transfer_no": "t1", "member_no": "n"})).refusal(422, 42204);
}

#[test]
fn expires_points_that_a_restart_found_at_rest() {
    let mut server = Server::start();
    for n in 0..20 {
        server.does("produce/direct", expiring("e1", &format!("m{n}"), 10, 2));
    }
    server.restart();
    pass_and_wait(&server, Span::days(2), 20);
    let expired = server.history(json!({"search_type": "expired"}));
    assert_eq!(expired.len(), 20);
    assert!(expired.iter().all(|item| item["create_time"] == "2022-06-18 12:00:00"));
}

#[test]
fn never_brings_back_what_has_expired_when_the_clock_steps_back() {
    let mut server = Server::start();
    server.does("produce/direct", with(accrual("e2", "m", 5), json!({"freeze_hours": 24})));
    server.does("produce/direct", expiring("e1", "m", 10, 1));
    pass_and_wait(&server, Span::days(1), 1);
    server.stop();
    server.turn_clock_to(hours_after_noon(1));
    server.start_again();
    assert_eq!(server.summary("m")["expired_points"], json!(10));
    server.check_lots("m", &[("5", "5", "active"), ("10", "0", "expired")]);
    server
        .post("consume/direct", json!({"event_no": "s", "member_no": "m", "points": 6}))
        .refusal(422, 42201);
    server.spend("s", "m", 5);
    let times: Vec<_> = server
        .history(json!({"member_no": "m"}))
        .iter()
        .map(|item| item["update_time"].to_string())
        .collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "a member's records never go back: {times:?}");
}

#[test]
fn settles_first_what_a_change_finds_due() {
    let server = Server::start();
    server.does("produce/direct", expiring("e1", "m", 10, 1));
    server.accrue("e2", "m", 3);
    server.pass(Span::days(1));
    assert_eq!(server.spend("s", "m", 3)["active_points"], json!(0));
    server.check_story("m", &[("consume", "3"), ("expired", "10"), ("produce", "3"), ("produce", "10")]);
}

#[test]
fn returns_an_offer_to_a_debt_by_itself() {
    let server = Server::start();
    server.accrue("e1", "m", 10);
    server.offer("t1", "m", "n", 10);
    server.does(
        "reverse/produce",
        json!({"event_no": "r", "member_no": "m", "origin_event_no": "e1",
        "allow_negative": true, "reverse_points": 4}),
    );
    server.check_sums("m", ["6", "10", "0", "0", "-4"]);
    pass_and_wait(&server, Span::hours(24), 1);
    server.check_sums("m", ["6", "0", "0", "0", "6"]);
}
