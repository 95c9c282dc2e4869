//! Reads back what the service shows of every member, and holds it against what its clients were told.
use crate::crash::clients::Told;
use crate::crash::operations::{MEMBERS, PREFIX, RecordName, member};
use crate::support::process::Connection;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// How often time may come between two looks at a member before it counts as a fault.
const LOOKS_MAX: usize = 200;

/// Records seen so far, by what they are; sums in ten-thousandths.
#[derive(Debug, Default)]
pub struct Audit {
    counts: BTreeMap<RecordName, (usize, i128)>,
    members: BTreeMap<String, Seen>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// The newest record read.
    through: u64,
    total: i128,
    used: i128,
}

impl Audit {
    /// Reads what is new of every member; an audit that has read nothing yet reads it all.
    pub fn read(&mut self, address: SocketAddr) {
        let mut connection = Connection::to(address).expect("a connection");
        for n in 0..MEMBERS {
            self.read_member(&mut connection, &member(n));
        }
    }

    /// The sums, and what the records add up to, of one moment: time passes between requests, and a summary shows what
    /// has fallen due a moment before its record is there.
    fn read_member(&mut self, connection: &mut Connection, who: &str) {
        let mut last = String::new();
        for _ in 0..LOOKS_MAX {
            let before = summary(connection, who);
            self.read_records(connection, who);
            let sum = |name: &str| scaled(&before[name]);
            let identity =
                sum("active_points") + sum("freeze_points") + sum("expired_points") + sum("used_points");
            assert_eq!(sum("total_points"), identity, "the identity of {who}: {before}");
            let seen = self.members.get(who).cloned().unwrap_or_default();
            let agree = (sum("total_points"), sum("used_points")) == (seen.total, seen.used);
            if agree && summary(connection, who) == before {
                return;
            }
            last = format!("{before}, by its records total {} and used {}", seen.total, seen.used);
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("summary and records of {who} never agree: {last}");
    }

    fn read_records(&mut self, connection: &mut Connection, who: &str) {
        let mut seen = self.members.get(who).cloned().unwrap_or_default();
        let known = seen.through;
        let mut after = String::new();
        loop {
            let body = format!(r#"{{"member_no":"{who}","page_size":200{after}}}"#);
            let page = data(connection.post(&format!("{PREFIX}/history"), &body).expect("an answer").body);
            let items = page["items"].as_array().expect("items");
            let new: Vec<&Value> = items.iter().filter(|item| id(item) > known).collect();
            for item in &new {
                seen.through = seen.through.max(id(item));
                self.count(&mut seen, who, item);
            }
            if new.len() < items.len() || items.is_empty() {
                break;
            }
            after = format!(r#","after_id":{}"#, id(items.last().expect("the last of them")));
        }
        self.members.insert(who.to_owned(), seen);
    }

    fn count(&mut self, seen: &mut Seen, who: &str, item: &Value) {
        let points = scaled(&item["points"]);
        let (kind, total, used) = match item["event_type"].as_str().expect("a type") {
            "produce" => ("produce", points, 0),
            "accept" => ("accept", points, 0),
            "reverse_produce" => ("reverse_produce", -points, 0),
            "consume" => ("consume", 0, points),
            "transfer" => ("transfer", 0, points),
            "reverse_consume" => ("reverse_consume", 0, -points),
            "transfer_return" => ("transfer_return", 0, -points),
            "expired" => return,
            other => panic!("a record of type {other}"),
        };
        seen.total += total;
        seen.used += used;
        let number = item["event_no"].as_str().expect("a number").to_owned();
        let (count, sum) = self.counts.entry((who.to_owned(), kind, number)).or_default();
        *count += 1;
        *sum += points;
    }

    /// Every acknowledged request left exactly one record, every refused one none; nothing is there that nobody asked for.
    pub fn check(&self, all: &[Told]) {
        for (name, (count, _)) in &self.counts {
            assert_eq!(*count, 1, "{name:?} counts more than once");
        }
        let mut asked: BTreeMap<&RecordName, bool> = BTreeMap::new();
        for told in all {
            assert!(!told.is_unknown(), "{:?} was not sent again", told.operation);
            *asked.entry(&told.operation.leaves).or_default() |= told.is_done();
            if told.is_done() {
                assert!(self.counts.contains_key(&told.operation.leaves), "lost: {:?}", told.operation);
            }
        }
        for name in self.counts.keys().filter(|(_, kind, _)| !["accept", "transfer_return"].contains(kind)) {
            assert_eq!(asked.get(name), Some(&true), "{name:?} was refused, or never asked for");
        }
    }

    /// What was sent was accepted, has come back, or is in an offer still open: each transfer whole, in one place.
    pub fn check_transfers(&self, address: SocketAddr, all: &[Told]) {
        let mut connection = Connection::to(address).expect("a connection");
        for told in all.iter().filter(|told| told.is_done()) {
            let Some(to) = &told.operation.sends_to else { continue };
            let (from, _, number) = &told.operation.leaves;
            let found = |who: &String, kind| {
                self.counts.get(&(who.clone(), kind, number.clone())).map(|(_, sum)| *sum)
            };
            let (sent, accepted, returned) =
                (found(from, "transfer"), found(to, "accept"), found(from, "transfer_return"));
            match (accepted, returned) {
                (Some(_), Some(_)) => panic!("transfer {number} of {from} was accepted and returned"),
                (Some(arrived), None) | (None, Some(arrived)) => {
                    assert_eq!(Some(arrived), sent, "transfer {number} of {from}");
                }
                (None, None) => {
                    assert!(
                        !told.operation.path.ends_with("/direct"),
                        "direct transfer {number} has only one half"
                    );
                    check_open(&mut connection, from, number);
                }
            }
        }
    }

    /// What was read bit by bit, between crashes, is what is read all at once.
    pub fn check_same(&self, whole: &Audit) {
        for (name, count) in &self.counts {
            assert_eq!(whole.counts.get(name), Some(count), "{name:?} changed between two crashes");
        }
    }
}

/// The offer is open, or was until a moment ago.
fn check_open(connection: &mut Connection, from: &str, number: &str) {
    let body = format!(r#"{{"member_no":"{from}","transfer_no":"{number}"}}"#);
    let records = data(connection.post(&format!("{PREFIX}/history"), &body).expect("an answer").body);
    let kinds: Vec<&str> = records["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|item| item["event_type"].as_str())
        .collect();
    if kinds.contains(&"transfer_return") {
        return;
    }
    let mut page = 1;
    loop {
        let path = format!("{PREFIX}/transfers?member_no={from}&status=open&page_size=500&page={page}");
        let open = data(connection.get(&path).expect("an answer").body);
        let items = open["items"].as_array().expect("items");
        if items.iter().any(|item| item["transfer_no"] == number && item["from_user"] == from) {
            return;
        }
        assert!(!items.is_empty(), "transfer {number} of {from} is nowhere: {kinds:?}");
        page += 1;
    }
}

fn summary(connection: &mut Connection, who: &str) -> Value {
    data(connection.get(&format!("{PREFIX}/summary?member_no={who}")).expect("an answer").body)
}

fn data(body: String) -> Value {
    let mut value: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(value["code"], 0, "{body}");
    value["data"].take()
}

fn id(item: &Value) -> u64 {
    item["auto_id"].as_u64().expect("an id")
}

/// Points in ten-thousandths, exactly.
fn scaled(points: &Value) -> i128 {
    let text = points.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{fraction:0<4}").parse().expect("points with up to 4 places")
}
