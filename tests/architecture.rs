//! The order of the modules, and the purity of the ledger, held against the source.
use axum::http::Method;
use eros_points::http::access::{Listed, PREFIX, listed};
use std::path::{Path, PathBuf};

/// Each module with those that it may name. What is not here may name nothing of the crate.
const MAY_USE: [(&str, &[&str]); 17] = [
    ("ledger", &["limits"]),
    ("limits", &["ledger"]),
    ("clock", &["ledger"]),
    ("measure", &[]),
    ("pace", &["clock"]),
    ("giving_way", &[]),
    ("format", &["ledger", "limits"]),
    ("store", &["format", "ledger", "limits", "clock", "measure", "pace"]),
    ("history", &["format", "ledger", "limits", "clock", "pace", "giving_way"]),
    (
        "actors",
        &[
            "history",
            "store",
            "format",
            "ledger",
            "limits",
            "clock",
            "telemetry",
            "measure",
            "pace",
            "giving_way",
        ],
    ),
    ("http", &["actors", "ledger", "limits", "clock", "telemetry", "measure"]),
    ("import", &["http", "actors", "history", "store", "format", "ledger", "limits"]),
    ("config", &["ledger", "store"]),
    ("telemetry", &[]),
    (
        "cli",
        &[
            "import",
            "http",
            "actors",
            "history",
            "store",
            "format",
            "ledger",
            "limits",
            "clock",
            "config",
            "telemetry",
        ],
    ),
    ("main", &[]),
    ("lib", &[]),
];

/// What has no place in a pure module, and why.
const IMPURE: [&str; 10] = [
    "std::time",
    "std::fs",
    "std::io",
    "std::thread",
    "std::env",
    "tokio",
    "tracing",
    "async ",
    "Mutex",
    "RandomState",
];

fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(&root).unwrap();
            let first = inside.iter().next().unwrap().to_str().unwrap();
            let module = first.trim_end_matches(".rs").to_owned();
            found.push((module, path.clone(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(found.len() > 40, "the sources are not where they are looked for");
    found
}

/// The modules of the crate that a text names.
fn used(text: &str) -> Vec<&str> {
    let mut used: Vec<&str> = text
        .split("crate::")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next())
        .filter(|name| MAY_USE.iter().any(|(module, _)| module == name))
        .collect();
    used.sort_unstable();
    used.dedup();
    used
}

#[test]
fn nothing_points_back() {
    for (module, path, text) in sources() {
        let (_, allowed) = MAY_USE
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{module} is new here"));
        for name in used(&text) {
            assert!(name == module || allowed.contains(&name), "{} may not use {name}", path.display());
        }
    }
}

#[test]
fn ledger_and_format_are_pure() {
    for (module, path, text) in sources() {
        if module == "ledger" || module == "format" {
            for word in IMPURE {
                assert!(!text.contains(word), "{} names {word}", path.display());
            }
        }
    }
}

#[test]
fn the_ledger_counts_without_binary_floats() {
    for (module, path, text) in sources() {
        if module == "ledger" {
            assert!(!text.contains("f64") && !text.contains("f32"), "{} has a float", path.display());
        }
    }
}

/// bincode is behind one module; its derives stand where types do.
#[test]
fn only_the_codec_calls_bincode() {
    for (_, path, text) in sources() {
        let calls = text.matches("bincode::").count() - text.matches("use bincode::{Decode, Encode}").count();
        assert!(calls == 0 || path.ends_with("format/codec.rs"), "{} calls bincode", path.display());
    }
}

/// Only the store and what it is built on name the file system.
#[test]
fn only_the_store_touches_files() {
    for (module, path, text) in sources() {
        let may = module == "store" || path.ends_with("actors/start/loading.rs");
        assert!(may || !text.contains("std::fs"), "{} names std::fs", path.display());
    }
}

/// The routes that a text describes, as `#[utoipa::path(get, path = "PATH", …)]`. There are no others: what is registered
/// otherwise would be served without a description.
fn registered(text: &str) -> Vec<(Method, String)> {
    assert!(!text.replace(".route()", "").contains(".route("), "a route without a description");
    let mut found = Vec::new();
    for attribute in text.split("#[utoipa::path(").skip(1) {
        let method = attribute.split(',').next().unwrap_or_default().trim().to_uppercase();
        let path = attribute.split("path = \"").nth(1).and_then(|rest| rest.split('"').next());
        let path = path.unwrap_or_else(|| panic!("no path: {attribute}"));
        found.push((method.parse().unwrap(), path.to_owned()));
    }
    found
}

/// A route without a line in the table is shut to all but `admin`: safe, and surely not what was meant.
#[test]
fn every_route_says_what_it_asks_of_a_key() {
    let http = sources().into_iter().filter(|(module, _, _)| module == "http");
    // A test has routes of its own.
    let without_tests = |text: &str| text.split("#[cfg(test)]").next().map(registered).unwrap_or_default();
    let routes: Vec<(Method, String)> = http.flat_map(|(_, _, text)| without_tests(&text)).collect();
    assert!(routes.len() > 30, "the routes are not where they are looked for: {routes:?}");
    for (method, path) in routes {
        let is_listed = |route: &str| matches!(listed(&method, route), Listed::Needs(_));
        let under_prefix = format!("{PREFIX}{path}");
        assert!(
            is_listed(&path) || is_listed(&under_prefix),
            "src/http/access.rs has no line for {method} {path}"
        );
    }
}
