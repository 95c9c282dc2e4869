//! What holds for every request: the envelope, routes, methods, types.
use super::sending::accrual;
use super::{Server, TENANT, path};

pub const POSTS: [&str; 9] = [
    "produce/direct",
    "consume/direct",
    "transfer",
    "accept",
    "transfer/direct",
    "transfer/cancel",
    "reverse/produce",
    "reverse/consume",
    "history",
];
const GETS: [&str; 7] =
    ["summary", "lots", "transfers", "expiring", "expiring/members", "members/export", "liability"];

pub const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

#[test]
fn answers_unknown_routes_in_the_envelope() {
    let server = Server::start();
    let unknown = [
        "/",
        "/nothing",
        "/api",
        "/api/crm/points",
        "/api/crm/points/10080",
        "/api/crm/points/10080/",
        "/api/crm/points/10080/nothing",
        "/api/crm/points/10080/produce",
        "/api/crm/points/10080/consume/direct/",
        "/api/crm/points/10080/consume//direct",
        "/API/crm/points/10080/summary",
        "/api/crm/points/10080/%00",
        "/%FF",
    ];
    for address in unknown {
        for (method, body) in [("GET", ""), ("POST", "{}"), ("DELETE", "")] {
            let answer = server.send(method, address, &JSON, body.as_bytes());
            assert_eq!(answer.status, 404, "{method} {address}: {}", answer.text());
            answer.refusal(404, 40400);
        }
    }
}

#[test]
fn names_the_methods_of_a_route() {
    let server = Server::start();
    for (routes, allowed, wrong) in [
        (&POSTS[..], "POST", ["GET", "PUT", "DELETE", "PATCH"]),
        (&GETS[..], "GET", ["POST", "PUT", "DELETE", "PATCH"]),
    ] {
        for route in routes {
            for method in wrong {
                let answer = server.send(method, &path(TENANT, route), &JSON, b"");
                answer.refusal(405, 40500);
                let allow = answer.header("Allow").unwrap_or_else(|| panic!("{method} {route}: no Allow"));
                let methods: Vec<_> = allow.split(',').map(str::trim).collect();
                assert!(methods.contains(&allowed), "{method} {route}: Allow: {allow}");
                assert!(!methods.contains(&method), "{method} {route}: Allow: {allow}");
            }
        }
    }
}

#[test]
fn takes_json_by_its_type_or_without_one() {
    let server = Server::start();
    let good = [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
    ];
    for (number, media) in good.into_iter().enumerate() {
        server.post_as(media, "produce/direct", &accrual(&format!("e{number}"), "m", 1)).data();
    }
    let untyped = accrual("untyped", "m", 1).to_string();
    server.send("POST", &path(TENANT, "produce/direct"), &[], untyped.as_bytes()).data();
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/jsonp",
        "json",
        "text/json",
    ] {
        for route in POSTS {
            server.post_as(media, route, &accrual("e", "m", 1)).refusal(415, 41500);
        }
    }
    server.check_sums("m", ["5", "0", "0", "0", "5"]);
}

#[test]
fn checks_the_tenants_name() {
    let server = Server::start();
    for good in ["a", "10080", "A-b_9", &"x".repeat(32)] {
        server.send("GET", &path(good, "summary?member_no=m"), &[], b"").data();
    }
    for bad in ["", "a%20b", "a.b", "%E4%BC%9A", "a%2Fb", "a:b", &"x".repeat(33)] {
        let answer = server.send("GET", &path(bad, "summary?member_no=m"), &[], b"");
        answer.check_envelope();
        assert!(matches!(answer.status, 400 | 404), "{bad}: {}", answer.text());
        let answer = server.post_to(bad, "produce/direct", &accrual("e", "m", 1));
        answer.check_envelope();
        assert!(matches!(answer.status, 400 | 404), "{bad}: {}", answer.text());
    }
    assert_eq!(server.durable_records(), Server::start().durable_records(), "nothing was recorded");
}
