//! What stands round the binary: dashboard, alert rules, unit, container and package, held against the program.
use crate::support::metrics::Metrics;
use crate::support::server::Server;
use eros_points::actors::scans::gauge::GaugePlan;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use yaml_rust2::{Yaml, YamlLoader};

const PREFIX: &str = "eros_points_";

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Yaml {
    YamlLoader::load_from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}")).remove(0)
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Every metric of ours that a query names, with the labels that it selects by.
fn named(query: &str) -> Vec<(String, Vec<String>)> {
    let starts = query.match_indices(PREFIX).map(|(start, _)| &query[start..]);
    let metric = |rest: &str| {
        let end = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
        let selector = rest[end..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let labels = selector.map_or_else(Vec::new, |(labels, _)| {
            let label = |part: &str| part.split(['=', '!']).next().unwrap_or_default().trim().to_owned();
            labels.split(',').map(label).collect()
        });
        (rest[..end].to_owned(), labels)
    };
    starts.map(metric).collect()
}

/// The labels that a query groups by or asks the values of.
fn grouped(query: &str) -> Vec<String> {
    let lists = query.split("by (").skip(1).filter_map(|rest| rest.split_once(')'));
    let mut labels: Vec<String> =
        lists.flat_map(|(list, _)| list.split(',')).map(|label| label.trim().to_owned()).collect();
    if let Some((_, label)) = query.strip_prefix("label_values(").and_then(|rest| rest.split_once(',')) {
        labels.push(label.trim_end_matches(')').trim().to_owned());
    }
    labels
}

fn labels_of(metrics: &Metrics, name: &str) -> BTreeSet<String> {
    let samples = metrics.0.values().flat_map(|family| &family.samples);
    samples.filter(|sample| sample.name == name).flat_map(|sample| sample.labels.keys().cloned()).collect()
}

#[track_caller]
fn check_query(metrics: &Metrics, query: &str) {
    let names = metrics.names();
    for (name, selected) in named(query) {
        assert!(names.contains(&name), "{query}: there is no metric {name}");
        let labels = labels_of(metrics, &name);
        for label in selected.iter().chain(&grouped(query)) {
            assert!(labels.contains(label), "{query}: {name} has no label {label}");
        }
    }
}

/// Of a service that has done a little of everything.
fn metrics() -> Metrics {
    let mut server = Server::start();
    server.accrue("e", "m", 1);
    server.restart();
    server.accrue("f", "m", 1);
    server.gauge_points(GaugePlan { every: Some(Duration::from_secs(1)), tenants_max: 10 });
    server.wait_until("points are added up", |server| server.metrics().find("tally_tenants", &[]).is_some());
    server.metrics()
}

/// Every text under a key of this name, however deep.
fn under<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(text) if name == key => found.push(text),
                    other => under(other, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| under(item, key, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    let dashboard: Value =
        serde_json::from_str(&text("packaging/grafana/dashboards/eros-points.json")).unwrap();
    let metrics = metrics();
    let mut queries = Vec::new();
    for key in ["expr", "query", "definition"] {
        under(&dashboard, key, &mut queries);
    }
    queries.retain(|query| query.contains(PREFIX));
    assert!(queries.len() > 40, "{queries:?}");
    queries.iter().for_each(|query| check_query(&metrics, query));
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    let sources = yaml("packaging/grafana/provisioning/datasources/prometheus.yml");
    let uid = sources["datasources"][0]["uid"].as_str().unwrap();
    let mut used = Vec::new();
    panels.iter().for_each(|panel| under(&panel["datasource"], "uid", &mut used));
    assert!(!used.is_empty() && used.iter().all(|source| *source == uid), "{used:?}");
}

#[test]
fn the_dashboard_leaves_no_metric_unseen_but_these() {
    let metrics = metrics();
    let shown = text("packaging/grafana/dashboards/eros-points.json");
    let shown: BTreeSet<String> = named(&shown).into_iter().map(|(name, _)| name).collect();
    let unseen: Vec<&String> = metrics
        .0
        .keys()
        .filter(|name| !shown.iter().any(|query| query.starts_with(name.as_str())))
        .map(|name| name as &String)
        .collect();
    let expected = ["index_applied_lsn", "tally_tenants", "recovery_all", "recovery_done"]
        .map(|name| format!("{PREFIX}{name}"));
    let unseen: BTreeSet<_> = unseen.into_iter().cloned().collect();
    assert!(unseen.is_subset(&expected.into()), "{unseen:?}");
}

#[test]
fn the_alert_rules_ask_for_metrics_that_exist() {
    let metrics = metrics();
    let rules = yaml("packaging/prometheus/alerts.yml");
    let mut names = BTreeSet::new();
    for group in rules["groups"].as_vec().unwrap() {
        for rule in group["rules"].as_vec().unwrap() {
            let name = rule["alert"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            let query = rule["expr"].as_str().unwrap();
            assert!(query.contains(PREFIX) || query.contains("up{job=\"eros-points\"}"), "{query}");
            check_query(&metrics, query);
            for what in ["summary", "action"] {
                assert!(rule["annotations"][what].as_str().is_some_and(|text| !text.is_empty()), "{name}");
            }
            assert!(rule["labels"]["severity"].as_str().is_some(), "{name}");
        }
    }
    assert!(names.len() >= 9);
    let config = yaml("packaging/prometheus/prometheus.yml");
    assert_eq!(config["rule_files"][0].as_str(), Some("alerts.yml"));
    assert_eq!(config["scrape_configs"][0]["job_name"].as_str(), Some("eros-points"));
}

#[test]
fn a_query_with_a_wrong_name_or_label_is_found() {
    let metrics = metrics();
    for wrong in [
        "eros_points_no_such_metric",
        "rate(eros_points_http_requests[5m])",
        r#"eros_points_http_requests_total{rout="x"}"#,
        "sum by (member) (eros_points_http_requests_total)",
        "label_values(eros_points_tenant_members, tenant)",
    ] {
        let checked = std::panic::catch_unwind(|| check_query(&metrics, wrong));
        assert!(checked.is_err(), "{wrong}");
    }
    check_query(
        &metrics,
        r#"sum by (code) (rate(eros_points_http_requests_total{code!="0", route=~"/x"}[5m]))"#,
    );
}

#[test]
fn compose_mounts_what_is_there_and_opens_nothing_to_other_machines() {
    let compose = yaml("compose.yaml");
    for (name, service) in compose["services"].as_hash().unwrap() {
        for port in service["ports"].as_vec().unwrap() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name:?}: {port:?}");
        }
        for mount in service["volumes"].as_vec().unwrap() {
            let from = mount.as_str().unwrap().split(':').next().unwrap();
            let known = !compose["volumes"][from].is_badvalue();
            assert!(known || (from.starts_with("./") && root(from).exists()), "{name:?}: {from}");
        }
    }
    // Prometheus asks the service by its name there, at the port that the image listens on.
    let target =
        yaml("packaging/prometheus/prometheus.yml")["scrape_configs"][0]["static_configs"][0]["targets"][0]
            .clone();
    let (host, port) = target.as_str().unwrap().split_once(':').unwrap();
    assert!(!compose["services"][host].is_badvalue());
    assert!(text("Dockerfile").contains(&format!("EROS_POINTS_LISTEN=0.0.0.0:{port}")));
}

/// Settings that packages and images bring are ones that the program takes.
#[test]
fn the_settings_that_are_shipped_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = root("packaging/eros-points.toml");
    let ask = |variables: &[(&str, &str)], config: Option<&Path>| {
        let mut command = crate::support::process::binary();
        command
            .current_dir(folder.path())
            .envs(variables.iter().copied())
            .arg("verify")
            .arg("--data-dir")
            .arg(folder.path());
        if let Some(config) = config {
            command.arg("--config").arg(config);
        }
        command.output().unwrap()
    };
    // There is no ledger: that is what it says, and not that a setting is wrong.
    let told = ask(&[], Some(&shipped));
    let words = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(words.contains("there is no log in this data folder"), "{words}");
    let settings = text("packaging/eros-points.toml");
    assert!(settings.contains("data_dir = \"/var/lib/eros-points\""), "where the unit's state folder is");
    assert!(text("packaging/systemd/eros-points.service").contains("StateDirectory=eros-points\n"));
    let image = [("EROS_POINTS_LISTEN", "0.0.0.0:21100")];
    let refused = ask(&image, None);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--insecure"), "no keys, no strangers");
    let compose = [&image[..], &[("EROS_POINTS_INSECURE", "true")]].concat();
    let words = String::from_utf8_lossy(&ask(&compose, None).stderr).into_owned();
    assert!(words.contains("there is no log in this data folder"), "{words}");
}
