//! What holds for every read of a whole tenant: bounds, tenants, one moment for all that it shows.
use super::sending::{accrual, offer, with};
use super::{Server, Span, TENANT, Value, json, path};
use crate::support::http::Answer;
use crate::support::random::Random;
use eros_points::actors::answer::Failure;
use eros_points::ledger::points::Total;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

pub const ROUTES: [&str; 4] = ["expiring", "expiring/members", "members/export", "liability"];

impl Server {
    /// The rows of a stream, one object a line.
    #[track_caller]
    pub fn rows(&self, route: &str) -> Vec<Value> {
        let answer = self.get(route);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("Content-Type"), Some("application/x-ndjson"));
        let text = String::from_utf8(answer.body).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    /// The lines of the same as CSV, split where nothing is quoted.
    #[track_caller]
    pub fn csv(&self, route: &str) -> Vec<Vec<String>> {
        let sign = if route.contains('?') { '&' } else { '?' };
        let answer = self.get(&format!("{route}{sign}format=csv"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("Content-Type"), Some("text/csv; charset=utf-8"));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&answer.body[..]);
        reader.records().map(|line| line.unwrap().iter().map(str::to_owned).collect()).collect()
    }
}

/// Points as a number of ten-thousandths.
#[track_caller]
pub fn units(value: &Value) -> i128 {
    let text = value.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let sign = if text.starts_with('-') { -1 } else { 1 };
    whole.parse::<i128>().unwrap() * 10_000 + sign * format!("{part:0<4}").parse::<i128>().unwrap()
}

/// A field of all rows together.
pub fn sum(rows: &[Value], field: &str) -> i128 {
    rows.iter().map(|row| units(&row[field])).sum()
}

#[test]
fn shows_nothing_of_another_tenant() {
    let server = Server::start();
    server.does("produce/direct", with(accrual("e", "m", 100), json!({"expire_days": 3})));
    let other = |route: &str| server.send("GET", &path("other", route), &[], b"");
    let unknown = ROUTES.map(|route| other(route).text());
    server.post_to("other", "produce/direct", &accrual("e", "x", 5)).data();
    assert_eq!(other("liability").data()["total"], json!(5));
    assert_eq!(other("expiring").data()["total"], json!(0));
    assert!(!other("members/export").text().contains("\"m\""));
    assert_eq!(other("expiring/members").text(), unknown[1]);
    assert_eq!(server.get("liability").data()["total"], json!(100));
    let rows = server.rows("members/export");
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["crm_id"], &rows[0]["member_no"]), (&json!(TENANT), &json!("m")));
}

#[test]
fn a_tenant_never_seen_is_empty() {
    let server = Server::start();
    assert_eq!(*server.get("liability").data(), json!({"total": 0, "debt": 0, "items": []}));
    assert_eq!(server.get("expiring").data()["total"], json!(0));
    for route in ["members/export", "expiring/members"] {
        assert!(server.rows(route).is_empty());
        assert_eq!(server.csv(route).len(), 1, "a head and no line");
    }
    // Nor does a member count that was only named.
    server
        .post("consume/direct", json!({"event_no": "s", "member_no": "m", "points": 1}))
        .refusal(422, 42201);
    assert!(server.rows("members/export").is_empty());
}

#[test]
fn takes_a_few_at_a_time() {
    let server = Server::start();
    server.accrue("e", "m", 1);
    let places = server.take_scan_places();
    for route in ROUTES {
        let answer = server.get(route);
        answer.refusal(503, 50303);
        assert_eq!(answer.header("Retry-After"), Some("1"), "{route}");
    }
    drop(places);
    ROUTES.iter().for_each(|route| assert_eq!(server.get(route).status, 200));
}

#[test]
fn names_the_field_that_is_wrong() {
    let server = Server::start();
    let check = |answer: Answer, field: &str| {
        let message = answer.refusal(400, 40001).to_owned();
        assert!(message.starts_with(field), "{message}");
    };
    for route in ["expiring", "expiring/members"] {
        for days in ["0", "367", "-1", "1.5", "", "x", "1e2", "%2030", "99999999999999999999"] {
            check(server.get(&format!("{route}?days={days}")), "days");
        }
        check(server.get(&format!("{route}?days=1&days=1")), "days");
        ["1", "366"]
            .iter()
            .for_each(|days| assert_eq!(server.get(&format!("{route}?days={days}")).status, 200));
    }
    for route in ["expiring/members", "members/export"] {
        for format in ["xml", "", "CSV", "csv%20"] {
            check(server.get(&format!("{route}?format={format}")), "format");
        }
        check(server.get(&format!("{route}?format=csv&format=csv")), "format");
    }
    for route in ROUTES {
        check(server.send("GET", &path("a%20b", route), &[], b""), "crm_id");
        check(server.get(&format!("{route}?days=%FF")), "query");
    }
}

/// What a scan begun at one moment shows must be of that moment, whatever happens before it reads.
#[test]
fn shows_each_member_as_it_was_when_the_read_began() {
    let mut server = Server::start();
    server.accrue("a", "sender", 100);
    server.accrue("a", "spender", 50);
    server.does("produce/direct", with(accrual("a", "sleeper", 30), json!({"expire_days": 1})));
    server.offer("t0", "sender", "receiver", 10);
    // At rest, all of them.
    server.restart();
    let before = server.begin_scan(TENANT);
    let (balances, owed) = (server.begin_scan(TENANT), server.begin_scan(TENANT));

    server.does(
        "transfer/direct",
        json!({"transfer_no": "t1", "from_user": "sender", "to_user": "new", "points": 40}),
    );
    server.accept("t0", "receiver");
    server.spend("s", "spender", 20);
    server.spend("s2", "spender", 5);
    server.accrue("b", "newer", 1_000);
    let records = server.durable_records();
    server.pass(Span::days(2));
    server.wait_until("time has been recorded", |server| server.durable_records() > records);

    let seen = server.read(balances, |scan| {
        let mut seen = BTreeMap::new();
        scan.balances::<Failure>(|member, summary, _| {
            seen.insert(member.to_owned(), summary.active.0 / 10_000);
            Ok(())
        })?;
        Ok(seen)
    });
    let seen = seen.unwrap();
    let expected = [("sender", 90), ("sleeper", 30), ("spender", 50)];
    assert_eq!(seen, expected.map(|(member, active)| (member.to_owned(), active)).into());
    let liability = server.read(owed, |scan| scan.liability(&|_| String::new())).unwrap();
    assert_eq!(liability.total, Total(180 * 10_000), "the open offer included");
    let ends = [before.now.after(Span::hours(23)), before.now.after(Span::hours(25))];
    let expiring = server.read(before, move |scan| scan.expiring(&ends)).unwrap();
    let points: Vec<_> = expiring.iter().map(|part| part.points.0 / 10_000).collect();
    assert_eq!(points, [0, 30]);

    assert_eq!(server.get("liability").data()["total"], json!(40 + 10 + 50 + 25 + 1_000));
}

/// Direct transfers, offers, acceptances and cancellations move points without end; none may be missing or twice.
#[test]
fn counts_every_point_once_while_they_move() {
    const MEMBERS: usize = 400;
    const MOVERS: usize = 4;
    let server = Server::start();
    for member in 0..MEMBERS {
        server.accrue("a", &format!("m{member}"), 100);
    }
    let (all, done) = (MEMBERS as i128 * 100 * 10_000, AtomicBool::new(false));
    std::thread::scope(|scope| {
        for mover in 0..MOVERS {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                let mut random = Random::new(mover as u64);
                let mut number = 0;
                while !done.load(Ordering::Relaxed) {
                    number += 1;
                    move_something(server, &mut random, &format!("{mover}-{number}"), MEMBERS);
                }
            });
        }
        for _ in 0..60 {
            let owed = server.get("liability").data().clone();
            assert_eq!(units(&owed["total"]), all, "{owed}");
            let rows = server.rows("members/export");
            assert_eq!(rows.len(), MEMBERS);
            // What was accepted was sent before, and only so much is under way.
            let under_way = sum(&rows, "used_points") - (sum(&rows, "total_points") - all);
            assert!(under_way >= 0, "accepted and never sent: {under_way}");
            assert_eq!(sum(&rows, "active_points") + under_way, all);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(units(&server.get("liability").data()["total"]), all);
}

fn move_something(server: &Server, random: &mut Random, number: &str, members: usize) {
    let mut member = || format!("m{}", random.below(members as u64));
    let (from, to) = (member(), member());
    if from == to {
        return;
    }
    let way = random.below(3);
    if way == 0 {
        let body = json!({"transfer_no": number, "from_user": from, "to_user": to, "points": 1});
        server.post("transfer/direct", body);
        return;
    }
    let offered = server.post("transfer", offer(number, &from, &to, 1));
    if offered.status == 200 {
        let (route, whose) = if way == 1 { ("accept", to) } else { ("transfer/cancel", from) };
        server.post(route, json!({"transfer_no": number, "member_no": whose})).data();
    }
}
