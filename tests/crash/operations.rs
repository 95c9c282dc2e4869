//! Random requests of all kinds, each under a key of its own, and the record that each leaves when it counts.
use crate::support::random::Random;
use chrono::DateTime;
use std::time::{SystemTime, UNIX_EPOCH};

pub const PREFIX: &str = "/api/crm/points/crash";
pub const MEMBERS: u64 = 24;

const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;
/// So large that some rounds fill a segment, whose least size is a frame's.
const LARGE_ORDER_BYTES: usize = 80_000;

/// Whose record of which type bears which number: what `/history` is searched for.
pub type RecordName = (String, &'static str, String);

#[derive(Clone, Debug)]
pub struct Operation {
    pub path: String,
    pub body: String,
    pub leaves: RecordName,
    /// Points that move from one member to another.
    pub sends_to: Option<String>,
}

/// What was answered with success and can be built upon.
#[derive(Debug, Default)]
pub struct Ground {
    accruals: Vec<(String, String)>,
    spends: Vec<(String, String)>,
    /// Sender, receiver, number.
    offers: Vec<(String, String, String)>,
}

impl Ground {
    pub fn learn(&mut self, operation: &Operation) {
        let (member, kind, number) = operation.leaves.clone();
        match (kind, &operation.sends_to) {
            ("produce", _) => self.accruals.push((member, number)),
            ("consume", _) => self.spends.push((member, number)),
            ("transfer", Some(to)) if !operation.path.ends_with("/direct") => {
                self.offers.push((member, to.clone(), number));
            }
            _ => {}
        }
    }
}

pub fn member(n: u64) -> String {
    format!("member-{n}")
}

/// A request that was never made before; `number` is its key.
pub fn random(random: &mut Random, ground: &Ground, number: &str) -> Operation {
    let who = member(random.below(MEMBERS));
    match random.below(20) {
        0..7 => accrue(random, &who, number),
        7..11 => spend(random, &who, number),
        11..13 => offer(random, &who, number, "transfer"),
        13..15 => offer(random, &who, number, "transfer/direct"),
        15 => match on_latest(random, &ground.accruals) {
            Some(origin) => reverse(random, &origin, number),
            None => accrue(random, &who, number),
        },
        16 => match on_latest(random, &ground.spends) {
            Some(origin) => give_back(random, &origin, number),
            None => spend(random, &who, number),
        },
        more => match on_latest(random, &ground.offers) {
            Some(offer) if more < 19 => accept(&offer),
            Some(offer) => cancel(&offer),
            None => accrue(random, &who, number),
        },
    }
}

fn on_latest<T: Clone>(random: &mut Random, from: &[T]) -> Option<T> {
    random.pick(&from[from.len().saturating_sub(60)..]).cloned()
}

fn operation(route: &str, body: String, leaves: (&str, &'static str, &str)) -> Operation {
    let (member, kind, number) = leaves;
    let leaves = (member.to_owned(), kind, number.to_owned());
    Operation { path: format!("{PREFIX}/{route}"), body, leaves, sends_to: None }
}

/// Some accruals expire or become active within seconds, so that time does its part while the process dies.
fn accrue(random: &mut Random, who: &str, number: &str) -> Operation {
    let soon = random.below(5);
    let life = match random.below(8) {
        0 | 1 => format!(r#","event_at":"{}","expire_days":1"#, seconds_ago(DAY - soon)),
        2 => format!(r#","event_at":"{}","freeze_hours":1"#, seconds_ago(HOUR - soon)),
        3 => r#","expire_days":30"#.to_owned(),
        4 => r#","freeze_hours":100"#.to_owned(),
        _ => String::new(),
    };
    let order = if random.one_in(12) {
        let padding = "x".repeat(LARGE_ORDER_BYTES);
        format!(
            r#","order_info":{{"order_sn":"{number}","pay_amount":"12.5","item_list":[{{"note":"{padding}"}}]}}"#
        )
    } else {
        String::new()
    };
    let points = points(random, 100);
    let body = format!(
        r#"{{"event_no":"{number}","member_no":"{who}","event_type":"order","points":{points}{life}{order}}}"#
    );
    operation("produce/direct", body, (who, "produce", number))
}

fn spend(random: &mut Random, who: &str, number: &str) -> Operation {
    let points = points(random, 30);
    let body = format!(r#"{{"event_no":"{number}","member_no":"{who}","points":{points}}}"#);
    operation("consume/direct", body, (who, "consume", number))
}

fn reverse(random: &mut Random, (who, origin): &(String, String), number: &str) -> Operation {
    let part =
        if random.one_in(2) { format!(r#","reverse_points":{}"#, points(random, 20)) } else { String::new() };
    let body = format!(
        r#"{{"event_no":"{number}","member_no":"{who}","origin_event_no":"{origin}","allow_negative":{}{part}}}"#,
        random.one_in(2)
    );
    operation("reverse/produce", body, (who, "reverse_produce", number))
}

fn give_back(random: &mut Random, (who, origin): &(String, String), number: &str) -> Operation {
    let part =
        if random.one_in(2) { format!(r#","reverse_points":{}"#, points(random, 5)) } else { String::new() };
    let body = format!(r#"{{"event_no":"{number}","member_no":"{who}","origin_event_no":"{origin}"{part}}}"#);
    operation("reverse/consume", body, (who, "reverse_consume", number))
}

fn offer(random: &mut Random, who: &str, number: &str, route: &str) -> Operation {
    let others: Vec<String> = (0..MEMBERS).map(member).filter(|other| other != who).collect();
    let to = random.pick(&others).expect("another member").clone();
    let kind = if route == "transfer" { r#","trans_type":"by_points""# } else { "" };
    let points = points(random, 30);
    let body = format!(
        r#"{{"transfer_no":"{number}","from_user":"{who}","to_user":"{to}","points":{points}{kind}}}"#
    );
    Operation { sends_to: Some(to), ..operation(route, body, (who, "transfer", number)) }
}

fn accept((from, to, number): &(String, String, String)) -> Operation {
    let body = format!(r#"{{"transfer_no":"{number}","member_no":"{to}","from_user":"{from}"}}"#);
    operation("accept", body, (to, "accept", number))
}

fn cancel((from, _, number): &(String, String, String)) -> Operation {
    let body = format!(r#"{{"transfer_no":"{number}","member_no":"{from}"}}"#);
    operation("transfer/cancel", body, (from, "transfer_return", number))
}

fn points(random: &mut Random, most: u64) -> String {
    let whole = 1 + random.below(most);
    if random.one_in(3) { format!("{whole}.{:04}", 1 + random.below(9_999)) } else { whole.to_string() }
}

fn seconds_ago(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs();
    let then = i64::try_from(now - seconds).expect("a second of this age");
    DateTime::from_timestamp(then, 0).expect("an instant").to_rfc3339()
}
