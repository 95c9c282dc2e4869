//! `POST /history`: what is found.
use super::sending::{accrual, with};
use super::{Server, Span, Value, json};

/// What was found, as event or transfer numbers.
#[track_caller]
fn found(server: &Server, query: Value) -> Vec<String> {
    let number = |item: &Value| item["event_no"].as_str().unwrap_or("-").to_owned();
    server.history(query).iter().map(number).collect()
}

/// A bit of everything, at noon and each hour after; ends at 20:00.
fn busy() -> Server {
    let server = Server::start();
    let step = |route: &str, body: Value| {
        server.does(route, body);
        server.pass(Span::hours(1));
    };
    let marks = |n: u8| {
        json!({"action_scene": format!("scene{n}"), "store_code": format!("s{n}"),
        "cost_center": format!("c{n}"), "campaign_code": format!("k{n}")})
    };
    step("produce/direct", with(accrual("p1", "m", 100), marks(1)));
    step("produce/direct", with(with(accrual("p2", "m", 50), marks(2)), json!({"freeze_hours": 48})));
    step("consume/direct", with(json!({"event_no": "s1", "member_no": "m", "points": 10}), marks(1)));
    step(
        "reverse/produce",
        json!({"event_no": "r1", "member_no": "m", "origin_event_no": "p1", "allow_negative": false,
            "reverse_points": 1}),
    );
    step(
        "reverse/consume",
        json!({"event_no": "g1", "member_no": "m", "origin_event_no": "s1", "reverse_points": 1}),
    );
    step("transfer", super::sending::offer("t1", "m", "n", 5));
    step("accept", json!({"transfer_no": "t1", "member_no": "n"}));
    step("transfer", super::sending::offer("t2", "m", "n", 5));
    step("transfer/cancel", json!({"transfer_no": "t2", "member_no": "m"}));
    server
}

#[test]
fn shows_one_member_newest_first() {
    let server = busy();
    assert_eq!(found(&server, json!({"member_no": "m"})), ["t2", "t2", "t1", "g1", "r1", "s1", "p2", "p1"]);
    assert_eq!(found(&server, json!({"member_no": "n"})), ["t1"]);
    assert!(found(&server, json!({"member_no": "nobody"})).is_empty());
    let ids: Vec<_> = server.history(json!({"member_no": "m"})).iter().map(super::shapes::auto_id).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
}

#[test]
fn searches_the_whole_tenant_where_no_member_is_named() {
    let server = busy();
    let all = server.history(json!({}));
    assert_eq!(all.len(), 9);
    let ids: Vec<_> = all.iter().map(super::shapes::auto_id).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
}

#[test]
fn finds_each_type() {
    let server = busy();
    let types = [
        ("produce", vec!["p2", "p1"]),
        ("consume", vec!["s1"]),
        ("transfer", vec!["t2", "t1"]),
        ("accept", vec![]),
        ("expired", vec![]),
        ("freeze", vec!["p2"]),
        ("reverse_produce", vec!["r1"]),
        ("reverse_consume", vec!["g1"]),
        ("transfer_return", vec!["t2"]),
    ];
    for (search_type, numbers) in types {
        assert_eq!(
            found(&server, json!({"member_no": "m", "search_type": search_type})),
            numbers,
            "{search_type}"
        );
    }
    assert_eq!(found(&server, json!({"search_type": "accept"})), ["t1"]);
    assert_eq!(found(&server, json!({"search_type": "freeze"})), ["p2"], "of the whole tenant too");
    for wrong in [json!("produced"), json!(""), json!(1), json!(["produce"])] {
        server.refuses_field("history", json!({"search_type": wrong}), "search_type");
    }
}

#[test]
fn lists_as_frozen_what_is_frozen_now() {
    let server = busy();
    server.pass(Span::hours(40));
    for query in [json!({"search_type": "freeze"}), json!({"search_type": "freeze", "member_no": "m"})] {
        assert!(found(&server, query).is_empty(), "it has unfrozen");
    }
}

#[test]
fn finds_by_time_both_ends_included() {
    let server = busy();
    let between = |start: &str, end: &str| {
        found(&server, json!({"member_no": "m", "start_time": start, "end_time": end}))
    };
    assert_eq!(between("2022-06-16 13:00:00", "2022-06-16 14:00:00"), ["s1", "p2"]);
    assert_eq!(between("2022-06-16 13:00:01", "2022-06-16 13:59:59"), Vec::<String>::new());
    assert_eq!(between("2022-06-16T05:00:00Z", "2022-06-16T05:00:00Z"), ["p2"]);
    assert_eq!(found(&server, json!({"end_time": "2022-06-16 12:00:00"})), ["p1"]);
    assert_eq!(found(&server, json!({"start_time": "2022-06-16 20:00:00"})), ["t2"]);
    for field in ["start_time", "end_time"] {
        for wrong in [json!("yesterday"), json!(5), json!("2022-06-31 00:00:00")] {
            server.refuses_field("history", json!({"member_no": "m", field: wrong}), field);
        }
    }
}

#[test]
fn counts_times_to_the_second() {
    let server = Server::start();
    server.pass(Span(999));
    server.accrue("p1", "m", 1);
    let noon = "2022-06-16 12:00:00";
    for query in [json!({"end_time": noon}), json!({"start_time": noon, "end_time": noon, "member_no": "m"})]
    {
        assert_eq!(found(&server, query), ["p1"], "its create_time is 12:00:00 as it is shown");
    }
}

#[test]
fn goes_by_when_it_was_recorded_not_by_the_event() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("p1", "m", 1), json!({"event_at": "2022-06-01 00:00:00"})));
    assert!(found(&server, json!({"end_time": "2022-06-15 00:00:00"})).is_empty());
    assert_eq!(found(&server, json!({"start_time": "2022-06-16 12:00:00"})), ["p1"]);
}

#[test]
fn finds_by_each_mark() {
    let server = busy();
    let marks = [
        ("action_scene", "scene"),
        ("store_code", "s"),
        ("stroe_code", "s"),
        ("cost_center", "c"),
        ("campaign_code", "k"),
    ];
    for (name, stem) in marks {
        for scope in [json!({}), json!({"member_no": "m"})] {
            let query = |value: &str| with(scope.clone(), json!({name: value}));
            assert_eq!(found(&server, query(&format!("{stem}1"))), ["s1", "p1"], "{name}");
            assert_eq!(found(&server, query(&format!("{stem}2"))), ["p2"], "{name}");
            assert!(found(&server, query(&format!("{stem}3"))).is_empty(), "{name}");
            assert!(found(&server, query(stem)).is_empty(), "{name}: whole values only");
        }
        server.refuses_field(
            "history",
            json!({name: 5}),
            name.strip_prefix("stroe").map_or(name, |_| "store_code"),
        );
    }
}

#[test]
fn finds_by_number() {
    let server = busy();
    for scope in [json!({}), json!({"member_no": "m"})] {
        assert_eq!(found(&server, with(scope.clone(), json!({"event_no": "s1"}))), ["s1"]);
        assert!(found(&server, with(scope.clone(), json!({"event_no": "x"}))).is_empty());
        assert_eq!(found(&server, with(scope, json!({"transfer_no": "t2"}))), ["t2", "t2"]);
    }
    let accepted = server.history(json!({"transfer_no": "t1"}));
    assert_eq!(accepted.len(), 2, "both sides of a transfer");
}

#[test]
fn narrows_with_every_filter() {
    let server = busy();
    let query = json!({"member_no": "m", "search_type": "produce", "store_code": "s1",
        "action_scene": "scene1", "start_time": "2022-06-16 12:00:00", "end_time": "2022-06-16 12:30:00"});
    assert_eq!(found(&server, query.clone()), ["p1"]);
    let others = json!({"member_no": "n", "search_type": "consume", "store_code": "s2",
        "action_scene": "scene2", "start_time": "2022-06-16 12:10:00", "end_time": "2022-06-16 11:00:00"});
    for (name, value) in others.as_object().unwrap() {
        assert!(found(&server, with(query.clone(), json!({name: value}))).is_empty(), "{name}");
    }
}

#[test]
fn knows_no_unknown_mobile() {
    let server = busy();
    server.post("history", json!({"mobile": "18608011234"})).refusal(404, 40404);
    server.post("history", json!({"mobile": 18_608_011_234_u64})).refusal(400, 40001);
}

#[test]
fn takes_null_for_left_out_and_ignores_the_rest() {
    let server = busy();
    let query = json!({"member_no": "m", "search_type": null, "start_time": null, "page": null,
        "mobile": null, "colour": "red"});
    assert_eq!(found(&server, query).len(), 8);
}

#[test]
fn shows_each_expired_lot_under_its_origin() {
    let server = Server::start();
    let body = json!({"expire_days": 1, "store_code": "s", "action_scene": "x"});
    server.does("produce/direct", with(accrual("p1", "m", 10), body));
    server.does("produce/direct", with(accrual("p2", "m", 20), json!({"expire_days": 1})));
    let before = server.durable_records();
    server.pass(Span::days(1));
    server.wait_until("both are on record", |server| server.durable_records() == before + 2);
    let expired = server.history(json!({"member_no": "m", "search_type": "expired"}));
    let pairs: Vec<_> =
        expired.iter().map(|item| (item["origin_event_no"].clone(), item["points"].clone())).collect();
    assert_eq!(pairs.len(), 2);
    for pair in [(json!("p1"), json!(10)), (json!("p2"), json!(20))] {
        assert!(pairs.contains(&pair), "{pairs:?}");
    }
    for item in &expired {
        assert_eq!((&item["event_no"], &item["event_at"]), (&json!(null), &json!(null)));
        assert_eq!(item["create_time"], "2022-06-17 12:00:00");
    }
}

#[test]
fn shows_every_change_that_was_answered() {
    let server = Server::start();
    for n in 0..40 {
        let number = format!("p{n}");
        server.accrue(&number, "m", 1);
        let newest = server.post("history", json!({"member_no": "m", "page_size": 1}));
        assert_eq!(newest.data()["items"][0]["event_no"], json!(number));
        let newest = server.post("history", json!({"page_size": 1}));
        assert_eq!(newest.data()["items"][0]["event_no"], json!(number));
    }
}
