//! `POST /produce/by_rule`. What rules make of events is in tests/ledger/rules; here is the route.
use super::sending::{lines, with, without};
use super::shapes::check_record_by_rule;
use super::{Server, Span, TENANT, Value, json, path};

pub const ROUTE: &str = "produce/by_rule";

pub fn event(event_no: &str, about: Value) -> Value {
    let least = json!({
        "event_no": event_no, "member_no": "m", "action_scene": "order_pay", "event_type": "order",
        "store_code": "mall", "operator": "system", "event_desc": "an order",
        "order_items": {"order_sn": "S1", "pay_amount": 100, "item_list": []},
    });
    with(least, about)
}

#[test]
fn answers_the_whole_record_with_rule_and_version() {
    let server = Server::start();
    server.adds_rule(json!({"name": "old"}));
    server.replaces_rule(
        1,
        json!({
            "earn": {"per_amount": {"points": 1, "amount": 5}}, "expiry": {"days": 180}, "freeze_hours": 48,
            "cost_center": "cc", "campaign_code": "618",
        }),
    );
    let order = json!({"order_sn": "S1", "pay_amount": "104.99", "item_list": [{"sku": "A1"}]});
    let body = event(
        "e1",
        json!({"event_at": "2022-06-16 10:10:00", "campaign_code": "mine", "order_items": order}),
    );
    let mut data = server.does(ROUTE, body);
    assert_eq!(data.as_object_mut().unwrap().remove("active_points"), Some(json!(0)));
    let record = json!({
        "member_no": "m", "event_no": "e1", "action_scene": "order_pay", "event_type": "produce",
        "source_type": "order", "amount": 104.99, "points": 20, "event_at": "2022-06-16 10:10:00",
        "expire_time": "2022-12-13 10:10:00", "unfreeze_time": "2022-06-18 10:10:00", "store_code": "mall",
        "cost_center": "cc", "campaign_code": "mine", "operator": "system", "event_desc": "an order",
        "order_items": order, "rule_id": 1, "create_time": "2022-06-16 12:00:00",
        "update_time": "2022-06-16 12:00:00",
    });
    check_record_by_rule(&data, 2, record.clone());
    check_record_by_rule(&server.history(json!({"member_no": "m"}))[0], 2, record.clone());
    check_record_by_rule(&server.history(json!({"campaign_code": "mine"}))[0], 2, record);
    server.check_sums("m", ["20", "0", "0", "20", "0"]);
    assert_eq!(server.lots("m")[0]["cost_center"], "cc");
}

#[test]
fn requires_its_seven_fields_and_an_order_where_the_event_is_one() {
    let server = Server::start();
    server.adds_rule(json!({}));
    server.adds_rule(json!({"event_type": "event", "earn": {"fixed": 3}}));
    for field in
        ["event_no", "member_no", "action_scene", "event_type", "store_code", "operator", "event_desc"]
    {
        server.refuses_field(ROUTE, without(event("e1", json!({})), field), field);
        for wrong in [json!(null), json!(""), json!(7), json!([])] {
            server.refuses_field(ROUTE, event("e1", json!({field: wrong})), field);
        }
    }
    server.refuses_field(ROUTE, without(event("e1", json!({})), "order_items"), "order_items");
    server.refuses_field(ROUTE, event("e1", json!({"order_items": {}})), "order_items");
    server.refuses_field(ROUTE, event("e1", json!({"order_items": []})), "order_items");
    for field in ["order_sn", "pay_amount", "item_list"] {
        let whole = json!({"order_sn": "S1", "pay_amount": 100, "item_list": []});
        let order = json!({"order_items": without(whole, field)});
        server.refuses_field(ROUTE, event("e1", order), &format!("order_items.{field}"));
    }
    let login = json!({"event_type": "event", "order_items": null});
    assert_eq!(server.does(ROUTE, event("e1", login))["points"], 3);
    assert_eq!(server.does(ROUTE, event("e2", json!({"event_type": "event"})))["amount"], 100);
}

#[test]
fn refuses_what_is_out_of_range_with_the_field_named() {
    let server = Server::start();
    server.adds_rule(json!({"earn": {"per_item": [{"per_amount": {"points": 1, "amount": 1}}]}}));
    let items = |items: Value| json!({"order_items": {"order_sn": "S", "pay_amount": 1, "item_list": items}});
    let rows: &[(Value, &str)] = &[
        (json!({"rule_id": 0}), "rule_id"),
        (json!({"rule_id": "1"}), "rule_id"),
        (json!({"rule_id": 1.5}), "rule_id"),
        (json!({"points": 0}), "points"),
        (json!({"points": -1}), "points"),
        (json!({"points": 0.00001}), "points"),
        (json!({"event_type": "produce"}), "event_type"),
        (json!({"event_at": "yesterday"}), "event_at"),
        (json!({"event_at": "2022-06-17 12:00:01"}), "event_at"),
        (json!({"expire_days": 0}), "expire_days"),
        (json!({"freeze_hours": -1}), "freeze_hours"),
        (json!({"expire_days": 1, "freeze_hours": 24}), "freeze_hours"),
        (json!({"store_code": "x".repeat(4_097)}), "store_code"),
        (json!({"event_no": "x".repeat(129)}), "event_no"),
        (items(json!([{"price": 1}, {"sku": "A"}])), "order_items.item_list[1].price"),
        (items(json!([{"price": "x"}])), "order_items.item_list[0].price"),
        (items(json!([{"price": 1, "quantity": -1}])), "order_items.item_list[0].quantity"),
        (items(json!([7])), "order_items.item_list"),
        (items(json!([{"price": 1e12, "quantity": 1e9}])), "order_items.item_list"),
    ];
    for (about, field) in rows {
        server.refuses_field(ROUTE, event("e1", about.clone()), field);
    }
    server.post(ROUTE, json!([])).refusal(400, 40000);
}

#[test]
fn takes_the_seeds_spellings() {
    let server = Server::start();
    server.adds_rule(json!({"store_codes": ["mall"], "earn": {"per_amount": {"points": 1, "amount": 5}}}));
    let body = without(without(event("e1", json!({"stroe_code": "mall"})), "store_code"), "order_items");
    let body = with(body, json!({"order_info": {"order_sn": "S1", "pay_amount": 100, "item_list": []}}));
    assert_eq!(server.does(ROUTE, body)["points"], 20);
    server.replays(ROUTE, event("e1", json!({})));
}

#[test]
fn no_rule_that_fits_is_40401_and_takes_no_key() {
    let server = Server::start();
    server.refuses(ROUTE, event("e1", json!({})), 404, 40401);
    server.adds_rule(json!({"enabled": false}));
    server.adds_rule(json!({"store_codes": ["other"]}));
    server.refuses(ROUTE, event("e1", json!({})), 404, 40401);
    let message = server.refuses(ROUTE, event("e1", json!({"rule_id": 1})), 404, 40401);
    assert_eq!(message, "rule 1 is not enabled");
    server.refuses(ROUTE, event("e1", json!({"rule_id": 3})), 404, 40401);
    server.adds_rule(json!({"priority": -1}));
    assert_eq!(server.does(ROUTE, event("e1", json!({})))["rule_id"], 3);
}

#[test]
fn a_rule_that_grants_nothing_is_42205() {
    let server = Server::start();
    server.adds_rule(json!({"earn": {"per_amount": {"points": 1, "amount": 1000}}}));
    server.refuses(ROUTE, event("e1", json!({})), 422, 42205);
    assert_eq!(server.does(ROUTE, event("e1", json!({"points": 7.5})))["points"], 7.5);
}

#[test]
fn the_request_wins_over_the_rule_in_expiry_and_freeze() {
    let server = Server::start();
    server.adds_rule(json!({"expiry": {"days": 10}, "freeze_hours": 48}));
    let own = server.does(ROUTE, event("e1", json!({})));
    assert_eq!(
        (&own["expire_time"], &own["unfreeze_time"]),
        (&json!("2022-06-26 12:00:00"), &json!("2022-06-18 12:00:00"))
    );
    let asked = server.does(ROUTE, event("e2", json!({"expire_days": 180, "freeze_hours": 0})));
    assert_eq!(
        (&asked["expire_time"], &asked["unfreeze_time"]),
        (&json!("2022-12-13 12:00:00"), &json!(null))
    );
}

#[test]
fn the_members_tier_multiplies() {
    let server = Server::start();
    server.adds_rule(json!({"multipliers": [{"tier": "gold", "factor": 2.5}]}));
    assert_eq!(server.does(ROUTE, event("e1", json!({})))["points"], 10);
    server.put_to("members/m", &json!({"tier": "gold"})).data();
    assert_eq!(server.does(ROUTE, event("e2", json!({})))["points"], 25);
    server.put_to("members/m", &json!({"tier": "silver"})).data();
    assert_eq!(server.does(ROUTE, event("e3", json!({})))["points"], 10);
    assert_eq!(server.does(ROUTE, event("e4", json!({"member_no": "new"})))["points"], 10);
}

#[test]
fn a_replay_has_the_same_bytes_when_the_rule_has_changed_or_is_gone_and_after_a_restart() {
    let mut server = Server::start();
    server.adds_rule(json!({"expiry": {"days": 10}}));
    let body = event("e1", json!({}));
    let first = server.post(ROUTE, body.clone());
    first.data();
    server.replaces_rule(1, json!({"earn": {"fixed": 99}, "enabled": false}));
    assert_eq!(server.replays(ROUTE, body.clone()).body, first.body);
    server.removes_rule(1);
    assert_eq!(server.replays(ROUTE, body.clone()).body, first.body);
    server.restart();
    assert_eq!(server.replays(ROUTE, body.clone()).body, first.body);
    server.refuses(ROUTE, event("e2", json!({})), 404, 40401);
    let changes = [
        json!({"rule_id": 1}),
        json!({"points": 10}),
        json!({"event_desc": "other"}),
        json!({"expire_days": 10}),
        json!({"freeze_hours": 0}),
        json!({"store_code": "mini"}),
        json!({"event_type": "event"}),
        json!({"order_items": {"order_sn": "S1", "pay_amount": 101, "item_list": []}}),
        json!({"event_at": "2022-06-16 12:00:00"}),
    ];
    for change in changes {
        server.refuses(ROUTE, event("e1", change), 409, 40901);
    }
    let direct = json!({"event_no": "e1", "member_no": "m", "event_type": "order", "points": 10});
    server.refuses("produce/direct", direct, 409, 40901);
    let order = json!({"item_list": [], "pay_amount": "100.0", "order_sn": "S1", "more": null});
    server.replays(ROUTE, event("e1", json!({"order_items": order, "rule_id": null})));
}

#[test]
fn points_by_a_rule_are_points_like_any_other() {
    let server = Server::start();
    server.adds_rule(json!({"earn": {"fixed": 100}, "expiry": {"days": 1}}));
    server.does(ROUTE, event("e1", json!({})));
    server.spend("s1", "m", 60);
    server.offer("t1", "m", "bob", 10);
    server.accept("t1", "bob");
    assert_eq!(server.lots("bob")[0]["origin_event_no"], "e1");
    assert_eq!(server.lots("bob")[0]["store_code"], "mall");
    let reverse = json!({"event_no": "r1", "member_no": "m", "origin_event_no": "e1", "allow_negative": true,
                         "refund_info": {"refund_amount": 50}});
    assert_eq!(server.does("reverse/produce", reverse)["points"], 50, "half of what was paid");
    server.check_sums("m", ["50", "70", "0", "0", "-20"]);
    let accruals = server.history(json!({"member_no": "m", "search_type": "produce"}));
    assert_eq!((&accruals[0]["reverse_status"], &accruals[0]["rule_id"]), (&json!(1), &json!(1)));
    server.does(ROUTE, event("e2", json!({"freeze_hours": 1})));
    let frozen = server.history(json!({"member_no": "m", "search_type": "freeze"}));
    assert_eq!(frozen[0]["event_no"], "e2");
    server.pass(Span::hours(24));
    server.wait_until("e2 expired", |server| server.summary("m")["expired_points"] == 80);
    server.wait_until("it is on record", |server| {
        server.history(json!({"member_no": "m", "search_type": "expired"})).len() == 1
    });
    let expired = server.history(json!({"member_no": "m", "search_type": "expired"}));
    assert_eq!(expired[0]["origin_event_no"], "e2");
}

#[test]
fn a_member_is_not_opened_where_accruals_open_none() {
    let server = Server::start();
    server.adds_rule(json!({}));
    server.put_to("settings", &json!({"accrual_opens_members": false})).data();
    server.refuses(ROUTE, event("e1", json!({})), 404, 40405);
}

#[test]
fn another_tenants_rule_is_none() {
    let server = Server::start();
    server.adds_rule(json!({}));
    for body in [event("e1", json!({})), event("e1", json!({"rule_id": 1}))] {
        server.post_to("20090", ROUTE, &body).refusal(404, 40401);
    }
    server.send("GET", &path(TENANT, ROUTE), &[], b"").refusal(405, 40500);
}

#[test]
fn a_batch_takes_it_too() {
    let server = Server::start();
    server.adds_rule(json!({"limits": {"points": {"ever": 15}}}));
    let operation = |event_no: &str| json!({"op": ROUTE, "body": event(event_no, json!({}))});
    let answer =
        server.post("batch", json!([operation("e1"), operation("e2"), operation("e3"), operation("e1")]));
    let items = answer.data()["items"].as_array().unwrap();
    let codes: Vec<&Value> = items.iter().map(|item| &item["code"]).collect();
    assert_eq!(codes, [0, 0, 42206, 0]);
    assert_eq!((&items[1]["data"]["points"], &items[1]["data"]["rule_version"]), (&json!(5), &json!(1)));
    assert_eq!(items[3]["data"], items[0]["data"]);
}

#[test]
fn an_export_has_a_column_for_the_version_and_the_change_feed_shows_it() {
    let server = Server::start();
    server.adds_rule(json!({}));
    server.does(ROUTE, event("e1", json!({})));
    server.accrue("e2", "m", 5);
    let answer = server.get("history/export?format=csv&member_no=m");
    let mut rows = csv::Reader::from_reader(&answer.body[..]);
    let head = rows.headers().unwrap().clone();
    let place = |name: &str| head.iter().position(|column| column == name).unwrap();
    let found: Vec<[String; 3]> = rows
        .records()
        .map(|row| {
            ["event_no", "rule_id", "rule_version"].map(|name| row.as_ref().unwrap()[place(name)].to_owned())
        })
        .collect();
    assert_eq!(found, [["e2", "", ""], ["e1", "1", "1"]]);
    let first = &lines(&server.get("changes?after=0"))[0];
    assert_eq!((&first["event_no"], &first["rule_version"]), (&json!("e1"), &json!(1)));
}
