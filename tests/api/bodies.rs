//! Bodies that are no JSON, no object, too large, too deep, or absurd.
use super::envelope::{JSON, POSTS};
use super::sending::{accrual, with};
use super::{Server, TENANT, json, path};
use crate::support::http::{Answer, send_raw};

fn post_bytes(server: &Server, route: &str, body: &[u8]) -> Answer {
    server.send("POST", &path(TENANT, route), &JSON, body)
}

#[test]
fn refuses_bodies_that_are_no_json() {
    let server = Server::start();
    let bad: [&[u8]; 16] = [
        b"",
        b" ",
        b"{",
        b"}",
        b"{}}",
        b"{} {}",
        b"{'event_no': 1}",
        b"{\"points\": 01}",
        b"{\"points\": +1}",
        b"{\"points\": .5}",
        b"{\"points\": NaN}",
        b"{\"a\": 1,}",
        b"nul",
        b"{\"a\": \"\n\"}",
        b"{\"event_no\": \"\xff\xfe\"}",
        b"\xff\xfe{\0}\0",
    ];
    for body in bad {
        for route in POSTS {
            let answer = post_bytes(&server, route, body);
            let sent = String::from_utf8_lossy(body);
            assert_eq!(answer.json["code"], json!(40000), "{route} {sent:?}: {}", answer.text());
            answer.refusal(400, 40000);
        }
    }
}

#[test]
fn refuses_half_a_surrogate_in_a_text() {
    let server = Server::start();
    let body = accrual("HERE", "m", 1).to_string().replace("HERE", "\\ud800");
    let answer = server.post_text("produce/direct", &body);
    answer.check_envelope();
    assert_eq!(answer.status, 400, "{}", answer.text());
    server.check_story("m", &[]);
}

#[test]
fn refuses_bodies_that_are_no_object() {
    let server = Server::start();
    for body in ["[]", "[{}]", "1", "\"x\"", "true", "null"] {
        for route in POSTS {
            post_bytes(&server, route, body.as_bytes()).refusal(400, 40000);
        }
    }
}

#[test]
fn names_a_field_that_is_missing_from_an_empty_object() {
    let server = Server::start();
    for route in POSTS.into_iter().filter(|route| *route != "history") {
        let answer = post_bytes(&server, route, b"{}");
        let message = answer.refusal(400, 40001);
        let required =
            ["event_no", "transfer_no", "member_no", "from_user", "to_user", "trans_type", "points"];
        assert!(required.iter().any(|field| message.contains(field)), "{route}: {message}");
    }
    post_bytes(&server, "history", b"{}").data();
}

#[test]
fn refuses_a_name_that_is_there_twice_among_few_and_among_thousands() {
    let server = Server::start();
    for others in [0, 50, 51, 52, 100, 20_000] {
        let accrual = accrual(&format!("e{others}"), "m", 1).to_string();
        let others: String = (0..others).map(|n| format!("\"f{n}\":0,")).collect();
        let body = |more: &str| format!("{{{others}{more}{}", &accrual[1..]);
        for (again, name) in [("\"points\":2,", "points"), ("\"f\":0,\"f\":0,", "f")] {
            let answer = server.post_text("produce/direct", &body(again));
            assert!(
                answer.refusal(400, 40000).contains(&format!("{name:?} is there twice")),
                "{}",
                answer.text()
            );
        }
        server.post_text("produce/direct", &body("")).data();
    }
    assert_eq!(server.summary("m")["active_points"], 6);
}

/// An accrual as large as this, to the byte.
fn accrual_of(bytes: usize) -> String {
    let body = |filler: &str| with(accrual("e1", "m", 1), json!({"filler": filler})).to_string();
    let rest = bytes - body("").len();
    let body = body(&"x".repeat(rest));
    assert_eq!(body.len(), bytes);
    body
}

#[test]
fn takes_bodies_up_to_256_kib() {
    let server = Server::start();
    let most = 256 << 10;
    server.post_text("produce/direct", &accrual_of(most + 1)).refusal(413, 41300);
    server.check_story("m", &[]);
    server.post_text("produce/direct", &accrual_of(most)).data();
}

#[test]
fn bounds_a_body_that_does_not_say_its_size() {
    let server = Server::start();
    let body = accrual_of((256 << 10) + 1);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        path(TENANT, "produce/direct")
    );
    let request = |body: &str| format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    send_raw(server.address(), request(&body).as_bytes()).refusal(413, 41300);
    server.check_story("m", &[]);
    send_raw(server.address(), request(&accrual_of(1_000)).as_bytes()).data();
}

#[test]
fn takes_nesting_up_to_64() {
    let server = Server::start();
    // The body itself is the first level.
    let nested = |levels: usize, open: &str, close: &str| {
        let filler = format!("{}1{}", open.repeat(levels - 1), close.repeat(levels - 1));
        format!(
            r#"{{"event_no":"e{levels}{close}","member_no":"m","event_type":"event","points":1,"filler":{filler}}}"#
        )
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        server.post_text("produce/direct", &nested(64, open, close)).data();
        for levels in [65, 100, 200, 10_000] {
            server.post_text("produce/direct", &nested(levels, open, close)).refusal(400, 40000);
        }
    }
    let never_closed = "[".repeat(200_000);
    server.post_text("produce/direct", &never_closed).refusal(400, 40000);
    server.post_text("produce/direct", &format!("{{\"a\":{never_closed}")).refusal(400, 40000);
}

#[test]
fn survives_absurd_numbers() {
    let server = Server::start();
    let absurd =
        ["1e999999999", "-1e999999999", "1e-999999999", "123456789012345678901234567890", "0.1e99999"];
    for number in absurd {
        for field in ["points", "expire_days", "freeze_hours"] {
            let mut body = with(accrual("e1", "m", 1), json!({field: "HERE"})).to_string();
            body = body.replace("\"HERE\"", number);
            let answer = server.post_text("produce/direct", &body);
            assert!(answer.refusal(400, 40001).contains(field), "{field}: {number}");
        }
        for field in ["page", "page_size", "after_id"] {
            server.post_text("history", &format!("{{\"{field}\":{number}}}")).refusal(400, 40001);
        }
        // In a field that nobody reads it harms nobody.
        server.post_text("history", &format!("{{\"filler\":{number}}}")).data();
    }
    server.check_story("m", &[]);
}
