//! Caps of rules over the wire: what counts, what comes back, what restarts keep.
use super::produce_by_rule::{ROUTE, event};
use super::{Server, Value, json};

fn reversal(event_no: &str, origin: &str, points: Value) -> Value {
    json!({"event_no": event_no, "member_no": "m", "origin_event_no": origin, "allow_negative": true,
           "reverse_points": points})
}

#[test]
fn caps_cut_and_then_refuse_each_member_alone_and_survive_restarts() {
    let mut server = Server::start();
    server.adds_rule(json!({"limits": {"points": {"day": 15}}}));
    assert_eq!(server.does(ROUTE, event("e1", json!({})))["points"], 10);
    server.restart();
    assert_eq!(server.does(ROUTE, event("e2", json!({})))["points"], 5);
    server.restart();
    let message = server.refuses(ROUTE, event("e3", json!({})), 422, 42206);
    assert!(message.contains("points.day"), "{message}");
    assert_eq!(server.does(ROUTE, event("e3", json!({"member_no": "other"})))["points"], 10);
    assert_eq!(server.does(ROUTE, event("e3", json!({"event_at": "2022-06-15 23:59:59"})))["points"], 10);
    server.turn_clock_to(super::sending::hours_after_noon(12));
    assert_eq!(server.does(ROUTE, event("e4", json!({})))["points"], 10);
}

#[test]
fn named_points_know_no_cap_and_count_against_none() {
    let server = Server::start();
    server.adds_rule(json!({"limits": {"per_event": 1, "points": {"ever": 1}, "times": {"ever": 1}}}));
    assert_eq!(server.does(ROUTE, event("e1", json!({"points": 500})))["points"], 500);
    assert_eq!(server.does(ROUTE, event("e2", json!({})))["points"], 1);
    server.refuses(ROUTE, event("e3", json!({})), 422, 42206);
    assert_eq!(server.does(ROUTE, event("e3", json!({"points": 500})))["points"], 500);
    server.does("reverse/produce", reversal("r1", "e1", json!(500)));
    server.refuses(ROUTE, event("e4", json!({})), 422, 42206);
}

#[test]
fn a_reversal_gives_back_to_the_cap_across_restarts_and_versions() {
    let mut server = Server::start();
    let limits = json!({"points": {"month": 15}, "times": {"day": 2}});
    server.adds_rule(json!({"limits": limits}));
    server.does(ROUTE, event("e1", json!({})));
    assert_eq!(server.does(ROUTE, event("e2", json!({})))["points"], 5);
    server.restart();
    server.does("reverse/produce", reversal("r1", "e1", json!(4)));
    let message = server.refuses(ROUTE, event("e3", json!({})), 422, 42206);
    assert!(message.contains("times.day"), "{message}");
    server.replaces_rule(1, json!({"limits": limits, "earn": {"fixed": 8}}));
    server.does("reverse/produce", reversal("r2", "e1", json!(6)));
    server.restart();
    assert_eq!(server.does(ROUTE, event("e3", json!({})))["points"], 8);
    server.refuses(ROUTE, event("e4", json!({})), 422, 42206);
    server.replays("reverse/produce", reversal("r2", "e1", json!(6)));
    server.refuses(ROUTE, event("e4", json!({})), 422, 42206);
}

#[test]
fn a_reversal_of_a_removed_rules_accrual_works_as_ever() {
    let server = Server::start();
    server.adds_rule(json!({"limits": {"times": {"ever": 1}}}));
    server.does(ROUTE, event("e1", json!({})));
    server.removes_rule(1);
    let record = server.does("reverse/produce", reversal("r1", "e1", json!(null)));
    assert_eq!((&record["points"], &record["event_type"]), (&json!(10), &json!("reverse_produce")));
    server.check_sums("m", ["0", "0", "0", "0", "0"]);
}

#[test]
fn two_at_once_share_a_cap() {
    let server = Server::start();
    server.adds_rule(json!({"limits": {"points": {"ever": 25}}}));
    let answers: Vec<i64> = std::thread::scope(|scope| {
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let server = &server;
                scope.spawn(move || {
                    server.post(ROUTE, event(&format!("e{n}"), json!({}))).json["code"].as_i64()
                })
            })
            .collect();
        tasks.into_iter().map(|task| task.join().unwrap().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|code| **code == 0).count(), 3);
    assert_eq!(answers.iter().filter(|code| **code == 42206).count(), 5);
    server.check_sums("m", ["25", "0", "0", "0", "25"]);
}

#[test]
fn a_time_comes_back_once_however_many_refunds_of_nothing_follow() {
    let server = Server::start();
    server.adds_rule(json!({"limits": {"times": {"ever": 3}}}));
    for event_no in ["e1", "e2", "e3"] {
        server.does(ROUTE, event(event_no, json!({})));
    }
    server.does("reverse/produce", reversal("r1", "e1", json!(10)));
    for (event_no, refund) in [("r2", 1), ("r3", 2)] {
        let body = json!({"event_no": event_no, "member_no": "m", "origin_event_no": "e1",
                          "allow_negative": true, "refund_info": {"refund_amount": refund}});
        assert_eq!(server.does("reverse/produce", body)["points"], 0);
    }
    server.does(ROUTE, event("e4", json!({})));
    server.refuses(ROUTE, event("e5", json!({})), 422, 42206);
}
