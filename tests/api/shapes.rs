//! Each shape of an answer: all of its keys, and no others. What a test does not name is null.
use super::{TENANT, Value, json};

/// Checks a record. `auto_id` is checked to be one; `crm_id` is the usual one, `reverse_status` 0 unless told.
#[track_caller]
pub fn check_record(record: &Value, expected: Value) {
    let mut whole = json!({
        "auto_id": auto_id(record), "crm_id": TENANT, "member_no": null, "event_no": null,
        "origin_event_no": null,
        "from_transfer_no": null, "action_scene": null, "event_type": null, "source_type": null,
        "reverse_status": 0, "amount": null, "points": null, "event_at": null, "expire_time": null,
        "unfreeze_time": null, "store_code": null, "cost_center": null, "campaign_code": null,
        "operator": null,
        "event_desc": null, "order_items": null, "rule_id": null, "create_time": null, "update_time": null
    });
    overlay(&mut whole, expected);
    check_same(record, &whole);
}

/// The record of an accrual by a rule: one field more, the rule's version.
#[track_caller]
pub fn check_record_by_rule(record: &Value, version: u32, expected: Value) {
    let mut record = record.clone();
    let found = record.as_object_mut().unwrap().remove("rule_version");
    assert_eq!(found, Some(json!(version)), "rule_version of {record}");
    check_record(&record, expected);
}

/// Checks the answer to a change: a record, and what its member can spend after it.
#[track_caller]
pub fn check_change(data: &Value, active_points: Value, expected: Value) {
    let mut record = data.clone();
    let active = record.as_object_mut().unwrap().remove("active_points");
    assert_eq!(active, Some(active_points), "active_points of {data}");
    let lots = record.as_object_mut().unwrap().remove("lots");
    assert_eq!(lots.is_some(), record["event_type"] != "produce", "lots of {data}");
    check_record(&record, expected);
}

/// Checks a summary; sums not named are 0, and the member has been seen.
#[track_caller]
pub fn check_summary(summary: &Value, expected: Value) {
    let mut whole = json!({
        "detail_id": summary["detail_id"], "crm_id": TENANT, "member_no": null, "total_points": 0,
        "freeze_points": 0, "expired_points": 0, "active_points": 0, "used_points": 0, "future_expired": 0,
        "create_time": null, "update_time": null
    });
    overlay(&mut whole, expected);
    check_same(summary, &whole);
}

/// Checks a lot; its `lot_id` is a text.
#[track_caller]
pub fn check_lot(lot: &Value, expected: Value) {
    assert!(lot["lot_id"].as_str().is_some_and(|id| !id.is_empty()), "lot_id of {lot}");
    let mut whole = json!({
        "lot_id": lot["lot_id"], "origin_event_no": null, "from_transfer_no": null, "points": null,
        "remaining": null, "state": null, "unfreeze_time": null, "expire_time": null, "store_code": null,
        "cost_center": null, "create_time": null
    });
    overlay(&mut whole, expected);
    check_same(lot, &whole);
}

#[track_caller]
pub fn check_transfer(transfer: &Value, expected: Value) {
    let mut whole = json!({
        "transfer_no": null, "from_user": null, "to_user": null, "points": null, "status": null,
        "create_time": null, "deadline": null, "update_time": null
    });
    overlay(&mut whole, expected);
    check_same(transfer, &whole);
}

/// An integer below 2^53.
#[track_caller]
pub fn auto_id(record: &Value) -> u64 {
    let id = record["auto_id"].as_u64().unwrap_or_else(|| panic!("no auto_id in {record}"));
    assert!(id < 1 << 53, "auto_id {id}");
    id
}

/// An expectation names only keys that the shape has.
#[track_caller]
fn overlay(whole: &mut Value, expected: Value) {
    for (name, value) in expected.as_object().unwrap() {
        let slot = whole.get_mut(name).unwrap_or_else(|| panic!("the shape has no {name}"));
        *slot = value.clone();
    }
}

#[track_caller]
fn check_same(found: &Value, expected: &Value) {
    let found = found.as_object().unwrap_or_else(|| panic!("no object: {found}"));
    let expected = expected.as_object().unwrap();
    let mut keys: Vec<_> = found.keys().collect();
    let mut wanted: Vec<_> = expected.keys().collect();
    keys.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(keys, wanted, "the keys of the shape");
    for (name, value) in expected {
        assert_eq!(&found[name], value, "{name}");
    }
}
