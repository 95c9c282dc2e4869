//! The binary as its users run it: commands, settings, signals, the lock, and what it says when something is wrong.
use crate::support::process::{Connection, Process, Ready, binary, verify};
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

const API: &str = "/api/crm/points/10080";

/// A data folder with a few records in it, and no process on it.
struct Folder {
    temporary: TempDir,
}

impl Folder {
    fn new() -> Folder {
        Folder { temporary: tempfile::tempdir().expect("a folder") }
    }

    fn data(&self) -> PathBuf {
        self.temporary.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.temporary.path().join("log.txt")
    }

    fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).expect("what it logged")
    }

    fn start(&self) -> Ready {
        Process::spawn(&self.data(), &self.log(), &[]).ready().expect("a ready line")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        binary().args(arguments).arg("--data-dir").arg(self.data()).output().expect("the binary starts")
    }

    /// Three accruals for `ann` and one for `bob`, then SIGKILL.
    fn with_records() -> Folder {
        let folder = Folder::new();
        let ready = folder.start();
        let mut connection = Connection::to(ready.address).expect("a connection");
        for (event, member) in [("A1", "ann"), ("A2", "ann"), ("A3", "ann"), ("B1", "bob")] {
            accrue(&mut connection, event, member);
        }
        ready.process.kill();
        folder
    }

    fn segment(&self) -> PathBuf {
        self.data().join("wal/00000000000000000001.seg")
    }
}

fn accrue(connection: &mut Connection, event_no: &str, member_no: &str) -> String {
    let body = format!(
        r#"{{"event_no":"{event_no}","member_no":"{member_no}","event_type":"event","points":12.5,"store_code":"S"}}"#
    );
    let reply = connection.post(&format!("{API}/produce/direct"), &body).expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

fn history(connection: &mut Connection) -> String {
    let reply = connection.post(&format!("{API}/history"), "{}").expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[track_caller]
fn assert_refused(output: &Output, words: &[&str]) {
    let said = text(&output.stderr);
    assert!(!output.status.success(), "it was not refused: {said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not said: {said}");
    }
}

#[test]
fn what_was_answered_is_there_after_sigkill() {
    let folder = Folder::new();
    let ready = folder.start();
    let mut connection = Connection::to(ready.address).expect("a connection");
    let answers: Vec<String> = ["A", "B", "C"].map(|event| accrue(&mut connection, event, "ann")).into();
    let before = history(&mut connection);
    ready.process.kill();
    let ready = folder.start();
    let mut connection = Connection::to(ready.address).expect("a connection");
    assert_eq!(history(&mut connection), before);
    let again: Vec<String> = ["A", "B", "C"].map(|event| accrue(&mut connection, event, "ann")).into();
    assert_eq!(again, answers, "the first answer, byte for byte");
    assert_eq!(history(&mut connection), before, "and nothing counted twice");
}

#[test]
fn sigterm_and_sigint_end_it_in_order_with_a_snapshot() {
    for signal in ["-TERM", "-INT"] {
        let folder = Folder::new();
        let ready = folder.start();
        let mut connection = Connection::to(ready.address).expect("a connection");
        accrue(&mut connection, "A", "ann");
        assert_eq!(ready.process.signal(signal), Some(0));
        let snapshots = std::fs::read_dir(folder.data().join("snapshots")).expect("the folder");
        let names: Vec<String> =
            snapshots.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert!(names.iter().any(|name| name.ends_with(".snap")), "{names:?}");
        assert!(folder.logged().contains("stopped"));
    }
}

#[test]
fn a_second_process_on_the_same_folder_is_refused() {
    let folder = Folder::new();
    let _ready = folder.start();
    assert_refused(
        &folder.run(&["serve", "--listen", "127.0.0.1:0"]),
        &["LOCK", "in use by another process", "hint:"],
    );
    assert_refused(&folder.run(&["rebuild"]), &["in use by another process"]);
}

#[test]
fn verify_finds_a_whole_folder_whole_and_a_flipped_bit_by_its_place() {
    let folder = Folder::with_records();
    let whole = verify(&folder.data());
    let said = text(&whole.stdout);
    assert!(whole.status.success(), "{said}");
    assert!(said.contains("5 records through 5, 2 members") && said.contains("everything holds"), "{said}");

    let mut bytes = std::fs::read(folder.segment()).unwrap();
    bytes[4_096 + 20] ^= 1;
    std::fs::write(folder.segment(), &bytes).unwrap();
    assert_refused(&verify(&folder.data()), &["00000000000000000001.seg at byte 4096", "record 1"]);
    assert_eq!(std::fs::read(folder.segment()).unwrap(), bytes, "verify never writes");
}

#[test]
fn a_damaged_log_is_refused_at_the_start_and_nothing_is_altered() {
    let folder = Folder::with_records();
    let mut bytes = std::fs::read(folder.segment()).unwrap();
    bytes[4_096 + 20] ^= 1;
    std::fs::write(folder.segment(), &bytes).unwrap();
    assert_refused(
        &folder.run(&["serve", "--listen", "127.0.0.1:0"]),
        &["the log is damaged in", "00000000000000000001.seg at byte 4096", "record 1", "hint:"],
    );
    assert_eq!(std::fs::read(folder.segment()).unwrap(), bytes);
}

#[test]
fn a_log_that_is_gone_is_refused_and_not_begun_anew() {
    let folder = Folder::with_records();
    std::fs::remove_file(folder.segment()).unwrap();
    let refused = folder.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_refused(&refused, &["there is no log in it", "is the right disk mounted"]);
}

#[test]
fn inspect_prints_records_as_json_lines() {
    let folder = Folder::with_records();
    let lines = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let output = folder.run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
    };
    let all = lines(&["inspect"]);
    let numbers: Vec<u64> = all.iter().map(|line| line["lsn"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!((&all[1]["event"], &all[1]["key"]), (&"Accrued".into(), &"A1".into()));
    assert_eq!(all[1]["content"]["points"], "12.5");
    assert_eq!(lines(&["inspect", "--from", "4"]).len(), 2);
    let bob = lines(&["inspect", "--member", "bob"]);
    assert_eq!((bob.len(), &bob[0]["crm_id"]), (1, &"10080".into()));
    assert_eq!(lines(&["inspect", "--tenant", "other"]).len(), 0);
}

#[test]
fn a_rebuilt_or_lost_index_shows_the_same_history_and_knows_the_same_keys() {
    let folder = Folder::new();
    let ready = folder.start();
    let mut connection = Connection::to(ready.address).expect("a connection");
    let first = accrue(&mut connection, "A", "ann");
    accrue(&mut connection, "B", "bob");
    let before = history(&mut connection);
    assert_eq!(ready.process.signal("-TERM"), Some(0));

    let rebuilt = folder.run(&["rebuild"]);
    assert!(rebuilt.status.success(), "{}", text(&rebuilt.stderr));
    assert!(text(&rebuilt.stdout).contains("through record 3"));
    for lost in [false, true] {
        if lost {
            std::fs::remove_dir_all(folder.data().join("snapshots/history")).unwrap();
        }
        let ready = folder.start();
        let mut connection = Connection::to(ready.address).expect("a connection");
        assert_eq!(history(&mut connection), before);
        assert_eq!(accrue(&mut connection, "A", "ann"), first);
        ready.process.kill();
    }
}

#[test]
fn commands_that_need_a_log_say_where_they_looked_for_it() {
    for command in ["verify", "inspect", "rebuild"] {
        let folder = Folder::new();
        std::fs::create_dir_all(folder.data().join("wal")).unwrap();
        assert_refused(&folder.run(&[command]), &["no log in this data folder", "--data-dir"]);
    }
}

#[test]
fn the_later_setting_wins_file_then_environment_then_flag() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("eros-points.toml");
    std::fs::write(&file, "time_zone = \"Nowhere/File\"\n").unwrap();
    let started = |environment: Option<&str>, flag: Option<&str>| {
        let mut command = binary();
        command.current_dir(folder.path()).args(["verify", "--data-dir", "absent"]);
        command.envs(environment.map(|zone| ("EROS_POINTS_TIME_ZONE", zone)));
        command.args(flag.map(|zone| format!("--time-zone={zone}")));
        text(&command.output().expect("the binary starts").stderr)
    };
    assert!(started(None, None).contains("Nowhere/File"));
    assert!(started(Some("Nowhere/Environment"), None).contains("Nowhere/Environment"));
    assert!(started(Some("Nowhere/Environment"), Some("Nowhere/Flag")).contains("Nowhere/Flag"));
    assert!(!started(None, Some("UTC")).contains("Nowhere"));
}

#[test]
fn a_wrong_setting_stops_the_start_and_is_named() {
    let folder = Folder::new();
    let rows: [(&[&str], &[&str]); 6] = [
        (&["--listen", "nonsense"], &["listen", "nonsense"]),
        (&["--listen", "0.0.0.0:0"], &["listen", "--insecure"]),
        (&["--sync", "sometimes"], &["sync", "sometimes"]),
        (&["--snapshot-every", "much"], &["snapshot_every", "much"]),
        (&["--time-zone", "Mars/Base"], &["time_zone", "Mars/Base"]),
        (&["--config", "absent.toml"], &["absent.toml"]),
    ];
    for (arguments, words) in rows {
        assert_refused(&folder.run(arguments), words);
        assert!(!Path::new(&folder.data()).exists(), "nothing was begun");
    }
    let in_the_environment = [
        ("TENANTS", "a b", "tenants"),
        ("TENANTS", "", "tenants"),
        ("RATE_LIMIT_PER_SECOND", "0", "rate_limit_per_second"),
        ("RATE_LIMIT_PER_SECOND", "many", "rate_limit_per_second"),
        ("RATE_LIMIT_BURST", "5", "rate_limit_burst"),
        ("STOP_TIME_MAX_SECONDS", "0", "stop_time_max_seconds"),
        ("STOP_TIME_MAX_SECONDS", "4000", "stop_time_max_seconds"),
        ("COMPAT", "sap", "compat"),
        ("LOG_FORMAT", "xml", "log_format"),
        ("INSECURE", "perhaps", "insecure"),
    ];
    for (name, value, word) in in_the_environment {
        let mut command = binary();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.data());
        let output = command.env(format!("EROS_POINTS_{name}"), value).output().expect("it starts");
        assert_refused(&output, &[word]);
        assert!(!Path::new(&folder.data()).exists(), "nothing was begun");
    }
    let misspelt = binary().arg("serve").env("EROS_POINTS_SNAPSHOT_EVRY", "1").output().expect("it starts");
    assert_refused(&misspelt, &["snapshot_evry"]);
}

#[test]
fn tenants_are_taken_as_they_are_written_from_file_and_environment() {
    let folder = Folder::new();
    let file = folder.temporary.path().join("settings.toml");
    std::fs::write(&file, "tenants = [\"0010\", \"a\"]\n").unwrap();
    let config = file.to_str().unwrap();
    let ways = [
        ("TENANTS", "0010", [200, 404, 404]),
        ("TENANTS", "a, 10", [404, 200, 200]),
        ("CONFIG", config, [200, 404, 200]),
    ];
    for (name, value, expected) in ways {
        let mut command = binary();
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.data());
        match name {
            "CONFIG" => command.args(["--config", value]),
            name => command.env(format!("EROS_POINTS_{name}"), value),
        };
        let ready = Process::of(command, &folder.log()).ready().expect("ready");
        let mut connection = Connection::to(ready.address).expect("a connection");
        let statuses = ["0010", "10", "a"].map(|crm_id| {
            connection
                .get(&format!("/api/crm/points/{crm_id}/summary?member_no=m"))
                .expect("an answer")
                .status
        });
        assert_eq!(statuses, expected, "{name}={value}");
        ready.process.kill();
    }
}

#[test]
fn other_ways_to_sync_say_what_they_risk() {
    let folder = Folder::new();
    for policy in ["interval=10ms", "off"] {
        let ready =
            Process::spawn(&folder.data(), &folder.log(), &[("SYNC", policy)]).ready().expect("ready");
        let mut connection = Connection::to(ready.address).expect("a connection");
        accrue(&mut connection, policy, "ann");
        assert_eq!(ready.process.signal("-TERM"), Some(0));
        assert!(folder.logged().contains("ACKNOWLEDGED"), "{}", folder.logged());
        std::fs::remove_file(folder.log()).unwrap();
    }
}

#[test]
fn verify_holds_rules_against_the_log_and_inspect_tells_how_a_grant_came_about() {
    let folder = Folder::new();
    let ready = folder.start();
    let mut connection = Connection::to(ready.address).expect("a connection");
    let mut does = |method: &str, route: &str, body: &str| {
        let path = format!("{API}/{route}");
        let reply = if method == "PUT" { connection.put(&path, body) } else { connection.post(&path, body) };
        let reply = reply.expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.body);
    };
    let rule = |earn: &str| {
        format!(
            r#"{{"name":"r","action_scene":"s","event_type":"event","earn":{earn},"limits":{{"points":{{"day":15}}}}}}"#
        )
    };
    does("POST", "rules", &rule(r#"{"fixed":10}"#));
    for event_no in ["E1", "E2"] {
        let event = r#""member_no":"ann","action_scene":"s","event_type":"event","store_code":"c","operator":"o","event_desc":"d""#;
        does("POST", "produce/by_rule", &format!(r#"{{"event_no":"{event_no}",{event}}}"#));
    }
    does("PUT", "rules/1", &rule(r#"{"fixed":20}"#));
    does(
        "POST",
        "reverse/produce",
        r#"{"event_no":"R1","member_no":"ann","origin_event_no":"E1","allow_negative":false}"#,
    );
    assert_eq!(ready.process.signal("-TERM"), Some(0));

    let verified = folder.run(&["verify"]);
    assert!(verified.status.success(), "{}", text(&verified.stdout));
    let inspected = folder.run(&["inspect"]);
    let lines: Vec<serde_json::Value> = text(&inspected.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect();
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    let expected = ["ZoneSet", "RuleSet", "AccruedByRule", "AccruedByRule", "RuleSet", "GrantReversed"];
    assert_eq!(events, expected);
    let cut = &lines[3]["content"]["grant"]["trace"]["reckoning"];
    assert_eq!((&cut["rounded"], &cut["caps"][0]["Points"]["used"]), (&"10".into(), &"10".into()));
    assert_eq!(lines[3]["content"]["accrued"]["points"], "5");
    assert_eq!(lines[5]["content"]["back"]["whole"], true);
}
