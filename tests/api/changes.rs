//! `GET /changes`: a tenant's records as they come.
use super::sending::lines;
use super::shapes::auto_id;
use super::{Server, TENANT, Value, json, path};
use crate::support::http::Answer;
use crate::support::service::House;
use eros_points::ledger::lsn::Lsn;
use std::time::Duration;

fn last(answer: &Answer) -> u64 {
    answer.header("X-Last-Auto-Id").unwrap().parse().unwrap()
}

fn numbers(answer: &Answer) -> Vec<u64> {
    lines(answer).iter().map(auto_id).collect()
}

/// Follows from `after` until there is nothing more.
fn follow(server: &Server, mut after: u64, limit: usize) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let answer = server.get(&format!("changes?after={after}&limit={limit}"));
        let records = lines(&answer);
        assert!(records.len() <= limit);
        assert!(last(&answer) >= after);
        after = last(&answer);
        if records.is_empty() {
            return all;
        }
        all.extend(records);
    }
}

#[test]
fn gives_every_record_once_in_the_order_of_its_number() {
    let server = Server::start();
    for n in 0..7 {
        server.accrue(&format!("e{n}"), if n % 2 == 0 { "m" } else { "n" }, 10);
    }
    server.spend("s", "m", 5);
    server.offer("t", "m", "n", 5);
    server.accept("t", "n");
    let mut history = server.history(json!({}));
    history.reverse();
    for limit in [1, 3, 10, 500] {
        assert_eq!(follow(&server, 0, limit), history, "{limit} at a time");
    }
    assert_eq!(lines(&server.get("changes")), history, "all parameters have defaults");
    let from = auto_id(&history[4]);
    assert_eq!(follow(&server, from, 2), history[5..], "strictly after the number");
}

#[test]
fn tells_where_to_go_on_also_when_there_was_nothing() {
    let server = Server::start();
    server.accrue("e1", "m", 1);
    let first = server.get("changes?limit=1");
    assert_eq!(vec![last(&first)], numbers(&first));
    for n in 0..20 {
        let body = super::sending::accrual(&format!("e{n}"), "m", 1);
        server.post_to("busy", "produce/direct", &body).data();
    }
    let nothing = server.get(&format!("changes?after={}", last(&first)));
    assert!(nothing.body.is_empty());
    assert_eq!(last(&nothing), server.durable_records(), "past what the other tenant did");
    assert_eq!(last(&server.get("changes?after=9007199254740991")), 9_007_199_254_740_991);
    let other = server.send("GET", &path("busy", "changes"), &[], b"");
    assert_eq!(lines(&other).len(), 20);
    assert!(lines(&other).iter().all(|record| record["crm_id"] == "busy"));
}

#[test]
fn leaves_bookkeeping_out() {
    let server = Server::start();
    server.accrue("e1", "m", 10);
    server
        .does("transfer/direct", json!({"transfer_no": "d", "from_user": "m", "to_user": "n", "points": 4}));
    let types: Vec<_> =
        follow(&server, 0, 10).iter().map(|r| r["event_type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["produce", "transfer", "accept"]);
}

#[test]
fn waits_for_the_next_record() {
    let server = Server::start();
    server.accrue("e1", "m", 1);
    let after = last(&server.get("changes"));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.get(&format!("changes?after={after}&wait=30")));
        std::thread::sleep(Duration::from_millis(50));
        server.post_to("busy", "produce/direct", &super::sending::accrual("x", "m", 1)).data();
        server.accrue("e2", "m", 1);
        let answer = waiting.join().unwrap();
        let records = lines(&answer);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0]["event_no"], "e2");
        assert_eq!(last(&answer), auto_id(&records[0]));
    });
}

#[test]
fn a_wait_in_vain_ends_with_nothing() {
    let server = Server::start();
    let answer = server.get("changes?wait=1");
    assert!(lines(&answer).is_empty());
    assert_eq!(last(&answer), server.durable_records());
}

#[test]
fn a_stop_ends_every_wait() {
    let house = House::new(super::NOON);
    let lodger = house.start().unwrap();
    let ended = lodger.runtime.block_on(async {
        let an_hour = Duration::from_secs(3_600);
        let wait = lodger.service.feed(TENANT, Lsn::ZERO, 10, an_hour, false);
        let stop = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            lodger.service.stop();
        };
        tokio::join!(wait, stop).0
    });
    assert!(ended.is_ok_and(|feed| feed.is_empty()));
    lodger.stop();
}

#[test]
fn none_is_missing_while_many_write() {
    const WRITERS: usize = 4;
    const EACH: usize = 60;
    let server = Server::start();
    let seen = std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let server = &server;
            scope.spawn(move || {
                for n in 0..EACH {
                    server.accrue(&format!("e{writer}-{n}"), &format!("m{}", n % 5), 1);
                }
            });
        }
        let (mut seen, mut after) = (Vec::new(), 0);
        while seen.len() < WRITERS * EACH {
            let answer = server.get(&format!("changes?after={after}&limit=7&wait=5"));
            seen.extend(numbers(&answer));
            after = last(&answer);
        }
        seen
    });
    assert!(seen.is_sorted_by(|a, b| a < b), "nothing comes later with a smaller number");
    let mut all: Vec<u64> = server.history(json!({"page_size": 500})).iter().map(auto_id).collect();
    all.reverse();
    assert_eq!(seen, all);
}

#[test]
fn each_parameter_has_its_bounds() {
    let server = Server::start();
    let wrong = [
        ("after", "-1"),
        ("after", "x"),
        ("after", "9007199254740992"),
        ("limit", "0"),
        ("limit", "10001"),
        ("limit", "1.5"),
        ("wait", "31"),
        ("wait", "-1"),
        ("wait", ""),
        ("lots", "maybe"),
    ];
    for (name, value) in wrong {
        let message = server.get(&format!("changes?{name}={value}")).refusal(400, 40001).to_owned();
        assert!(message.contains(name), "{name}={value}: {message}");
    }
    server.get("changes?after=1&after=1").refusal(400, 40001);
    server.post("changes", json!({})).refusal(405, 40500);
    server.send("GET", &path("no%20such!", "changes"), &[], b"").refusal(400, 40001);
}
