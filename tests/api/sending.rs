//! The verbs of these tests: do something, be refused, look.
use super::{NOON, Server, TENANT, Value, json, path};
use crate::support::http::Answer;
use eros_points::ledger::instant::Instant;

impl Server {
    /// A change that is carried out, and not for the second time: its record.
    #[track_caller]
    pub fn does(&self, route: &str, body: Value) -> Value {
        let answer = self.post(route, body);
        let data = answer.data().clone();
        assert!(!answer.is_replay(), "{route} was done before");
        data
    }

    /// A request that was carried out before: the answer that it got then.
    #[track_caller]
    pub fn replays(&self, route: &str, body: Value) -> Answer {
        let before = self.state(&body);
        let answer = self.post(route, body.clone());
        answer.data();
        assert!(answer.is_replay(), "{route} was not done before: {}", answer.text());
        assert_eq!(self.state(&body), before, "a replay changes nothing");
        answer
    }

    /// A change that is refused and leaves everything as it was: the message.
    #[track_caller]
    pub fn refuses(&self, route: &str, body: Value, status: u16, code: i64) -> String {
        let before = self.state(&body);
        let message = self.post(route, body.clone()).refusal(status, code).to_owned();
        assert_eq!(self.state(&body), before, "a refusal changes nothing");
        message
    }

    /// A change refused for one of its fields, which the message names.
    #[track_caller]
    pub fn refuses_field(&self, route: &str, body: Value, field: &str) {
        let what = body.to_string();
        let message = self.refuses(route, body, 400, 40001);
        assert!(message.contains(field), "{message:?} does not name {field}; sent {what}");
    }

    /// What can be seen of the tenant and of the members that a body names.
    pub fn state(&self, body: &Value) -> Vec<String> {
        let mut state = vec![self.post("history", json!({"page_size": 500})).text()];
        for name in ["member_no", "from_user", "to_user"] {
            if let Some(member) = body[name].as_str() {
                for list in ["summary", "lots", "transfers"] {
                    state.push(self.get(&format!("{list}?member_no={}", in_query(member))).text());
                }
            }
        }
        state
    }

    #[track_caller]
    pub fn accrue(&self, event_no: &str, member: &str, points: impl Into<Value>) -> Value {
        self.does("produce/direct", accrual(event_no, member, points))
    }

    #[track_caller]
    pub fn spend(&self, event_no: &str, member: &str, points: impl Into<Value>) -> Value {
        self.does(
            "consume/direct",
            json!({"event_no": event_no, "member_no": member, "points": points.into()}),
        )
    }

    #[track_caller]
    pub fn offer(&self, transfer_no: &str, from: &str, to: &str, points: impl Into<Value>) -> Value {
        self.does("transfer", offer(transfer_no, from, to, points))
    }

    #[track_caller]
    pub fn accept(&self, transfer_no: &str, member: &str) -> Value {
        self.does("accept", json!({"transfer_no": transfer_no, "member_no": member}))
    }

    #[track_caller]
    pub fn summary(&self, member: &str) -> Value {
        self.get(&format!("summary?member_no={}", in_query(member))).data().clone()
    }

    /// Total, used, expired, freeze, active, as they are written in the answer.
    #[track_caller]
    pub fn check_sums(&self, member: &str, sums: [&str; 5]) {
        let summary = self.summary(member);
        let names = ["total_points", "used_points", "expired_points", "freeze_points", "active_points"];
        let found = names.map(|name| summary[name].to_string());
        assert_eq!(found, sums, "total, used, expired, freeze, active of {member}");
    }

    #[track_caller]
    pub fn history(&self, query: Value) -> Vec<Value> {
        items(&self.post("history", query))
    }

    /// What a member's history tells, newest first, as pairs of type and points.
    #[track_caller]
    pub fn story(&self, member: &str) -> Vec<(String, String)> {
        let items = self.history(json!({"member_no": member}));
        let pair = |item: &Value| (text(item, "event_type"), item["points"].to_string());
        items.iter().map(pair).collect()
    }

    #[track_caller]
    pub fn check_story(&self, member: &str, story: &[(&str, &str)]) {
        let owned: Vec<_> = story.iter().map(|(what, points)| ((*what).into(), (*points).into())).collect();
        assert_eq!(self.story(member), owned, "the history of {member}, newest first");
    }

    #[track_caller]
    pub fn lots(&self, member: &str) -> Vec<Value> {
        items(&self.get(&format!("lots?member_no={}", in_query(member))))
    }

    /// Points, what remains and state of each lot.
    #[track_caller]
    pub fn check_lots(&self, member: &str, lots: &[(&str, &str, &str)]) {
        let found: Vec<_> = self
            .lots(member)
            .iter()
            .map(|lot| (lot["points"].to_string(), lot["remaining"].to_string(), text(lot, "state")))
            .collect();
        let owned: Vec<_> = lots.iter().map(|(a, b, c)| ((*a).into(), (*b).into(), (*c).into())).collect();
        assert_eq!(found, owned, "points, remaining, state of the lots of {member}");
    }

    #[track_caller]
    pub fn transfers(&self, member: &str) -> Vec<Value> {
        items(&self.get(&format!("transfers?member_no={}", in_query(member))))
    }

    /// Sends to another tenant.
    pub fn post_to(&self, crm_id: &str, route: &str, body: &Value) -> Answer {
        let headers = [("Content-Type", "application/json")];
        self.send("POST", &path(crm_id, route), &headers, body.to_string().as_bytes())
    }

    pub fn post_as(&self, content_type: &str, route: &str, body: &Value) -> Answer {
        let headers = [("Content-Type", content_type)];
        self.send("POST", &path(TENANT, route), &headers, body.to_string().as_bytes())
    }
}

/// The items of a list whose `total` counts no more than are there.
#[track_caller]
pub fn items(answer: &Answer) -> Vec<Value> {
    let data = answer.data();
    let items = data["items"].as_array().unwrap();
    assert_eq!(data["total"], json!(items.len()), "all on one page");
    items.clone()
}

pub fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value} is no text")).to_owned()
}

pub fn accrual(event_no: &str, member: &str, points: impl Into<Value>) -> Value {
    json!({"event_no": event_no, "member_no": member, "event_type": "order", "points": points.into()})
}

pub fn offer(transfer_no: &str, from: &str, to: &str, points: impl Into<Value>) -> Value {
    let points = points.into();
    json!({"transfer_no": transfer_no, "from_user": from, "to_user": to, "trans_type": "by_points",
        "points": points})
}

/// A body with some fields set, and those that are given as null left out.
pub fn with(mut body: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// A body without a field.
pub fn without(mut body: Value, field: &str) -> Value {
    body.as_object_mut().unwrap().remove(field).unwrap_or_else(|| panic!("no {field} to leave out"));
    body
}

/// The objects of an answer that has one a line.
#[track_caller]
pub fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("Content-Type"), Some("application/x-ndjson"));
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Percent-encoded wherever that may matter.
pub fn in_query(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

/// An instant of the day of [`NOON`] and after, in Shanghai.
pub fn hours_after_noon(hours: i64) -> Instant {
    NOON.after(eros_points::ledger::instant::Span::hours(hours))
}
