use super::*;
use eros_points::http::rules::write;

#[test]
fn a_rule_needs_a_name_a_scene_a_type_and_what_it_earns() {
    assert!(written(&body(json!({})), SHANGHAI).is_ok());
    for field in ["name", "action_scene", "event_type", "earn"] {
        let missing = written(&body(json!({field: null})), SHANGHAI).unwrap_err();
        assert_eq!(missing, format!("40001 {field}: is required"));
    }
}

#[test]
fn a_rule_that_could_not_work_is_refused_with_the_field_named() {
    let per_amount = |form: Value| json!({"earn": {"per_amount": form}});
    let per_item = |lines: Value| json!({"earn": {"per_item": lines}});
    let multiplier = |about: Value| json!({"multipliers": [{"factor": 1}, about]});
    let rows: &[(Value, &str)] = &[
        (json!({"name": ""}), "name"),
        (json!({"name": 5}), "name"),
        (json!({"name": "x".repeat(4_097)}), "name"),
        (json!({"action_scene": ""}), "action_scene"),
        (json!({"event_type": "orders"}), "event_type"),
        (json!({"enabled": "yes"}), "enabled"),
        (json!({"priority": 1.5}), "priority"),
        (json!({"priority": "1"}), "priority"),
        (json!({"priority": 1_000_000_001}), "priority"),
        (json!({"valid_from": "tomorrow"}), "valid_from"),
        (json!({"valid_from": "2022-06-15 00:00:00", "valid_to": "2022-06-15 00:00:00"}), "valid_to"),
        (json!({"store_codes": "mall"}), "store_codes"),
        (json!({"store_codes": ["mall", ""]}), "store_codes[1]"),
        (json!({"store_codes": ["mall", 5]}), "store_codes[1]"),
        (json!({"earn": 10}), "earn"),
        (json!({"earn": {}}), "earn"),
        (json!({"earn": {"fixed": 10, "per_item": [{"points": 1}]}}), "earn"),
        (json!({"earn": {"fixed": 10, "percent": 1}}), "earn.percent"),
        (json!({"earn": {"fixed": 0}}), "earn.fixed"),
        (json!({"earn": {"fixed": -1}}), "earn.fixed"),
        (json!({"earn": {"fixed": "ten"}}), "earn.fixed"),
        (json!({"earn": {"fixed": 1.00001}}), "earn.fixed"),
        (json!({"earn": {"fixed": 100000000001_u64}}), "earn.fixed"),
        (json!({"earn": {"fixed": 0.4}}), "earn.fixed"),
        (per_amount(json!(5)), "earn.per_amount"),
        (per_amount(json!({"points": 1})), "earn.per_amount.amount"),
        (per_amount(json!({"points": 1, "amount": 0})), "earn.per_amount.amount"),
        (per_amount(json!({"points": 1, "amount": "0.000"})), "earn.per_amount.amount"),
        (per_amount(json!({"points": 1, "amount": -5})), "earn.per_amount.amount"),
        (per_amount(json!({"points": 1, "amount": 0.0000001})), "earn.per_amount.amount"),
        (per_amount(json!({"points": 1, "amount": 1e13})), "earn.per_amount.amount"),
        (per_amount(json!({"amount": 5})), "earn.per_amount.points"),
        (per_amount(json!({"points": 0, "amount": 5})), "earn.per_amount.points"),
        (per_amount(json!({"points": 1, "amount": 5, "min_amount": -1})), "earn.per_amount.min_amount"),
        (per_amount(json!({"points": 1, "amount": 5, "max": 1})), "earn.per_amount.max"),
        (
            json!({"event_type": "event", "earn": {"per_amount": {"points": 1, "amount": 5}}}),
            "earn.per_amount",
        ),
        (json!({"event_type": "event", "earn": {"per_item": [{"points": 1}]}}), "earn.per_item"),
        (per_item(json!([])), "earn.per_item"),
        (per_item(json!({"points": 1})), "earn.per_item"),
        (per_item(json!([5])), "earn.per_item[0]"),
        (per_item(json!([{"points": 1}, {}])), "earn.per_item[1].points"),
        (per_item(json!([{"points": 1, "exclude": true}])), "earn.per_item[0].exclude"),
        (
            per_item(json!([{"points": 1, "per_amount": {"points": 1, "amount": 1}}])),
            "earn.per_item[0].per_amount",
        ),
        (per_item(json!([{"points": 0}])), "earn.per_item[0].points"),
        (per_item(json!([{"exclude": false}])), "earn.per_item[0].points"),
        (per_item(json!([{"exclude": true}])), "earn.per_item"),
        (per_item(json!([{"sku": [], "points": 1}])), "earn.per_item[0].sku"),
        (per_item(json!([{"sku": "A1", "points": 1}])), "earn.per_item[0].sku"),
        (per_item(json!([{"sku": [1], "points": 1}])), "earn.per_item[0].sku[0]"),
        (per_item(json!([{"category": [""], "points": 1}])), "earn.per_item[0].category[0]"),
        (per_item(json!([{"per_amount": {"points": 1, "amount": 0}}])), "earn.per_item[0].per_amount.amount"),
        (
            per_item(json!([{"per_amount": {"points": 1, "amount": 1, "min_amount": 1}}])),
            "earn.per_item[0].per_amount.min_amount",
        ),
        (per_item(json!([{"brand": ["x"], "points": 1}])), "earn.per_item[0].brand"),
        (per_item(json!(vec![json!({"points": 1}); 101])), "earn.per_item"),
        (json!({"multipliers": {"factor": 2}}), "multipliers"),
        (json!({"multipliers": [2]}), "multipliers[0]"),
        (json!({"multipliers": vec![json!({"factor": 1}); 33]}), "multipliers"),
        (multiplier(json!({"tier": "gold"})), "multipliers[1].factor"),
        (multiplier(json!({"factor": 0})), "multipliers[1].factor"),
        (multiplier(json!({"factor": -2})), "multipliers[1].factor"),
        (multiplier(json!({"factor": 1000.0001})), "multipliers[1].factor"),
        (multiplier(json!({"factor": 1.00001})), "multipliers[1].factor"),
        (multiplier(json!({"factor": 1, "tier": ""})), "multipliers[1].tier"),
        (multiplier(json!({"factor": 1, "tier": ["gold"]})), "multipliers[1].tier"),
        (multiplier(json!({"factor": 1, "weekdays": []})), "multipliers[1].weekdays"),
        (multiplier(json!({"factor": 1, "weekdays": 6})), "multipliers[1].weekdays"),
        (multiplier(json!({"factor": 1, "weekdays": [6, 8]})), "multipliers[1].weekdays[1]"),
        (multiplier(json!({"factor": 1, "weekdays": [0]})), "multipliers[1].weekdays[0]"),
        (multiplier(json!({"factor": 1, "weekdays": [6, 6]})), "multipliers[1].weekdays[1]"),
        (
            multiplier(json!({"factor": 1, "from": "2022-06-18 00:00:00", "to": "2022-06-18 00:00:00"})),
            "multipliers[1].to",
        ),
        (multiplier(json!({"factor": 1, "from": "2022-06-18"})), "multipliers[1].from"),
        (multiplier(json!({"factor": 1, "store": "x"})), "multipliers[1].store"),
        (json!({"rounding": "round"}), "rounding"),
        (json!({"scale": 5}), "scale"),
        (json!({"scale": -1}), "scale"),
        (json!({"scale": 0.5}), "scale"),
        (json!({"limits": []}), "limits"),
        (json!({"limits": {"per_event": 0}}), "limits.per_event"),
        (json!({"limits": {"points": {"day": 0}}}), "limits.points.day"),
        (json!({"limits": {"points": {"year": 5}}}), "limits.points.year"),
        (json!({"limits": {"points": 5}}), "limits.points"),
        (json!({"limits": {"times": {"week": 0}}}), "limits.times.week"),
        (json!({"limits": {"times": {"ever": 1.5}}}), "limits.times.ever"),
        (json!({"limits": {"times": {"day": "10"}}}), "limits.times.day"),
        (json!({"limits": {"per_member": 5}}), "limits.per_member"),
        (json!({"expiry": 180}), "expiry"),
        (json!({"expiry": {}}), "expiry.days"),
        (json!({"expiry": {"days": 0}}), "expiry.days"),
        (json!({"expiry": {"days": 36_501}}), "expiry.days"),
        (json!({"expiry": {"days": 1, "end_of": "day"}}), "expiry.end_of"),
        (json!({"expiry": {"days": 1, "plus": 1}}), "expiry.plus"),
        (json!({"expiry": {"end_of": "week"}}), "expiry.end_of"),
        (json!({"expiry": {"end_of": "year", "plus": -1}}), "expiry.plus"),
        (json!({"expiry": {"end_of": "year", "plus": 101}}), "expiry.plus"),
        (json!({"expiry": {"at": "soon"}}), "expiry.at"),
        (json!({"expiry": {"at": NOON}, "valid_from": NOON}), "expiry.at"),
        (json!({"expiry": {"hours": 5}}), "expiry.hours"),
        (json!({"freeze_hours": -1}), "freeze_hours"),
        (json!({"freeze_hours": 87_601}), "freeze_hours"),
        (json!({"freeze_hours": 24, "expiry": {"days": 1}}), "freeze_hours"),
        (json!({"cost_center": 5}), "cost_center"),
        (json!({"campaign_code": []}), "campaign_code"),
        (json!({"prioritty": 5}), "prioritty"),
        (json!({"store_codes": vec!["x".repeat(4_000); 9]}), "store_codes"),
    ];
    for (about, field) in rows {
        let refused = written(&body(about.clone()), SHANGHAI);
        let named = refused.clone().err().unwrap_or_default();
        assert!(named.starts_with(&format!("40001 {field}: ")), "{about}: {refused:?}");
    }
}

#[test]
fn a_field_twice_is_refused_wherever_it_stands() {
    let twice = |text: &str| read::definition(text.as_bytes(), SHANGHAI).unwrap_err().wire().1;
    assert_eq!(twice(r#"{"name":"r","name":"r"}"#), 40000);
    let inside = r#"{"name":"r","action_scene":"s","event_type":"event","earn":{"fixed":1,"fixed":2}}"#;
    assert_eq!(twice(inside), 40001);
    assert_eq!(twice("[]"), 40000);
}

#[test]
fn the_contracts_example_is_taken_and_shows_every_field() {
    let example = json!({
        "name": "order points", "action_scene": "order_pay", "event_type": "order", "enabled": true, "priority": 0,
        "valid_from": null, "valid_to": null, "store_codes": [],
        "earn": {"per_amount": {"points": 1, "amount": 5, "min_amount": 0}},
        "multipliers": [
            {"tier": "gold", "factor": 2}, {"weekdays": [6, 7], "factor": 1.5},
            {"from": "2022-06-18 00:00:00", "to": "2022-06-19 00:00:00", "factor": 3}
        ],
        "rounding": "floor", "scale": 0,
        "limits": {"per_event": 1000, "points": {"day": 2000, "month": 20000}, "times": {"day": 10}},
        "expiry": {"days": 180}, "freeze_hours": 48, "cost_center": null, "campaign_code": null,
    });
    let shown = shown(&example);
    for (name, value) in example.as_object().unwrap() {
        if name != "limits" {
            assert_eq!(shown[name], *value, "{name}");
        }
    }
    assert_eq!(shown["limits"]["points"], json!({"day": 2000, "week": null, "month": 20000, "ever": null}));
}

fn shown(body: &Value) -> Value {
    let definition = written(body, SHANGHAI).unwrap();
    let rule =
        Rule { rule_id: 7, version: 3, created_at: Instant(0), updated_at: Instant(86_400_000), definition };
    serde_json::from_slice(&write::rule_bytes(&rule, SHANGHAI)).unwrap()
}

#[test]
fn what_is_left_out_shows_its_default() {
    let shown = shown(&body(json!({})));
    let expected = json!({
        "rule_id": 7, "version": 3, "name": "r", "action_scene": "order_pay", "event_type": "order", "enabled": true,
        "priority": 0, "valid_from": null, "valid_to": null, "store_codes": [], "earn": {"fixed": 10},
        "multipliers": [], "rounding": "floor", "scale": 0,
        "limits": {"per_event": null, "points": {"day": null, "week": null, "month": null, "ever": null},
                   "times": {"day": null, "week": null, "month": null, "ever": null}},
        "expiry": null, "freeze_hours": null, "cost_center": null, "campaign_code": null,
        "create_time": "1970-01-01 08:00:00", "update_time": "1970-01-02 08:00:00",
    });
    assert_eq!(shown, expected);
}

#[test]
fn what_the_service_shows_may_be_sent_back_and_is_the_same_rule() {
    let rows = [
        json!({}),
        json!({"earn": {"per_item": [{"sku": ["A"], "points": 0.5}, {"category": ["w", "v"], "exclude": true},
                                     {"per_amount": {"points": 1, "amount": "0.5"}}]}}),
        json!({"expiry": {"end_of": "quarter", "plus": 2}, "priority": -3, "enabled": false, "store_codes": ["a", "b"]}),
        json!({"expiry": {"at": "2030-01-01 00:00:00"}, "valid_from": NOON, "freeze_hours": 0, "scale": 2,
               "rounding": "half_up", "cost_center": "c", "campaign_code": "", "multipliers": [{"factor": 0.0001}]}),
        json!({"limits": {"per_event": 0.5, "points": {"week": 3}, "times": {"ever": 2}}}),
    ];
    for about in rows {
        let body = body(about);
        assert_eq!(written(&shown(&body), SHANGHAI), written(&body, SHANGHAI), "{body}");
    }
}

#[test]
fn numbers_are_exact_and_count_by_value() {
    let read = |text: &str| written(&body(json!({"earn": {"fixed": text}, "scale": 4})), SHANGHAI).unwrap();
    assert_eq!(read("12345678901.2345"), read("12345678901.23450"));
    let huge = read("12345678901.2345").earn;
    assert_eq!(huge, eros_points::ledger::rule::definition::Earn::Fixed(Points(123_456_789_012_345)));
}
