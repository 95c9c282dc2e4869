//! Before it is ready, and once it stops.
use super::sending::accrual;
use super::{Options, Server, Value, json};
use eros_points::ledger::lsn::Lsn;
use eros_points::store::recovery::{Progress, Stage};

#[test]
fn turns_everything_away_until_it_has_recovered() {
    let mut server = Server::before_recovery(Options::default());
    check_turned_away(&server);
    assert_eq!(server.send("GET", "/livez", &[], b"").status, 200, "it lives");
    assert_eq!(server.send("GET", "/readyz", &[], b"").status, 503, "and is not ready");
    server.send("GET", "/nothing", &[], b"").refusal(404, 40400);
    server.recover();
    assert_eq!(server.send("GET", "/readyz", &[], b"").status, 200);
    server.check_story("m", &[]);
    server.accrue("e1", "m", 1);
}

#[test]
fn says_how_far_the_recovery_is() {
    let mut server = Server::before_recovery(Options::default());
    let check = |server: &Server, data: Value| {
        let answer = server.send("GET", "/readyz", &[], b"");
        answer.refusal(503, 50301);
        assert_eq!(answer.json["data"], data);
        let metrics = server.metrics();
        assert_eq!(metrics.find("stage", &[("stage", data["stage"].as_str().unwrap())]), Some(1.0));
        assert_eq!(metrics.value("recovery_done"), data["done"].as_f64().unwrap());
        assert_eq!(metrics.value("recovery_all"), data["all"].as_f64().unwrap());
    };
    check(&server, json!({"stage": "starting", "done": 0, "all": 0, "percent": 0, "last_lsn": 0}));
    for (stage, name, done, all, percent) in [
        (Stage::Snapshot, "snapshot", 999, 1_000, 99),
        (Stage::Log, "log", 1, 3, 33),
        (Stage::CatchUp, "catch_up", 2, 2, 100),
        (Stage::CatchUp, "catch_up", 0, 0, 0),
    ] {
        server.tell_progress(Progress { stage, done, all, lsn: Lsn(77) });
        check(&server, json!({"stage": name, "done": done, "all": all, "percent": percent, "last_lsn": 77}));
    }
    server.recover();
    let ready = server.send("GET", "/readyz", &[], b"");
    assert_eq!(*ready.data(), Value::Null);
    let last = server.accrue("e", "m", 1)["auto_id"].clone();
    server.begin_to_stop();
    let answer = server.send("GET", "/readyz", &[], b"");
    answer.refusal(503, 50301);
    assert_eq!(
        (&answer.json["data"]["stage"], &answer.json["data"]["last_lsn"]),
        (&json!("stopping"), &last)
    );
    assert_eq!(server.send("GET", "/livez", &[], b"").status, 200, "it lives on until the end");
}

#[test]
fn turns_everything_away_once_it_stops() {
    let mut server = Server::start();
    server.accrue("e0", "m", 1);
    server.begin_to_stop();
    check_turned_away(&server);
    assert_eq!(server.send("GET", "/readyz", &[], b"").status, 503);
    server.restart();
    server.check_story("m", &[("produce", "1")]);
}

fn check_turned_away(server: &Server) {
    server.post("produce/direct", accrual("e1", "m", 1)).refusal(503, 50301);
    server
        .post("consume/direct", json!({"event_no": "s", "member_no": "m", "points": 1}))
        .refusal(503, 50301);
    server.post("transfer", super::sending::offer("t", "m", "n", 1)).refusal(503, 50301);
    let direct = json!({"transfer_no": "t", "from_user": "m", "to_user": "n", "points": 1});
    server.post("transfer/direct", direct).refusal(503, 50301);
    for route in ["accept", "transfer/cancel"] {
        server.post(route, json!({"transfer_no": "t", "member_no": "m"})).refusal(503, 50301);
    }
    for route in ["reverse/produce", "reverse/consume"] {
        let body = json!({"event_no": "r", "member_no": "m", "origin_event_no": "e", "allow_negative": true});
        server.post(route, body).refusal(503, 50301);
    }
    server.post("history", json!({})).refusal(503, 50301);
    for route in ["summary", "lots", "transfers"] {
        server.get(&format!("{route}?member_no=m")).refusal(503, 50301);
    }
    for route in super::whole_tenant::ROUTES {
        server.get(route).refusal(503, 50301);
    }
}
