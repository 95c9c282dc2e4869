//! The order of the modules, and the purity of the ledger, held against the source.
use std::path::{Path, PathBuf};

/// Each module with those that it may name. What is not here may name nothing of the crate.
const MAY_USE: [(&str, &[&str]); 14] = [
    ("ledger", &["limits"]),
    ("limits", &["ledger"]),
    ("clock", &["ledger"]),
    ("format", &["ledger", "limits"]),
    ("store", &["format", "ledger", "limits", "clock"]),
    ("history", &["format", "ledger", "limits"]),
    ("actors", &["history", "store", "format", "ledger", "limits", "clock"]),
    ("http", &["actors", "ledger", "limits"]),
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
        let may = module == "store" || path.ends_with("actors/start.rs");
        assert!(may || !text.contains("std::fs"), "{} names std::fs", path.display());
    }
}
