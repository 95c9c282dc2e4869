//! `GET /transfers`.
use super::shapes::check_transfer;
use super::{Server, Span, Value, json};

/// One of each state from a to b, in this order: accepted, cancelled, returned, open.
fn one_of_each() -> Server {
    let server = Server::start();
    server.accrue("e", "a", 100);
    server.offer("returned", "a", "b", 3);
    server.pass(Span::hours(23));
    server.offer("accepted", "a", "b", 1);
    server.accept("accepted", "b");
    server.offer("cancelled", "a", "b", 2);
    server.does("transfer/cancel", json!({"transfer_no": "cancelled", "member_no": "a"}));
    server.pass(Span::hours(1));
    server.offer("open", "a", "b", 4);
    server
}

fn numbers(server: &Server, query: &str) -> Vec<String> {
    let answer = server.get(&format!("transfers?{query}"));
    let items = answer.data()["items"].as_array().unwrap().clone();
    items.iter().map(|item| item["transfer_no"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn shows_both_sides_newest_first() {
    let server = one_of_each();
    let all = ["open", "cancelled", "accepted", "returned"];
    assert_eq!(numbers(&server, "member_no=a"), all);
    assert_eq!(numbers(&server, "member_no=b"), all);
    assert!(numbers(&server, "member_no=c").is_empty());
}

#[test]
fn tells_how_each_stands() {
    let server = one_of_each();
    let found: Vec<_> = server.transfers("b").iter().map(|item| item["status"].clone()).collect();
    assert_eq!(found, ["open", "cancelled", "accepted", "returned"]);
    let returned = server.transfers("a")[3].clone();
    let expected = json!({
        "transfer_no": "returned", "from_user": "a", "to_user": "b", "points": 3, "status": "returned",
        "create_time": "2022-06-16 12:00:00", "deadline": "2022-06-17 12:00:00",
        "update_time": "2022-06-17 12:00:00"
    });
    check_transfer(&returned, expected);
}

#[test]
fn selects_by_status() {
    let server = one_of_each();
    for status in ["open", "accepted", "returned", "cancelled"] {
        for member in ["a", "b"] {
            assert_eq!(numbers(&server, &format!("member_no={member}&status={status}")), [status]);
        }
    }
    let answer = server.get("transfers?member_no=a&status=lost");
    assert!(answer.refusal(400, 40001).contains("status"));
}

#[test]
fn shows_an_offer_as_returned_as_soon_as_the_clock_says_so() {
    let server = Server::start();
    server.accrue("e", "a", 100);
    server.offer("t", "a", "b", 3);
    server.pass(Span::hours(24));
    for member in ["a", "b"] {
        assert_eq!(server.transfers(member)[0]["status"], "returned");
        assert!(numbers(&server, &format!("member_no={member}&status=open")).is_empty());
    }
}

#[test]
fn shows_an_acknowledged_offer_at_once() {
    let server = Server::start();
    server.accrue("e", "a", 100);
    for n in 0..30 {
        let number = format!("t{n}");
        server.offer(&number, "a", "b", 1);
        assert_eq!(
            server.get("transfers?member_no=b&page_size=1").data()["items"][0]["transfer_no"],
            json!(number)
        );
    }
}

#[test]
fn comes_in_pages() {
    let server = Server::start();
    server.accrue("e", "a", 100);
    for n in 0..23 {
        server.offer(&format!("t{n}"), "a", "b", 1);
    }
    let page = |query: &str| -> (Value, Vec<String>) {
        let total = server.get(&format!("transfers?member_no=b&{query}")).data()["total"].clone();
        (total, numbers(&server, &format!("member_no=b&{query}")))
    };
    let newest = |from: usize, to: usize| (to..from).rev().map(|n| format!("t{n}")).collect::<Vec<_>>();
    assert_eq!(page(""), (json!(23), newest(23, 3)));
    assert_eq!(page("page=2"), (json!(23), newest(3, 0)));
    assert_eq!(page("page=2&page_size=5"), (json!(23), newest(18, 13)));
    assert_eq!(page("page=7&page_size=5"), (json!(23), vec![]));
    for wrong in ["page=0", "page_size=0", "page_size=501", "page=x"] {
        server.get(&format!("transfers?member_no=b&{wrong}")).refusal(400, 40001);
    }
}

#[test]
fn needs_a_member() {
    let server = Server::start();
    assert!(server.get("transfers").refusal(400, 40001).contains("member_no"));
}
