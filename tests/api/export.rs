//! `GET /history/export`: all that `/history` finds, as one stream.
use super::sending::{accrual, lines, with};
use super::{Server, Span, Value, json, path};
use crate::support::until;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn table(server: &Server, query: &str) -> Vec<csv::StringRecord> {
    let answer = server.get(&format!("history/export?format=csv&{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("Content-Type"), Some("text/csv; charset=utf-8"));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&answer.body[..]);
    reader.records().map(Result::unwrap).collect()
}

/// Accruals with orders, spends, transfers, in three stores, over some hours.
fn busy() -> Server {
    let server = Server::start();
    for n in 0..6 {
        let order = json!({"order_sn": format!("O{}", n / 2), "pay_amount": 5, "item_list": [{"name": "茶, \"green\""}]});
        let marks = json!({"order_info": order, "store_code": format!("s{}", n % 3), "freeze_hours": 2 * n,
            "action_scene": "pay", "event_desc": "first\nsecond"});
        server.does("produce/direct", with(accrual(&format!("p{n}"), ["m", "n"][n % 2], 10), marks));
        server.pass(Span::hours(1));
    }
    server.spend("s1", "m", 5);
    server.offer("t1", "m", "n", 3);
    server.accept("t1", "n");
    server
}

#[test]
fn streams_what_history_finds_by_each_filter() {
    let server = busy();
    let filters = [
        ("", json!({})),
        ("member_no=m", json!({"member_no": "m"})),
        ("member_no=nobody", json!({"member_no": "nobody"})),
        ("search_type=produce", json!({"search_type": "produce"})),
        ("search_type=freeze", json!({"search_type": "freeze"})),
        ("search_type=freeze&member_no=n", json!({"search_type": "freeze", "member_no": "n"})),
        ("store_code=s1", json!({"store_code": "s1"})),
        ("stroe_code=s1&action_scene=pay", json!({"store_code": "s1", "action_scene": "pay"})),
        ("start_time=2022-06-16+14:00:00", json!({"start_time": "2022-06-16 14:00:00"})),
        (
            "start_time=2022-06-16+13:00:00&end_time=2022-06-16T15:00:00%2B08:00&member_no=n",
            json!({"start_time": "2022-06-16 13:00:00", "end_time": "2022-06-16 15:00:00", "member_no": "n"}),
        ),
        ("event_no=p1", json!({"event_no": "p1"})),
        ("transfer_no=t1", json!({"transfer_no": "t1"})),
        ("transfer_no=t1&member_no=n", json!({"transfer_no": "t1", "member_no": "n"})),
        ("order_sn=O1", json!({"order_sn": "O1"})),
        ("order_sn=O1&member_no=m", json!({"order_sn": "O1", "member_no": "m"})),
        ("cost_center=c", json!({"cost_center": "c"})),
        ("campaign_code=k", json!({"campaign_code": "k"})),
        ("lots=true", json!({"lots": true})),
    ];
    for (query, body) in filters {
        let found = server.history(with(body, json!({"page_size": 500})));
        assert_eq!(lines(&server.get(&format!("history/export?{query}"))), found, "{query}");
        let rows = table(&server, query);
        assert_eq!(rows.len(), found.len() + 1, "a head and a line a record: {query}");
    }
}

#[test]
fn csv_has_the_records_fields_in_their_order() {
    let server = busy();
    let answer = server.get("history/export?lots=true&member_no=m");
    let text = String::from_utf8(answer.body.clone()).unwrap();
    let rows = table(&server, "lots=true&member_no=m");
    let head: Vec<&str> = rows[0].iter().collect();
    let records = lines(&answer);
    for ((line, record), row) in text.lines().zip(&records).zip(&rows[1..]) {
        let mut places = Vec::new();
        for (name, cell) in head.iter().zip(row) {
            places.extend(line.find(&format!("\"{name}\":")));
            let expected = match &record[*name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other if other.is_object() || other.is_array() => {
                    assert_eq!(serde_json::from_str::<Value>(cell).unwrap(), *other, "{name}: JSON text");
                    continue;
                }
                other => other.to_string(),
            };
            assert_eq!(cell, expected, "{name}");
        }
        assert!(places.is_sorted(), "the columns are in the fields' order");
        assert!(record.as_object().unwrap().keys().all(|name| head.contains(&name.as_str())));
    }
    assert_eq!(*head.last().unwrap(), "lots");
    assert_eq!(table(&server, "member_no=m")[0].len(), head.len() - 1);
}

#[test]
fn each_parameter_has_its_bounds() {
    let server = Server::start();
    let long = "x".repeat(4_097);
    let wrong = [
        ("format", "xml"),
        ("format", ""),
        ("search_type", "all"),
        ("start_time", "noon"),
        ("end_time", "2022-06-31+00:00:00"),
        ("member_no", ""),
        ("event_no", "%00"),
        ("transfer_no", "+x"),
        ("order_sn", &long),
        ("store_code", &long),
        ("lots", "1"),
    ];
    for (name, value) in wrong {
        let message = server.get(&format!("history/export?{name}={value}")).refusal(400, 40001).to_owned();
        assert!(message.contains(name), "{name}: {message}");
    }
    server.get("history/export?mobile=13800000000").refusal(404, 40404);
    server.get("history/export?store_code=a&stroe_code=b").refusal(400, 40001);
    server.post("history/export", json!({})).refusal(405, 40500);
}

/// Begins an export and reads only its head: no buffer between the two ends can hold what follows.
fn begin(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", path(super::TENANT, "history/export"));
    stream.write_all(head.as_bytes()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    stream
}

/// So much that it stays on its way: `count` accruals of a quarter of a megabyte.
fn large(count: usize) -> Server {
    let server = Server::start();
    for n in 0..count {
        let order = json!({"order_sn": "O", "pay_amount": 5, "item_list": [{"x": "x".repeat(250_000)}]});
        server.does("produce/direct", with(accrual(&format!("e{n}"), "m", 10), json!({"order_info": order})));
    }
    server
}

/// What comes until the connection ends, or the body does.
fn rest(mut stream: TcpStream) -> String {
    let (mut all, mut piece) = (Vec::new(), vec![0; 1 << 20]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(read) => all.extend_from_slice(&piece[..read]),
        }
        if all.ends_with(b"\r\n0\r\n\r\n") {
            break;
        }
    }
    String::from_utf8(all).unwrap()
}

const ON_ITS_WAY: usize = 80;

#[test]
fn shows_one_moment_however_long_it_takes() {
    let server = large(ON_ITS_WAY);
    let export = begin(&server);
    server.spend("later", "m", 5);
    let reversal =
        json!({"event_no": "r", "member_no": "m", "origin_event_no": "e0", "allow_negative": false});
    server.does("reverse/produce", reversal);
    let text = rest(export);
    assert!(text.ends_with("\r\n0\r\n\r\n"), "it came to its end");
    assert_eq!(text.matches("\"auto_id\":").count(), ON_ITS_WAY);
    assert!(!text.contains("later"));
    assert_eq!(text.matches("\"reverse_status\":0").count(), ON_ITS_WAY, "none was reversed at that moment");
}

#[test]
fn only_so_many_run_at_once_and_those_that_are_left_give_their_place_back() {
    let server = large(ON_ITS_WAY);
    let all: Vec<TcpStream> = (0..8).map(|_| begin(&server)).collect();
    let refused = server.get("history/export?event_no=none");
    refused.refusal(503, 50303);
    assert!(refused.header("Retry-After").is_some());
    assert_eq!(lines(&server.get("changes?limit=1")).len(), 1, "the feed has places of its own");
    server.spend("s", "m", 1);
    drop(all);
    until(|| server.get("history/export?event_no=none").status == 200);
}

#[test]
fn one_that_is_cut_short_has_no_end() {
    let server = large(ON_ITS_WAY);
    let export = begin(&server);
    server.begin_to_stop();
    let text = rest(export);
    assert!(!text.ends_with("\r\n0\r\n\r\n"), "a part looks like the whole");
    assert!(text.matches("\"auto_id\":").count() < ON_ITS_WAY);
}
