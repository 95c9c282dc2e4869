//! `GET /members/export`.
use super::envelope::JSON;
use super::sending::{accrual, with};
use super::{Server, Span, TENANT, Value, json, path};
use std::collections::BTreeMap;

/// Members in all kinds of states, at noon.
pub fn populate(server: &Server) {
    server.does(
        "produce/direct",
        with(accrual("a", "ann", 100.5), json!({"expire_days": 5, "store_code": "s1"})),
    );
    server.does(
        "produce/direct",
        with(accrual("b", "ann", 20), json!({"freeze_hours": 48, "cost_center": "c"})),
    );
    server.spend("s", "ann", 40.25);
    server.offer("t", "ann", "bob", 10);
    server.does("produce/direct", with(accrual("a", "bob, \"the\" builder", 7), json!({"expire_days": 1})));
    server.accrue("a", "in debt", 60);
    server.spend("s", "in debt", 50);
    let back =
        json!({"event_no": "r", "member_no": "in debt", "origin_event_no": "a", "allow_negative": true});
    server.does("reverse/produce", back);
    let direct = json!({"transfer_no": "d", "from_user": "ann", "to_user": "会员", "points": 3});
    server.does("transfer/direct", direct);
}

pub const MEMBERS: [&str; 4] = ["ann", "bob, \"the\" builder", "in debt", "会员"];

fn check_is_the_summaries(server: &Server) {
    let rows: BTreeMap<String, Value> = server
        .rows("members/export")
        .into_iter()
        .map(|row| (row["member_no"].as_str().unwrap().to_owned(), row))
        .collect();
    assert_eq!(rows.keys().collect::<Vec<_>>(), MEMBERS);
    for (member, row) in rows {
        let mut expected = server.summary(&member);
        expected["tier"] = Value::Null;
        assert_eq!(row, expected);
    }
}

#[test]
fn tells_of_each_member_what_its_summary_tells() {
    let mut server = Server::start();
    populate(&server);
    check_is_the_summaries(&server);
    server.restart();
    check_is_the_summaries(&server);
    // One of them busy again, and time that has passed for all.
    server.accrue("again", "ann", 1);
    for _ in 0..8 {
        server.pass(Span::days(1));
        check_is_the_summaries(&server);
    }
}

#[test]
fn is_csv_where_asked() {
    let server = Server::start();
    populate(&server);
    let mut lines = server.csv("members/export");
    let head = lines.remove(0);
    assert_eq!(
        head.join(","),
        "detail_id,crm_id,member_no,total_points,freeze_points,expired_points,active_points,used_points,\
         future_expired,create_time,update_time,tier"
    );
    assert_eq!(lines.len(), MEMBERS.len());
    for line in lines {
        let mut expected = server.summary(&line[2]);
        expected["tier"] = Value::Null;
        for (name, value) in head.iter().zip(&line) {
            let shown = match &expected[name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(*value, shown, "{name} of {}", line[2]);
        }
    }
}

#[test]
fn exports_more_members_than_one_look_takes() {
    let server = Server::start();
    for n in 0..700 {
        server.accrue("a", &format!("m{n}"), 1);
    }
    let mut members: Vec<_> =
        server.rows("members/export").iter().map(|row| row["member_no"].clone()).collect();
    members.sort_unstable_by_key(Value::to_string);
    members.dedup();
    assert_eq!(members.len(), 700);
}

#[test]
fn tells_the_tier_also_of_members_without_a_record() {
    let server = Server::start();
    server.accrue("a", "m", 1);
    for (member, tier) in [("m", "gold"), ("new", "silver")] {
        let body = json!({"tier": tier, "mobile": format!("1860801{}", member.len())}).to_string();
        server.send("PUT", &path(TENANT, &format!("members/{member}")), &JSON, body.as_bytes()).data();
    }
    let mut rows = server.rows("members/export");
    rows.sort_unstable_by_key(|row| row["member_no"].to_string());
    let shown: Vec<_> = rows.iter().map(|row| (row["tier"].as_str(), row["detail_id"].is_null())).collect();
    assert_eq!(shown, [(Some("gold"), false), (Some("silver"), true)]);
    assert_eq!(rows[1]["total_points"], json!(0));
    assert_eq!(server.csv("members/export")[1].len(), 12);
}

/// The export's address is that of a member called `export`, too: written otherwise, it is the member's.
#[test]
fn a_member_called_export_is_reached_by_an_escape() {
    let server = Server::start();
    server.accrue("a", "export", 1);
    assert_eq!(server.rows("members/export").len(), 1);
    let body = json!({"tier": "gold"}).to_string();
    server.send("PUT", &path(TENANT, "members/%65xport"), &JSON, body.as_bytes()).data();
    assert_eq!(server.get("members/%65xport").data()["member_no"], json!("export"));
    assert_eq!(server.rows("members/export")[0]["tier"], json!("gold"));
}
