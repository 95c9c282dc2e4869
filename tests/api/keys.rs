//! With keys: who is let in, to what, and what the others hear.
use super::sending::{accrual, offer};
use super::{Server, TENANT, json, path};
use crate::support::http::Answer;
use eros_points::http::edge::Edge;
use eros_points::http::keys::{Key, KeyRing, Keys};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

const CLERK: [u8; 32] = [1; 32];
const READER: [u8; 32] = [2; 32];
const CHIEF: [u8; 32] = [3; 32];
const WATCH: [u8; 32] = [4; 32];
const STRANGER: [u8; 32] = [5; 32];

fn key(random: [u8; 32]) -> String {
    Key::new(random).reveal().to_owned()
}

fn bearer(random: [u8; 32]) -> String {
    format!("Bearer {}", key(random))
}

fn entry(random: [u8; 32], tenants: &str, scopes: &str) -> String {
    let hash = Key::new(random).hash().to_hex();
    format!(
        "[[keys]]\nname = \"key-{}\"\nhash = \"{hash}\"\ntenants = {tenants}\nscopes = {scopes}\n",
        random[0]
    )
}

fn keys() -> Keys {
    let entries = [
        entry(CLERK, r#"["10080", "10081"]"#, r#"["write"]"#),
        entry(READER, r#"["10080"]"#, r#"["read"]"#),
        entry(CHIEF, r#"["*"]"#, r#"["read", "write", "admin"]"#),
        entry(WATCH, r#"["*"]"#, r#"["read"]"#),
    ];
    Keys::parse(&entries.concat()).unwrap()
}

fn guarded() -> Server {
    Server::behind(Edge { keys: Some(Arc::new(KeyRing::new(keys()))), ..Edge::default() })
}

/// Asks under the tenant's prefix with this key.
fn ask(server: &Server, by: [u8; 32], method: &str, route: &str, body: &str) -> Answer {
    let path = path(TENANT, route);
    server.send(method, &path, &[("Authorization", &bearer(by))], body.as_bytes())
}

#[track_caller]
fn assert_unknown(answer: &Answer) {
    answer.refusal(401, 40100);
    assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
    assert!(answer.header("X-Request-Id").is_some());
}

#[test]
fn lets_in_who_bears_a_key_in_either_header() {
    let server = guarded();
    let body = accrual("e1", "m", 5).to_string();
    let (clerk, bearing) = (key(CLERK), bearer(CLERK));
    let lower = format!("bearer  {clerk} ");
    let ways: [&[(&str, &str)]; 4] = [
        &[("Authorization", &bearing)],
        &[("X-API-Key", &clerk)],
        &[("Authorization", &lower)],
        &[("Authorization", "Basic dXNlcjpwYXNz"), ("X-API-Key", &clerk)],
    ];
    for headers in ways {
        server.send("POST", &path(TENANT, "produce/direct"), headers, body.as_bytes()).data();
    }
    assert_eq!(ask(&server, READER, "GET", "summary?member_no=m", "").data()["active_points"], json!(5));
}

#[test]
fn turns_away_who_bears_none_or_a_wrong_one_and_changes_nothing() {
    let server = guarded();
    let body = accrual("e1", "m", 5).to_string();
    let before = server.durable_records();
    let hash = Key::new(CLERK).hash().to_hex().to_string();
    let (almost, long) = (format!("{}0", bearer(CLERK)), format!("Bearer {}", "x".repeat(10_000)));
    let (stranger, by_hash) = (bearer(STRANGER), format!("Bearer {hash}"));
    let ways: [&[(&str, &str)]; 9] = [
        &[],
        &[("Authorization", "")],
        &[("Authorization", "Bearer")],
        &[("Authorization", "Bearer ")],
        &[("Authorization", &stranger)],
        &[("Authorization", &by_hash)],
        &[("Authorization", &almost)],
        &[("Authorization", &long)],
        &[("X-API-Key", "")],
    ];
    for headers in ways {
        let answer = server.send("POST", &path(TENANT, "produce/direct"), headers, body.as_bytes());
        assert_unknown(&answer);
        assert!(!answer.text().contains(&hash), "{}", answer.text());
    }
    // Whatever stands behind the door.
    for (method, path) in [
        ("GET", path(TENANT, "summary?member_no=m")),
        ("HEAD", path(TENANT, "summary?member_no=m")),
        ("GET", path(TENANT, "produce/direct")),
        ("POST", path("not a tenant".replace(' ', "%20").as_str(), "history")),
        ("GET", "/nothing".to_owned()),
        ("GET", "/metrics".to_owned()),
    ] {
        let answer = server.send(method, &path, &[], b"");
        assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text());
    }
    assert_eq!(server.durable_records(), before);
}

#[test]
fn keeps_a_key_to_its_tenants() {
    let server = guarded();
    let send = |by: [u8; 32], crm_id: &str| {
        let body = accrual("e1", "m", 5).to_string();
        server.send("POST", &path(crm_id, "produce/direct"), &[("X-API-Key", &key(by))], body.as_bytes())
    };
    send(CLERK, "10080").data();
    send(CLERK, "10081").data();
    // The router decodes it to a tenant of the key's.
    assert_eq!(send(CLERK, "1008%30").data()["crm_id"], "10080");
    let before = server.durable_records();
    for foreign in ["10082", "1008", "100800", "*"] {
        let answer = send(CLERK, foreign);
        match foreign {
            "*" => answer.refusal(400, 40001),
            _ => answer.refusal(403, 40300),
        };
        let told = answer.json["msg"].as_str().unwrap();
        assert!(told.contains("tenant") || told.contains("crm_id"), "{told}");
    }
    assert!(send(CLERK, "10082").refusal(403, 40300).contains("10082"));
    assert_eq!(server.durable_records(), before);
    send(CHIEF, "10082").data();
}

#[test]
fn asks_for_the_scope_that_a_route_needs() {
    let server = guarded();
    let number = std::cell::Cell::new(0);
    let accrued = || {
        number.set(number.get() + 1);
        accrual(&format!("e{}", number.get()), "m", 5).to_string()
    };
    let reads: [(&str, &str, String); 5] = [
        ("POST", "history", "{}".into()),
        ("GET", "summary?member_no=m", String::new()),
        ("HEAD", "summary?member_no=m", String::new()),
        ("GET", "lots?member_no=m", String::new()),
        ("GET", "transfers?member_no=m", String::new()),
    ];
    for (method, route, body) in &reads {
        assert_eq!(ask(&server, READER, method, route, body).status, 200, "{method} {route}");
        let refused = ask(&server, CLERK, method, route, body);
        assert_eq!(refused.status, 403, "{method} {route}");
        if *method != "HEAD" {
            assert!(refused.refusal(403, 40300).contains("scope read"), "{}", refused.text());
        }
    }
    let writes = [
        "produce/direct",
        "consume/direct",
        "reverse/produce",
        "reverse/consume",
        "transfer",
        "transfer/direct",
        "transfer/cancel",
        "accept",
    ];
    for route in writes {
        let refused = ask(&server, READER, "POST", route, "{}");
        assert!(refused.refusal(403, 40300).contains("scope write"), "{route}: {}", refused.text());
        // It is let in, and told what its body lacks.
        ask(&server, CLERK, "POST", route, "{}").refusal(400, 40001);
    }
    for (method, route, body) in
        [("PUT", "settings", "{}"), ("DELETE", "members/m/personal-data", ""), ("DELETE", "rules/r", "")]
    {
        for by in [CLERK, READER] {
            let refused = ask(&server, by, method, route, body);
            // Of what does not exist, that is told.
            if refused.status != 404 {
                assert!(refused.refusal(403, 40300).contains("scope admin"), "{route}: {}", refused.text());
            }
        }
    }
    ask(&server, CHIEF, "PUT", "settings", r#"{"refund_grace_days": 1}"#).data();
    ask(&server, READER, "GET", "settings", "").data();
    ask(&server, CLERK, "PUT", "members/m", r#"{"name": "Ann"}"#).data();
    ask(&server, READER, "PUT", "members/m", r#"{"name": "Bob"}"#).refusal(403, 40300);
    ask(&server, READER, "POST", "batch", "[]").refusal(403, 40300);
    ask(&server, CLERK, "POST", "produce/direct", &accrued()).data();
    ask(&server, CLERK, "POST", "transfer", &offer("t", "m", "n", 1).to_string()).data();
}

#[test]
fn leaves_open_what_tells_nothing_of_anybody() {
    let server = guarded();
    for path in ["/livez", "/readyz"] {
        server.send("GET", path, &[], b"").data();
        server.send("GET", path, &[("Authorization", &bearer(STRANGER))], b"").data();
    }
}

#[test]
fn tells_who_has_a_key_that_a_route_or_method_does_not_exist() {
    let server = guarded();
    for by in [READER, CLERK, CHIEF] {
        ask(&server, by, "GET", "nothing", "").refusal(404, 40400);
        let answer = ask(&server, by, "PUT", "produce/direct", &accrual("e1", "m", 5).to_string());
        answer.refusal(405, 40500);
        assert_eq!(answer.header("Allow"), Some("POST"));
        let answer = ask(&server, by, "POST", "summary", "{}");
        answer.refusal(405, 40500);
        assert_eq!(answer.header("Allow"), Some("GET,HEAD"));
    }
}

#[test]
fn answers_before_the_body_has_come_and_serves_on() {
    let server = guarded();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let address = path(TENANT, "produce/direct");
    let body = accrual("e1", "m", 5).to_string();
    write!(stream, "POST {address} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 401");
    // The body is no request, and the next one is answered.
    let bearing = bearer(CLERK);
    write!(
        stream,
        "{body}POST {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {bearing}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("HTTP/1.1 200 OK"), "{rest}");
}

#[test]
fn judges_by_the_keys_that_are_in_force_when_it_is_asked() {
    let ring = Arc::new(KeyRing::new(keys()));
    let server = Server::behind(Edge { keys: Some(ring.clone()), ..Edge::default() });
    ask(&server, READER, "GET", "summary?member_no=m", "").data();
    ring.replace(Keys::parse(&entry(STRANGER, r#"["*"]"#, r#"["read"]"#)).unwrap());
    assert_unknown(&ask(&server, READER, "GET", "summary?member_no=m", ""));
    ask(&server, STRANGER, "GET", "summary?member_no=m", "").data();
}
