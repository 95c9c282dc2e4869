//! What the service writes to standard error about requests, and what never stands there.
use crate::support::http::{Answer, agent, send};
use crate::support::process::{Process, Ready, binary};
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;

const MOBILE: &str = "13800138000";
const NAME: &str = "王小明";
const API: &str = "/api/crm/points/10080";

struct House {
    folder: TempDir,
}

impl House {
    fn new() -> House {
        House { folder: tempfile::tempdir().expect("a folder") }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log.txt")
    }

    fn start(&self, settings: &[(&str, &str)]) -> Ready {
        Process::spawn(&self.folder.path().join("data"), &self.log(), settings).ready().expect("a ready line")
    }

    /// What it logged once it has ended in order.
    fn end(&self, ready: Ready) -> String {
        assert_eq!(ready.process.signal("-TERM"), Some(0));
        std::fs::read_to_string(self.log()).expect("what it logged")
    }
}

fn ask(ready: &Ready, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let all: Vec<(&str, &str)> =
        [("Content-Type", "application/json")].iter().chain(headers).copied().collect();
    send(&agent(), ready.address, method, path, &all, body.as_bytes())
}

fn accrual(event_no: &str) -> String {
    format!(
        r#"{{"event_no":"{event_no}","member_no":"m","event_type":"event","points":1,"name":"{NAME}","mobile":"{MOBILE}"}}"#
    )
}

fn json_lines(logged: &str) -> Vec<Value> {
    logged
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

#[test]
fn as_json_every_line_is_an_object_with_its_fields() {
    let house = House::new();
    let ready = house.start(&[("LOG_FORMAT", "json"), ("LOG", "debug")]);
    let path = format!("{API}/produce/direct");
    ask(&ready, "POST", &path, &[("X-Request-Id", "mine-1")], &accrual("e1")).data();
    ask(&ready, "GET", &format!("{API}/lots?mobile={MOBILE}"), &[("X-Request-Id", "mine-2")], "")
        .refusal(400, 40001);
    ask(&ready, "GET", &format!("/nothing/{NAME_IN_PATH}"), &[("X-Request-Id", "mine-3")], "")
        .refusal(404, 40400);
    let lines = json_lines(&house.end(ready));
    let of = |id: &str| {
        let mut found = lines.iter().filter(|line| line["request_id"] == id);
        let line = found.next().unwrap_or_else(|| panic!("no line of {id}: {lines:?}"));
        assert!(found.next().is_none(), "one line a request");
        line
    };
    let told = |line: &Value| {
        ["method", "route", "crm_id", "status", "code"].map(|field| line[field].to_string().replace('"', ""))
    };
    let route = "/api/crm/points/{crm_id}/";
    assert_eq!(told(of("mine-1")), ["POST", &format!("{route}produce/direct"), "10080", "200", "0"]);
    assert_eq!(told(of("mine-2")), ["GET", &format!("{route}lots"), "10080", "400", "40001"]);
    assert_eq!(told(of("mine-3")), ["GET", "-", "-", "404", "40400"]);
    assert!(of("mine-1")["micros"].as_u64().is_some());
    for line in &lines {
        assert!(
            line["level"].is_string() && line["timestamp"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    assert!(lines.iter().any(|line| line["message"].as_str().unwrap().starts_with("listening on")));
}

/// `小明`, as a path has it.
const NAME_IN_PATH: &str = "%E5%B0%8F%E6%98%8E";

#[test]
fn as_json_a_refused_start_is_a_line_too() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("wal"), "no folder").unwrap();
    let mut command = binary();
    command
        .args(["serve", "--log-format", "json", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path());
    let output = command.output().expect("the binary starts");
    assert!(!output.status.success());
    let lines = json_lines(std::str::from_utf8(&output.stderr).unwrap());
    assert!(lines.iter().any(|line| line["level"] == "ERROR"), "{lines:?}");
}

#[test]
fn says_nothing_of_single_requests_unless_asked() {
    let house = House::new();
    let ready = house.start(&[]);
    ask(&ready, "POST", &format!("{API}/produce/direct"), &[("X-Request-Id", "mine-1")], &accrual("e1"))
        .data();
    let logged = house.end(ready);
    assert!(logged.contains("listening on") && !logged.contains("mine-1"), "{logged}");
}

#[test]
fn never_tells_keys_or_personal_data_however_much_it_is_asked_to_tell() {
    for format in ["human", "json"] {
        let house = House::new();
        let output = binary().arg("keygen").output().expect("the binary starts");
        let printed = String::from_utf8(output.stdout).unwrap();
        let (key, entry) = printed.split_once("\n\n").unwrap();
        let keys = house.folder.path().join("keys.toml");
        std::fs::write(&keys, entry).unwrap();
        let settings = [("LOG", "trace"), ("LOG_FORMAT", format), ("KEYS_FILE", keys.to_str().unwrap())];
        let ready = house.start(&settings);
        let bearer = format!("Bearer {key}");
        let wrong = "eros_0000000000000000000000000000000000000000000000000000000000000bad";
        let credentials: [(&str, &str); 4] =
            [("Authorization", &bearer), ("X-API-Key", key), ("X-API-Key", wrong), ("X-Nothing", "x")];
        for credential in credentials {
            for (method, path, body) in [
                ("POST", format!("{API}/produce/direct"), accrual("e1")),
                ("POST", format!("{API}/history"), format!(r#"{{"mobile":"{MOBILE}"}}"#)),
                ("POST", format!("{API}/produce/direct"), format!(r#"{{"name":"{NAME}","mobile":"{MOBILE}"#)),
                ("GET", format!("{API}/summary?mobile={MOBILE}&name={NAME_IN_PATH}"), String::new()),
                ("GET", format!("{API}/lots?mobile={MOBILE}"), String::new()),
                ("GET", format!("{API}/nothing/{MOBILE}"), String::new()),
                (MOBILE, format!("{API}/lots"), String::new()),
                (
                    "PUT",
                    format!("{API}/members/{MOBILE}"),
                    format!(r#"{{"name":"{NAME}","mobile":"{MOBILE}"}}"#),
                ),
                ("GET", format!("/api/crm/points/{MOBILE}%20/lots"), String::new()),
            ] {
                ask(&ready, method, &path, &[credential], &body).check_envelope();
            }
        }
        ready.process.send("-HUP");
        let logged = house.end(ready);
        assert!(logged.matches("produce/direct").count() >= 8, "its requests are in its log: {logged}");
        for secret in [&key[5..], &wrong[5..], MOBILE, NAME, NAME_IN_PATH] {
            assert!(!logged.contains(secret), "{secret} stands in the log: {logged}");
        }
    }
}
