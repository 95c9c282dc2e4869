//! `POST /produce/direct`.
use super::sending::{accrual, with, without};
use super::shapes::{check_change, check_record, check_summary};
use super::{Options, Server, Span, json};
use eros_points::ledger::Terms;

const ROUTE: &str = "produce/direct";

#[test]
fn answers_the_whole_record() {
    let server = Server::start();
    let order = json!({"order_sn": "S1", "pay_amount": 100.50, "item_list": [{"sku": "A1", "price": 1.10}]});
    let body = json!({
        "event_no": "e1", "member_no": "m", "action_scene": "order_pay", "event_type": "order",
        "points": 20.50,
        "event_at": "2022-06-16 10:10:00", "expire_days": 180, "freeze_hours": 48, "store_code": "ec_mall",
        "cost_center": "c1", "campaign_code": "618", "operator": "小程序", "event_desc": "酸奶",
        "order_info": order
    });
    let data = server.does(ROUTE, body);
    let record = json!({
        "member_no": "m", "event_no": "e1", "action_scene": "order_pay", "event_type": "produce",
        "source_type": "order", "amount": 100.5, "points": 20.5, "event_at": "2022-06-16 10:10:00",
        "expire_time": "2022-12-13 10:10:00", "unfreeze_time": "2022-06-18 10:10:00", "store_code": "ec_mall",
        "cost_center": "c1", "campaign_code": "618", "operator": "小程序", "event_desc": "酸奶",
        "order_items": order, "create_time": "2022-06-16 12:00:00", "update_time": "2022-06-16 12:00:00"
    });
    check_change(&data, json!(0), record.clone());
    check_record(&server.history(json!({"member_no": "m"}))[0], record);
}

#[test]
fn leaves_null_what_was_not_given() {
    let server = Server::start();
    let body = json!({"event_no": "e1", "member_no": "m", "event_type": "event", "points": 20});
    let record = json!({
        "member_no": "m", "event_no": "e1", "event_type": "produce", "source_type": "event", "points": 20,
        "event_at": "2022-06-16 12:00:00", "create_time": "2022-06-16 12:00:00",
        "update_time": "2022-06-16 12:00:00"
    });
    check_change(&server.does(ROUTE, body), json!(20), record);
}

#[test]
fn says_what_the_member_can_spend_right_after_it() {
    let server = Server::start();
    assert_eq!(server.accrue("e1", "m", 20)["active_points"], json!(20));
    assert_eq!(server.accrue("e2", "m", "0.0001")["active_points"], json!(20.0001));
    let frozen = with(accrual("e3", "m", 5), json!({"freeze_hours": 1}));
    assert_eq!(server.does(ROUTE, frozen)["active_points"], json!(20.0001));
}

#[test]
fn gives_record_numbers_that_grow() {
    let server = Server::start();
    let ids: Vec<u64> =
        (0..5).map(|n| super::shapes::auto_id(&server.accrue(&format!("e{n}"), "m", 1))).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
}

#[test]
fn requires_four_fields() {
    let server = Server::start();
    for field in ["event_no", "member_no", "event_type", "points"] {
        server.refuses_field(ROUTE, without(accrual("e1", "m", 1), field), field);
        server.refuses_field(ROUTE, with(accrual("e1", "m", 1), json!({field: null})), field);
        server.refuses_field(ROUTE, with(accrual("e1", "m", 1), json!({field: ""})), field);
    }
}

#[test]
fn takes_two_types_of_event() {
    let server = Server::start();
    for wrong in [json!("produce"), json!("Order"), json!(1), json!(["order"])] {
        server.refuses_field(ROUTE, with(accrual("e1", "m", 1), json!({"event_type": wrong})), "event_type");
    }
}

#[test]
fn bounds_days_and_hours() {
    let server = Server::start();
    for days in [json!(0), json!(-1), json!(36_501), json!(1.5), json!("ten"), json!(true), json!(1e30)] {
        server.refuses_field(ROUTE, with(accrual("e1", "m", 1), json!({"expire_days": days})), "expire_days");
    }
    for hours in [json!(-1), json!(87_601), json!(0.5), json!({}), json!(1e30)] {
        server.refuses_field(
            ROUTE,
            with(accrual("e1", "m", 1), json!({"freeze_hours": hours})),
            "freeze_hours",
        );
    }
    let most = json!({"expire_days": 36_500, "freeze_hours": 87_600});
    let data = server.does(ROUTE, with(accrual("e1", "m", 1), most));
    assert_eq!(data["expire_time"], "2122-05-23 12:00:00");
    assert_eq!(data["unfreeze_time"], "2032-06-13 12:00:00");
    let least = server.does(ROUTE, with(accrual("e2", "m", 1), json!({"expire_days": 1, "freeze_hours": 0})));
    assert_eq!(least["expire_time"], "2022-06-17 12:00:00");
    assert_eq!(least["unfreeze_time"], json!(null), "active at once");
}

#[test]
fn expires_as_the_tenant_sets_where_the_request_does_not_say() {
    let terms = Terms { default_expire: Some(Span::days(30)), ..Terms::default() };
    let server = Server::with(Options { terms, ..Options::default() });
    assert_eq!(server.accrue("e1", "m", 1)["expire_time"], "2022-07-16 12:00:00");
    let body = with(accrual("e2", "m", 1), json!({"expire_days": 10}));
    assert_eq!(server.does(ROUTE, body)["expire_time"], "2022-06-26 12:00:00");
}

#[test]
fn counts_expiry_and_freeze_from_the_event() {
    let server = Server::start();
    let body = json!({"event_at": "2022-06-16 10:10:00", "expire_days": 180, "freeze_hours": 48});
    let data = server.does(ROUTE, with(accrual("e1", "m", 30), body));
    assert_eq!(data["expire_time"], "2022-12-13 10:10:00", "the seed's example");
    assert_eq!(data["unfreeze_time"], "2022-06-18 10:10:00");
    let past = json!({"event_at": "2022-06-10 12:00:00", "freeze_hours": 48});
    server.does(ROUTE, with(accrual("e2", "m", 7), past));
    server.check_sums("m", ["37", "0", "0", "30", "7"]);
}

#[test]
fn accrues_and_expires_a_lot_that_is_born_expired() {
    let server = Server::start();
    let body = json!({"event_at": "2022-06-10 10:00:00", "expire_days": 2, "store_code": "s"});
    let data = server.does(ROUTE, with(accrual("e1", "m", 30), body));
    assert_eq!(data["expire_time"], "2022-06-12 10:00:00");
    assert_eq!(data["active_points"], json!(0));
    server.check_story("m", &[("expired", "30"), ("produce", "30")]);
    server.check_sums("m", ["30", "0", "30", "0", "0"]);
    server.check_lots("m", &[("30", "0", "expired")]);
    let expired = &server.history(json!({"member_no": "m"}))[0];
    assert_eq!(
        expired["create_time"], "2022-06-16 12:00:00",
        "a lot born expired fell due when it was accrued"
    );
}

#[test]
fn refuses_what_lies_more_than_a_day_ahead() {
    let server = Server::start();
    let ahead = |time: &str| with(accrual("e1", "m", 1), json!({"event_at": time}));
    server.refuses_field(ROUTE, ahead("2022-06-17 12:00:01"), "event_at");
    assert_eq!(server.does(ROUTE, ahead("2022-06-17 12:00:00"))["event_at"], "2022-06-17 12:00:00");
}

#[test]
fn refuses_a_lot_that_would_never_be_active() {
    let server = Server::start();
    for hours in [24, 25] {
        let body = with(accrual("e1", "m", 1), json!({"expire_days": 1, "freeze_hours": hours}));
        server.refuses(ROUTE, body, 400, 40001);
    }
    server.does(ROUTE, with(accrual("e1", "m", 1), json!({"expire_days": 1, "freeze_hours": 23})));
}

#[test]
fn requires_the_parts_of_an_order_that_is_given() {
    let server = Server::start();
    let order = json!({"order_sn": "S1", "pay_amount": 100, "item_list": []});
    for part in ["order_sn", "pay_amount", "item_list"] {
        let body = with(accrual("e1", "m", 1), json!({"order_info": without(order.clone(), part)}));
        server.refuses_field(ROUTE, body, part);
    }
    let wrong = [
        ("order_sn", json!(5)),
        ("pay_amount", json!(-1)),
        ("pay_amount", json!("free")),
        ("pay_amount", json!(true)),
        ("item_list", json!({})),
        ("item_list", json!(["A1"])),
    ];
    for (part, value) in wrong {
        let body =
            with(accrual("e1", "m", 1), json!({"order_info": with(order.clone(), json!({part: value}))}));
        server.refuses_field(ROUTE, body, part);
    }
    for no_object in [json!([]), json!("S1"), json!(1)] {
        let body = with(accrual("e1", "m", 1), json!({"order_info": no_object}));
        server.refuses_field(ROUTE, body, "order_info");
    }
    let free = with(order, json!({"pay_amount": 0}));
    assert_eq!(
        server.does(ROUTE, with(accrual("e1", "m", 1), json!({"order_info": free})))["amount"],
        json!(0)
    );
}

#[test]
fn takes_an_empty_order_for_none() {
    let server = Server::start();
    for (event_no, name) in [("e1", "order_info"), ("e2", "order_items")] {
        let data = server.does(ROUTE, with(accrual(event_no, "m", 1), json!({name: {}})));
        assert_eq!((&data["order_items"], &data["amount"]), (&json!(null), &json!(null)));
    }
}

#[test]
fn keeps_an_order_as_it_was_given() {
    let server = Server::start();
    let order = r#"{"order_sn":"S1","pay_amount":"100.50","item_list":[{"sku":"A","price":1.10,"big":12345678901234567890.5}],"else":null}"#;
    let body = format!(
        r#"{{"event_no":"e1","member_no":"m","event_type":"order","points":1,"order_info":{order}}}"#
    );
    let answer = server.post_text(ROUTE, &body);
    assert_eq!(answer.data()["amount"], json!(100.5));
    let kept = answer.data()["order_items"].clone();
    assert_eq!(kept["item_list"][0]["big"].to_string(), "12345678901234567890.5");
    assert_eq!(kept["order_sn"], "S1");
}

#[test]
fn takes_the_misspelt_names_and_answers_the_right_ones() {
    let server = Server::start();
    let order = json!({"order_sn": "S1", "pay_amount": 3, "item_list": []});
    let body = with(accrual("e1", "m", 1), json!({"stroe_code": "s1", "order_items": order}));
    let data = server.does(ROUTE, body);
    assert_eq!(data["store_code"], "s1");
    assert_eq!(data["order_items"], order);
    assert_eq!(data["amount"], json!(3));
}

#[test]
fn ignores_what_it_does_not_know_and_takes_null_for_left_out() {
    let server = Server::start();
    let body = with(
        accrual("e1", "m", 1),
        json!({"colour": "red", "expire_days": null, "freeze_hours": null, "event_at": null,
            "store_code": null, "order_info": null}),
    );
    let data = server.does(ROUTE, body);
    assert_eq!(data["event_at"], "2022-06-16 12:00:00");
    assert_eq!(data["expire_time"], json!(null));
}

#[test]
fn pays_debt_with_what_comes_in() {
    let server = Server::start();
    server.accrue("a", "m", 100);
    server.spend("s", "m", 60);
    server.accrue("b", "m", 10);
    let back = json!({"event_no": "r", "member_no": "m", "origin_event_no": "a", "allow_negative": true});
    assert_eq!(server.does("reverse/produce", back)["active_points"], json!(-50));
    assert_eq!(server.accrue("c", "m", 80)["active_points"], json!(30));
    server.check_sums("m", ["90", "60", "0", "0", "30"]);
}

#[test]
fn stops_accruing_at_too_many_open_lots_but_takes_what_arrives() {
    let terms = Terms { open_lots_max: 3, ..Terms::default() };
    let server = Server::with(Options { terms, ..Options::default() });
    for event_no in ["e1", "e2", "e3"] {
        server.accrue(event_no, "m", 10);
    }
    server.refuses(ROUTE, accrual("e4", "m", 10), 422, 42207);
    server.accrue("x1", "other", 5);
    server.offer("t1", "other", "m", 5);
    server.accept("t1", "m");
    server.spend("s1", "m", 20);
    server.accrue("e4", "m", 10);
    server.does("reverse/consume", json!({"event_no": "g", "member_no": "m", "origin_event_no": "s1"}));
    server.check_sums("m", ["45", "0", "0", "0", "45"]);
    server.refuses(ROUTE, accrual("e5", "m", 10), 422, 42207);
}

#[test]
fn holds_the_largest_amounts_exactly() {
    let server = Server::start();
    for n in 0..100 {
        server.accrue(&format!("e{n}"), "m", "99999999999.9999");
    }
    server.check_sums("m", ["9999999999999.99", "0", "0", "0", "9999999999999.99"]);
    let summary = server.summary("m");
    check_summary(
        &summary,
        json!({
            "member_no": "m", "detail_id": summary["detail_id"], "total_points": 9_999_999_999_999.99,
            "active_points": 9_999_999_999_999.99, "create_time": "2022-06-16 12:00:00",
            "update_time": "2022-06-16 12:00:00"
        }),
    );
}
