//! Past events: the outcome is that of a ledger that was there when they happened.
use super::*;

/// A story of two members: moment, route, operation in the file, body.
fn story() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let order = json!({"order_sn": "o1", "pay_amount": 90, "item_list": [{"sku": "A"}]});
    vec![
        (
            "2022-01-01 10:00:00",
            "produce/direct",
            "produce",
            json!({"event_no": "p1", "member_no": "ann", "event_type": "order", "points": 90, "expire_days": 30,
                "action_scene": "shop", "store_code": "S1", "order_info": order}),
        ),
        (
            "2022-01-01 11:00:00",
            "produce/direct",
            "produce",
            json!({"event_no": "p2", "member_no": "ann", "event_type": "event", "points": 20.25}),
        ),
        (
            "2022-01-02 10:00:00",
            "consume/direct",
            "consume",
            json!({"event_no": "c1", "member_no": "ann", "points": 40, "store_code": "S2"}),
        ),
        (
            "2022-01-03 10:00:00",
            "transfer",
            "transfer",
            json!({"transfer_no": "t1", "from_user": "ann", "to_user": "bob", "trans_type": "by_points", "points": 10}),
        ),
        (
            "2022-01-03 11:00:00",
            "accept",
            "accept",
            json!({"transfer_no": "t1", "from_user": "ann", "member_no": "bob"}),
        ),
        // Nobody takes it: it comes back a day later.
        (
            "2022-01-04 10:00:00",
            "transfer",
            "transfer",
            json!({"transfer_no": "t2", "from_user": "ann", "to_user": "bob", "trans_type": "by_points", "points": 15}),
        ),
        (
            "2022-01-06 10:00:00",
            "transfer/direct",
            "transfer_direct",
            json!({"transfer_no": "t3", "from_user": "ann", "to_user": "bob", "points": 5}),
        ),
        (
            "2022-01-07 10:00:00",
            "transfer",
            "transfer",
            json!({"transfer_no": "t4", "from_user": "ann", "to_user": "bob", "trans_type": "by_points", "points": 5}),
        ),
        (
            "2022-01-07 10:00:01",
            "transfer/cancel",
            "transfer_cancel",
            json!({"transfer_no": "t4", "member_no": "ann"}),
        ),
        (
            "2022-01-08 10:00:00",
            "reverse/consume",
            "reverse_consume",
            json!({"event_no": "g1", "member_no": "ann", "origin_event_no": "c1", "reverse_points": 15}),
        ),
        (
            "2022-01-09 10:00:00",
            "produce/direct",
            "produce",
            json!({"event_no": "p3", "member_no": "bob", "event_type": "event", "points": 8, "freeze_hours": 48}),
        ),
        // The first lot expires on the 31st, and is reversed after that.
        (
            "2022-02-05 10:00:00",
            "reverse/produce",
            "reverse_produce",
            json!({"event_no": "r1", "member_no": "ann", "origin_event_no": "p1", "allow_negative": true,
                "refund_info": {"refund_amount": 60}}),
        ),
        (
            "2022-02-06 10:00:00",
            "consume/direct",
            "consume",
            json!({"event_no": "c2", "member_no": "bob", "points": 0.5}),
        ),
        (
            "2022-02-07 10:00:00",
            "reverse/consume",
            "reverse_consume",
            json!({"event_no": "g2", "member_no": "ann", "origin_event_no": "c1"}),
        ),
    ]
}

fn rows() -> Vec<Value> {
    let row = |(moment, _, operation, mut body): (&str, &str, &str, Value)| {
        let fields = body.as_object_mut().unwrap();
        fields.insert("kind".into(), "event".into());
        fields.insert("operation".into(), operation.into());
        fields.insert("create_time".into(), moment.into());
        body
    };
    story().into_iter().map(row).collect()
}

/// A ledger that was there.
fn lived() -> Server {
    let mut server = Server::empty();
    server.turn_clock_to(at("2022-01-01 00:00:00"));
    server.start_again();
    for (moment, route, _, body) in story() {
        server.turn_clock_to(at(moment));
        server.does(route, body);
    }
    server.turn_clock_to(NOON);
    server
}

/// Records of a member, oldest first, without what depends on the numbers of others' records, or on when the clock was
/// turned.
fn records(server: &Server, member: &str) -> Vec<Value> {
    let mut records = server.history(json!({"member_no": member, "page_size": 100}));
    records.reverse();
    for record in &mut records {
        let fields = record.as_object_mut().unwrap();
        fields.remove("auto_id");
        if matches!(fields["event_type"].as_str().unwrap(), "expired" | "transfer_return") {
            fields.remove("update_time");
        }
    }
    records
}

#[test]
fn history_lots_and_sums_are_those_of_a_ledger_that_was_there() {
    let (lived, moved) = (lived(), moved_in(&rows()));
    for member in ["ann", "bob"] {
        lived.wait_until("time has done its part", |lived| {
            records(lived, member).len() == records(&moved, member).len()
        });
        assert_eq!(records(&moved, member), records(&lived, member), "{member}");
        let sums = |server: &Server| {
            let summary = server.summary(member);
            ["total_points", "freeze_points", "expired_points", "active_points", "used_points", "create_time"]
                .map(|field| summary[field].clone())
        };
        assert_eq!(sums(&moved), sums(&lived), "{member}");
        let lots = |server: &Server| -> Vec<Value> {
            let fields = [
                "origin_event_no",
                "from_transfer_no",
                "points",
                "remaining",
                "state",
                "expire_time",
                "create_time",
            ];
            let lots = server.lots(member);
            lots.iter().map(|lot| fields.iter().map(|field| lot[*field].clone()).collect()).collect()
        };
        assert_eq!(lots(&moved), lots(&lived), "{member}");
    }
    let transfers = |server: &Server| -> Vec<Value> {
        let transfers = server.transfers("ann");
        let fields = ["transfer_no", "status", "points", "create_time", "deadline"];
        transfers
            .iter()
            .map(|transfer| fields.iter().map(|field| transfer[*field].clone()).collect())
            .collect()
    };
    assert_eq!(transfers(&moved), transfers(&lived));
}

#[test]
fn every_request_of_the_past_sent_again_is_a_replay() {
    let server = moved_in(&rows());
    for (_, route, _, body) in story() {
        let answer = server.post(route, body.clone());
        assert!(answer.is_replay(), "{route} {body}: {}", answer.text());
    }
    server.refuses("consume/direct", json!({"event_no": "c1", "member_no": "ann", "points": 41}), 409, 40901);
}

#[test]
fn an_imported_accrual_and_an_imported_spend_are_reversed_over_http() {
    let server = moved_in(&rows());
    let before = server.summary("bob");
    assert_eq!(before["used_points"], 0.5);
    server.does("reverse/consume", json!({"event_no": "x1", "member_no": "bob", "origin_event_no": "c2"}));
    let reverse =
        json!({"event_no": "x2", "member_no": "bob", "origin_event_no": "p3", "allow_negative": false});
    assert_eq!(server.does("reverse/produce", reverse)["points"], 8);
    assert_eq!(server.summary("bob")["used_points"], 0);
}

#[test]
fn rows_count_in_the_order_of_their_moments_not_of_the_file() {
    let mut rows = rows();
    rows.reverse();
    let (moved, reversed) = (moved_in(&super::events::rows()), moved_in(&rows));
    for member in ["ann", "bob"] {
        assert_eq!(records(&moved, member), records(&reversed, member));
    }
}

/// What the index does not tell of yet: it expired in this very run.
#[test]
fn an_accrual_of_an_earlier_file_is_reversed_out_of_what_expired_since() {
    let mut server = Server::empty();
    let produce = json!({"kind": "event", "operation": "produce", "member_no": "m", "event_no": "p", "points": 10,
                         "create_time": "2022-01-01 00:00:00", "event_type": "event", "expire_days": 30});
    let spend = json!({"kind": "event", "operation": "consume", "member_no": "m", "event_no": "c", "points": 4,
                       "create_time": "2022-01-02 00:00:00"});
    let reverse = json!({"kind": "event", "operation": "reverse_produce", "member_no": "m", "event_no": "r",
                         "origin_event_no": "p", "allow_negative": false, "reverse_points": 6,
                         "create_time": "2022-03-01 00:00:00"});
    let first = import_into(server.folder(), &[produce, spend], |job| job.as_of = at("2022-01-10 00:00:00"));
    assert_eq!((first.refused.len(), first.imported), (0, 2));
    let second = import_into(server.folder(), &[reverse], |_| {});
    assert_eq!((second.refused, second.records), (Vec::new(), 2), "an expiry and a reversal");
    server.start_again();
    server.check_sums("m", ["4", "4", "0", "0", "0"]);
}
