//! What a field may hold, on whatever route: points, texts, times.
use super::sending::{accrual, with};
use super::{Server, Value, json};

const ROUTE: &str = "produce/direct";

/// An accrual whose points are written just so.
fn written(event_no: &str, points: &str) -> String {
    format!(r#"{{"event_no":"{event_no}","member_no":"m","event_type":"order","points":{points}}}"#)
}

#[test]
fn takes_points_exactly_as_they_are_written() {
    let server = Server::start();
    let good = [
        ("30", "30"),
        ("30.0", "30"),
        ("30.00000000", "30"),
        ("12.5", "12.5"),
        ("12.5000", "12.5"),
        ("0.0001", "0.0001"),
        ("0.1", "0.1"),
        ("1e1", "10"),
        ("1.25E1", "12.5"),
        ("1e-4", "0.0001"),
        ("12345e-4", "1.2345"),
        ("1.0e+2", "100"),
        ("100000000000", "100000000000"),
        ("99999999999.9999", "99999999999.9999"),
        ("1e11", "100000000000"),
        ("\"30\"", "30"),
        ("\"12.50\"", "12.5"),
        ("\"0.0001\"", "0.0001"),
        ("\"99999999999.9999\"", "99999999999.9999"),
        ("4503599627.3704", "4503599627.3704"),
        ("0.3", "0.3"),
        ("1.1", "1.1"),
    ];
    for (number, (sent, shown)) in good.iter().enumerate() {
        let answer = server.post_text(ROUTE, &written(&format!("e{number}"), sent));
        assert_eq!(answer.data()["points"].to_string(), *shown, "sent {sent}");
    }
}

#[test]
fn refuses_points_that_are_none() {
    let server = Server::start();
    let zeros = format!("1.{}", "0".repeat(63));
    let long = [format!("\"{zeros}\""), zeros, format!("\"{}1\"", "0".repeat(64))];
    let bad = [
        "0",
        "0.0000",
        "-0",
        "-1",
        "-0.0001",
        "0.00001",
        "1.00001",
        "1e-5",
        "123456e-5",
        "100000000000.0001",
        "1e12",
        "1e400",
        "1e999999999",
        "1e-999999999",
        "\"\"",
        "\" \"",
        "\" 1\"",
        "\"1 \"",
        "\"abc\"",
        "\"1,5\"",
        "\"0x10\"",
        "\"NaN\"",
        "\"Infinity\"",
        "\"-1\"",
        "\"0\"",
        "\"1.00001\"",
        "\"1_000\"",
        "\"１\"",
        "true",
        "false",
        "[]",
        "[1]",
        "{}",
        "null",
    ];
    for sent in bad.iter().copied().chain(long.iter().map(String::as_str)) {
        let answer = server.post_text(ROUTE, &written("e1", sent));
        let message = answer.refusal(400, 40001);
        assert!(message.contains("points"), "sent {sent}: {message}");
    }
    server.check_story("m", &[]);
}

/// Each route that takes a text, with a body that is right but for what the test puts in.
fn bodies() -> Vec<(&'static str, Value)> {
    let transfer =
        json!({"transfer_no": "t", "from_user": "m", "to_user": "n", "trans_type": "by_points", "points": 1});
    vec![
        (ROUTE, accrual("e", "m", 1)),
        ("consume/direct", json!({"event_no": "e", "member_no": "m", "points": 1})),
        ("transfer", transfer.clone()),
        ("transfer/direct", transfer),
        ("accept", json!({"transfer_no": "t", "member_no": "n"})),
        ("transfer/cancel", json!({"transfer_no": "t", "member_no": "m"})),
        (
            "reverse/produce",
            json!({"event_no": "e", "member_no": "m", "origin_event_no": "o", "allow_negative": true}),
        ),
        ("reverse/consume", json!({"event_no": "e", "member_no": "m", "origin_event_no": "o"})),
    ]
}

#[test]
fn bounds_every_name_and_number() {
    let server = Server::start();
    for (route, body) in bodies() {
        for (field, most) in [
            ("event_no", 128),
            ("transfer_no", 128),
            ("origin_event_no", 128),
            ("member_no", 64),
            ("from_user", 64),
            ("to_user", 64),
        ] {
            if body.get(field).is_none() {
                continue;
            }
            let long = "x".repeat(most + 1);
            // The bound is in bytes: three of them each.
            let wide = "会".repeat(most / 3 + 1);
            let bad = [
                "",
                " ",
                " x",
                "x ",
                "\u{3000}x",
                "x\t",
                "a\nb",
                "a\u{0}b",
                "\u{7f}",
                "a\u{85}b",
                &long,
                &wide,
            ];
            for text in bad {
                server.refuses_field(route, with(body.clone(), json!({field: text})), field);
            }
            for no_text in [json!(5), json!(true), json!([]), json!({})] {
                server.refuses_field(route, with(body.clone(), json!({field: no_text})), field);
            }
        }
    }
}

#[test]
fn takes_names_and_numbers_up_to_their_bounds() {
    let server = Server::start();
    for (event_no, member) in
        [("x".repeat(128), "m".repeat(64)), ("号".repeat(42), "会".repeat(21)), ("a b".into(), "c  d".into())]
    {
        let data = server.accrue(&event_no, &member, 1);
        assert_eq!((&data["event_no"], &data["member_no"]), (&json!(event_no), &json!(member)));
        server.check_sums(&member, ["1", "0", "0", "0", "1"]);
    }
}

#[test]
fn bounds_every_other_text() {
    let server = Server::start();
    server.accrue("first", "m", 100);
    for field in ["action_scene", "store_code", "cost_center", "campaign_code", "operator", "event_desc"] {
        for (route, body) in bodies().into_iter().take(2) {
            server.refuses_field(route, with(body.clone(), json!({field: "x".repeat(4_097)})), field);
            server.refuses_field(route, with(body.clone(), json!({field: 5})), field);
            server.refuses_field(route, with(body.clone(), json!({field: ["x"]})), field);
            let long = "x".repeat(4_096);
            let number = format!("{route} {field}");
            let data = server.does(route, with(body, json!({"event_no": number, field: long})));
            assert_eq!(data[field], json!(long));
        }
    }
}

#[test]
fn reads_times_in_both_forms() {
    let server = Server::start();
    let good = [
        ("2022-06-16 10:10:00", "2022-06-16 10:10:00"),
        ("2022-06-16T10:10:00+08:00", "2022-06-16 10:10:00"),
        ("2022-06-16T02:10:00Z", "2022-06-16 10:10:00"),
        ("2022-06-15T22:10:00-04:00", "2022-06-16 10:10:00"),
        ("2020-02-29 23:59:59", "2020-02-29 23:59:59"),
    ];
    for (number, (sent, shown)) in good.iter().enumerate() {
        let data =
            server.does(ROUTE, with(accrual(&format!("e{number}"), "m", 1), json!({"event_at": sent})));
        assert_eq!(data["event_at"], json!(shown), "sent {sent}");
    }
}

#[test]
fn refuses_times_that_are_none() {
    let server = Server::start();
    let bad = [
        "",
        "now",
        "2022-06-16",
        "10:10:00",
        "2022-06-16 10:10",
        "2022-06-31 10:10:00",
        "2021-02-29 00:00:00",
        "2022-13-01 00:00:00",
        "2022-06-16 24:00:01",
        "2022-06-16 10:60:00",
        "16/06/2022 10:10:00",
        "2022-06-16 10:10:00 ",
        "1655345400",
        "99999-01-01 00:00:00",
    ];
    for text in bad {
        server.refuses_field(ROUTE, with(accrual("e1", "m", 1), json!({"event_at": text})), "event_at");
    }
    for no_text in [json!(1_655_345_400), json!(true), json!({}), json!([])] {
        server.refuses_field(ROUTE, with(accrual("e1", "m", 1), json!({"event_at": no_text})), "event_at");
    }
}

#[test]
fn checks_the_time_of_every_event() {
    let server = Server::start();
    server.accrue("o", "m", 10);
    for (route, body) in bodies() {
        if body.get("event_no").is_some() {
            server.refuses_field(route, with(body, json!({"event_at": "soon"})), "event_at");
        }
    }
}
