//! `POST /reverse/consume`.
use super::sending::{accrual, with, without};
use super::shapes::{check_change, check_record};
use super::{Options, Server, Span, Value, json};
use eros_points::ledger::Terms;

const ROUTE: &str = "reverse/consume";

fn give_back(event_no: &str, origin: &str) -> Value {
    json!({"event_no": event_no, "member_no": "m", "origin_event_no": origin})
}

fn status_of(server: &Server, event_no: &str) -> Value {
    server.history(json!({"member_no": "m", "event_no": event_no}))[0]["reverse_status"].clone()
}

#[test]
fn answers_the_whole_record() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    server.spend("s", "m", 20);
    server.pass(Span::hours(1));
    let body = with(give_back("g", "s"), json!({"reverse_points": "7.5", "event_at": "2022-06-16 09:00:00"}));
    let record = json!({
        "member_no": "m", "event_no": "g", "origin_event_no": "s", "event_type": "reverse_consume",
        "points": 7.5, "event_at": "2022-06-16 09:00:00", "create_time": "2022-06-16 13:00:00",
        "update_time": "2022-06-16 13:00:00"
    });
    check_change(&server.does(ROUTE, body), json!(17.5), record.clone());
    check_record(&server.history(json!({"member_no": "m"}))[0], record);
    server.check_sums("m", ["30", "12.5", "0", "0", "17.5"]);
}

#[test]
fn requires_three_fields() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    server.spend("s", "m", 20);
    for field in ["event_no", "member_no", "origin_event_no"] {
        server.refuses_field(ROUTE, without(give_back("g", "s"), field), field);
    }
    for wrong in [json!(0), json!(-1), json!("x"), json!(1.00001)] {
        server.refuses_field(
            ROUTE,
            with(give_back("g", "s"), json!({"reverse_points": wrong})),
            "reverse_points",
        );
    }
}

#[test]
fn gives_back_all_that_is_left_unless_told() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    server.spend("s", "m", 20);
    assert_eq!(status_of(&server, "s"), json!(0));
    server.does(ROUTE, with(give_back("g1", "s"), json!({"reverse_points": 5})));
    assert_eq!(status_of(&server, "s"), json!(1));
    assert_eq!(server.does(ROUTE, give_back("g2", "s"))["points"], json!(15));
    assert_eq!(status_of(&server, "s"), json!(2));
    server.refuses(ROUTE, give_back("g3", "s"), 422, 42203);
    server.check_sums("m", ["30", "0", "0", "0", "30"]);
}

#[test]
fn never_gives_back_more_than_was_spent() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    server.spend("s", "m", 20);
    server.refuses(ROUTE, with(give_back("g", "s"), json!({"reverse_points": "20.0001"})), 422, 42203);
}

#[test]
fn finds_only_spends_of_this_member() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    server.accrue("a", "other", 30);
    server.spend("x", "other", 5);
    server.offer("t", "m", "other", 5);
    for origin in ["nothing", "a", "x", "t"] {
        server.refuses(ROUTE, give_back("g", origin), 404, 40402);
    }
}

#[test]
fn gives_back_to_the_lot_taken_last_first() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 30), json!({"expire_days": 1})));
    server.accrue("b", "m", 20);
    server.spend("s", "m", 35);
    server.does(ROUTE, with(give_back("g", "s"), json!({"reverse_points": 10})));
    server.check_lots("m", &[("30", "5", "active"), ("20", "20", "active")]);
    server.check_sums("m", ["50", "25", "0", "0", "25"]);
}

#[test]
fn expires_at_once_what_goes_back_to_an_expired_lot() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 30), json!({"expire_days": 1})));
    server.spend("s", "m", 20);
    server.pass(Span::days(2));
    assert_eq!(server.does(ROUTE, give_back("g", "s"))["active_points"], json!(0));
    server.check_sums("m", ["30", "0", "30", "0", "0"]);
    let story = [
        ("expired", "20"),
        ("reverse_consume", "20"),
        ("expired", "10"),
        ("consume", "20"),
        ("produce", "30"),
    ];
    server.check_story("m", &story);
    let expired = &server.history(json!({"member_no": "m"}))[0];
    assert_eq!(expired["create_time"], "2022-06-18 12:00:00", "given back to an expired lot: due then");
    assert_eq!(expired["origin_event_no"], "a");
}

#[test]
fn gives_days_of_grace_once_where_the_tenant_sets_them() {
    let terms = Terms { refund_grace: Some(Span::days(7)), ..Terms::default() };
    let server = Server::with(Options { terms, ..Options::default() });
    server.does("produce/direct", with(accrual("a", "m", 30), json!({"expire_days": 1})));
    server.spend("s1", "m", 30);
    server.pass(Span::days(2));
    assert_eq!(server.does(ROUTE, give_back("g1", "s1"))["active_points"], json!(30));
    let lots = server.lots("m");
    let graced = lots.iter().find(|lot| lot["state"] == "active").unwrap();
    assert_eq!(graced["expire_time"], "2022-06-25 12:00:00");
    assert_eq!(graced["remaining"], json!(30));
    server.spend("s2", "m", 30);
    server.pass(Span::days(8));
    assert_eq!(server.does(ROUTE, give_back("g2", "s2"))["active_points"], json!(0), "no further grace");
    server.check_sums("m", ["30", "0", "30", "0", "0"]);
}

#[test]
fn makes_good_first_what_a_reversal_took_elsewhere() {
    let server = Server::start();
    server.accrue("a", "m", 100);
    server.spend("s", "m", 60);
    let back = json!({"event_no": "r", "member_no": "m", "origin_event_no": "a", "allow_negative": true});
    assert_eq!(server.does("reverse/produce", back)["active_points"], json!(-60));
    assert_eq!(server.does(ROUTE, give_back("g", "s"))["active_points"], json!(0));
    server.check_sums("m", ["0", "0", "0", "0", "0"]);
}
