//! When two requests under one key say the same.
use super::sending::{accrual, offer, with, without};
use super::{Server, Value, json};

const ACCRUE: &str = "produce/direct";

/// Bodies of one content each: whichever is sent first, the others are replays of it.
fn same_contents() -> Vec<Vec<String>> {
    let accrual = |rest: &str| format!(r#"{{"event_no":"NO","member_no":"m","event_type":"order",{rest}}}"#);
    let order = |info: &str| accrual(&format!(r#""points":1,{info}"#));
    vec![
        ["20", "20.0", "20.0000", "2e1", "\"20\"",
            "\"20.00\""].map(|points| accrual(&format!("\"points\":{points}"))).into(),
        [
            r#""points":1,"store_code":"s""#, r#""store_code":"s","points":1"#, r#""points":1,"stroe_code":"s""#,
            r#""points":1,"store_code":"s","colour":"red""#, r#""points":1,"store_code":"s","operator":null"#,
            r#""points":1,"store_code":"s","order_info":{}"#, r#""points":1,"store_code":"s","order_items":{}"#,
            r#" "points" : 1 , "store_code" : "\u0073" "#,
        ]
        .map(accrual)
        .into(),
        ["2022-06-16 10:10:00", "2022-06-16T10:10:00+08:00", "2022-06-16T02:10:00Z"]
            .map(|at| accrual(&format!(r#""points":1,"event_at":"{at}""#)))
            .into(),
        [
            r#""order_info":{"order_sn":"S","pay_amount":100.5,"item_list":[{"sku":"A","price":1.1,"quantity":2}]}"#,
            r#""order_items":{"order_sn":"S","pay_amount":100.5,"item_list":[{"sku":"A","price":1.1,"quantity":2}]}"#,
            r#""order_info":{"item_list":[{"quantity":2,"price":1.1,"sku":"A"}],"pay_amount":100.5,"order_sn":"S"}"#,
            r#""order_info":{"order_sn":"S","pay_amount":"100.50","item_list":[{"sku":"A","price":"1.10","quantity":"2"}]}"#,
            r#""order_info":{"order_sn":"S","pay_amount":1.005e2,"item_list":[{"sku":"A","price":1.100,"quantity":2.0}]}"#,
        ]
        .map(order)
        .into(),
    ]
}

#[test]
fn compares_contents_by_what_they_say() {
    let server = Server::start();
    for (number, bodies) in same_contents().iter().enumerate() {
        for (turn, first) in bodies.iter().enumerate() {
            let event_no = format!("e{number}_{turn}");
            let answer = server.post_text(ACCRUE, &first.replace("NO", &event_no));
            answer.data();
            for again in bodies {
                let replay = server.post_text(ACCRUE, &again.replace("NO", &event_no));
                assert_eq!(replay.status, 200, "first {first}, then {again}: {}", replay.text());
                assert!(replay.is_replay(), "first {first}, then {again}");
                assert_eq!(replay.body, answer.body);
            }
        }
    }
}

#[test]
fn takes_a_misspelt_type_of_transfer_for_the_right_one() {
    let server = Server::start();
    server.accrue("e1", "m", 10);
    server.offer("t1", "m", "n", 1);
    for spelt in ["by_poins", "by_by_poins", "by_points"] {
        server.replays("transfer", with(offer("t1", "m", "n", "1.00"), json!({"trans_type": spelt})));
    }
}

#[test]
fn compares_refunds_by_value_too() {
    let server = Server::start();
    let order = json!({"order_sn": "S", "pay_amount": 10, "item_list": []});
    server.does(ACCRUE, with(accrual("e1", "m", 10), json!({"order_info": order})));
    let refund = |info: Value| {
        json!({"event_no": "r", "member_no": "m", "origin_event_no": "e1",
        "allow_negative": true, "refund_info": info})
    };
    server.does("reverse/produce", refund(json!({"refund_amount": 2.5, "reason": "x"})));
    server.replays("reverse/produce", refund(json!({"reason": "x", "refund_amount": "2.50"})));
    server.refuses("reverse/produce", refund(json!({"refund_amount": 2.5, "reason": "y"})), 409, 40901);
    server.refuses("reverse/produce", refund(json!({"refund_amount": 2.6, "reason": "x"})), 409, 40901);
}

#[test]
fn tells_a_default_left_out_from_the_same_value_given() {
    let server = Server::start();
    let plain = accrual("e1", "m", 10);
    server.does(ACCRUE, plain.clone());
    for given in [json!({"freeze_hours": 0}), json!({"event_at": "2022-06-16 12:00:00"})] {
        server.refuses(ACCRUE, with(plain.clone(), given), 409, 40901);
    }
    let given = with(accrual("e2", "m", 10), json!({"freeze_hours": 0}));
    server.does(ACCRUE, given.clone());
    server.refuses(ACCRUE, without(given, "freeze_hours"), 409, 40901);
    server.spend("s1", "m", 5);
    server.does("reverse/consume", json!({"event_no": "g1", "member_no": "m", "origin_event_no": "s1"}));
    let all = json!({"event_no": "g1", "member_no": "m", "origin_event_no": "s1", "reverse_points": 5});
    server.refuses("reverse/consume", all, 409, 40901);
}

#[test]
fn sees_an_order_of_items_as_content() {
    let server = Server::start();
    let body = |items: Value| {
        with(
            accrual("e1", "m", 1),
            json!({"order_info": {"order_sn": "S", "pay_amount": 1, "item_list": items}}),
        )
    };
    server.does(ACCRUE, body(json!([{"sku": "A"}, {"sku": "B"}])));
    server.replays(ACCRUE, body(json!([{"sku": "A"}, {"sku": "B"}])));
    server.refuses(ACCRUE, body(json!([{"sku": "B"}, {"sku": "A"}])), 409, 40901);
    server.refuses(ACCRUE, body(json!([{"sku": "A"}])), 409, 40901);
}
