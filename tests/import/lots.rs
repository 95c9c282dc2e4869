//! Lots as they stand: the sums are the old ones, the number is a taken key, and what is left can be reversed.
use super::*;

/// Issued, spent, expired, taken back and frozen, to the ten-thousandth.
fn rows() -> Vec<Value> {
    let lot = |number: &str, created: &str, rest: Value| {
        let mut row = json!({"kind": "lot", "member_no": "ann", "event_no": number, "create_time": created});
        row.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        row
    };
    let order = json!({"order_sn": "o1", "pay_amount": 200, "item_list": []});
    vec![
        // Partly spent.
        lot(
            "a",
            "2022-01-10 08:00:00",
            json!({"points": 200, "remaining": 120.5, "event_type": "order", "store_code": "S1", "order_info": order}),
        ),
        // Spent but for what expired.
        lot(
            "b",
            "2022-01-11 08:00:00",
            json!({"points": "50.0004", "remaining": 0, "expired": "29.5002", "expire_time": "2022-03-01 00:00:00"}),
        ),
        // Whole, but for what was taken back.
        lot(
            "c",
            "2022-01-12 08:00:00",
            json!({"points": 40, "remaining": 30, "reversed": 10, "expire_time": "2023-01-12 08:00:00"}),
        ),
        // Frozen still.
        lot(
            "d",
            "2022-06-16 11:00:00",
            json!({"points": 40, "unfreeze_time": "2022-06-18 11:00:00", "expire_days": 30}),
        ),
    ]
}

#[test]
fn the_five_sums_are_the_old_ones_and_each_lot_stands_as_it_stood() {
    let server = moved_in(&rows());
    server.check_sums("ann", ["320.0004", "100.0002", "29.5002", "40", "150.5"]);
    server.check_lots(
        "ann",
        &[
            ("200", "120.5", "active"),
            ("50.0004", "0", "expired"),
            ("40", "30", "active"),
            ("40", "40", "frozen"),
        ],
    );
    let lots = server.lots("ann");
    assert_eq!(lots[0]["create_time"], "2022-01-10 08:00:00");
    assert_eq!(lots[1]["expire_time"], "2022-03-01 00:00:00");
    assert_eq!(lots[3]["unfreeze_time"], "2022-06-18 11:00:00");
    assert_eq!(lots[0]["store_code"], "S1");
}

#[test]
fn a_lot_can_have_been_used_after_it_was_frozen_and_expires_with_the_rest() {
    let row = json!({"kind": "lot", "member_no": "m", "event_no": "e", "create_time": "2022-05-01 08:00:00",
                     "points": 10, "remaining": 4, "unfreeze_time": "2022-05-02 08:00:00",
                     "expire_time": "2022-05-03 08:00:00"});
    let server = moved_in(&[row]);
    server.check_sums("m", ["10", "6", "4", "0", "0"]);
    let records = server.history(json!({"member_no": "m"}));
    let seen: Vec<_> = records.iter().map(|r| (r["event_type"].clone(), r["create_time"].clone())).collect();
    let wanted = [
        ("expired", "2022-05-03 08:00:00"),
        ("consume", "2022-05-02 08:00:00"),
        ("produce", "2022-05-01 08:00:00"),
    ];
    assert_eq!(seen, wanted.map(|(kind, at)| (kind.into(), at.into())));
    assert_eq!(records[1]["event_no"], "used:e");
}

#[test]
fn old_balances_that_agree_are_told_and_a_planted_difference_is_found_by_line_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let good = rows();
    let member = |active: &str| {
        json!({"kind": "member", "member_no": "ann", "total_points": "320.0004", "active_points": active,
               "freeze_points": 40, "expired_points": "29.5002", "used_points": "100.0002"})
    };
    let with = |member| [&[member], &good[..]].concat();
    let agrees = import_into(folder.path(), &with(member("150.5")), |job| job.dry_run = true);
    assert_eq!((agrees.reconciled.agree, agrees.reconciled.differences.len(), agrees.written), (1, 0, false));
    let folder = tempfile::tempdir().unwrap();
    let planted = import_into(folder.path(), &with(member("150.5001")), |_| {});
    assert!(planted.written, "what is imported is imported");
    let [difference] = &planted.reconciled.differences[..] else { panic!("{planted:?}") };
    assert_eq!((difference.line, difference.field, &*difference.member_no), (1, "active_points", "ann"));
    assert_eq!(
        (difference.old.to_string(), difference.here.to_string()),
        ("150.5001".into(), "150.5".into())
    );
}

#[test]
fn an_imported_accrual_is_reversed_by_what_is_left_of_it_over_http() {
    let server = moved_in(&rows());
    let reverse = |number: &str, origin: &str, points: Value| {
        json!({"event_no": number, "member_no": "ann", "origin_event_no": origin, "allow_negative": false,
               "reverse_points": points})
    };
    server.does("reverse/produce", reverse("r1", "a", json!(120.5)));
    server.check_sums("ann", ["199.5004", "100.0002", "29.5002", "40", "30"]);
    // What was used of it has to come from elsewhere; what was taken back before is taken back.
    server.refuses("reverse/produce", reverse("r2", "a", json!(79.5)), 422, 42202);
    server.refuses("reverse/produce", reverse("r3", "c", json!(30.0001)), 422, 42203);
    server.does("reverse/produce", reverse("r4", "c", json!(30)));
    // Out of what has expired of it.
    server.does("reverse/produce", reverse("r5", "b", json!("29.5002")));
    server.check_sums("ann", ["140.0002", "100.0002", "0", "40", "0"]);
    // The refund of an order whose amount came with it: half of 200 points, of which 120.5 were taken already.
    let refund = json!({"event_no": "r6", "member_no": "ann", "origin_event_no": "a", "allow_negative": true,
                        "refund_info": {"refund_amount": 20}});
    assert_eq!(server.does("reverse/produce", refund)["points"], 20);
}

#[test]
fn a_request_sent_again_after_the_move_is_a_replay_and_another_under_its_number_is_refused() {
    let server = moved_in(&rows());
    let order = json!({"event_no": "a", "member_no": "ann", "event_type": "order", "points": 200, "store_code": "S1",
                       "order_info": {"order_sn": "o1", "pay_amount": "200.00", "item_list": []}});
    let answer = server.replays("produce/direct", order.clone());
    assert_eq!(answer.data()["create_time"], "2022-01-10 08:00:00");
    let mut other = order;
    other["points"] = json!(201);
    server.refuses("produce/direct", other, 409, 40901);
    // Days and hours are what the instants come to.
    let frozen = json!({"event_no": "d", "member_no": "ann", "event_type": "event", "points": 40,
                        "freeze_hours": 48, "expire_days": 30});
    server.replays("produce/direct", frozen);
    server.refuses("consume/direct", json!({"event_no": "b", "member_no": "ann", "points": 1}), 409, 40901);
}

#[test]
fn a_tenants_default_expiry_is_not_for_lots_that_come_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let row = json!({"kind": "lot", "member_no": "m", "event_no": "e", "create_time": "2020-01-01 00:00:00", "points": 5});
    let report = import_into(folder.path(), &[row], |job| {
        job.terms.default_expire = Some(eros_points::ledger::instant::Span::days(30));
        job.terms.expire_at_day_end = true;
    });
    assert_eq!((report.refused.len(), report.records), (0, 2), "a zone and an accrual, and no expiry");
}
