//! What there is to run, and how.
use super::common::figures::{self, Figure};
use super::{criterion, root};
use std::process::{Command, Stdio};

/// One command that leaves figures.
#[derive(Clone, Copy)]
pub struct Run {
    /// As `--only` names it, by itself or by what is before the `/`.
    pub name: &'static str,
    how: How,
    /// Arguments of both versions, of the short one, of the full one.
    both: &'static [&'static str],
    short: &'static [&'static str],
    long: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum How {
    /// `cargo bench --bench` of this name, with `--json`.
    Bench(&'static str),
    /// The same of a bench of criterion's, which leaves its figures elsewhere.
    Criterion(&'static str),
    /// A program of its own, with `--json`.
    Program(&'static str),
}

const fn http(name: &'static str, both: &'static [&'static str]) -> Run {
    Run { name, how: How::Bench("http"), both, short: &["--short"], long: &[] }
}

/// Next to bare axum. Rounds differ by a fifth, so the full version has more of them, and longer ones, than by itself.
const fn next_to_bare(name: &'static str, both: &'static [&'static str]) -> Run {
    Run { long: &["--rounds", "9", "--seconds", "10"], ..http(name, both) }
}

const fn other(name: &'static str) -> Run {
    Run { name, how: How::Bench(name), both: &[], short: &["--short"], long: &[] }
}

pub const RUNS: [Run; 17] = [
    next_to_bare("http/produce", &["produce"]),
    next_to_bare("http/busy", &["produce", "--members", "100000"]),
    http("http/floor", &["floor"]),
    // In longer rounds the member asked most would come to 100,000 lots, the most that one may have.
    http("http/zipf", &["zipf"]),
    next_to_bare("http/mix", &["mix"]),
    http("http/batch", &["batch"]),
    http("http/open", &["open"]),
    http("http/history", &["history"]),
    http("http/sustain", &["sustain"]),
    http("http/grow", &["grow"]),
    Run {
        name: "peers",
        how: How::Program("benches/peers/run"),
        both: &[],
        short: &["--rounds", "3", "--seconds", "2"],
        long: &["--limits"],
    },
    other("due"),
    other("recovery"),
    Run {
        name: "memory",
        how: How::Bench("memory"),
        both: &["--prefilled"],
        short: &["--short"],
        long: &["--members", "10000000"],
    },
    other("bytes"),
    other("history"),
    Run {
        name: "pure",
        how: How::Criterion("pure"),
        both: &[],
        short: &["--warm-up-time", "0.5", "--measurement-time", "1"],
        long: &[],
    },
];

impl Run {
    pub fn is_chosen(&self, only: &[String]) -> bool {
        let group = self.name.split('/').next();
        only.is_empty() || only.iter().any(|name| name == self.name || Some(name.as_str()) == group)
    }

    pub fn command(&self, long: bool) -> Vec<&'static str> {
        let mut words = match self.how {
            How::Bench(name) | How::Criterion(name) => vec!["cargo", "bench", "--bench", name, "--"],
            How::Program(path) => vec![path],
        };
        words.extend(self.both);
        words.extend(if long { self.long } else { self.short });
        words
    }

    /// Runs it, its own output passed on; its figures.
    pub fn measure(&self, long: bool) -> Result<Vec<Figure>, String> {
        if let How::Bench(name) | How::Criterion(name) = self.how
            && !is_there(name)
        {
            return Err("there is no such bench".into());
        }
        let words = self.command(long);
        println!("\n$ {}", words.join(" "));
        let file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(root()).stdin(Stdio::null());
        if !matches!(self.how, How::Criterion(_)) {
            command.arg("--json").arg(file.path());
        }
        let status = command.status().map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("it ended with {status}"));
        }
        Ok(match self.how {
            How::Criterion(name) => criterion::figures(name, &words.join(" ")),
            _ => figures::read(file.path()),
        })
    }
}

/// Whether the manifest has such a bench.
fn is_there(name: &str) -> bool {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("a manifest");
    let benches = manifest["bench"].as_array().expect("benches");
    benches.iter().any(|bench| bench.get("name").and_then(toml::Value::as_str) == Some(name))
}
