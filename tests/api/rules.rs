//! `GET`, `POST /rules` and `GET`, `PUT`, `DELETE /rules/{rule_id}`.
use super::sending::{items, with, without};
use super::{Server, TENANT, Value, json, path};
use crate::support::http::Answer;

pub fn rule(about: Value) -> Value {
    let least =
        json!({"name": "r", "action_scene": "order_pay", "event_type": "order", "earn": {"fixed": 10}});
    with(least, about)
}

impl Server {
    pub fn put_to(&self, route: &str, body: &Value) -> Answer {
        let headers = [("Content-Type", "application/json")];
        self.send("PUT", &path(TENANT, route), &headers, body.to_string().as_bytes())
    }

    pub fn delete_at(&self, route: &str) -> Answer {
        self.send("DELETE", &path(TENANT, route), &[], b"")
    }

    /// A new rule: its id.
    #[track_caller]
    pub fn adds_rule(&self, about: Value) -> u64 {
        self.post("rules", rule(about)).data()["rule_id"].as_u64().unwrap()
    }

    #[track_caller]
    pub fn replaces_rule(&self, rule_id: u64, about: Value) -> Value {
        self.put_to(&format!("rules/{rule_id}"), &rule(about)).data().clone()
    }

    #[track_caller]
    pub fn removes_rule(&self, rule_id: u64) -> Value {
        self.delete_at(&format!("rules/{rule_id}")).data().clone()
    }

    #[track_caller]
    pub fn rules(&self) -> Vec<Value> {
        items(&self.get("rules"))
    }
}

#[test]
fn a_new_rule_is_shown_whole_with_its_id_and_first_version() {
    let server = Server::start();
    let whole = json!({
        "name": "order points", "action_scene": "order_pay", "event_type": "order", "enabled": true, "priority": 0,
        "valid_from": null, "valid_to": "2022-12-31 00:00:00", "store_codes": ["a"],
        "earn": {"per_amount": {"points": 1, "amount": 5, "min_amount": 0}},
        "multipliers": [{"tier": "gold", "factor": 2}, {"weekdays": [6, 7], "factor": 1.5},
                        {"from": "2022-06-18 00:00:00", "to": "2022-06-19 00:00:00", "factor": 3}],
        "rounding": "floor", "scale": 0,
        "limits": {"per_event": 1000, "points": {"day": 2000, "week": null, "month": 20000, "ever": null},
                   "times": {"day": 10, "week": null, "month": null, "ever": null}},
        "expiry": {"days": 180}, "freeze_hours": 48, "cost_center": null, "campaign_code": "618",
    });
    let added = server.post("rules", whole.clone()).data().clone();
    let given = json!({"rule_id": 1, "version": 1, "create_time": "2022-06-16 12:00:00",
                       "update_time": "2022-06-16 12:00:00"});
    assert_eq!(added, with(whole, given));
    assert_eq!(server.get("rules/1").data(), &added);
    assert_eq!(server.rules(), [added]);
}

#[test]
fn a_replaced_rule_has_its_next_version_and_the_same_again_is_no_change() {
    let server = Server::start();
    let first = server.adds_rule(json!({}));
    server.pass(super::Span::hours(1));
    let second = server.replaces_rule(first, json!({"earn": {"fixed": 20}}));
    assert_eq!((&second["version"], &second["earn"]), (&json!(2), &json!({"fixed": 20})));
    assert_eq!(second["create_time"], "2022-06-16 12:00:00");
    assert_eq!(second["update_time"], "2022-06-16 13:00:00");
    server.pass(super::Span::hours(1));
    let before = server.durable_records();
    assert_eq!(server.replaces_rule(first, json!({"earn": {"fixed": "20.0"}})), second);
    assert_eq!(server.put_to("rules/1", &second).data(), &second, "what was answered can be sent back");
    let ignored = with(second.clone(), json!({"rule_id": 99, "version": 99}));
    assert_eq!(server.put_to("rules/1", &ignored).data(), &second);
    assert_eq!(server.durable_records(), before, "nothing was recorded");
}

#[test]
fn ids_are_never_given_again() {
    let mut server = Server::start();
    assert_eq!([server.adds_rule(json!({})), server.adds_rule(json!({"name": "x"}))], [1, 2]);
    assert_eq!(server.removes_rule(2)["name"], "x", "the rule as it was");
    server.delete_at("rules/2").refusal(404, 40401);
    server.get("rules/2").refusal(404, 40401);
    server.put_to("rules/2", &rule(json!({}))).refusal(404, 40401);
    server.restart();
    assert_eq!(server.adds_rule(json!({})), 3);
    server.removes_rule(1);
    server.removes_rule(3);
    server.restart();
    assert!(server.rules().is_empty());
    assert_eq!(server.adds_rule(json!({})), 4);
}

#[test]
fn rules_are_there_after_restarts_by_log_and_by_snapshot() {
    let mut server = Server::start();
    server.adds_rule(json!({"earn": {"per_item": [{"sku": ["A"], "points": 0.5}, {"exclude": true}]}}));
    server.adds_rule(json!({"expiry": {"end_of": "quarter", "plus": 1}, "limits": {"per_event": 5}}));
    server.replaces_rule(1, json!({"valid_from": "2022-01-01 00:00:00", "priority": -4}));
    let before = server.rules();
    assert_eq!(before.len(), 2);
    server.restart();
    assert_eq!(server.rules(), before);
    server.restart();
    assert_eq!(server.rules(), before);
}

#[test]
fn the_list_has_pages_in_order_of_ids() {
    let server = Server::start();
    for n in 0..5 {
        server.adds_rule(json!({"name": format!("r{n}"), "priority": n}));
    }
    let ids = |route: &str| -> Vec<u64> {
        let answer = server.get(route);
        assert_eq!(answer.data()["total"], 5);
        answer.data()["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["rule_id"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(ids("rules"), [1, 2, 3, 4, 5]);
    assert_eq!(ids("rules?page=2&page_size=2"), [3, 4]);
    assert_eq!(ids("rules?page_id=3&page_size=2"), [5]);
    assert!(ids("rules?page=9007199254740991&page_size=500").is_empty());
    for (query, field) in [("page=0", "page"), ("page_size=501", "page_size"), ("page=x", "page")] {
        assert!(server.get(&format!("rules?{query}")).refusal(400, 40001).contains(field));
    }
}

#[test]
fn another_tenant_has_its_own_rules_and_ids() {
    let server = Server::start();
    server.adds_rule(json!({}));
    let other = |method, route: &str| server.send(method, &path("20090", route), &[], b"");
    assert_eq!(other("GET", "rules").data(), &json!({"total": 0, "items": []}));
    other("GET", "rules/1").refusal(404, 40401);
    other("DELETE", "rules/1").refusal(404, 40401);
    assert_eq!(server.post_to("20090", "rules", &rule(json!({}))).data()["rule_id"], 1);
    assert_eq!(server.rules().len(), 1);
}

#[test]
fn a_rule_that_could_not_work_is_refused_and_nothing_changes() {
    let server = Server::start();
    server.adds_rule(json!({}));
    let before = (server.rules(), server.durable_records());
    // Every row of what can't work is in tests/ledger/rules/writing.rs.
    let rows: &[(Value, &str)] = &[
        (json!({"earn": {"per_amount": {"points": 1, "amount": 0}}}), "earn.per_amount.amount"),
        (json!({"action_scene": ""}), "action_scene"),
        (
            json!({"multipliers": [{"factor": 1}, {"factor": 1, "weekdays": [8]}]}),
            "multipliers[1].weekdays[0]",
        ),
        (json!({"color": "red"}), "color"),
    ];
    for (about, field) in rows {
        for answer in
            [server.post("rules", rule(about.clone())), server.put_to("rules/1", &rule(about.clone()))]
        {
            let message = answer.refusal(400, 40001);
            assert!(message.starts_with(&format!("{field}: ")), "{message}");
        }
    }
    for field in ["name", "action_scene", "event_type", "earn"] {
        let message = server.post("rules", without(rule(json!({})), field)).refusal(400, 40001).to_owned();
        assert!(message.contains(field), "{message}");
    }
    for text in ["[]", "7", "{\"name\":", "{\"name\":\"a\",\"name\":\"a\"}"] {
        server.post_text("rules", text).refusal(400, 40000);
    }
    server.post("rules", rule(json!({"name": "x".repeat(300_000)}))).refusal(413, 41300);
    server.post_as("text/plain", "rules", &rule(json!({}))).refusal(415, 41500);
    assert_eq!((server.rules(), server.durable_records()), before);
}

#[test]
fn an_id_of_the_wrong_form_names_rule_id_and_other_methods_are_405() {
    let server = Server::start();
    for id in ["0", "-1", "x", "1.0", "9007199254740992", "99999999999999999999999", "%FF", "+1"] {
        let message = server.get(&format!("rules/{id}")).refusal(400, 40001).to_owned();
        assert!(message.contains("rule_id"), "{message}");
    }
    server.get("rules/9007199254740991").refusal(404, 40401);
    for (method, route) in
        [("PUT", "rules"), ("DELETE", "rules"), ("POST", "rules/1"), ("GET", "rules/preview")]
    {
        let answer = server.send(method, &path(TENANT, route), &[], b"");
        answer.refusal(405, 40500);
        assert!(answer.header("Allow").is_some());
    }
}

#[test]
fn a_tenant_has_at_most_1000_rules() {
    let server = Server::start();
    for _ in 0..1_000 {
        server.adds_rule(json!({}));
    }
    let message = server.post("rules", rule(json!({}))).refusal(400, 40001).to_owned();
    assert!(message.contains("rules"), "{message}");
    server.replaces_rule(7, json!({"name": "still"}));
    server.removes_rule(7);
    assert_eq!(server.adds_rule(json!({})), 1_001);
}

#[test]
fn times_are_the_tenants_and_stay_the_instants_that_they_were() {
    let server = Server::start();
    server.adds_rule(json!({"valid_from": "2022-06-16 08:00:00", "expiry": {"at": "2022-07-01T00:00:00Z"}}));
    let settings = json!({"time_zone": "Asia/Tokyo"});
    server.put_to("settings", &settings).data();
    let shown = server.get("rules/1").data().clone();
    assert_eq!(
        (&shown["valid_from"], &shown["expiry"]["at"]),
        (&json!("2022-06-16 09:00:00"), &json!("2022-07-01 09:00:00"))
    );
}
