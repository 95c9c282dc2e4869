//! Before it is ready, and once it stops.
use super::sending::accrual;
use super::{Options, Server, json};

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
}
