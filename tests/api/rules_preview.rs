//! `POST /rules/preview`.
use super::produce_by_rule::{ROUTE as BY_RULE, event};
use super::sending::without;
use super::{Server, Value, json};

const ROUTE: &str = "rules/preview";

impl Server {
    #[track_caller]
    fn previews(&self, body: Value) -> Value {
        let before = (self.durable_records(), self.state(&body));
        let data = self.post(ROUTE, body.clone()).data().clone();
        assert_eq!((self.durable_records(), self.state(&body)), before, "a preview changes nothing");
        data
    }
}

#[test]
fn tells_what_would_be_earned_and_every_step_to_it() {
    let server = Server::start();
    server.adds_rule(json!({"name": "off", "priority": 5, "enabled": false}));
    server.adds_rule(json!({
        "name": "orders", "earn": {"per_amount": {"points": 1, "amount": 3}}, "rounding": "half_up", "scale": 1,
        "multipliers": [{"tier": "gold", "factor": 2}, {"factor": 1.5}], "expiry": {"days": 10}, "freeze_hours": 48,
        "limits": {"per_event": 40, "points": {"day": 60}, "times": {"month": 4}}, "cost_center": "cc",
    }));
    server.adds_rule(json!({"name": "spare", "priority": -1}));
    server.put_to("members/m", &json!({"tier": "gold"})).data();
    server.does(BY_RULE, event("e1", json!({})));
    let body = without(event("", json!({"freeze_hours": 0})), "event_no");
    let expected = json!({
        "points": 20, "rule_id": 2, "version": 1, "event_at": "2022-06-16 12:00:00",
        "expire_time": "2022-06-26 12:00:00", "unfreeze_time": null, "cost_center": "cc", "campaign_code": null,
        "would_answer": {"code": 0, "msg": "OK"},
        "trace": {
            "rules": [
                {"rule_id": 1, "version": 1, "name": "off", "fits": false, "taken": false, "why_not": "is not enabled"},
                {"rule_id": 2, "version": 1, "name": "orders", "fits": true, "taken": true, "why_not": null},
                {"rule_id": 3, "version": 1, "name": "spare", "fits": true, "taken": false, "why_not": null},
            ],
            "points_from": "rule", "expiry_from": "rule", "freeze_from": "request",
            "reckoning": {
                "base": 33.3333,
                "multipliers": [{"place": 0, "tier": "gold", "factor": 2, "fits": true},
                                {"place": 1, "factor": 1.5, "fits": true}],
                "product": 100, "rounding": "half_up", "scale": 1, "rounded": 100,
                "limits": [
                    {"limit": "per_event", "most": 40, "points": 40},
                    {"limit": "points.day", "most": 60, "used": 40, "left": 20, "points": 20},
                    {"limit": "times.month", "most": 4, "used": 1, "left": 3, "points": 20},
                ],
            },
        },
    });
    assert_eq!(server.previews(body.clone()), expected);
    assert_eq!(server.does(BY_RULE, event("e2", json!({"freeze_hours": 0})))["points"], 20);
    let used_up = server.previews(body);
    assert_eq!((&used_up["points"], &used_up["would_answer"]["code"]), (&json!(0), &json!(42206)));
    assert_eq!(used_up["trace"]["reckoning"]["limits"][1]["left"], 0);
}

#[test]
fn an_event_that_earns_nothing_is_no_error_and_says_what_by_rule_would_answer() {
    let server = Server::start();
    let none = server.previews(event("e", json!({})));
    assert_eq!(
        (&none["points"], &none["rule_id"], &none["trace"]["rules"]),
        (&json!(0), &json!(null), &json!([]))
    );
    assert_eq!(none["would_answer"]["code"], 40401);
    server.adds_rule(json!({"earn": {"per_amount": {"points": 1, "amount": 1000}}, "action_scene": "gift"}));
    let other = server.previews(event("e", json!({})));
    assert_eq!(other["trace"]["rules"][0]["why_not"], "is for another action_scene");
    let named = server.previews(event("e", json!({"rule_id": 9})));
    assert_eq!((&named["would_answer"]["code"], &named["trace"]["rules"]), (&json!(40401), &json!([])));
    let nothing = server.previews(event("e", json!({"action_scene": "gift"})));
    assert_eq!((&nothing["points"], &nothing["rule_id"]), (&json!(0), &json!(1)));
    assert_eq!(nothing["would_answer"]["code"], 42205);
}

#[test]
fn a_member_never_seen_stays_unseen_and_named_points_are_told_so() {
    let server = Server::start();
    server.adds_rule(json!({}));
    let told = server.previews(event("e", json!({"member_no": "nobody", "points": 3.5})));
    assert_eq!((&told["points"], &told["trace"]["points_from"]), (&json!(3.5), &json!("request")));
    assert_eq!(told["trace"]["reckoning"], json!(null));
    assert_eq!(server.summary("nobody")["detail_id"], json!(null));
}

#[test]
fn wrong_fields_are_refused_as_by_rule_refuses_them() {
    let server = Server::start();
    server.adds_rule(json!({"earn": {"per_item": [{"per_amount": {"points": 1, "amount": 1}}]}}));
    for field in
        ["member_no", "action_scene", "event_type", "store_code", "operator", "event_desc", "order_items"]
    {
        let message =
            server.post(ROUTE, without(event("e", json!({})), field)).refusal(400, 40001).to_owned();
        assert!(message.contains(field), "{message}");
    }
    let order = json!({"order_sn": "S", "pay_amount": 1, "item_list": [{}]});
    let message =
        server.post(ROUTE, event("e", json!({"order_items": order}))).refusal(400, 40001).to_owned();
    assert!(message.contains("order_items.item_list[0].price"), "{message}");
    let late = event("e", json!({"event_at": "2022-06-17 12:00:01"}));
    assert!(server.post(ROUTE, late).refusal(400, 40001).contains("event_at"));
    server.post_text(ROUTE, "[]").refusal(400, 40000);
}
