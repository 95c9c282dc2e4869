//! What criterion leaves of its benches: the median of each below `target/criterion`, as figures of ours.
use super::common::figures::Figure;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Where criterion puts it: in the folder that this program was built in.
fn place() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("criterion")
}

pub fn figures(bench: &str, command: &str) -> Vec<Figure> {
    let mut found = Vec::new();
    collect(&place(), &mut found);
    found.sort();
    let figure = |(name, value): (String, f64)| Figure {
        bench: bench.into(),
        figure: name,
        value,
        unit: "ns".into(),
        command: command.into(),
    };
    found.iter().filter_map(|folder| median(folder)).map(figure).collect()
}

/// The folders of the newest measurements.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && path.ends_with("new") {
            found.push(path);
        } else if path.is_dir() {
            collect(&path, found);
        }
    }
}

/// Its name, and nanoseconds an iteration, or an element where it says how many an iteration has.
fn median(folder: &Path) -> Option<(String, f64)> {
    let read = |name: &str| -> Option<Value> {
        serde_json::from_str(&std::fs::read_to_string(folder.join(name)).ok()?).ok()
    };
    let (estimates, benchmark) = (read("estimates.json")?, read("benchmark.json")?);
    let nanos = estimates.pointer("/median/point_estimate")?.as_f64()?;
    let elements = benchmark.pointer("/throughput/Elements").and_then(Value::as_f64).unwrap_or(1.0);
    Some((benchmark["full_id"].as_str()?.to_owned(), nanos / elements))
}
