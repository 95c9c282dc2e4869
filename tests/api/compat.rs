//! The dialect of the CRM: HTTP's status is always 200, and there are four codes.
use super::sending::{accrual, offer};
use super::{Server, TENANT, json, path};
use crate::support::http::Answer;
use eros_points::http::dialect::Dialect;
use eros_points::http::edge::Edge;

fn server() -> Server {
    Server::behind(Edge { dialect: Dialect::Neocrm, ..Edge::default() })
}

#[track_caller]
fn assert_told(answer: &Answer, code: i64, words: &str) {
    let msg = answer.refusal(200, code);
    assert!(msg.contains(words), "{msg}");
}

#[test]
fn successes_and_replays_are_as_ever() {
    let server = server();
    let first = server.post("produce/direct", accrual("e1", "m", 5));
    first.data();
    let again = server.post("produce/direct", accrual("e1", "m", 5));
    assert!(again.is_replay());
    assert_eq!(again.body, first.body);
}

#[test]
fn what_is_wrong_with_a_request_has_one_of_four_codes_and_our_words() {
    let server = server();
    server.accrue("e1", "m", 5);
    let post = |route: &str, body| server.post(route, body);
    assert_told(&server.post_text("produce/direct", "{"), 30402, "JSON");
    assert_told(&post("consume/direct", json!({"event_no": "s", "member_no": "m"})), 30402, "points");
    assert_told(&server.get("nothing"), 30402, "no such route");
    assert_told(&server.send("GET", "/nothing", &[], b""), 30402, "no such route");
    assert_told(&post("accept", json!({"transfer_no": "t", "member_no": "m"})), 30402, "transfer_no");
    assert_told(&post("produce/direct", accrual("e1", "m", 6)), 30402, "other content");
    assert_told(&server.post_text("history", &"x".repeat(300_000)), 30402, "256 KiB");
    assert_told(&server.post_as("text/plain", "history", &json!({})), 30402, "application/json");
    assert_told(&post("transfer", offer("t", "m", "n", 6)), 30601, "not enough");
    let wrong_method = server.send("PUT", &path(TENANT, "history"), &[], b"{}");
    assert_told(&wrong_method, 30500, "method");
    assert_eq!(wrong_method.header("Allow"), Some("POST"));
    server.begin_to_stop();
    assert_told(&server.get("summary?member_no=m"), 30503, "stopping");
}

#[test]
fn a_head_too_is_always_well() {
    let server = server();
    let answer = server.send("HEAD", &path(TENANT, "summary"), &[], b"");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[test]
fn routes_that_are_not_of_that_api_keep_their_statuses() {
    let server = server();
    server.send("GET", "/livez", &[], b"").data();
    server.begin_to_stop();
    server.send("GET", "/readyz", &[], b"").refusal(503, 50301);
    server.send("POST", "/livez", &[], b"{}").refusal(405, 40500);
}

#[test]
fn a_batch_tells_of_its_operations_in_the_same_codes() {
    let server = server();
    let batch = json!([
        {"op": "produce/direct", "body": accrual("e1", "m", 5)},
        {"op": "consume/direct", "body": {"event_no": "s1", "member_no": "m", "points": 6}},
        {"op": "nothing", "body": {}},
    ]);
    let answer = server.post_text("batch", &batch.to_string());
    let items = answer.data()["items"].as_array().unwrap();
    let told: Vec<_> = items.iter().map(|item| (item["status"].as_i64(), item["code"].as_i64())).collect();
    assert_eq!(told, [(Some(200), Some(0)), (Some(200), Some(30601)), (Some(200), Some(30402))]);
}
