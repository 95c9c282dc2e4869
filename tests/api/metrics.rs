//! `GET /metrics`.
use super::sending::{accrual, with};
use super::{NOON, Options, Server, Span, TENANT, json, path};
use crate::support::metrics::Metrics;
use eros_points::actors::scans::gauge::GaugePlan;
use std::collections::BTreeSet;
use std::time::Duration;

fn route(route: &str) -> String {
    format!("/api/crm/points/{{crm_id}}/{route}")
}

fn answered(metrics: &Metrics, route: &str, method: &str, status: &str, code: &str) -> f64 {
    let labels = [("route", route), ("method", method), ("status", status), ("code", code)];
    metrics.find("http_requests_total", &labels).unwrap_or(0.0)
}

#[test]
fn counts_requests_by_route_method_status_and_code() {
    let server = Server::start();
    for n in 0..3 {
        server.accrue(&format!("e{n}"), "secret-member", 10);
    }
    server.spend("s", "secret-member", 10);
    let spend = json!({"event_no": "s2", "member_no": "secret-member", "points": 100});
    server.post("consume/direct", spend).refusal(422, 42201);
    server.post("consume/direct", json!({})).refusal(400, 40001);
    server.get("consume/direct").refusal(405, 40500);
    server.get("summary?member_no=secret-member").data();
    server.get("summary").refusal(400, 40001);
    server.send("GET", "/secret-path", &[], b"").refusal(404, 40400);
    let metrics = server.metrics();
    let produce = route("produce/direct");
    for (route, method, status, code, times) in [
        (produce.as_str(), "POST", "200", "0", 3.0),
        (&route("consume/direct"), "POST", "200", "0", 1.0),
        (&route("consume/direct"), "POST", "422", "42201", 1.0),
        (&route("consume/direct"), "POST", "400", "40001", 1.0),
        (&route("consume/direct"), "GET", "405", "40500", 1.0),
        (&route("summary"), "GET", "200", "0", 1.0),
        (&route("summary"), "GET", "400", "40001", 1.0),
        ("unmatched", "GET", "404", "40400", 1.0),
    ] {
        assert_eq!(answered(&metrics, route, method, status, code), times, "{method} {route} {code}");
    }
    let labels = [("route", produce.as_str()), ("method", "POST")];
    assert_eq!(metrics.find("http_request_duration_seconds_count", &labels), Some(3.0));
    let sum = metrics.find("http_request_duration_seconds_sum", &labels).unwrap();
    assert!(sum > 0.0, "they took time");
    let text = server.send("GET", "/metrics", &[], b"").text();
    assert!(!text.contains("secret"), "no path, and no member, is a label: {text}");
    assert_eq!(metrics.value("http_requests_in_flight"), 1.0, "the scrape itself");
}

#[test]
fn a_histogram_adds_up() {
    let server = Server::start();
    for n in 0..20 {
        server.accrue(&format!("e{n}"), "m", 1);
    }
    let metrics = server.metrics();
    for family in metrics.0.values().filter(|family| family.kind == "histogram") {
        let buckets = family.samples.iter().filter(|sample| sample.name.ends_with("_bucket"));
        let (mut last, mut bound) = (0.0, 0.0);
        for bucket in buckets {
            let le: f64 = bucket.labels["le"].parse().unwrap();
            if le < bound {
                last = 0.0;
            }
            assert!(bucket.value >= last, "{bucket:?}");
            (last, bound) = (bucket.value, le);
        }
        assert_eq!(bound, f64::INFINITY, "the last bucket takes all");
    }
}

#[test]
fn tells_what_the_log_does() {
    let server = Server::start();
    let before = server.metrics();
    for n in 0..5 {
        server.accrue(&format!("e{n}"), "m", 1);
    }
    let last = server.accrue("last", "m", 1)["auto_id"].as_f64().unwrap();
    let after = server.metrics();
    let grown = |name: &str| after.value(name) - before.value(name);
    assert_eq!(grown("wal_records_total"), 6.0);
    assert_eq!(grown("wal_group_records_sum"), 6.0, "each in one group");
    assert!(grown("wal_bytes_total") > 6.0 * 50.0);
    assert!(grown("wal_frames_total") >= 1.0 && grown("wal_syncs_total") >= 1.0);
    assert_eq!(after.value("wal_sync_duration_seconds_count"), after.value("wal_syncs_total"));
    assert_eq!(after.value("wal_durable_lsn"), last);
    assert_eq!(after.value("wal_last_lsn"), last);
    assert_eq!(after.value("wal_full"), 0.0);
    server
        .wait_until("the disk has been looked at", |server| server.metrics().value("disk_free_bytes") > 0.0);
    server.wait_until("the index has it all", |server| {
        let metrics = server.metrics();
        metrics.value("index_lag_records") == 0.0 && metrics.value("index_applied_lsn") == last
    });
    assert!(after.value("index_size_bytes") > 0.0);
}

#[test]
fn tells_of_the_newest_snapshot() {
    let mut server = Server::start();
    server.accrue("e", "m", 1);
    let before = server.metrics();
    assert_eq!(before.find("snapshot_age_seconds", &[]), None, "there is none yet");
    server.restart();
    server.pass(Span::hours(1));
    let metrics = server.metrics();
    assert_eq!(metrics.value("snapshot_age_seconds"), 3_600.0);
    assert!(metrics.value("snapshot_size_bytes") > 0.0);
    assert_eq!(metrics.value("snapshot_lsn"), before.value("wal_durable_lsn"));
    assert_eq!(metrics.value("snapshot_failures_total"), 0.0);
    assert!(metrics.value("recovery_seconds") > 0.0);
    assert_eq!(metrics.value("recovery_done"), metrics.value("recovery_all"));
}

#[test]
fn tells_busy_members_from_members_at_rest() {
    let mut server = Server::start();
    for n in 0..3 {
        server.accrue("e", &format!("m{n}"), 1);
    }
    let of = |metrics: &Metrics, state: &str| metrics.find("members", &[("state", state)]).unwrap();
    let metrics = server.metrics();
    assert_eq!(
        (of(&metrics, "awake"), of(&metrics, "resting")),
        (0.0, 3.0),
        "a change now and then wakes nobody"
    );
    for n in 0..3 {
        server.accrue("soon", &format!("m{n}"), 1);
    }
    let metrics = server.metrics();
    assert_eq!((of(&metrics, "awake"), of(&metrics, "resting")), (3.0, 0.0), "who comes again soon is busy");
    server.restart();
    server.accrue("again", "m1", 1);
    let metrics = server.metrics();
    assert_eq!((of(&metrics, "awake"), of(&metrics, "resting")), (1.0, 2.0));
    assert_eq!(metrics.value("requests_in_flight"), 0.0);
    server.wait_until("nothing waits any more", |server| server.metrics().value("mailbox_waiting") == 0.0);
}

#[test]
fn answers_while_the_service_recovers_and_while_it_stops() {
    let mut server = Server::before_recovery(Options::default());
    server.get("summary?member_no=m").refusal(503, 50301);
    let metrics = server.metrics();
    assert_eq!(metrics.value("ready"), 0.0);
    assert_eq!(metrics.find("stage", &[("stage", "starting")]), Some(1.0));
    assert_eq!(answered(&metrics, &route("summary"), "GET", "503", "50301"), 1.0);
    assert_eq!(metrics.find("wal_durable_lsn", &[]), None, "nothing is known of it yet");
    server.recover();
    assert_eq!(server.metrics().value("ready"), 1.0);
    server.begin_to_stop();
    let metrics = server.metrics();
    assert_eq!(metrics.value("ready"), 0.0);
    assert_eq!(metrics.find("stage", &[("stage", "stopping")]), Some(1.0));
}

const PLAN: GaugePlan = GaugePlan { every: Some(Duration::from_secs(1)), tenants_max: 2 };

#[test]
fn adds_up_the_points_of_each_tenant() {
    let mut server = Server::start();
    server.accrue("a", "m", 100);
    server.does("produce/direct", with(accrual("b", "m", 40), json!({"freeze_hours": 24})));
    server.does("produce/direct", with(accrual("c", "n", 7), json!({"expire_days": 1})));
    server.offer("t", "m", "n", 30);
    server.spend("s", "m", 70);
    let back = json!({"event_no": "r", "member_no": "m", "origin_event_no": "a", "allow_negative": true});
    server.does("reverse/produce", back);
    // One who is at rest, and time that has passed unrecorded.
    server.restart();
    server.pass(Span::hours(23));
    server.gauge_points(PLAN);
    server.wait_until("they are added up", |server| {
        server.metrics().find("tenant_members", &[("crm_id", TENANT)]).is_some()
    });
    let metrics = server.metrics();
    assert_eq!(metrics.find("tenant_members", &[("crm_id", TENANT)]), Some(2.0));
    let summaries = ["m", "n"].map(|member| server.summary(member));
    for (state, field) in [
        ("active", "active_points"),
        ("frozen", "freeze_points"),
        ("expired", "expired_points"),
        ("used", "used_points"),
        ("total", "total_points"),
    ] {
        let sum: f64 = summaries.iter().map(|summary| summary[field].as_f64().unwrap()).sum();
        let shown = metrics.find("tenant_points", &[("crm_id", TENANT), ("state", state)]);
        assert_eq!(shown, Some(sum), "{state}");
    }
    assert_eq!(metrics.find("tenant_points", &[("crm_id", TENANT), ("state", "offered")]), Some(30.0));
    assert_eq!(metrics.find("tenant_points", &[("crm_id", TENANT), ("state", "debt")]), Some(100.0));
    assert!(metrics.value("tally_age_seconds") >= 0.0);
    assert!(metrics.value("tally_duration_seconds") >= 0.0);
}

#[test]
fn shows_so_many_tenants_and_says_how_many_it_leaves_out() {
    let mut server = Server::start();
    for (crm_id, members) in [("small", 1), ("large", 3), ("middle", 2), ("smaller", 1)] {
        for n in 0..members {
            server.post_to(crm_id, "produce/direct", &accrual("e", &format!("m{n}"), 5)).data();
        }
    }
    server.gauge_points(PLAN);
    server.wait_until("they are added up", |server| server.metrics().find("tally_tenants", &[]).is_some());
    let metrics = server.metrics();
    let shown: BTreeSet<_> =
        metrics.0["eros_points_tenant_members"].samples.iter().map(|s| s.labels["crm_id"].as_str()).collect();
    assert_eq!(shown, BTreeSet::from(["large", "middle"]));
    assert_eq!((metrics.value("tally_tenants"), metrics.value("tally_tenants_left_out")), (2.0, 2.0));
}

#[test]
fn counts_what_is_shed() {
    let server = Server::start();
    let places = server.take_scan_places();
    let answer = server.get("liability");
    answer.refusal(503, 50303);
    assert_eq!(answer.header("Retry-After"), Some("1"));
    drop(places);
    server.get("liability").data();
    assert_eq!(server.metrics().find("requests_shed_total", &[("reason", "scans")]), Some(1.0));
}

#[test]
fn is_text_for_prometheus_and_only_read() {
    let server = Server::with(Options { now: NOON, ..Options::default() });
    let answer = server.send("GET", "/metrics", &[], b"");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    server.send("POST", "/metrics", &[], b"").refusal(405, 40500);
    server.send("GET", &path(TENANT, "metrics"), &[], b"").refusal(404, 40400);
}

/// Rows of `docs/METRICS.md`: name, type, labels.
fn page() -> Vec<(String, String, BTreeSet<String>)> {
    let page = include_str!("../../docs/METRICS.md");
    let rows = page.lines().filter(|line| line.starts_with("| `eros_points_"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').skip(1).map(str::trim).collect();
        let labels = cells[2].split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned()).collect();
        (cells[0].trim_matches('`').to_owned(), cells[1].to_owned(), labels)
    };
    rows.map(row).collect()
}

#[test]
fn the_page_lists_every_metric_with_its_type_and_labels_and_no_other() {
    let mut server = Server::start();
    server.accrue("e", "m", 1);
    server.restart();
    server.gauge_points(PLAN);
    server.wait_until("points are added up", |server| server.metrics().find("tally_tenants", &[]).is_some());
    let metrics = server.metrics();
    let page = page();
    let listed: BTreeSet<&String> = page.iter().map(|(name, ..)| name).collect();
    assert_eq!(listed.len(), page.len(), "a metric is listed twice");
    assert_eq!(listed, metrics.0.keys().collect::<BTreeSet<_>>());
    for (name, kind, labels) in &page {
        let family = &metrics.0[name];
        assert_eq!(*kind, family.kind, "{name}");
        assert!(!family.help.is_empty(), "{name}");
        for sample in &family.samples {
            let found: BTreeSet<String> =
                sample.labels.keys().filter(|label| *label != "le").cloned().collect();
            assert_eq!(*labels, found, "{name}");
        }
    }
}
