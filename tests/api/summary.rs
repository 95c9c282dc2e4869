//! `GET /summary`.
use super::sending::{accrual, in_query, with};
use super::shapes::{auto_id, check_summary};
use super::{Options, Server, Span, TENANT, json, path};
use eros_points::ledger::Terms;

#[test]
fn answers_zeros_for_a_member_never_seen() {
    let server = Server::start();
    let summary = server.summary("nobody");
    check_summary(&summary, json!({"member_no": "nobody"}));
    assert_eq!(summary["detail_id"], json!(null));
}

#[test]
fn opens_no_account_by_reading() {
    let server = Server::start();
    let before = server.durable_records();
    server.summary("nobody");
    server.lots("nobody");
    server.transfers("nobody");
    server.history(json!({"member_no": "nobody"}));
    assert_eq!(server.durable_records(), before);
    check_summary(&server.summary("nobody"), json!({"member_no": "nobody"}));
}

#[test]
fn answers_the_whole_summary() {
    let server = Server::start();
    let first = server.does("produce/direct", with(accrual("a", "m", 100.5), json!({"expire_days": 7})));
    server.pass(Span::hours(1));
    server.does("produce/direct", with(accrual("b", "m", 20), json!({"freeze_hours": 24})));
    server.does(
        "produce/direct",
        with(accrual("c", "m", 5), json!({"event_at": "2022-06-01 00:00:00", "expire_days": 1})),
    );
    server.spend("s", "m", "0.25");
    check_summary(
        &server.summary("m"),
        json!({
            "detail_id": auto_id(&first), "member_no": "m", "total_points": 125.5, "freeze_points": 20,
            "expired_points": 5, "active_points": 100.25, "used_points": 0.25, "future_expired": 100.25,
            "create_time": "2022-06-16 12:00:00", "update_time": "2022-06-16 13:00:00"
        }),
    );
}

#[test]
fn counts_as_soon_expired_what_is_active_and_ends_within_seven_days() {
    let server = Server::start();
    let lots = [
        ("in_time", json!({"expire_days": 7})),
        ("after", json!({"expire_days": 7, "event_at": "2022-06-16 12:00:01"})),
        ("frozen", json!({"expire_days": 2, "freeze_hours": 24})),
        ("expired", json!({"expire_days": 1, "event_at": "2022-06-10 12:00:00"})),
        ("never", json!({})),
    ];
    for (number, (event_no, changes)) in lots.into_iter().enumerate() {
        server.does("produce/direct", with(accrual(event_no, "m", 10_i64.pow(number as u32)), changes));
    }
    assert_eq!(server.summary("m")["future_expired"], json!(1));
    server.pass(Span::days(1));
    assert_eq!(server.summary("m")["future_expired"], json!(111), "one more came near, one has unfrozen");
}

#[test]
fn changes_its_time_with_the_last_record() {
    let server = Server::start();
    server.accrue("a", "m", 10);
    server.pass(Span::seconds(90));
    server.spend("s", "m", 1);
    let summary = server.summary("m");
    assert_eq!(summary["create_time"], "2022-06-16 12:00:00");
    assert_eq!(summary["update_time"], "2022-06-16 12:01:30");
}

#[test]
fn shows_what_the_clock_has_done_at_once() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 10), json!({"expire_days": 2, "freeze_hours": 24})));
    server.check_sums("m", ["10", "0", "0", "10", "0"]);
    server.pass(Span::days(1));
    server.check_sums("m", ["10", "0", "0", "0", "10"]);
    server.pass(Span::days(1));
    server.check_sums("m", ["10", "0", "10", "0", "0"]);
}

#[test]
fn needs_a_member() {
    let server = Server::start();
    let message = server.get("summary").refusal(400, 40001).to_owned();
    assert!(message.contains("member_no"), "{message}");
    for wrong in ["", "%20m", "m%20", "m%0A", &"x".repeat(65)] {
        let message = server.get(&format!("summary?member_no={wrong}")).refusal(400, 40001).to_owned();
        assert!(message.contains("member_no"), "{message}");
    }
    for no_text in ["%FF", "m%E4%BC", "%C0%80"] {
        server.get(&format!("summary?member_no={no_text}")).refusal(400, 40001);
    }
}

#[test]
fn knows_no_unknown_mobile() {
    let server = Server::start();
    server.get("summary?mobile=18608011234").refusal(404, 40404);
}

#[test]
fn finds_members_whatever_they_are_called() {
    let server = Server::start();
    for (number, member) in ["a b", "会员", "a+b", "a&b=c", "%41", "x/../y", "\"", "🙂"].iter().enumerate()
    {
        server.accrue("e", member, number as i64 + 1);
        let answer = server.get(&format!("summary?member_no={}", in_query(member)));
        assert_eq!(answer.data()["member_no"], json!(member));
        assert_eq!(answer.data()["total_points"], json!(number + 1));
    }
}

#[test]
fn is_read_and_never_posted() {
    let server = Server::start();
    let answer = server.send("POST", &path(TENANT, "summary"), &[], b"{}");
    answer.refusal(405, 40500);
}

#[test]
fn holds_the_identity_at_every_step() {
    let terms = Terms { default_expire: Some(Span::days(3)), ..Terms::default() };
    let server = Server::with(Options { terms, ..Options::default() });
    let check = || {
        let summary = server.summary("m");
        let parts = ["total_points", "active_points", "freeze_points", "expired_points", "used_points"];
        let [total, rest @ ..] = parts.map(|name| summary[name].as_i64().unwrap());
        assert_eq!(total, rest.iter().sum::<i64>(), "{summary}");
    };
    check();
    server.accrue("a", "m", 100);
    check();
    server.does("produce/direct", with(accrual("b", "m", 50), json!({"freeze_hours": 24})));
    check();
    server.spend("s", "m", 80);
    check();
    server.offer("t", "m", "n", 10);
    check();
    let back = json!({"event_no": "r", "member_no": "m", "origin_event_no": "a", "allow_negative": true});
    server.does("reverse/produce", back);
    check();
    for _ in 0..4 {
        server.pass(Span::days(1));
        check();
    }
    server.does("reverse/consume", json!({"event_no": "g", "member_no": "m", "origin_event_no": "s"}));
    check();
}
