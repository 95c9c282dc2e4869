//! What comes over from another system: as it stands, or as it happened.
mod again;
mod command;
mod events;
mod files;
mod lots;
mod members;
mod refusals;

pub use crate::support::server::{NOON, Server, TENANT};
pub use serde_json::{Value, json};

use crate::support::process::verify;
use eros_points::import::{Format, Job, Report, run};
use eros_points::ledger::Terms;
use eros_points::ledger::instant::Instant;
use eros_points::store::disk::RealDisk;
use eros_points::store::journal::JournalOptions;
use std::path::Path;

/// An import at the servers' noon, into the zone of all tests.
pub fn job(data: &Path, file: &Path) -> Job {
    Job {
        data_dir: data.to_owned(),
        disk: RealDisk::shared(),
        file: file.to_owned(),
        format: None,
        tenant: Some(TENANT.into()),
        as_of: NOON,
        terms: Terms { zone: chrono_tz::Asia::Shanghai, ..Terms::default() },
        skip_refused: false,
        dry_run: false,
        journal: JournalOptions { min_free_bytes: 1, ..JournalOptions::default() },
        history_cache_bytes: 1 << 20,
    }
}

/// Imports rows of NDJSON into a folder.
pub fn import_into(data: &Path, rows: &[Value], change: impl FnOnce(&mut Job)) -> Report {
    let file = tempfile::Builder::new().suffix(".ndjson").tempfile().unwrap();
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(file.path(), text).unwrap();
    let mut job = job(data, file.path());
    change(&mut job);
    run(&job, &mut |_, _, _| {}).unwrap()
}

/// A server in whose folder these rows were imported before it was ever started.
pub fn moved_in(rows: &[Value]) -> Server {
    let mut server = Server::empty();
    let report = import_into(server.folder(), rows, |_| {});
    assert_eq!(report.refused, [], "nothing is refused");
    assert!(report.written);
    assert_eq!(report.reconciled.differences, []);
    assert!(verify(server.folder()).status.success());
    server.start_again();
    server
}

/// Each record of the log as it is, without what chance has made.
pub fn log_of(data: &Path) -> Vec<Value> {
    let output =
        crate::support::process::binary().args(["inspect", "--data-dir"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let record = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record["content"].as_object_mut().map(|content| content.remove("sealed"));
        record
    };
    text.lines().map(record).collect()
}

pub fn at(text: &str) -> Instant {
    eros_points::http::time::parse(text, chrono_tz::Asia::Shanghai).unwrap()
}
