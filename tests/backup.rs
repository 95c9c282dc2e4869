//! `backup` and `restore` as their users run them: beside a service under load, and back.
use crate::support::process::{Connection, Process, Ready, binary, verify};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

const API: &str = "/api/crm/points/10080";
const MEMBERS: u64 = 8;
const CLIENTS: u64 = 3;
/// So large that the clients fill segments, whose least size is a frame's.
const NOTE_BYTES: usize = 100_000;

/// Small, so that segments, snapshots and archiving happen while the backup runs.
const SETTINGS: [(&str, &str); 4] =
    [("SEGMENT_BYTES", "1MiB"), ("SNAPSHOT_EVERY", "1MiB"), ("HISTORY_CACHE_BYTES", "8MiB"), ("LOG", "warn")];

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, data: &str) -> Ready {
        let log = self.path("log.txt");
        Process::spawn(&self.path(data), &log, &SETTINGS).ready().expect("a ready line")
    }

    fn run(&self, data: &str, arguments: &[&str]) -> Output {
        binary().args(arguments).arg("--data-dir").arg(self.path(data)).output().expect("the binary starts")
    }

    fn backup(&self, arguments: &[&str]) -> Output {
        let folder = self.path("backup");
        let mut all = vec!["backup", folder.to_str().expect("text")];
        all.extend(arguments);
        self.run("data", &all)
    }

    fn restore(&self, data: &str) -> Output {
        self.run(data, &["restore", self.path("backup").to_str().expect("text")])
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[track_caller]
fn said(output: &Output) -> String {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let err = text(&output.stderr);
    assert!(!output.status.success(), "it was not refused: {}", text(&output.stdout));
    words.iter().for_each(|word| assert!(err.contains(word), "{word:?} is not said: {err}"));
}

/// Accruals (some large), spends and direct transfers, until it is told to stop; each request with its answer.
fn client(address: SocketAddr, name: u64, stop: &AtomicBool) -> Vec<(String, String, String)> {
    let mut connection = Connection::to(address).expect("a connection");
    let mut told = Vec::new();
    for n in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let (number, member) = (format!("{name}-{n}"), (n + name) % MEMBERS);
        let (route, body) = match n % 4 {
            0 | 1 => {
                let note = if n % 4 == 0 { "x".repeat(NOTE_BYTES) } else { String::new() };
                let body = format!(
                    r#"{{"event_no":"{number}","member_no":"m{member}","event_type":"order","points":20.5,"expire_days":{},"order_info":{{"order_sn":"{note}","pay_amount":1,"item_list":[]}}}}"#,
                    n % 300 + 1
                );
                (
                    "produce/direct",
                    body.replace(
                        &format!(r#""order_sn":"{note}""#),
                        &format!(r#""order_sn":"s","note":"{note}""#),
                    ),
                )
            }
            2 => (
                "consume/direct",
                format!(r#"{{"event_no":"{number}","member_no":"m{member}","points":3.25}}"#),
            ),
            _ => {
                let to = (member + 1) % MEMBERS;
                let body = format!(
                    r#"{{"transfer_no":"{number}","from_user":"m{member}","to_user":"m{to}","points":1}}"#
                );
                ("transfer/direct", body)
            }
        };
        let path = format!("{API}/{route}");
        let reply = connection.post(&path, &body).expect("an answer");
        if reply.status == 200 {
            told.push((path, body, reply.body));
        }
    }
    told
}

/// Every member's summary and whole history, byte for byte.
fn books(address: SocketAddr) -> BTreeMap<String, (String, Vec<String>)> {
    let mut connection = Connection::to(address).expect("a connection");
    let mut books = BTreeMap::new();
    for n in 0..MEMBERS {
        let summary = connection.get(&format!("{API}/summary?member_no=m{n}")).expect("an answer").body;
        let mut pages = Vec::new();
        let mut after = String::new();
        loop {
            let body = format!(r#"{{"member_no":"m{n}","page_size":100{after}}}"#);
            let page = connection.post(&format!("{API}/history"), &body).expect("an answer").body;
            let json: Value = serde_json::from_str(&page).expect("JSON");
            pages.push(page);
            let Some(last) = json["data"]["items"].as_array().and_then(|items| items.last()) else { break };
            after = format!(r#","after_id":{}"#, last["auto_id"]);
        }
        books.insert(format!("m{n}"), (summary, pages));
    }
    books
}

#[test]
fn a_backup_taken_under_load_gives_every_balance_and_history_back() {
    let place = Place::new();
    let ready = place.start("data");
    let (address, stop) = (ready.address, AtomicBool::new(false));
    let told = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|name| {
                scope.spawn({
                    let stop = &stop;
                    move || client(address, name, stop)
                })
            })
            .collect();
        // Until segments were closed and archived beneath the backups.
        let archive = place.path("data/wal/archive");
        let mut backups = 0;
        while backups < 3 || std::fs::read_dir(&archive).map_or(0, |files| files.count()) < 2 {
            said(&place.backup(&[]));
            backups += 1;
            assert!(backups < 500, "nothing was ever archived");
        }
        stop.store(true, Ordering::SeqCst);
        clients.into_iter().flat_map(|client| client.join().expect("what it was told")).collect::<Vec<_>>()
    });
    let last = said(&place.backup(&["--verify"]));
    assert!(last.contains("everything holds") && last.contains("MiB/s"), "{last}");
    let before = books(address);
    ready.process.kill();

    let restored = said(&place.restore("elsewhere"));
    assert!(restored.contains("everything holds") && restored.contains("through record"), "{restored}");
    assert!(verify(&place.path("elsewhere")).status.success());
    let ready = place.start("elsewhere");
    assert!(books(ready.address) == before, "a balance or a history is another one");
    let mut connection = Connection::to(ready.address).expect("a connection");
    for (path, body, answer) in told.iter().rev().take(100) {
        let again = connection.post(path, body).expect("an answer");
        assert!(again.replayed && again.body == *answer, "{path}: {} instead of {answer}", again.body);
    }
    assert_eq!(ready.process.signal("-TERM"), Some(0));
    assert!(verify(&place.path("elsewhere")).status.success());
}

/// A service with a few records that was stopped, and a backup of it.
fn backed_up() -> Place {
    let place = Place::new();
    let ready = place.start("data");
    let mut connection = Connection::to(ready.address).expect("a connection");
    for n in 0..5 {
        accrue(&mut connection, n);
    }
    assert_eq!(ready.process.signal("-TERM"), Some(0));
    said(&place.backup(&[]));
    place
}

fn accrue(connection: &mut Connection, n: u64) {
    let body = format!(r#"{{"event_no":"e{n}","member_no":"m{n}","event_type":"event","points":1}}"#);
    assert_eq!(connection.post(&format!("{API}/produce/direct"), &body).expect("an answer").status, 200);
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).expect("a file"));
        }
    }
    found
}

#[test]
fn a_damaged_backup_is_not_restored_and_names_the_file() {
    let place = backed_up();
    let whole = files(&place.path("backup"));
    for (path, bytes) in whole.iter().filter(|(path, _)| !path.ends_with("LOCK")) {
        let mut damaged = bytes.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        std::fs::write(path, damaged).expect("damage");
        let name = path.file_name().expect("a name").to_str().expect("text");
        refused(&place.restore("elsewhere"), &[name, "hint:"]);
        assert!(!place.path("elsewhere").exists(), "nothing was begun");
        std::fs::write(path, bytes).expect("the right bytes");
    }
    said(&place.restore("elsewhere"));
}

#[test]
fn restores_only_into_a_folder_that_holds_no_log() {
    let place = backed_up();
    let before = files(&place.path("data"));
    refused(&place.restore("data"), &["is not empty", "hint:"]);
    assert!(files(&place.path("data")) == before, "a refusal changed something");
    // The folders of a checkout hold a page each.
    std::fs::create_dir_all(place.path("checkout/wal")).expect("a folder");
    std::fs::write(place.path("checkout/wal/README.md"), "the format").expect("a page");
    said(&place.restore("checkout"));
    refused(&place.restore("checkout"), &["is not empty"]);
}

#[test]
fn a_backup_folder_is_one_logs_alone() {
    let place = backed_up();
    let before = files(&place.path("backup"));
    let other = place.start("other");
    let mut connection = Connection::to(other.address).expect("a connection");
    accrue(&mut connection, 1);
    let to = place.path("backup");
    refused(&place.run("other", &["backup", to.to_str().expect("text")]), &["is the backup of log", "hint:"]);
    assert!(files(&place.path("backup")) == before, "a refusal changed something");
    // Nor is a data folder ever taken for a backup, not even the own one.
    let data = place.path("other");
    refused(&place.run("other", &["backup", data.to_str().expect("text")]), &["is no backup"]);
    refused(&place.run("nothing", &["backup", to.to_str().expect("text")]), &["no log", "--data-dir"]);
    refused(
        &place.run("nothing", &["restore", place.path("absent").to_str().expect("text")]),
        &["no backup"],
    );
}

#[test]
fn a_backup_that_is_killed_leaves_the_one_before_it_good() {
    let place = backed_up();
    let ready = place.start("data");
    let mut connection = Connection::to(ready.address).expect("a connection");
    for round in 0..12_u64 {
        accrue(&mut connection, 100 + round);
        let mut child = binary()
            .args(["backup", place.path("backup").to_str().expect("text"), "--data-dir"])
            .arg(place.path("data"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(std::time::Duration::from_millis(3 * round));
        let _ = child.kill();
        let _ = child.wait();
        let name = format!("restored-{round}");
        said(&place.restore(&name));
    }
    said(&place.backup(&[]));
    let restored = said(&place.restore("whole"));
    // A zone, five accruals, then twelve.
    assert!(restored.contains("through record 18"), "{restored}");
}
