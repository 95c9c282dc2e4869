//! `POST /reverse/produce`.
use super::sending::{accrual, with, without};
use super::shapes::{check_change, check_record};
use super::{Server, Span, Value, json};

const ROUTE: &str = "reverse/produce";

fn reverse(event_no: &str, origin: &str) -> Value {
    json!({"event_no": event_no, "member_no": "m", "origin_event_no": origin, "allow_negative": false})
}

fn order(event_no: &str, points: i64, paid: Value) -> Value {
    let order = json!({"order_sn": "S1", "pay_amount": paid, "item_list": []});
    with(accrual(event_no, "m", points), json!({"order_info": order}))
}

fn refund(event_no: &str, origin: &str, amount: impl Into<Value>) -> Value {
    with(reverse(event_no, origin), json!({"refund_info": {"refund_amount": amount.into()}}))
}

fn status_of(server: &Server, event_no: &str) -> Value {
    server.history(json!({"member_no": "m", "event_no": event_no}))[0]["reverse_status"].clone()
}

#[test]
fn answers_the_whole_record() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    server.pass(Span::hours(1));
    let body = with(reverse("r", "a"), json!({"reverse_points": 10.5, "event_at": "2022-06-16 09:00:00"}));
    let record = json!({
        "member_no": "m", "event_no": "r", "origin_event_no": "a", "event_type": "reverse_produce",
        "points": 10.5, "event_at": "2022-06-16 09:00:00", "create_time": "2022-06-16 13:00:00",
        "update_time": "2022-06-16 13:00:00"
    });
    check_change(&server.does(ROUTE, body), json!(19.5), record.clone());
    check_record(&server.history(json!({"member_no": "m"}))[0], record);
    server.check_sums("m", ["19.5", "0", "0", "0", "19.5"]);
}

#[test]
fn requires_four_fields() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    for field in ["event_no", "member_no", "origin_event_no", "allow_negative"] {
        server.refuses_field(ROUTE, without(reverse("r", "a"), field), field);
    }
    for wrong in [json!("false"), json!(0), json!([])] {
        server.refuses_field(
            ROUTE,
            with(reverse("r", "a"), json!({"allow_negative": wrong})),
            "allow_negative",
        );
    }
    for wrong in [json!(0), json!(-1), json!("x"), json!(0.00001)] {
        server.refuses_field(
            ROUTE,
            with(reverse("r", "a"), json!({"reverse_points": wrong})),
            "reverse_points",
        );
    }
    for wrong in [json!("x"), json!([]), json!(1)] {
        server.refuses_field(ROUTE, with(reverse("r", "a"), json!({"refund_info": wrong})), "refund_info");
    }
}

#[test]
fn takes_all_that_is_left_unless_told() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    assert_eq!(status_of(&server, "a"), json!(0));
    server.does(ROUTE, with(reverse("r1", "a"), json!({"reverse_points": 10})));
    assert_eq!(status_of(&server, "a"), json!(1));
    assert_eq!(server.does(ROUTE, reverse("r2", "a"))["points"], json!(20));
    assert_eq!(status_of(&server, "a"), json!(2));
    server.check_sums("m", ["0", "0", "0", "0", "0"]);
}

#[test]
fn never_takes_more_than_the_whole() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    let body = |event_no: &str, points: &str| with(reverse(event_no, "a"), json!({"reverse_points": points}));
    server.refuses(ROUTE, body("r1", "30.0001"), 422, 42203);
    server.does(ROUTE, body("r1", "29.9999"));
    server.refuses(ROUTE, body("r2", "0.0002"), 422, 42203);
    server.does(ROUTE, body("r2", "0.0001"));
    server.refuses(ROUTE, body("r3", "0.0001"), 422, 42203);
    server.refuses(ROUTE, reverse("r3", "a"), 422, 42203);
}

#[test]
fn finds_only_accruals_of_this_member() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    server.spend("s", "m", 1);
    server.accrue("x", "other", 30);
    server.does(
        "transfer/direct",
        json!({"transfer_no": "t", "from_user": "other", "to_user": "m", "points": 5}),
    );
    for origin in ["nothing", "s", "x", "t"] {
        server.refuses(ROUTE, reverse("r", origin), 404, 40402);
    }
    server.does(ROUTE, with(reverse("r", "a"), json!({"reverse_points": 1})));
    server.refuses(ROUTE, reverse("r2", "r"), 404, 40402);
}

#[test]
fn reads_example_three_of_the_rules() {
    let server = Server::start();
    server.accrue("a", "m", 100);
    server.spend("s", "m", 60);
    server.accrue("b", "m", 10);
    server.refuses(ROUTE, reverse("r", "a"), 422, 42202);
    let data = server.does(ROUTE, with(reverse("r", "a"), json!({"allow_negative": true})));
    assert_eq!(data["active_points"], json!(-50));
    server.check_sums("m", ["10", "60", "0", "0", "-50"]);
    server.accrue("c", "m", 80);
    server.check_sums("m", ["90", "60", "0", "0", "30"]);
}

#[test]
fn reads_example_five_of_the_rules() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 100), json!({"expire_days": 1})));
    server.spend("s", "m", 30);
    server.pass(Span::days(1));
    server.check_sums("m", ["100", "30", "70", "0", "0"]);
    server.does(ROUTE, with(reverse("r", "a"), json!({"reverse_points": 80, "allow_negative": true})));
    server.check_sums("m", ["20", "30", "0", "0", "-10"]);
}

#[test]
fn reads_example_six_of_the_rules() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 100), json!({"expire_days": 1})));
    server.accrue("b", "m", 60);
    server.spend("s", "m", 60);
    server.pass(Span::days(1));
    server.does(ROUTE, reverse("r", "a"));
    server.check_sums("m", ["60", "60", "0", "0", "0"]);
    server.does("reverse/consume", json!({"event_no": "g", "member_no": "m", "origin_event_no": "s"}));
    server.check_sums("m", ["60", "0", "0", "0", "60"]);
}

#[test]
fn takes_from_its_own_lot_even_where_it_is_frozen() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 30), json!({"freeze_hours": 5})));
    server.does("produce/direct", with(accrual("b", "m", 40), json!({"freeze_hours": 5})));
    server.does(ROUTE, reverse("r", "a"));
    server.check_lots("m", &[("30", "0", "used_up"), ("40", "40", "frozen")]);
    server.check_sums("m", ["40", "0", "0", "40", "0"]);
}

#[test]
fn never_takes_from_frozen_lots_of_others() {
    let server = Server::start();
    server.accrue("a", "m", 30);
    server.spend("s", "m", 30);
    server.does("produce/direct", with(accrual("b", "m", 40), json!({"freeze_hours": 5})));
    server.refuses(ROUTE, reverse("r", "a"), 422, 42202);
    server.does(ROUTE, with(reverse("r", "a"), json!({"allow_negative": true})));
    server.check_sums("m", ["40", "30", "0", "40", "-30"]);
    server.pass(Span::hours(5));
    server.check_sums("m", ["40", "30", "0", "0", "10"]);
}

#[test]
fn takes_in_proportion_to_what_was_refunded() {
    let server = Server::start();
    server.does("produce/direct", order("a", 10, json!(3)));
    let points: Vec<String> = ["r1", "r2", "r3"]
        .iter()
        .map(|event_no| server.does(ROUTE, refund(event_no, "a", 1))["points"].to_string())
        .collect();
    // 10/3, then the difference to 20/3 and to 10, each rounded half up at four places: the parts add up.
    assert_eq!(points, ["3.3333", "3.3334", "3.3333"]);
    assert_eq!(status_of(&server, "a"), json!(2));
    server.check_sums("m", ["0", "0", "0", "0", "0"]);
    server.refuses(ROUTE, refund("r4", "a", "0.01"), 422, 42203);
}

#[test]
fn records_a_refund_too_small_for_a_point() {
    let server = Server::start();
    server.does("produce/direct", order("a", 1, json!(1_000_000)));
    let data = server.does(ROUTE, refund("r1", "a", "0.01"));
    assert_eq!((&data["points"], &data["active_points"]), (&json!(0), &json!(1)));
    server.check_story("m", &[("reverse_produce", "0"), ("produce", "1")]);
}

#[test]
fn refuses_refunds_beyond_what_was_paid() {
    let server = Server::start();
    server.does("produce/direct", order("a", 10, json!("99.90")));
    server.refuses(ROUTE, refund("r1", "a", "99.91"), 422, 42203);
    server.does(ROUTE, refund("r1", "a", "50"));
    server.refuses(ROUTE, refund("r2", "a", "49.91"), 422, 42203);
    server.does(ROUTE, refund("r2", "a", "49.9"));
}

#[test]
fn needs_to_know_what_was_paid() {
    let server = Server::start();
    server.accrue("a", "m", 10);
    server.does("produce/direct", order("free", 10, json!(0)));
    for origin in ["a", "free"] {
        server.refuses_field(ROUTE, refund("r1", origin, 1), "order_pay_amount");
        let zero = json!({"refund_info": {"refund_amount": 1, "order_pay_amount": 0}});
        server.refuses_field(ROUTE, with(reverse("r1", origin), zero), "order_pay_amount");
    }
    let told = json!({"refund_info": {"refund_amount": "2.5", "order_pay_amount": 10, "reason": "broken"}});
    assert_eq!(server.does(ROUTE, with(reverse("r1", "a"), told))["points"], json!(2.5));
}

#[test]
fn believes_the_order_rather_than_the_refund() {
    let server = Server::start();
    server.does("produce/direct", order("a", 10, json!(100)));
    let told = json!({"refund_info": {"refund_amount": 50, "order_pay_amount": 50}});
    assert_eq!(server.does(ROUTE, with(reverse("r1", "a"), told))["points"], json!(5));
}

#[test]
fn counts_no_refund_where_points_are_given() {
    let server = Server::start();
    server.does("produce/direct", order("a", 10, json!(100)));
    let both = json!({"reverse_points": 1, "refund_info": {"refund_amount": 100}});
    assert_eq!(server.does(ROUTE, with(reverse("r1", "a"), both))["points"], json!(1));
    // The whole may still be refunded, but only what is left can be taken.
    assert_eq!(server.does(ROUTE, refund("r2", "a", 50))["points"], json!(5));
    assert_eq!(server.does(ROUTE, refund("r3", "a", 50))["points"], json!(4));
}

#[test]
fn takes_all_where_the_refund_names_no_amount() {
    let server = Server::start();
    server.does("produce/direct", order("a", 10, json!(100)));
    assert_eq!(
        server.does(
            ROUTE,
            with(
                reverse("r0", "a"),
                json!({"refund_info": {},
            "reverse_points": 1})
            )
        )["points"],
        json!(1)
    );
    let data = server.does(ROUTE, with(reverse("r1", "a"), json!({"refund_info": {"reason": "broken"}})));
    assert_eq!(data["points"], json!(9));
}

#[test]
fn refuses_amounts_that_are_none() {
    let server = Server::start();
    server.does("produce/direct", order("a", 10, json!(100)));
    for wrong in [json!("much"), json!(true), json!([]), json!(-1)] {
        server.refuses_field(ROUTE, refund("r1", "a", wrong), "refund_amount");
    }
}
