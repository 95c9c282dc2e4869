//! Each thing that can be wrong with a row, with its line; and that nothing is imported then, or the rest of it.
use super::*;

fn lot(changes: Value) -> Value {
    let row = json!({"kind": "lot", "member_no": "m", "event_no": "e", "create_time": "2022-01-10 08:00:00", "points": 10});
    with(row, changes)
}

fn event(operation: &str, changes: Value) -> Value {
    let row = json!({"kind": "event", "operation": operation, "member_no": "m", "event_no": "x",
                     "create_time": "2022-01-11 08:00:00"});
    with(row, changes)
}

fn with(mut row: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => row.as_object_mut().unwrap().remove(name),
            value => row.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    row
}

/// A row, and words that its refusal has.
fn wrong_rows() -> Vec<(Value, &'static str)> {
    let produce = json!({"points": 1, "event_type": "event"});
    let transfer = json!({"event_no": null, "member_no": null, "transfer_no": "t", "from_user": "m", "to_user": "n", "points": 1});
    vec![
        (json!([]), "no JSON object"),
        (json!({}), "kind: is required"),
        (json!({"kind": "bucket"}), "kind: must be member, lot or event"),
        (lot(json!({"crm_id": "no spaces"})), "crm_id"),
        (lot(json!({"member_no": null})), "member_no: is required"),
        (lot(json!({"member_no": " m"})), "member_no"),
        (lot(json!({"event_no": null})), "event_no: is required"),
        (lot(json!({"event_no": "x".repeat(129)})), "event_no"),
        (lot(json!({"points": 0})), "points: must be above 0"),
        (lot(json!({"points": 1.00001})), "points: must have at most 4"),
        (lot(json!({"points": "many"})), "points: must be a number"),
        (lot(json!({"points": 100_000_000_001_i64})), "points: must be at most"),
        (lot(json!({"remaining": 11})), "remaining: must not be more"),
        (lot(json!({"remaining": -1})), "remaining: must be from 0"),
        (
            lot(json!({"remaining": 5, "expired": 3, "reversed": 3, "expire_days": 1})),
            "remaining: must not be more",
        ),
        (lot(json!({"expired": 1})), "expired: must be 0 before expire_time"),
        (lot(json!({"expired": 1, "expire_time": "2099-01-01 00:00:00"})), "expired: must be 0"),
        (lot(json!({"create_time": null})), "create_time: is required"),
        (lot(json!({"create_time": "yesterday"})), "create_time: must be a time"),
        (lot(json!({"create_time": "2022-06-16 12:00:01"})), "create_time: must not be later"),
        (lot(json!({"event_at": "2022-02-01 00:00:00"})), "event_at: must not lie more than 24 h"),
        (lot(json!({"expire_time": "2022-01-10 08:00:00"})), "expire_time: must be later"),
        (
            lot(json!({"expire_time": "2022-02-10 08:00:00", "expire_days": 3})),
            "expire_time: must not be given together",
        ),
        (lot(json!({"expire_days": "3"})), "expire_days: must be a whole number"),
        (lot(json!({"expire_days": 1, "freeze_hours": 24})), "freeze_hours: must be shorter"),
        (
            lot(json!({"remaining": 1, "unfreeze_time": "2022-07-01 00:00:00"})),
            "remaining: must be all of it",
        ),
        (
            lot(json!({"remaining": 1, "event_at": "2022-01-01 00:00:00", "expire_days": 1})),
            "remaining: can't be less",
        ),
        (lot(json!({"order_info": {"order_sn": "1"}})), "order_info.pay_amount: is required"),
        (lot(json!({"store_code": "s".repeat(5_000)})), "store_code: must have at most"),
        (lot(json!({"event_desc": "d".repeat(300_000)})), "the row has more than 256 KiB"),
        (lot(json!({"mobile": "1"})), "there is no field \"mobile\" here"),
        (lot(json!({"pionts": 1})), "there is no field \"pionts\" here"),
        (event("spend", json!({})), "operation: must be produce"),
        (event("produce", json!({"points": 1})), "event_type: is required"),
        (event("produce", with(produce.clone(), json!({"remaining": 1}))), "there is no field \"remaining\""),
        (event("consume", json!({"points": 1})), "not enough active points: 1 asked, 0 active"),
        (event("reverse_produce", json!({"origin_event_no": "o"})), "allow_negative: is required"),
        (
            event("reverse_produce", json!({"origin_event_no": "o", "allow_negative": true})),
            "no accrual of this number",
        ),
        (event("reverse_consume", json!({"origin_event_no": "o"})), "no spend of this number"),
        (
            event("transfer", with(transfer.clone(), json!({"to_user": "m"}))),
            "to_user: must be another member",
        ),
        (event("transfer_direct", transfer), "not enough active points"),
        (event("accept", json!({"event_no": null, "transfer_no": "t"})), "from_user: is required"),
        (
            event("accept", json!({"event_no": null, "transfer_no": "t", "from_user": "n"})),
            "no such transfer",
        ),
        (event("transfer_cancel", json!({"event_no": null, "transfer_no": "t"})), "no such transfer"),
        (
            json!({"kind": "member", "member_no": "m", "total_points": "1.00001"}),
            "total_points: must have at most 4",
        ),
        (json!({"kind": "member", "member_no": "m", "used_points": "-"}), "used_points: must be a number"),
        (json!({"kind": "member", "member_no": "m", "attributes": "none"}), "attributes: must be an object"),
        (json!({"kind": "member", "member_no": "m", "points": 1}), "there is no field \"points\""),
    ]
}

#[test]
fn each_is_refused_with_its_line_and_nothing_is_imported() {
    let good = lot(json!({"member_no": "good", "event_no": "good"}));
    let rows: Vec<Value> = [good.clone(), good.clone()]
        .into_iter()
        .chain(wrong_rows().into_iter().map(|(row, _)| row))
        .collect();
    for (n, (row, words)) in wrong_rows().into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let report = import_into(folder.path(), &[good.clone(), row.clone()], |_| {});
        let [refused] = &report.refused[..] else { panic!("{n}: {row} was taken: {report:?}") };
        assert_eq!(refused.line, 2, "{row}");
        assert!(refused.why.contains(words), "{row}: {} should say {words}", refused.why);
        assert!(!report.written && !folder.path().join("wal/LOG").exists(), "something was written");
    }
    // All at once: each is told of.
    let folder = tempfile::tempdir().unwrap();
    let report = import_into(folder.path(), &rows, |_| {});
    let lines: Vec<u64> = report.refused.iter().map(|refused| refused.line).collect();
    assert_eq!(lines, (2..=rows.len() as u64).collect::<Vec<_>>());
}

#[test]
fn one_number_is_one_rows_whether_lot_or_event() {
    let produce = event("produce", json!({"event_no": "e", "points": 1, "event_type": "event"}));
    let consume = event("consume", json!({"event_no": "e", "points": 1}));
    let used = event("produce", json!({"event_no": "used:e", "points": 1, "event_type": "event"}));
    let half = lot(json!({"remaining": 5}));
    for (first, second) in [
        (lot(json!({})), produce),
        (lot(json!({})), consume),
        (lot(json!({})), lot(json!({"points": 11}))),
        (half, used),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let report = import_into(folder.path(), &[first, second], |_| {});
        let [refused] = &report.refused[..] else { panic!("{report:?}") };
        assert_eq!((refused.line, &*refused.why), (2, "event_no: line 1 has this number already"));
    }
    let member = json!({"kind": "member", "member_no": "m"});
    let folder = tempfile::tempdir().unwrap();
    let refused = import_into(folder.path(), &[member.clone(), member], |_| {}).refused;
    assert_eq!(refused[0].why, "member_no: line 1 is about this member already");
    // Another member's, or another tenant's, is another number.
    let folder = tempfile::tempdir().unwrap();
    let others = [lot(json!({})), lot(json!({"member_no": "n"})), lot(json!({"crm_id": "other"}))];
    assert_eq!(import_into(folder.path(), &others, |_| {}).imported, 3);
}

#[test]
fn the_rest_is_imported_where_that_is_asked_for_and_what_rests_on_a_refused_row_is_refused_too() {
    let rows = [
        lot(json!({"event_no": "a", "points": 10})),
        lot(json!({"event_no": "b", "points": -1})),
        event("consume", json!({"event_no": "c", "points": 11})),
        event(
            "reverse_consume",
            json!({"event_no": "d", "origin_event_no": "c", "create_time": "2022-01-12 08:00:00"}),
        ),
        event("consume", json!({"event_no": "e", "points": 4, "create_time": "2022-01-13 08:00:00"})),
    ];
    let mut server = Server::empty();
    let report = import_into(server.folder(), &rows, |job| job.skip_refused = true);
    assert_eq!(report.refused.iter().map(|refused| refused.line).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!((report.imported, report.written), (2, true));
    let again = import_into(server.folder(), &rows, |job| job.skip_refused = true);
    assert_eq!((again.imported, again.there_already, again.records), (0, 2, 0));
    server.start_again();
    server.check_sums("m", ["10", "4", "0", "0", "6"]);
}

#[test]
fn what_is_past_is_not_put_before_what_the_member_has_done_since() {
    let mut server = moved_in(&[lot(json!({}))]);
    server.spend("s", "m", 1);
    server.stop();
    let late = lot(json!({"event_no": "late", "create_time": "2022-02-01 00:00:00"}));
    let refused = import_into(server.folder(), std::slice::from_ref(&late), |_| {}).refused;
    assert!(refused[0].why.contains("later records already"), "{refused:?}");
    // Nor to a receiver who has.
    let to_m = json!({"kind": "event", "operation": "transfer_direct", "from_user": "n", "to_user": "m",
                      "transfer_no": "t", "points": 1, "create_time": "2022-02-02 00:00:00"});
    let rows = [lot(json!({"member_no": "n", "event_no": "n"})), to_m];
    let refused = import_into(server.folder(), &rows, |_| {}).refused;
    assert_eq!(refused[0].line, 2);
    assert!(refused[0].why.contains("the receiver has later records already"), "{refused:?}");
}

#[test]
fn a_number_that_the_ledger_has_for_something_else_is_refused() {
    let mut server = moved_in(&[lot(json!({"remaining": 4}))]);
    server.stop();
    for (row, words) in [
        (lot(json!({"points": 11, "remaining": 5})), "this number was used with other content"),
        (lot(json!({"remaining": 3})), "another part of this lot was imported as used"),
        (event("consume", json!({"event_no": "e", "points": 1})), "this number was used with other content"),
    ] {
        let refused = import_into(server.folder(), &[row], |_| {}).refused;
        assert!(refused[0].why.contains(words), "{refused:?}");
    }
}

#[test]
fn a_folder_in_use_is_refused() {
    let server = moved_in(&[lot(json!({}))]);
    let file = tempfile::Builder::new().suffix(".ndjson").tempfile().unwrap();
    let refused = run(&job(server.folder(), file.path()), &mut |_, _, _| {}).unwrap_err().to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
}
