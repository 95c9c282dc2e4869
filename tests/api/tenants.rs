//! Nothing of one tenant is ever visible from another.
use super::sending::{accrual, offer};
use super::shapes::auto_id;
use super::{Server, Value, json, path};

const ROUTES_BY_MEMBER: [&str; 3] = ["summary", "lots", "transfers"];

/// What a tenant shows of a member, as text.
fn view(server: &Server, crm_id: &str, member: &str) -> Vec<String> {
    let mut view = vec![server.post_to(crm_id, "history", &json!({})).text()];
    view.push(server.post_to(crm_id, "history", &json!({"member_no": member})).text());
    for route in ROUTES_BY_MEMBER {
        view.push(server.send("GET", &path(crm_id, &format!("{route}?member_no={member}")), &[], b"").text());
    }
    view
}

fn does(server: &Server, crm_id: &str, route: &str, body: &Value) -> Value {
    let answer = server.post_to(crm_id, route, body);
    assert!(!answer.is_replay());
    answer.data().clone()
}

#[test]
fn sees_nothing_of_another_tenants_members() {
    let server = Server::start();
    let before = view(&server, "other", "m");
    server.accrue("e1", "m", 100);
    server.spend("s1", "m", 10);
    server.offer("t1", "m", "n", 10);
    assert_eq!(view(&server, "other", "m"), before);
    assert_eq!(view(&server, "other", "n").len(), before.len());
    let found = server.post_to("other", "history", &json!({"event_no": "e1"}));
    assert_eq!(found.data()["total"], json!(0));
}

#[test]
fn keeps_numbers_apart() {
    let server = Server::start();
    for (crm_id, points) in [("one", 10), ("two", 20), ("One", 30)] {
        let record = does(&server, crm_id, "produce/direct", &accrual("e1", "m", points));
        assert_eq!((&record["crm_id"], &record["points"]), (&json!(crm_id), &json!(points)));
        assert_eq!(record["active_points"], json!(points));
        does(&server, crm_id, "transfer", &offer("t1", "m", "n", 1));
        does(&server, crm_id, "accept", &json!({"transfer_no": "t1", "member_no": "n"}));
    }
    let history = server.post_to("one", "history", &json!({}));
    for item in history.data()["items"].as_array().unwrap() {
        assert_eq!(item["crm_id"], "one");
    }
}

#[test]
fn reaches_over_to_nothing() {
    let server = Server::start();
    server.accrue("e1", "m", 100);
    server.spend("s1", "m", 10);
    server.offer("t1", "m", "n", 10);
    let state = server.state(&json!({"member_no": "m"}));
    let refused = [
        ("consume/direct", json!({"event_no": "x", "member_no": "m", "points": 1}), 422, 42201),
        ("transfer", offer("x", "m", "n", 1), 422, 42201),
        ("accept", json!({"transfer_no": "t1", "member_no": "n"}), 404, 40403),
        ("transfer/cancel", json!({"transfer_no": "t1", "member_no": "m"}), 404, 40403),
        (
            "reverse/produce",
            json!({"event_no": "x", "member_no": "m", "origin_event_no": "e1", "allow_negative": true}),
            404,
            40402,
        ),
        ("reverse/consume", json!({"event_no": "x", "member_no": "m", "origin_event_no": "s1"}), 404, 40402),
    ];
    for (route, body, status, code) in refused {
        server.post_to("other", route, &body).refusal(status, code);
    }
    assert_eq!(server.state(&json!({"member_no": "m"})), state);
}

#[test]
fn keeps_them_apart_after_a_restart() {
    let mut server = Server::start();
    for (crm_id, points) in [("a-b", 1), ("a_b", 2), ("a", 3)] {
        for member in ["m", "-b", "b"] {
            does(&server, crm_id, "produce/direct", &accrual("e1", member, points));
        }
    }
    let all = |server: &Server| {
        ["a-b", "a_b", "a"].map(|crm_id| ["m", "-b", "b"].map(|member| view(server, crm_id, member)))
    };
    let before = all(&server);
    server.restart();
    assert_eq!(all(&server), before);
}

#[test]
fn numbers_the_records_of_a_tenant_uniquely() {
    let server = Server::start();
    let mut ids = Vec::new();
    for n in 0..10 {
        for member in ["m", "n"] {
            ids.push(auto_id(&does(&server, "one", "produce/direct", &accrual(&format!("e{n}"), member, 1))));
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[test]
fn cannot_be_talked_into_another_tenant_by_the_body() {
    let server = Server::start();
    let mut body = accrual("e1", "m", 1);
    body["crm_id"] = json!("other");
    assert_eq!(server.does("produce/direct", body)["crm_id"], "10080");
    let mut query = json!({});
    query["crm_id"] = json!("other");
    assert_eq!(server.history(query).len(), 1);
}
