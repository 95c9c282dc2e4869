//! `POST /accept`.
use super::sending::{accrual, offer, with, without};
use super::shapes::{check_change, check_record, check_transfer};
use super::{Server, Span, Value, json};

const ROUTE: &str = "accept";

fn accept(transfer_no: &str, member: &str) -> Value {
    json!({"transfer_no": transfer_no, "member_no": member})
}

#[test]
fn answers_the_receivers_record() {
    let server = Server::start();
    server
        .does("produce/direct", with(accrual("e1", "a", 30), json!({"expire_days": 10, "store_code": "s"})));
    server.offer("t1", "a", "b", 10);
    server.pass(Span::hours(1));
    let record = json!({
        "member_no": "b", "event_no": "t1", "from_transfer_no": "t1", "event_type": "accept", "points": 10,
        "expire_time": "2022-06-26 12:00:00", "create_time": "2022-06-16 13:00:00",
        "update_time": "2022-06-16 13:00:00"
    });
    check_change(&server.accept("t1", "b"), json!(10), record.clone());
    check_record(&server.history(json!({"member_no": "b"}))[0], record);
    check_transfer(
        &server.transfers("b")[0],
        json!({
            "transfer_no": "t1", "from_user": "a", "to_user": "b", "points": 10, "status": "accepted",
            "create_time": "2022-06-16 12:00:00", "deadline": "2022-06-17 12:00:00",
            "update_time": "2022-06-16 13:00:00"
        }),
    );
}

#[test]
fn reads_example_four_of_the_rules() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("e1", "a", 10.5), json!({"expire_days": 10})));
    server.offer("t1", "a", "b", 4.25);
    server.accept("t1", "b");
    server.check_sums("a", ["10.5", "4.25", "0", "0", "6.25"]);
    server.check_sums("b", ["4.25", "0", "0", "0", "4.25"]);
    assert_eq!(server.lots("b")[0]["expire_time"], server.lots("a")[0]["expire_time"]);
}

#[test]
fn brings_each_lot_with_its_own_expiry_and_shows_the_earliest() {
    let server = Server::start();
    for (event_no, days) in [("late", 9), ("soon", 5), ("never", 0)] {
        let days = if days == 0 { json!(null) } else { json!(days) };
        let body = json!({"expire_days": days, "store_code": event_no});
        server.does("produce/direct", with(accrual(event_no, "a", 10), body));
    }
    server.offer("t1", "a", "b", 25);
    assert_eq!(server.accept("t1", "b")["expire_time"], "2022-06-21 12:00:00");
    let lots = server.lots("b");
    let told: Vec<_> =
        lots.iter().map(|lot| (lot["origin_event_no"].clone(), lot["expire_time"].clone())).collect();
    assert_eq!(lots.len(), 3);
    assert!(told.contains(&(json!("soon"), json!("2022-06-21 12:00:00"))), "{told:?}");
    assert!(told.contains(&(json!("late"), json!("2022-06-25 12:00:00"))), "{told:?}");
    assert!(told.contains(&(json!("never"), json!(null))), "{told:?}");
    for lot in &lots {
        assert_eq!(lot["from_transfer_no"], "t1");
        assert_eq!(lot["store_code"], lot["origin_event_no"], "where a lot comes from goes with it");
    }
}

#[test]
fn requires_the_number_and_the_receiver() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.offer("t1", "a", "b", 10);
    server.refuses_field(ROUTE, without(accept("t1", "b"), "transfer_no"), "transfer_no");
    server.refuses_field(ROUTE, without(accept("t1", "b"), "member_no"), "member_no");
    server.refuses_field(ROUTE, json!({"transfer_no": "t1", "member_no": 5}), "member_no");
}

#[test]
fn takes_to_user_for_member_no() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.offer("t1", "a", "b", 10);
    let like_the_table = json!({"transfer_no": "t1", "from_user": "a", "to_user": "b",
        "trans_type": "by_by_poins", "points": 10});
    assert_eq!(server.does(ROUTE, like_the_table)["member_no"], "b");
}

#[test]
fn replays_by_the_state_of_the_transfer() {
    let mut server = Server::start();
    server.accrue("e1", "a", 30);
    server.offer("t1", "a", "b", 10);
    let first = server.post(ROUTE, accept("t1", "b"));
    first.data();
    assert!(!first.is_replay());
    server.spend("s1", "b", 10);
    let again = server.replays(ROUTE, accept("t1", "b"));
    assert_eq!(again.body, first.body, "byte for byte");
    server.restart();
    assert_eq!(server.replays(ROUTE, accept("t1", "b")).body, first.body);
    server.check_sums("b", ["10", "10", "0", "0", "0"]);
}

#[test]
fn is_only_for_the_receiver() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.offer("t1", "a", "b", 10);
    server.refuses(ROUTE, accept("t1", "c"), 404, 40403);
    server.refuses(ROUTE, accept("t1", "a"), 404, 40403);
    server.refuses(ROUTE, accept("t2", "b"), 404, 40403);
    server.refuses(ROUTE, with(accept("t1", "b"), json!({"from_user": "c"})), 404, 40403);
    server.accept("t1", "b");
}

#[test]
fn is_too_late_for_a_closed_offer() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.offer("cancelled", "a", "b", 10);
    server.does("transfer/cancel", json!({"transfer_no": "cancelled", "member_no": "a"}));
    server.refuses(ROUTE, accept("cancelled", "b"), 422, 42204);
    server.offer("lapsed", "a", "b", 10);
    server.pass(Span::hours(24));
    server.post(ROUTE, accept("lapsed", "b")).refusal(422, 42204);
    server.check_sums("a", ["30", "0", "0", "0", "30"]);
    server.check_sums("b", ["0", "0", "0", "0", "0"]);
}

#[test]
fn is_in_time_until_the_very_last_millisecond() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.offer("t1", "a", "b", 10);
    server.pass(Span(Span::hours(24).0 - 1));
    server.accept("t1", "b");
}

#[test]
fn needs_the_sender_only_where_two_used_one_number() {
    let server = Server::start();
    for sender in ["a", "c"] {
        server.accrue("e1", sender, 30);
    }
    server.offer("t1", "a", "b", 10);
    server.accept("t1", "b");
    server.offer("t1", "c", "b", 7);
    server.refuses_field(ROUTE, accept("t1", "b"), "from_user");
    server.does(ROUTE, with(accept("t1", "b"), json!({"from_user": "c"})));
    server.refuses_field(ROUTE, accept("t1", "b"), "from_user");
    server.replays(ROUTE, with(accept("t1", "b"), json!({"from_user": "a"})));
    server.check_sums("b", ["17", "0", "0", "0", "17"]);
}

#[test]
fn needs_no_sender_where_the_number_went_to_others() {
    let server = Server::start();
    for sender in ["a", "c"] {
        server.accrue("e1", sender, 30);
    }
    server.offer("t1", "a", "b", 10);
    server.offer("t1", "c", "d", 7);
    assert_eq!(server.accept("t1", "b")["points"], json!(10));
    assert_eq!(server.accept("t1", "d")["points"], json!(7));
}

#[test]
fn replays_a_direct_transfer() {
    let server = Server::start();
    server.accrue("e1", "a", 30);
    server.does("transfer/direct", without(offer("t1", "a", "b", 10), "trans_type"));
    let answer = server.replays(ROUTE, accept("t1", "b"));
    assert_eq!(answer.data()["member_no"], "b");
    assert_eq!(answer.data()["event_type"], "accept");
    assert_eq!(answer.data()["active_points"], json!(10));
}

#[test]
fn pays_the_receivers_debt() {
    let server = Server::start();
    server.accrue("e1", "b", 10);
    server.spend("s1", "b", 10);
    let back = json!({"event_no": "r", "member_no": "b", "origin_event_no": "e1", "allow_negative": true});
    server.does("reverse/produce", back);
    server.accrue("e1", "a", 30);
    server.offer("t1", "a", "b", 25);
    assert_eq!(server.accept("t1", "b")["active_points"], json!(15));
    server.check_sums("b", ["25", "10", "0", "0", "15"]);
}

#[test]
fn lets_one_of_accepting_and_cancelling_win() {
    let server = Server::start();
    server.accrue("e1", "a", 100);
    for n in 0..10 {
        let number = format!("t{n}");
        server.offer(&number, "a", "b", 10);
        let (accepted, cancelled) = std::thread::scope(|scope| {
            let accepting = scope.spawn(|| server.post(ROUTE, accept(&number, "b")));
            let cancel = json!({"transfer_no": number, "member_no": "a"});
            let cancelling = scope.spawn(|| server.post("transfer/cancel", cancel));
            (accepting.join().unwrap(), cancelling.join().unwrap())
        });
        let loser = if accepted.status == 200 { &cancelled } else { &accepted };
        loser.refusal(422, 42204);
        assert!([&accepted, &cancelled].iter().any(|answer| answer.status == 200));
    }
    let points = |member: &str| server.summary(member)["active_points"].as_i64().unwrap();
    assert_eq!(points("a") + points("b"), 100);
}
