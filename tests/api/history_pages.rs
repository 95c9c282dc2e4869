//! `POST /history`: pages, the cursor, and what is counted.
use super::sending::{accrual, with};
use super::{Server, Value, json};

fn page(server: &Server, query: Value) -> (Value, Vec<String>) {
    let answer = server.post("history", query);
    let data = answer.data();
    assert!(data.get("total_is_lower_bound").is_none(), "so few are counted exactly");
    let items = data["items"].as_array().unwrap();
    (data["total"].clone(), items.iter().map(|item| item["event_no"].as_str().unwrap().to_owned()).collect())
}

fn numbers(from: usize, to: usize) -> Vec<String> {
    (to..from).rev().map(|n| format!("e{n}")).collect()
}

fn with_records(count: usize) -> Server {
    let server = Server::start();
    for n in 0..count {
        server.accrue(&format!("e{n}"), "m", 1);
    }
    server
}

#[test]
fn comes_in_pages_of_twenty_unless_told() {
    let server = with_records(45);
    for scope in [json!({}), json!({"member_no": "m"}), json!({"start_time": "2022-01-01 00:00:00"})] {
        let query = |paging: Value| page(&server, with(scope.clone(), paging));
        assert_eq!(query(json!({})), (json!(45), numbers(45, 25)));
        assert_eq!(query(json!({"page": 3})), (json!(45), numbers(5, 0)));
        assert_eq!(query(json!({"page_id": 2, "page_size": 10})), (json!(45), numbers(35, 25)));
        assert_eq!(query(json!({"page": 4})), (json!(45), vec![]));
        assert_eq!(query(json!({"page_size": 500})), (json!(45), numbers(45, 0)));
        assert_eq!(query(json!({"page": 21, "page_size": 500})), (json!(45), vec![]), "beyond the 10,000th");
    }
}

#[test]
fn refuses_pages_that_are_none() {
    let server = with_records(1);
    for field in ["page", "page_id", "page_size", "after_id"] {
        for wrong in [json!(-1), json!(1.5), json!("x"), json!(true), json!(1e30)] {
            let message = server.post("history", json!({field: wrong})).refusal(400, 40001).to_owned();
            assert!(message.contains(field.trim_end_matches("_id")), "{field}: {message}");
        }
    }
    for (field, wrong) in [("page", 0), ("page_id", 0), ("page_size", 0), ("page_size", 501)] {
        server.post("history", json!({field: wrong})).refusal(400, 40001);
    }
}

#[test]
fn goes_on_after_a_record_without_gaps_or_doubles() {
    let server = with_records(45);
    let scopes = [json!({}), json!({"member_no": "m"}), json!({"search_type": "produce"})];
    for (number, scope) in scopes.into_iter().enumerate() {
        let mut seen = Vec::new();
        let mut query = with(scope, json!({"page_size": 7}));
        loop {
            let answer = server.post("history", query.clone());
            let items = answer.data()["items"].as_array().unwrap().clone();
            let Some(last) = items.last() else { break };
            query["after_id"] = last["auto_id"].clone();
            seen.extend(items.iter().map(|item| item["event_no"].as_str().unwrap().to_owned()));
            // What is recorded meanwhile is newer, and so not in the way.
            server.accrue(&format!("later{number}_{}", seen.len()), "other", 1);
        }
        seen.retain(|number| !number.starts_with("later"));
        assert_eq!(seen, numbers(45, 0));
    }
}

/// Many accruals, each born expired, so that each makes two records. The last one bears a mark.
fn with_many_records(accruals: usize) -> Server {
    let server = Server::start();
    let threads = 8;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let server = &server;
            scope.spawn(move || {
                for n in (thread..accruals).step_by(threads) {
                    let born_expired =
                        json!({"event_at": "2022-06-01 00:00:00", "expire_days": 1, "store_code": "s"});
                    let body = with(accrual(&format!("e{n}"), &format!("m{thread}"), 1), born_expired);
                    server.post("produce/direct", body).data();
                }
            });
        }
    });
    server
}

#[test]
fn counts_to_ten_thousand_where_a_tenant_is_searched_with_a_filter() {
    let server = with_many_records(5_050);
    let total = |query: Value| {
        let answer = server.post("history", query);
        let data = answer.data().clone();
        (data["total"].clone(), data.get("total_is_lower_bound").cloned())
    };
    let all = json!(10_100);
    assert_eq!(total(json!({})), (all.clone(), None), "exact without filters");
    let since = json!({"start_time": "2022-06-16 00:00:00"});
    assert_eq!(total(since.clone()), (json!(10_000), Some(json!(true))));
    assert_eq!(total(json!({"search_type": "produce"})), (json!(5_050), None));
    assert_eq!(total(json!({"member_no": "m0"})), (json!(1_264), None), "exact for one member");
    assert_eq!(total(with(since.clone(), json!({"member_no": "m0"}))), (json!(1_264), None));

    let items = |query: Value| server.post("history", query).data()["items"].as_array().unwrap().len();
    for scope in [json!({}), since] {
        assert_eq!(items(with(scope.clone(), json!({"page": 20, "page_size": 500}))), 500);
        assert_eq!(
            items(with(scope.clone(), json!({"page": 21, "page_size": 500}))),
            0,
            "beyond the 10,000th"
        );
        let mut query = with(scope, json!({"page_size": 500}));
        let mut seen = 0;
        loop {
            let answer = server.post("history", query.clone());
            let page = answer.data()["items"].as_array().unwrap().clone();
            seen += page.len();
            let Some(last) = page.last() else { break };
            query["after_id"] = last["auto_id"].clone();
        }
        assert_eq!(json!(seen), all, "a cursor has no end but the last record");
    }
}
