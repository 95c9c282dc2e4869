//! `GET` and `PUT /settings`.
use super::sending::{accrual, with};
use super::{Options, Server, Span, TENANT, Value, json, path};
use crate::support::http::Answer;
use eros_points::ledger::Terms;

impl Server {
    fn puts_settings(&self, body: &Value) -> Answer {
        let headers = [("Content-Type", "application/json")];
        self.send("PUT", &path(TENANT, "settings"), &headers, body.to_string().as_bytes())
    }

    #[track_caller]
    fn sets(&self, body: Value) -> Value {
        self.puts_settings(&body).data().clone()
    }

    #[track_caller]
    fn settings(&self) -> Value {
        self.get("settings").data().clone()
    }
}

fn defaults() -> Value {
    json!({
        "accrual_opens_members": true, "time_zone": "Asia/Shanghai", "default_expire_days": 0,
        "expire_at_day_end": false, "refund_grace_days": 0, "offer_window_hours": 24,
        "future_tolerance_hours": 24, "set": [], "update_time": null,
    })
}

#[test]
fn shows_the_services_defaults_where_nothing_is_set() {
    let terms = Terms { default_expire: Some(Span::days(30)), ..Terms::default() };
    let server = Server::with(Options { terms, ..Options::default() });
    assert_eq!(server.settings(), with(defaults(), json!({"default_expire_days": 30})));
}

#[test]
fn replaces_the_whole_and_is_there_after_a_restart_by_log_and_by_snapshot() {
    let mut server = Server::start();
    let all = json!({
        "accrual_opens_members": false, "time_zone": "Asia/Tokyo", "default_expire_days": 365,
        "expire_at_day_end": true, "refund_grace_days": 7, "offer_window_hours": 48,
        "future_tolerance_hours": 0,
    });
    let names: Vec<&str> = all.as_object().unwrap().keys().map(String::as_str).collect();
    let set = server.sets(all.clone());
    let mut listed: Vec<&str> = set["set"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    listed.sort_unstable();
    assert_eq!(listed, names);
    assert_eq!(set["update_time"], "2022-06-16 13:00:00", "as Tokyo's clocks show it");
    for (name, value) in all.as_object().unwrap() {
        assert_eq!(&set[name], value, "{name}");
    }
    server.restart();
    assert_eq!(server.settings(), set);
    server.restart();
    assert_eq!(server.settings(), set);
    let before = server.durable_records();
    assert_eq!(server.sets(set.clone()), set, "what was answered can be sent back");
    assert_eq!(server.durable_records(), before, "the same settings are no change");
    let fewer = server.sets(json!({"refund_grace_days": 1}));
    assert_eq!(fewer["set"], json!(["refund_grace_days"]));
    assert_eq!(fewer["time_zone"], "Asia/Shanghai");
}

#[test]
fn another_tenant_has_its_own() {
    let server = Server::start();
    server.sets(json!({"default_expire_days": 1}));
    let other = server.send("GET", &path("20090", "settings"), &[], b"");
    assert_eq!(other.data(), &defaults());
    let body = accrual("e", "m", 1).to_string();
    let json = [("Content-Type", "application/json")];
    let accrued = server.send("POST", &path("20090", "produce/direct"), &json, body.as_bytes());
    assert_eq!(accrued.data()["expire_time"], json!(null));
    assert_eq!(server.accrue("e", "m", 1)["expire_time"], "2022-06-17 12:00:00");
}

#[test]
fn accruals_open_no_members_where_that_is_not_wanted() {
    let server = Server::start();
    server.accrue("e", "known", 1);
    server.sets(json!({"accrual_opens_members": false}));
    let message = server.refuses("produce/direct", accrual("e", "typo", 1), 404, 40405);
    assert!(message.contains("member_no"), "{message}");
    server.accrue("e2", "known", 1);
    let headers = [("Content-Type", "application/json")];
    server.send("PUT", &path(TENANT, "members/new"), &headers, b"{}").data();
    server.accrue("e", "new", 1);
}

#[test]
fn points_live_to_the_end_of_the_day_that_they_would_expire_in() {
    let server = Server::start();
    server.sets(json!({"expire_at_day_end": true, "default_expire_days": 10}));
    assert_eq!(server.accrue("a", "m", 1)["expire_time"], "2022-06-27 00:00:00");
    let body = with(accrual("b", "m", 1), json!({"event_at": "2022-06-16 00:00:00", "expire_days": 1}));
    assert_eq!(server.does("produce/direct", body)["expire_time"], "2022-06-17 00:00:00", "a day's very end");
}

#[test]
fn the_offer_window_the_tolerance_and_the_grace_are_the_tenants() {
    let server = Server::start();
    server.sets(json!({"offer_window_hours": 1, "future_tolerance_hours": 0, "refund_grace_days": 7}));
    server.accrue("a", "m", 10);
    server.offer("t", "m", "n", 1);
    let deadline = server.get("transfers?member_no=m").data()["items"][0]["deadline"].clone();
    assert_eq!(deadline, "2022-06-16 13:00:00");
    let ahead = with(accrual("b", "m", 1), json!({"event_at": "2022-06-16 12:00:01"}));
    server.refuses_field("produce/direct", ahead, "event_at");
    server.does("produce/direct", with(accrual("c", "g", 5), json!({"expire_days": 1})));
    server.spend("s", "g", 5);
    server.pass(Span::days(2));
    let back = json!({"event_no": "r", "member_no": "g", "origin_event_no": "s"});
    server.does("reverse/consume", back);
    assert_eq!(server.summary("g")["active_points"], 5);
}

#[test]
fn times_are_in_the_tenants_zone_and_replays_are_as_they_were() {
    let mut server = Server::start();
    let first = server.post("produce/direct", accrual("a", "m", 1));
    let body = with(accrual("b", "m", 1), json!({"event_at": "2022-06-16 11:00:00"}));
    let second = server.post("produce/direct", body.clone());
    server.sets(json!({"time_zone": "Asia/Tokyo"}));
    assert_eq!(server.accrue("c", "m", 1)["create_time"], "2022-06-16 13:00:00");
    for _ in 0..2 {
        assert_eq!(server.replays("produce/direct", accrual("a", "m", 1)).body, first.body);
        assert_eq!(
            server.replays("produce/direct", body.clone()).body,
            second.body,
            "the same text is the same request"
        );
        server.restart();
    }
    server.sets(json!({}));
    assert_eq!(server.accrue("d", "m", 1)["create_time"], "2022-06-16 12:00:00");
    assert_eq!(
        server.replays("produce/direct", accrual("c", "m", 1)).data()["create_time"],
        "2022-06-16 13:00:00"
    );
}

#[test]
fn refuses_what_can_not_be_and_names_the_field() {
    let server = Server::start();
    let rows = [
        (json!({"time_zone": "Mars/Olympus"}), "time_zone"),
        (json!({"time_zone": 8}), "time_zone"),
        (json!({"accrual_opens_members": "yes"}), "accrual_opens_members"),
        (json!({"expire_at_day_end": 1}), "expire_at_day_end"),
        (json!({"default_expire_days": -1}), "default_expire_days"),
        (json!({"default_expire_days": 36_501}), "default_expire_days"),
        (json!({"default_expire_days": 1.5}), "default_expire_days"),
        (json!({"refund_grace_days": 36_501}), "refund_grace_days"),
        (json!({"offer_window_hours": 0}), "offer_window_hours"),
        (json!({"offer_window_hours": 87_601}), "offer_window_hours"),
        (json!({"future_tolerance_hours": "24"}), "future_tolerance_hours"),
        (json!({"default_expiry_days": 1}), "default_expiry_days"),
    ];
    for (body, field) in rows {
        let answer = server.puts_settings(&body);
        let message = answer.refusal(400, 40001);
        assert!(message.contains(field), "{message}: {body}");
    }
    server.puts_settings(&json!([])).refusal(400, 40000);
    server.send("POST", &path(TENANT, "settings"), &[], b"{}").refusal(405, 40500);
    assert_eq!(server.settings(), defaults(), "nothing changed");
}
