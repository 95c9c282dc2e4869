//! `POST /batch`.
use super::sending::{accrual, offer, with};
use super::{Server, Span, TENANT, Value, json, path};
use crate::support::http::Answer;

impl Server {
    fn batch(&self, operations: &Value) -> Answer {
        self.post("batch", operations.clone())
    }

    /// The items of a batch that was taken.
    #[track_caller]
    fn batches(&self, operations: Value) -> Vec<Value> {
        self.batch(&operations).data()["items"].as_array().unwrap().clone()
    }
}

fn op(op: &str, body: Value) -> Value {
    json!({"op": op, "body": body})
}

fn produce(event_no: &str, member: &str, points: i64) -> Value {
    op("produce/direct", accrual(event_no, member, points))
}

fn consume(event_no: &str, member: &str, points: i64) -> Value {
    op("consume/direct", json!({"event_no": event_no, "member_no": member, "points": points}))
}

fn codes(items: &[Value]) -> Vec<i64> {
    items.iter().map(|item| item["code"].as_i64().unwrap()).collect()
}

#[test]
fn answers_each_operation_in_its_place_as_its_route_would() {
    let (server, single) = (Server::start(), Server::start());
    let operations = json!([
        produce("a", "m", 100),
        consume("b", "m", 30),
        consume("c", "m", 100),
        produce("a", "n", 5),
        op("reverse/consume", json!({"event_no": "d", "member_no": "m", "origin_event_no": "b"})),
        op(
            "reverse/produce",
            json!({"event_no": "e", "member_no": "m", "origin_event_no": "a", "allow_negative": false})
        ),
        produce("a", "m", 100),
        produce("a", "m", 101),
    ]);
    let items = server.batches(operations.clone());
    assert_eq!(codes(&items), [0, 0, 42201, 0, 0, 0, 0, 40901]);
    for (item, operation) in items.iter().zip(operations.as_array().unwrap()) {
        let alone = single.post(operation["op"].as_str().unwrap(), operation["body"].clone());
        assert_eq!((&item["code"], &item["msg"]), (&alone.json["code"], &alone.json["msg"]));
        assert_eq!(item["status"], json!(alone.status));
        let without_number = |data: &Value| match data {
            Value::Null => Value::Null,
            record => with(record.clone(), json!({"auto_id": 0})),
        };
        assert_eq!(without_number(&item["data"]), without_number(&alone.json["data"]));
    }
}

#[test]
fn keeps_the_order_of_one_member_whatever_lies_between() {
    let server = Server::start();
    // Spent to the last point each time: any other order would be refused.
    let mut operations = Vec::new();
    for round in 0..40 {
        for member in ["a", "b", "c"] {
            operations.push(produce(&format!("p{round}"), member, 1));
            operations.push(consume(&format!("c{round}"), member, 1));
        }
    }
    let items = server.batches(Value::Array(operations.clone()));
    assert!(items.iter().all(|item| item["code"] == 0), "{items:?}");
    // Once more on members that have actors.
    server.spend_none("a");
    let again = server.batch(&Value::Array(operations));
    assert!(again.is_replay(), "every operation was done before");
    assert_eq!(again.data()["items"].as_array().unwrap(), &items);
}

impl Server {
    /// Wakes the member's actor.
    fn spend_none(&self, member: &str) {
        self.post("consume/direct", json!({"event_no": "w", "member_no": member, "points": 1}))
            .refusal(422, 42201);
    }
}

#[test]
fn an_offer_and_its_acceptance_can_stand_in_one_batch() {
    let server = Server::start();
    let items = server.batches(json!([
        produce("a", "m", 10),
        op("transfer", offer("t1", "m", "n", 4)),
        op("accept", json!({"transfer_no": "t1", "member_no": "n"})),
        consume("s", "n", 4),
        op("transfer/direct", json!({"transfer_no": "t2", "from_user": "m", "to_user": "n", "points": 1})),
        consume("s2", "n", 1),
        op("transfer", offer("t3", "m", "n", 5)),
        op("transfer/cancel", json!({"transfer_no": "t3", "member_no": "m"})),
        consume("s3", "m", 5),
        op("accept", json!({"transfer_no": "t3", "member_no": "n"})),
    ]));
    assert_eq!(codes(&items), [0, 0, 0, 0, 0, 0, 0, 0, 0, 42204]);
    assert_eq!(items[2]["data"]["event_type"], "accept");
    assert_eq!(items[7]["data"]["event_type"], "transfer_return");
    assert_eq!(server.summary("m")["active_points"], 0);
    assert_eq!(server.summary("n")["used_points"], 5);
}

#[test]
fn what_is_wrong_with_one_operation_is_said_in_its_place_and_hinders_no_other() {
    let server = Server::start();
    let deep = serde_json::from_str::<Value>(&format!("{}1{}", "[".repeat(64), "]".repeat(64))).unwrap();
    let rows = [
        (produce("ok", "m", 1), 0, ""),
        (json!(7), 40001, "op"),
        (json!({}), 40001, "op"),
        (json!({"op": "produce/direct"}), 40001, "body"),
        (json!({"op": 7, "body": {}}), 40001, "op"),
        (op("produce/direct", json!([])), 40000, ""),
        (op("produce/direct", json!({"x": deep})), 40000, "nests"),
        (op("produce/indirect", json!({})), 40400, ""),
        (op("history", json!({})), 40400, ""),
        (op("batch", json!([])), 40400, ""),
        (produce("", "m", 1), 40001, "event_no"),
        (produce("x", "m", -1), 40001, "points"),
        (op("accept", json!({"transfer_no": "t"})), 40001, "member_no"),
        (op("accept", json!({"transfer_no": "t", "member_no": "m"})), 40403, "transfer_no"),
        (op("transfer/cancel", json!({"member_no": "m"})), 40001, "transfer_no"),
        (produce("ok2", "m", 1), 0, ""),
    ];
    let items = server.batches(rows.iter().map(|(operation, ..)| operation.clone()).collect());
    for (item, (operation, code, word)) in items.iter().zip(&rows) {
        assert_eq!(item["code"], *code, "{operation}: {item}");
        assert_eq!(item["status"], if *code == 0 { 200 } else { code / 100 }, "{item}");
        assert!(item["msg"].as_str().unwrap().contains(word), "{item} does not name {word}");
        assert_eq!(item["data"].is_null(), *code != 0);
    }
    assert_eq!(server.summary("m")["active_points"], 2);
}

#[test]
fn refuses_as_a_whole_what_is_no_batch() {
    let server = Server::start();
    let before = server.durable_records();
    server.batch(&json!({"op": "produce/direct"})).refusal(400, 40000);
    server.post_text("batch", "[1,").refusal(400, 40000);
    server.post_text("batch", "").refusal(400, 40000);
    let many: Vec<Value> = (0..10_001).map(|n| produce(&format!("{n}"), "m", 1)).collect();
    assert!(server.batch(&many.into()).refusal(400, 40001).contains("10000"));
    let large = format!("[{}]", " ".repeat(8 << 20));
    server.post_text("batch", &large).refusal(413, 41300);
    server.send("GET", &path(TENANT, "batch"), &[], b"").refusal(405, 40500);
    assert_eq!(server.durable_records(), before, "nothing was recorded");
    assert_eq!(server.batches(json!([])), Vec::<Value>::new());
}

#[test]
fn takes_ten_thousand_operations_of_many_members_and_of_one() {
    let mut server = Server::start();
    let many: Vec<Value> =
        (0..10_000).map(|n| produce(&format!("e{n}"), &format!("m{}", n % 5_000), 2)).collect();
    let items = server.batches(many.clone().into());
    assert!(items.iter().all(|item| item["code"] == 0));
    let one: Vec<Value> = (0..10_000).map(|n| produce(&format!("e{n}"), "one", 1)).collect();
    let items = server.batches(one.into());
    assert!(items.iter().all(|item| item["code"] == 0));
    assert!(server.batch(&many.into()).is_replay());
    server.restart();
    assert_eq!(server.summary("one")["active_points"], 10_000);
    for n in [0, 17, 4_999] {
        assert_eq!(server.summary(&format!("m{n}"))["active_points"], 4);
    }
}

#[test]
fn what_a_batch_made_expires_on_time_with_no_call_in_between() {
    let server = Server::start();
    let accrual = with(accrual("e", "m", 3), json!({"expire_days": 1}));
    server.batches(json!([op("produce/direct", accrual)]));
    server.pass(Span::days(1));
    server.wait_until("the lot expired", |server| {
        server.post("history", json!({"search_type": "expired"})).data()["total"] == 1
    });
    assert_eq!(server.summary("m")["expired_points"], 3);
}

#[test]
fn a_batch_is_the_same_in_another_zone_of_the_tenant() {
    let mut server = Server::start();
    let body = with(accrual("e", "m", 3), json!({"event_at": "2022-06-16 10:00:00"}));
    let first = server.batches(json!([op("produce/direct", body.clone()), produce("f", "m", 1)]));
    server.stop();
    server.set_zone(chrono_tz::Asia::Tokyo);
    server.start_again();
    let again = server.batch(&json!([op("produce/direct", body), produce("f", "m", 1)]));
    assert!(again.is_replay(), "{}", again.text());
    assert_eq!(again.data()["items"].as_array().unwrap(), &first);
}
