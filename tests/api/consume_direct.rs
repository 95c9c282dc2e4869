//! `POST /consume/direct`.
use super::sending::{accrual, with, without};
use super::shapes::{check_change, check_record};
use super::{Server, Span, Value, json};

const ROUTE: &str = "consume/direct";

fn spend(event_no: &str, member: &str, points: impl Into<Value>) -> Value {
    json!({"event_no": event_no, "member_no": member, "points": points.into()})
}

#[test]
fn answers_the_whole_record() {
    let server = Server::start();
    server.accrue("e1", "m", 30);
    let body = json!({
        "event_no": "s1", "member_no": "m", "points": 10.25, "action_scene": "user_discount",
        "event_at": "2022-06-15 18:00:00", "store_code": "ec_mall", "cost_center": "c1",
        "campaign_code": "618",
        "operator": "积分商城", "event_desc": "用户消耗"
    });
    let record = json!({
        "member_no": "m", "event_no": "s1", "action_scene": "user_discount", "event_type": "consume",
        "points": 10.25, "event_at": "2022-06-15 18:00:00", "store_code": "ec_mall", "cost_center": "c1",
        "campaign_code": "618", "operator": "积分商城", "event_desc": "用户消耗",
        "create_time": "2022-06-16 12:00:00", "update_time": "2022-06-16 12:00:00"
    });
    check_change(&server.does(ROUTE, body), json!(19.75), record.clone());
    check_record(&server.history(json!({"member_no": "m"}))[0], record);
}

#[test]
fn dates_a_spend_now_unless_told() {
    let server = Server::start();
    server.accrue("e1", "m", 30);
    let record = json!({
        "member_no": "m", "event_no": "s1", "event_type": "consume", "points": 30,
        "event_at": "2022-06-16 12:00:00", "create_time": "2022-06-16 12:00:00",
        "update_time": "2022-06-16 12:00:00"
    });
    check_change(&server.spend("s1", "m", 30), json!(0), record);
}

#[test]
fn requires_three_fields() {
    let server = Server::start();
    server.accrue("e1", "m", 30);
    for field in ["event_no", "member_no", "points"] {
        server.refuses_field(ROUTE, without(spend("s1", "m", 1), field), field);
    }
}

#[test]
fn takes_all_or_nothing() {
    let server = Server::start();
    server.accrue("e1", "m", 10);
    server.refuses(ROUTE, spend("s1", "m", "10.0001"), 422, 42201);
    server.refuses(ROUTE, spend("s1", "nobody", 1), 422, 42201);
    assert_eq!(server.spend("s1", "m", 10)["active_points"], json!(0));
    server.refuses(ROUTE, spend("s2", "m", "0.0001"), 422, 42201);
}

#[test]
fn takes_what_expires_first_and_then_what_is_oldest() {
    let server = Server::start();
    let lots = [("never", None), ("late", Some(20)), ("soon", Some(1)), ("also_late", Some(20))];
    for (event_no, days) in lots {
        server.does("produce/direct", with(accrual(event_no, "m", 10), json!({"expire_days": days})));
    }
    server.spend("s1", "m", 25);
    server.check_lots(
        "m",
        &[("10", "10", "active"), ("10", "0", "used_up"), ("10", "0", "used_up"), ("10", "5", "active")],
    );
    server.spend("s2", "m", 6);
    server.check_lots(
        "m",
        &[("10", "9", "active"), ("10", "0", "used_up"), ("10", "0", "used_up"), ("10", "0", "used_up")],
    );
}

#[test]
fn reads_example_one_of_the_rules() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 30), json!({"expire_days": 1})));
    server.pass(Span::hours(1));
    server.accrue("b", "m", 20);
    server.spend("s", "m", 35);
    server.check_lots("m", &[("30", "0", "used_up"), ("20", "15", "active")]);
    server.check_sums("m", ["50", "35", "0", "0", "15"]);
}

#[test]
fn never_takes_frozen_points() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 100), json!({"freeze_hours": 48})));
    server.refuses(ROUTE, spend("s1", "m", 1), 422, 42201);
    server.pass(Span(Span::hours(48).0 - 1));
    server.refuses(ROUTE, spend("s1", "m", 1), 422, 42201);
    server.pass(Span(1));
    server.check_sums("m", ["100", "0", "0", "0", "100"]);
    server.spend("s1", "m", 100);
}

#[test]
fn never_takes_expired_points_to_the_millisecond() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 100), json!({"expire_days": 1})));
    server.pass(Span(Span::days(1).0 - 1));
    server.spend("s1", "m", 40);
    server.pass(Span(1));
    let before = server.summary("m");
    server.post(ROUTE, spend("s2", "m", 1)).refusal(422, 42201);
    assert_eq!(before["active_points"], json!(0));
    server.check_sums("m", ["100", "40", "60", "0", "0"]);
}

#[test]
fn acts_on_the_present_whatever_its_date() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 100), json!({"expire_days": 1})));
    server.accrue("b", "m", 5);
    server.pass(Span::days(2));
    let old = with(spend("s1", "m", 10), json!({"event_at": "2022-06-16 13:00:00"}));
    server.post(ROUTE, old).refusal(422, 42201);
    server.does(ROUTE, with(spend("s2", "m", 5), json!({"event_at": "2021-01-01 00:00:00"})));
    server.check_sums("m", ["105", "5", "100", "0", "0"]);
}

#[test]
fn serves_one_of_many_that_want_the_same_points() {
    let server = Server::start();
    server.accrue("e1", "m", 50);
    let send = |n: usize| server.post(ROUTE, spend(&format!("s{n}"), "m", 10));
    let answers = std::thread::scope(|scope| {
        let send = &send;
        let threads: Vec<_> = (0..12).map(|n| scope.spawn(move || send(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 5);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.refusal(422, 42201);
    }
    server.check_sums("m", ["50", "50", "0", "0", "0"]);
}
