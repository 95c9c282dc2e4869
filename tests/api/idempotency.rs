//! The same key again: with the same content, with other content, at once, after a restart, after a refusal.
use super::sending::{accrual, offer, with};
use super::{Server, Span, TENANT, Value, json, path};

const ACCRUE: &str = "produce/direct";

/// What each keyed route was asked, in an order in which all of it can be done.
fn script() -> Vec<(&'static str, Value)> {
    vec![
        (ACCRUE, with(accrual("e1", "m", 100), json!({"expire_days": 2, "event_at": "2022-06-16 10:10:00"}))),
        (ACCRUE, accrual("e2", "m", "12.5")),
        ("consume/direct", json!({"event_no": "s1", "member_no": "m", "points": 60})),
        (
            "reverse/produce",
            json!({"event_no": "r1", "member_no": "m", "origin_event_no": "e1", "allow_negative": true,
                "reverse_points": 30}),
        ),
        (
            "reverse/consume",
            json!({"event_no": "g1", "member_no": "m", "origin_event_no": "s1", "reverse_points": 5}),
        ),
        ("transfer", offer("t1", "m", "n", 3)),
        ("transfer/direct", json!({"transfer_no": "t2", "from_user": "m", "to_user": "n", "points": 2})),
        ("accept", json!({"transfer_no": "t1", "member_no": "n"})),
        ("transfer", offer("t3", "m", "n", 1)),
        ("transfer/cancel", json!({"transfer_no": "t3", "member_no": "m"})),
    ]
}

#[test]
fn gives_the_first_answer_for_ever() {
    let mut server = Server::start();
    let script = script();
    let mut first = Vec::new();
    for (route, body) in &script {
        let answer = server.post(route, body.clone());
        answer.data();
        assert_eq!(answer.header("Idempotent-Replayed"), None, "{route}");
        first.push(answer.body);
    }
    let check_all = |server: &Server| {
        for ((route, body), first) in script.iter().zip(&first) {
            assert_eq!(&server.replays(route, body.clone()).body, first, "{route} {body}");
        }
    };
    check_all(&server);
    server.restart();
    check_all(&server);
    // Much later, when the lots have expired and none of it could be done now.
    server.pass(Span::days(900));
    server.wait_until("what fell due is on record", |server| {
        server.story("m").iter().any(|(what, _)| what == "expired")
    });
    check_all(&server);
    server.restart();
    check_all(&server);
}

#[test]
fn refuses_other_content_under_a_known_key() {
    let server = Server::start();
    for (route, body) in script() {
        server.does(route, body);
    }
    let other = [
        (ACCRUE, with(accrual("e2", "m", "12.5"), json!({"points": "12.6"}))),
        (ACCRUE, with(accrual("e2", "m", "12.5"), json!({"event_type": "event"}))),
        (ACCRUE, with(accrual("e2", "m", "12.5"), json!({"store_code": "s"}))),
        (ACCRUE, with(accrual("e2", "m", "12.5"), json!({"expire_days": 1}))),
        ("consume/direct", json!({"event_no": "s1", "member_no": "m", "points": 61})),
        (
            "reverse/produce",
            json!({"event_no": "r1", "member_no": "m", "origin_event_no": "e1", "allow_negative": false,
                "reverse_points": 30}),
        ),
        (
            "reverse/produce",
            json!({"event_no": "r1", "member_no": "m", "origin_event_no": "e2", "allow_negative": true,
                "reverse_points": 30}),
        ),
        ("reverse/consume", json!({"event_no": "g1", "member_no": "m", "origin_event_no": "s1"})),
        ("transfer", offer("t1", "m", "n", 4)),
        ("transfer", offer("t1", "m", "k", 3)),
        ("transfer/direct", json!({"transfer_no": "t2", "from_user": "m", "to_user": "k", "points": 2})),
    ];
    for (route, body) in other {
        server.refuses(route, body, 409, 40901);
    }
}

#[test]
fn refuses_a_key_that_another_operation_took() {
    let server = Server::start();
    server.accrue("a", "m", 100);
    server.spend("b", "m", 10);
    let bodies = |number: &str| {
        [
            (ACCRUE, accrual(number, "m", 10)),
            ("consume/direct", json!({"event_no": number, "member_no": "m", "points": 10})),
            (
                "reverse/produce",
                json!({"event_no": number, "member_no": "m", "origin_event_no": "a",
                    "allow_negative": true, "reverse_points": 10}),
            ),
            (
                "reverse/consume",
                json!({"event_no": number, "member_no": "m", "origin_event_no": "b", "reverse_points": 1}),
            ),
        ]
    };
    for taker in 0..4 {
        let number = format!("n{taker}");
        let (route, body) = bodies(&number)[taker].clone();
        server.does(route, body);
        for (other, body) in bodies(&number).into_iter().filter(|(other, _)| *other != route) {
            server.refuses(other, body, 409, 40901);
        }
    }
}

#[test]
fn keeps_the_keys_of_members_apart() {
    let server = Server::start();
    for member in ["m", "n"] {
        server.accrue("e1", member, 5);
        server.spend("s1", member, 1);
    }
    server
        .does("transfer/direct", json!({"transfer_no": "t", "from_user": "m", "to_user": "n", "points": 1}));
    server
        .does("transfer/direct", json!({"transfer_no": "t", "from_user": "n", "to_user": "m", "points": 2}));
}

#[test]
fn takes_no_key_with_a_refusal() {
    let mut server = Server::start();
    let spend = |points: i64| json!({"event_no": "x", "member_no": "m", "points": points});
    server.accrue("e1", "m", 5);
    server.refuses("consume/direct", spend(6), 422, 42201);
    server.refuses("consume/direct", spend(0), 400, 40001);
    server.refuses("transfer", offer("t", "m", "n", 6), 422, 42201);
    server.refuses(
        "reverse/produce",
        json!({"event_no": "x", "member_no": "m", "origin_event_no": "no", "allow_negative": true}),
        404,
        40402,
    );
    server.restart();
    // Other content, another operation: nothing was taken.
    server.accrue("x", "m", 7);
    server.offer("t", "m", "k", 1);
    server.refuses("consume/direct", spend(6), 409, 40901);
}

#[test]
fn does_once_what_arrives_many_times_at_once() {
    let server = Server::start();
    server.accrue("e1", "m", 1_000);
    for (route, body) in script().into_iter().skip(1).filter(|(_, body)| body["origin_event_no"] != "s1") {
        let answers = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| server.post(route, body.clone()))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        for answer in &answers {
            answer.data();
            assert_eq!(answer.body, answers[0].body, "{route}: all the same bytes");
        }
        assert_eq!(answers.iter().filter(|answer| !answer.is_replay()).count(), 1, "{route}: done once");
    }
    assert_eq!(server.story("m").iter().filter(|(what, _)| what == "consume").count(), 1);
}

#[test]
fn lets_one_of_two_contents_win_that_arrive_at_once() {
    let server = Server::start();
    for n in 0..20 {
        let body = |points: i64| accrual(&format!("e{n}"), "m", points);
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(|| server.post(ACCRUE, body(1)));
            let other = scope.spawn(|| server.post(ACCRUE, body(2)));
            (one.join().unwrap(), other.join().unwrap())
        });
        let (winner, loser) = if one.status == 200 { (one, other) } else { (other, one) };
        winner.data();
        loser.refusal(409, 40901);
    }
}

#[test]
fn replays_a_born_expired_accrual_with_the_record_as_it_was() {
    let mut server = Server::start();
    let body = with(accrual("e1", "m", 10), json!({"event_at": "2022-01-01 00:00:00", "expire_days": 1}));
    let first = server.post(ACCRUE, body.clone());
    first.data();
    assert_eq!(server.replays(ACCRUE, body.clone()).body, first.body);
    // Reversed since: the first answer still says that nothing was.
    server.does(
        "reverse/produce",
        json!({"event_no": "r", "member_no": "m", "origin_event_no": "e1", "allow_negative": true}),
    );
    assert_eq!(server.replays(ACCRUE, body.clone()).body, first.body);
    server.restart();
    assert_eq!(server.replays(ACCRUE, body).body, first.body);
}

#[test]
fn knows_its_keys_however_the_request_travels() {
    let server = Server::start();
    let body = accrual("e1", "m", 1);
    let first = server.post(ACCRUE, body.clone());
    let text = body.to_string();
    let untyped = server.send("POST", &path(TENANT, ACCRUE), &[("X-Request-Id", "again")], text.as_bytes());
    assert!(untyped.is_replay());
    assert_eq!(untyped.body, first.body);
}
