//! `lots`: which lots a record moved points out of or into.
use super::sending::{accrual, lines, with};
use super::{Server, Span, Value, json};

/// An accrual that expires so many days after noon.
fn expiring(event_no: &str, member: &str, points: i64, days: i64) -> Value {
    with(accrual(event_no, member, points), json!({"expire_days": days}))
}

/// Origin, points and the day that they expire on.
fn lots(record: &Value) -> Vec<(String, String, Option<String>)> {
    let lots = record["lots"].as_array().unwrap_or_else(|| panic!("no lots in {record}"));
    let lot = |lot: &Value| {
        assert_eq!(lot.as_object().unwrap().len(), 3, "{lot}");
        let day = lot["expire_time"].as_str().map(|time| time[5..10].to_owned());
        (lot["origin_event_no"].as_str().unwrap().to_owned(), lot["points"].to_string(), day)
    };
    lots.iter().map(lot).collect()
}

#[track_caller]
fn check(record: &Value, expected: &[(&str, &str, Option<&str>)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(origin, points, day)| ((*origin).into(), (*points).into(), day.map(str::to_owned)))
        .collect();
    assert_eq!(lots(record), expected, "{record}");
}

#[track_caller]
fn spends(server: &Server, event_no: &str, points: i64) -> Value {
    server.spend(event_no, "m", points)
}

/// m: 10 until the 17th, 20 until the 18th, 30 for ever.
fn three_lots() -> Server {
    let server = Server::start();
    server.accrue("e3", "m", 30);
    server.does("produce/direct", expiring("e2", "m", 20, 2));
    server.does("produce/direct", expiring("e1", "m", 10, 1));
    server
}

#[test]
fn a_spend_tells_what_it_took_in_spending_order() {
    let server = three_lots();
    let spent = spends(&server, "s1", 35);
    check(&spent, &[("e1", "10", Some("06-17")), ("e2", "20", Some("06-18")), ("e3", "5", None)]);
}

#[test]
fn what_is_given_back_goes_to_the_lot_taken_last_first() {
    let server = three_lots();
    spends(&server, "s1", 35);
    let back = json!({"event_no": "g1", "member_no": "m", "origin_event_no": "s1", "reverse_points": 27});
    check(
        &server.does("reverse/consume", back),
        &[("e3", "5", None), ("e2", "20", Some("06-18")), ("e1", "2", Some("06-17"))],
    );
}

#[test]
fn a_reversal_tells_its_own_lot_then_what_had_expired_then_others_and_leaves_debt_out() {
    let server = Server::start();
    server.does("produce/direct", expiring("a", "m", 100, 1));
    server.accrue("b", "m", 20);
    let reversal = |event_no: &str, points: i64| {
        json!({"event_no": event_no, "member_no": "m", "origin_event_no": "a", "allow_negative": true,
            "reverse_points": points})
    };
    check(&server.does("reverse/produce", reversal("r1", 5)), &[("a", "5", Some("06-17"))]);
    spends(&server, "s1", 60);
    server.pass(Span::days(1));
    // 35 expired; 60 were spent, of which b bears 20, and 5 are debt.
    let reversed = server.does("reverse/produce", reversal("r2", 60));
    check(&reversed, &[("a", "35", Some("06-17")), ("b", "20", None)]);
    let expired = &server.history(json!({"member_no": "m", "search_type": "expired", "lots": true}))[0];
    check(expired, &[("a", "35", Some("06-17"))]);
}

#[test]
fn what_makes_good_elsewhere_shows_the_lot_that_it_came_back_to() {
    let server = Server::start();
    server.does("produce/direct", expiring("a", "m", 60, 1));
    server.accrue("b", "m", 40);
    spends(&server, "s1", 60);
    let reversal = json!({"event_no": "r1", "member_no": "m", "origin_event_no": "a",
        "allow_negative": true});
    check(&server.does("reverse/produce", reversal), &[("b", "40", None)]);
    let back = json!({"event_no": "g1", "member_no": "m", "origin_event_no": "s1"});
    // 20 pay the debt, the rest is b's again.
    check(&server.does("reverse/consume", back), &[("b", "40", None)]);
}

#[test]
fn transfers_show_their_lots_at_both_ends_with_the_origins_number() {
    let server = three_lots();
    let offered = server.offer("t1", "m", "n", 55);
    let outliving = [("e2", "20", Some("06-18")), ("e3", "30", None), ("e1", "5", Some("06-17"))];
    check(&offered, &outliving);
    check(&server.accept("t1", "n"), &outliving);
    let direct = json!({"transfer_no": "d1", "from_user": "n", "to_user": "o", "points": 7});
    check(&server.does("transfer/direct", direct), &[("e1", "5", Some("06-17")), ("e2", "2", Some("06-18"))]);
    let received = &server.history(json!({"member_no": "o", "lots": true}))[0];
    check(received, &[("e1", "5", Some("06-17")), ("e2", "2", Some("06-18"))]);
    server.offer("t2", "o", "m", 7);
    let cancelled = server.does("transfer/cancel", json!({"transfer_no": "t2", "member_no": "o"}));
    check(&cancelled, &[("e1", "5", Some("06-17")), ("e2", "2", Some("06-18"))]);
}

#[test]
fn an_answer_has_the_same_lots_when_it_is_asked_for_again_and_after_a_restart() {
    let mut server = three_lots();
    let spend = json!({"event_no": "s1", "member_no": "m", "points": 35});
    let first = server.post("consume/direct", spend.clone());
    first.data();
    let offer = super::sending::offer("t1", "m", "n", 5);
    let offered = server.post("transfer", offer.clone());
    let accept = json!({"transfer_no": "t1", "member_no": "n"});
    let accepted = server.post("accept", accept.clone());
    for _ in 0..2 {
        assert_eq!(server.replays("consume/direct", spend.clone()).body, first.body);
        assert_eq!(server.replays("transfer", offer.clone()).body, offered.body);
        assert_eq!(server.replays("accept", accept.clone()).body, accepted.body);
        server.restart();
    }
}

#[test]
fn history_shows_lots_only_where_they_are_asked_for() {
    let server = three_lots();
    let spent = spends(&server, "s1", 35);
    let plain = server.history(json!({"member_no": "m"}));
    assert!(plain.iter().all(|record| record.get("lots").is_none()), "{plain:?}");
    assert_eq!(server.history(json!({"member_no": "m", "lots": false})), plain);

    let with_lots = server.history(json!({"member_no": "m", "lots": true}));
    assert_eq!(with_lots[0]["lots"], spent["lots"]);
    assert!(with_lots[1..].iter().all(|record| record.get("lots").is_none()), "an accrual moves none");
    let by_query = server.post("history?lots=true", json!({"member_no": "m"}));
    assert_eq!(by_query.data()["items"], json!(with_lots));
    for route in ["changes?lots=true", "history/export?lots=true"] {
        let records = lines(&server.get(route));
        let found = records.iter().find(|record| record["event_no"] == "s1").unwrap();
        assert_eq!(found["lots"], spent["lots"], "{route}");
    }
}

#[test]
fn lots_is_true_or_false() {
    let server = Server::start();
    server.refuses_field("history", json!({"lots": "true"}), "lots");
    for route in ["changes", "history/export"] {
        let message = server.get(&format!("{route}?lots=1")).refusal(400, 40001).to_owned();
        assert!(message.contains("lots"), "{message}");
    }
    let message = server.post("history?lots=yes", json!({})).refusal(400, 40001).to_owned();
    assert!(message.contains("lots"), "{message}");
}
