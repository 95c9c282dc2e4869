//! `verify --history`: the index held against the log; and what the commands tell of hashes.
use crate::support::process::{Connection, Process, binary};
use crate::support::rows::Rows;
use std::path::Path;
use std::process::Output;

const API: &str = "/api/crm/points/10080";

fn run(data: &Path, arguments: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } =
        binary().args(arguments).arg("--data-dir").arg(data).output().expect("the binary starts");
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

/// A data folder with some records in it; the newest hash as `/metrics` told it.
fn filled(data: &Path, log: &Path) -> String {
    let ready = Process::spawn(data, log, &[]).ready().expect("ready");
    let mut connection = Connection::to(ready.address).expect("a connection");
    for n in 0..30 {
        let body = format!(
            r#"{{"event_no":"e{n}","member_no":"m{}","event_type":"event","points":3,"store_code":"S"}}"#,
            n % 4
        );
        assert_eq!(connection.post(&format!("{API}/produce/direct"), &body).expect("an answer").status, 200);
    }
    let metrics = connection.get("/metrics").expect("metrics").body;
    let line = metrics.lines().find(|line| line.starts_with("eros_points_wal_hash_info{")).expect("the hash");
    let label = |name: &str| line.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap();
    let kept = format!("{}@{}", label("hash"), label("lsn"));
    assert_eq!(ready.process.signal("-TERM"), Some(0));
    kept
}

#[test]
fn the_newest_hash_is_on_metrics_in_inspect_and_in_verify_and_can_be_looked_for_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("log.txt"));
    let kept = filled(&data, &log);
    let (ok, told) = run(&data, &["verify", "--expect-hash", &kept]);
    assert!(ok && told.contains(&format!("newest hash {kept}")), "{told}");
    let (ok, lines) = run(&data, &["inspect", "--segments"]);
    let last: serde_json::Value =
        serde_json::from_str(lines.lines().last().expect("a segment")).expect("JSON");
    assert!(ok && format!("{}@{}", last["hash"].as_str().unwrap(), last["last_lsn"]) == kept, "{lines}");
    // More records, another start: the kept hash is still there.
    let again = filled(&data, &log);
    assert_eq!(again, kept, "repeated requests record nothing");
    let other = kept.replace(|c: char| c.is_ascii_digit(), "0");
    let (ok, told) = run(&data, &["verify", "--expect-hash", &other]);
    assert!(!ok && told.contains("does not have the hash"), "{told}");
    // A backup bears it, and what is restored from it.
    let backup = folder.path().join("backup");
    let (ok, told) = run(&data, &["backup", backup.to_str().unwrap()]);
    assert!(ok && told.contains(&kept), "{told}");
    let restored = folder.path().join("restored");
    let (ok, told) = run(&restored, &["restore", backup.to_str().unwrap()]);
    assert!(ok && told.contains(&kept), "{told}");
    // Archived segments may lie elsewhere.
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let segment = data.join("wal/00000000000000000001.seg");
    let packed = zstd::encode_all(&std::fs::read(&segment).unwrap()[..], 1).unwrap();
    std::fs::write(elsewhere.join("00000000000000000001.seg.zst"), packed).unwrap();
    let (ok, told) = run(&data, &["verify", "--archive", elsewhere.to_str().unwrap()]);
    assert!(ok && told.contains(&kept), "{told}");
}

/// The index's records, to be changed as rot or a bug of the index's library would.
fn records(data: &Path) -> Rows {
    Rows::open(&data.join("snapshots/history"), "records")
}

#[test]
fn a_missing_an_extra_and_a_wrong_record_of_the_index_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("log.txt"));
    filled(&data, &log);
    let check = || run(&data, &["verify", "--history"]);
    let (ok, told) = check();
    assert!(ok && told.contains("the history index was held against the log"), "{told}");
    let row = |n: u64| n.to_be_bytes();
    let good = records(&data).get(&row(1)).expect("a row");
    records(&data).remove(&row(1));
    let (ok, told) = check();
    assert!(!ok && told.contains("records 8 to 15 is missing"), "{told}");
    let mut bad = good.clone();
    let place = bad.windows(2).position(|part| part == b"m1").expect("a member's name");
    bad[place + 1] = b'2';
    records(&data).insert(&row(1), &bad);
    let (ok, told) = check();
    assert!(!ok && told.contains("records 8 to 15 is not what the log gives"), "{told}");
    records(&data).insert(&row(1), &good);
    records(&data).insert(&row(99), &good);
    let (ok, told) = check();
    assert!(!ok && told.contains("the history index goes to record 799, and the log ends at 31"), "{told}");
    records(&data).remove(&row(99));
    let orders = || Rows::open(&data.join("snapshots/history"), "orders");
    orders().insert(&[7; 20], b"");
    let (ok, told) = check();
    assert!(!ok && told.contains("of record 506381209866536711, is nothing that the log gives"), "{told}");
    orders().remove(&[7; 20]);
    let (ok, told) = check();
    assert!(ok, "{told}");
    assert!(!data.join("snapshots/history-to-compare-with").exists(), "what was made for it is gone");
    // An index ahead of the log: the log's end is missing.
    let segment = data.join("wal/00000000000000000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[used - 3_000..].fill(0);
    std::fs::write(&segment, bytes).unwrap();
    for path in std::fs::read_dir(data.join("snapshots")).unwrap().map(|file| file.unwrap().path()) {
        if path.extension().is_some_and(|ending| ending == "snap") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let (ok, told) = check();
    assert!(!ok && told.contains("the history index goes to record"), "{told}");
}

#[test]
fn a_key_of_personal_data_that_rotted_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("log.txt"));
    let ready = Process::spawn(&data, &log, &[]).ready().expect("ready");
    let mut connection = Connection::to(ready.address).expect("a connection");
    let body = r#"{"tier":"gold","mobile":"18608011234","name":"Ann"}"#;
    assert_eq!(connection.put(&format!("{API}/members/ann"), body).expect("an answer").status, 200);
    assert_eq!(ready.process.signal("-TERM"), Some(0));
    let (ok, told) = run(&data, &["verify"]);
    assert!(ok, "{told}");
    let path = data.join("snapshots/personal-keys");
    let good = std::fs::read(&path).unwrap();
    for place in [70, 100, 20] {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let (ok, told) = run(&data, &["verify"]);
        assert!(!ok && told.contains("personal-keys"), "byte {place}: {told}");
    }
}
