//! `/summary` and `/lots` as of a moment. (`service_model` asks for every moment of random histories.)
use super::sending::{accrual, items, with};
use super::{Server, Span, Value, json};

/// Total, used, expired, freeze, active as of a moment.
#[track_caller]
fn sums(server: &Server, member: &str, as_of: &str) -> [String; 5] {
    let summary = summary(server, member, as_of);
    ["total_points", "used_points", "expired_points", "freeze_points", "active_points"]
        .map(|name| summary[name].to_string())
}

#[track_caller]
fn summary(server: &Server, member: &str, as_of: &str) -> Value {
    server.get(&format!("summary?member_no={member}&as_of={as_of}")).data().clone()
}

/// Points, what remains, state.
#[track_caller]
fn lots(server: &Server, member: &str, as_of: &str) -> Vec<(String, String, String)> {
    let lots = items(&server.get(&format!("lots?member_no={member}&as_of={as_of}")));
    let text = |lot: &Value, name: &str| lot[name].as_str().unwrap().to_owned();
    lots.iter()
        .map(|lot| (lot["points"].to_string(), lot["remaining"].to_string(), text(lot, "state")))
        .collect()
}

fn lot(points: &str, remaining: &str, state: &str) -> (String, String, String) {
    (points.into(), remaining.into(), state.into())
}

/// 12:00 accrues 100 for a day; 13:00 accrues 50 frozen for two days; 14:00 spends 30; 15:00 offers 20.
fn story() -> Server {
    let server = Server::start();
    server.does("produce/direct", with(accrual("a", "m", 100), json!({"expire_days": 1})));
    server.pass(Span::hours(1));
    server.does("produce/direct", with(accrual("b", "m", 50), json!({"freeze_hours": 48})));
    server.pass(Span::hours(1));
    server.spend("s", "m", 30);
    server.pass(Span::hours(1));
    server.offer("t", "m", "n", 20);
    server
}

#[test]
fn shows_the_sums_as_they_were() {
    let server = story();
    let rows = [
        ("2022-06-16+11:59:59", ["0", "0", "0", "0", "0"]),
        ("2022-06-16+12:00:00", ["100", "0", "0", "0", "100"]),
        ("2022-06-16+12:59:59", ["100", "0", "0", "0", "100"]),
        ("2022-06-16+13:00:00", ["150", "0", "0", "50", "100"]),
        ("2022-06-16+14:00:00", ["150", "30", "0", "50", "70"]),
        ("2022-06-16T15:00:00%2B08:00", ["150", "50", "0", "50", "50"]),
        ("2022-06-16T15:00:00+08:00", ["150", "50", "0", "50", "50"]),
    ];
    for (as_of, expected) in rows {
        assert_eq!(sums(&server, "m", as_of), expected, "{as_of}");
    }
}

#[test]
fn foretells_what_time_alone_will_do() {
    let server = story();
    // The offer lapses and the lot that it came from expires; two days after 13:00 the other lot unfreezes.
    let rows = [
        ("2022-06-17+11:59:59", ["150", "50", "0", "50", "50"]),
        ("2022-06-17+12:00:00", ["150", "30", "70", "50", "0"]),
        ("2022-06-18+12:59:59", ["150", "30", "70", "50", "0"]),
        ("2022-06-18+13:00:00", ["150", "30", "70", "0", "50"]),
        ("9999-12-31+23:59:59", ["150", "30", "70", "0", "50"]),
    ];
    for (as_of, expected) in rows {
        assert_eq!(sums(&server, "m", as_of), expected, "{as_of}");
    }
    let then = summary(&server, "m", "2022-06-20+00:00:00");
    assert_eq!(then["update_time"], "2022-06-17 12:00:00", "when the last of it falls due");
    server.check_sums("m", ["150", "50", "0", "50", "50"]);
    assert_eq!(server.story("m").len(), 4, "a look ahead records nothing");
}

#[test]
fn the_other_fields_are_of_then_too() {
    let server = story();
    let then = summary(&server, "m", "2022-06-16+13:30:00");
    let first = server.history(json!({"event_no": "a"}))[0]["auto_id"].clone();
    assert_eq!(then["detail_id"], first);
    assert_eq!(then["create_time"], "2022-06-16 12:00:00");
    assert_eq!(then["update_time"], "2022-06-16 13:00:00");
    assert_eq!(then["future_expired"], 100);
    let before = summary(&server, "m", "2022-06-16+11:00:00");
    for name in ["detail_id", "create_time", "update_time"] {
        assert!(before[name].is_null(), "{name}: the member was not there yet");
    }
    let nobody = summary(&server, "nobody", "2022-06-16+13:30:00");
    assert!(nobody["detail_id"].is_null() && nobody["total_points"] == 0);
    assert!(lots(&server, "nobody", "2022-06-16+13:30:00").is_empty());
}

#[test]
fn a_second_without_a_fraction_means_its_end() {
    let server = Server::start();
    server.accrue("a", "m", 1);
    server.pass(Span(400));
    server.accrue("b", "m", 2);
    server.pass(Span(599));
    server.accrue("c", "m", 4);
    server.pass(Span(1));
    server.accrue("d", "m", 8);
    let total = |as_of: &str| summary(&server, "m", as_of)["total_points"].to_string();
    assert_eq!(total("2022-06-16+12:00:00"), "7");
    assert_eq!(total("2022-06-16T04:00:00Z"), "7");
    assert_eq!(total("2022-06-16T04:00:00.000Z"), "1");
    assert_eq!(total("2022-06-16T04:00:00.399Z"), "1");
    assert_eq!(total("2022-06-16T04:00:00.400Z"), "3");
    assert_eq!(total("2022-06-16T04:00:00.999Z"), "7");
    // As the history up to that second has it.
    let history = server.history(json!({"member_no": "m", "end_time": "2022-06-16 12:00:00"}));
    let sum: u64 = history.iter().map(|record| record["points"].as_u64().unwrap()).sum();
    assert_eq!(sum, 7);
}

#[test]
fn shows_the_lots_that_there_were_in_the_state_of_then() {
    let server = story();
    server.pass(Span::days(4));
    server.accrue("c", "m", 5);
    let rows = [
        ("2022-06-16+11:59:59", vec![]),
        ("2022-06-16+12:30:00", vec![lot("100", "100", "active")]),
        ("2022-06-16+13:00:00", vec![lot("100", "100", "active"), lot("50", "50", "frozen")]),
        ("2022-06-16+14:00:00", vec![lot("100", "70", "active"), lot("50", "50", "frozen")]),
        ("2022-06-16+15:00:00", vec![lot("100", "50", "active"), lot("50", "50", "frozen")]),
        ("2022-06-17+12:00:00", vec![lot("100", "0", "expired"), lot("50", "50", "frozen")]),
        ("2022-06-18+13:00:00", vec![lot("100", "0", "expired"), lot("50", "50", "active")]),
    ];
    for (as_of, expected) in rows {
        assert_eq!(lots(&server, "m", as_of), expected, "{as_of}");
    }
    let paged = server.get("lots?member_no=m&as_of=2022-06-16+13:00:00&page=2&page_size=1");
    assert_eq!(paged.data()["total"], 2);
    assert_eq!(paged.data()["items"][0]["origin_event_no"], "b");
}

#[test]
fn foretells_the_state_of_lots() {
    let server = story();
    assert_eq!(
        lots(&server, "m", "2022-06-18+13:00:00"),
        [lot("100", "0", "expired"), lot("50", "50", "active")]
    );
}

#[test]
fn the_past_outlives_a_restart_and_later_transfers() {
    let mut server = story();
    server.accept("t", "n");
    server.spend("s2", "m", 50);
    server.restart();
    assert_eq!(sums(&server, "m", "2022-06-16+14:00:00"), ["150", "30", "0", "50", "70"]);
    assert_eq!(sums(&server, "n", "2022-06-16+14:59:59"), ["0", "0", "0", "0", "0"]);
    assert_eq!(sums(&server, "n", "2022-06-16+15:00:00"), ["20", "0", "0", "0", "20"]);
}

#[test]
fn as_of_is_a_time() {
    let server = story();
    for route in ["summary", "lots"] {
        for wrong in
            ["", "yesterday", "2022-06-16", "2022-13-16+12:00:00", "1655352000", "99999-01-01+00:00:00"]
        {
            let message =
                server.get(&format!("{route}?member_no=m&as_of={wrong}")).refusal(400, 40001).to_owned();
            assert!(message.contains("as_of"), "{route} {wrong}: {message}");
        }
        let twice = format!("{route}?member_no=m&as_of=2022-06-16+12:00:00&as_of=2022-06-16+12:00:00");
        server.get(&twice).refusal(400, 40001);
    }
}
