//! `PUT` / `GET /members/{member_no}`, `DELETE` of personal data, and reads by mobile.
use super::sending::accrual;
use super::{Server, Span, TENANT, Value, json, path};
use crate::support::http::Answer;

impl Server {
    fn member(&self, method: &str, member_no: &str, body: &str) -> Answer {
        let headers = [("Content-Type", "application/json")];
        self.send(method, &path(TENANT, &format!("members/{member_no}")), &headers, body.as_bytes())
    }

    #[track_caller]
    fn puts(&self, member_no: &str, body: Value) -> Value {
        self.member("PUT", member_no, &body.to_string()).data().clone()
    }

    #[track_caller]
    fn profile(&self, member_no: &str) -> Value {
        self.member("GET", member_no, "").data().clone()
    }

    #[track_caller]
    fn erases(&self, member_no: &str) -> Value {
        self.member("DELETE", &format!("{member_no}/personal-data"), "").data().clone()
    }

    /// Who has a mobile, by a summary.
    #[track_caller]
    fn by_mobile(&self, mobile: &str) -> Option<String> {
        let answer = self.get(&format!("summary?mobile={mobile}"));
        if answer.status == 404 {
            answer.refusal(404, 40404);
            return None;
        }
        answer.data()["member_no"].as_str().map(str::to_owned)
    }

    /// Whether any file of the data folder holds these bytes.
    fn is_on_disk(&self, text: &str) -> bool {
        let mut folders = vec![self.folder().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if std::fs::read(&path).unwrap().windows(text.len()).any(|w| w == text.as_bytes()) {
                    return true;
                }
            }
        }
        false
    }
}

fn full() -> Value {
    json!({"mobile": "18608011234", "tier": "gold", "name": "王小明", "attributes": {"city": "Shanghai", "n": 1.50}})
}

#[test]
fn keeps_a_profile_whole_across_a_restart() {
    let mut server = Server::start();
    let put = server.puts("m", full());
    let expected = json!({
        "crm_id": TENANT, "member_no": "m", "mobile": "18608011234", "tier": "gold", "name": "王小明",
        "attributes": {"city": "Shanghai", "n": 1.50},
        "create_time": "2022-06-16 12:00:00", "update_time": "2022-06-16 12:00:00",
    });
    assert_eq!(put, expected);
    server.restart();
    assert_eq!(server.profile("m"), expected);
    assert_eq!(server.by_mobile("18608011234").as_deref(), Some("m"));
}

#[test]
fn replaces_the_whole_and_a_repeat_changes_nothing() {
    let server = Server::start();
    server.puts("m", full());
    server.pass(Span::hours(1));
    let before = server.durable_records();
    server.puts("m", full());
    assert_eq!(server.durable_records(), before, "the same profile is no change");
    let put = server.puts("m", json!({"tier": "silver"}));
    assert_eq!((&put["tier"], &put["mobile"], &put["name"]), (&json!("silver"), &json!(null), &json!(null)));
    assert_eq!(put["create_time"], "2022-06-16 12:00:00");
    assert_eq!(put["update_time"], "2022-06-16 13:00:00");
    assert_eq!(server.by_mobile("18608011234"), None);
}

#[test]
fn is_a_member_with_no_record_and_no_points() {
    let server = Server::start();
    server.puts("m", full());
    let summary = server.summary("m");
    assert_eq!((&summary["total_points"], &summary["detail_id"]), (&json!(0), &json!(null)));
    assert!(server.history(json!({"member_no": "m"})).is_empty());
    server.accrue("e", "m", 5);
    assert_eq!(server.summary("m")["active_points"], 5);
}

#[test]
fn knows_members_by_their_first_change_of_any_kind() {
    let server = Server::start();
    server.member("GET", "nobody", "").refusal(404, 40405);
    server.accrue("e", "m", 5);
    let profile = server.profile("m");
    assert_eq!((&profile["mobile"], &profile["update_time"]), (&json!(null), &json!(null)));
    assert_eq!(profile["create_time"], "2022-06-16 12:00:00");
    let of_another = server.send("GET", &path("20090", "members/m"), &[], b"");
    of_another.refusal(404, 40405);
}

#[test]
fn a_mobile_is_one_members_in_its_tenant() {
    let mut server = Server::start();
    server.puts("a", full());
    let taken = server.member("PUT", "b", &full().to_string());
    assert!(taken.refusal(409, 40902).contains("mobile"));
    server.member("GET", "b", "").refusal(404, 40405);
    server.restart();
    server.member("PUT", "b", &full().to_string()).refusal(409, 40902);
    // In another tenant it is free.
    let headers = [("Content-Type", "application/json")];
    server.send("PUT", &path("20090", "members/b"), &headers, full().to_string().as_bytes()).data();
    // Let go, it is free here too.
    server.puts("a", json!({"mobile": "2"}));
    server.puts("b", full());
    assert_eq!(server.by_mobile("18608011234").as_deref(), Some("b"));
    assert_eq!(server.by_mobile("2").as_deref(), Some("a"));
}

#[test]
fn many_at_once_want_one_mobile_and_one_gets_it() {
    let server = Server::start();
    for round in 0..10 {
        let body = json!({"mobile": format!("{round}")}).to_string();
        let won = std::thread::scope(|scope| {
            let (server, body) = (&server, &body);
            let tries: Vec<_> =
                (0..8).map(|n| scope.spawn(move || server.member("PUT", &format!("m{n}"), body))).collect();
            let answers: Vec<Answer> = tries.into_iter().map(|thread| thread.join().unwrap()).collect();
            for answer in answers.iter().filter(|answer| answer.status != 200) {
                answer.refusal(409, 40902);
            }
            answers.iter().filter(|answer| answer.status == 200).count()
        });
        assert_eq!(won, 1, "round {round}");
    }
}

#[test]
fn reads_by_mobile_are_those_of_its_member() {
    let server = Server::start();
    server.puts("m", full());
    server.accrue("e", "m", 5);
    server.accrue("f", "other", 7);
    let by_mobile = server.get("summary?mobile=18608011234");
    assert_eq!(by_mobile.data(), &server.summary("m"));
    let history = server.history(json!({"mobile": "18608011234"}));
    assert_eq!((history.len(), &history[0]["event_no"]), (1, &json!("e")));
    server.get("summary?mobile=18608011234&member_no=m").data();
    server.get("summary?mobile=18608011234&member_no=other").refusal(404, 40404);
    server.get("summary?mobile=1").refusal(404, 40404);
    server.post("history", json!({"mobile": "1"})).refusal(404, 40404);
}

#[test]
fn personal_data_stands_nowhere_in_clear_and_is_gone_for_good_when_erased() {
    let mut server = Server::start();
    server.puts("m", full());
    server.accrue("e", "m", 5);
    server.stop();
    for text in ["18608011234", "王小明", "Shanghai\""] {
        assert!(!server.is_on_disk(text), "{text}");
    }
    server.start_again();
    let key = server.personal_keys()[64..96].to_vec();
    assert!(key.iter().any(|byte| *byte != 0));
    server.pass(Span::hours(1));
    let (summary, records) = (server.summary("m"), server.history(json!({"member_no": "m"})));
    let erased = server.erases("m");
    assert_eq!(
        (&erased["mobile"], &erased["name"], &erased["attributes"]),
        (&json!(null), &json!(null), &json!(null))
    );
    assert_eq!((&erased["tier"], &erased["update_time"]), (&json!("gold"), &json!("2022-06-16 13:00:00")));
    assert!(server.personal_keys()[64..].iter().all(|byte| *byte == 0), "the key is overwritten");
    assert_eq!(server.by_mobile("18608011234"), None);
    assert_eq!(server.erases("m"), erased, "once more changes nothing");
    server.restart();
    assert_eq!(server.profile("m"), erased);
    assert_eq!((server.summary("m"), server.history(json!({"member_no": "m"}))), (summary, records));
    server.puts("n", full());
    // What is set anew has a key of its own.
    server.puts("m", json!({"mobile": "3", "name": "x"}));
    assert_eq!(server.profile("m")["name"], "x");
    server.member("DELETE", "nobody/personal-data", "").refusal(404, 40405);
}

#[test]
fn a_key_that_no_member_has_is_destroyed_by_the_next_start() {
    let mut server = Server::start();
    server.puts("m", full());
    server.stop();
    // As a crash between key and profile would leave it.
    let mut keys = server.personal_keys();
    let orphan = eros_points::format::personal_keys::encode_slot(1, &[7; 32]);
    keys.extend_from_slice(&orphan);
    keys.extend_from_slice(&[7; 20]);
    std::fs::write(server.folder().join("snapshots/personal-keys"), &keys).unwrap();
    server.start_again();
    assert!(server.personal_keys()[128..].iter().all(|byte| *byte == 0));
    assert_eq!(server.profile("m")["mobile"], "18608011234");
    server.puts("n", json!({"name": "n"}));
    assert_eq!(server.profile("n")["name"], "n");
}

#[test]
fn refuses_what_is_no_profile_and_names_the_field() {
    let server = Server::start();
    server.puts("m", full());
    let too_long = "x".repeat(16 << 10);
    let rows = [
        (json!({"mobile": 18608011234_u64}), "mobile"),
        (json!({"mobile": ""}), "mobile"),
        (json!({"mobile": " 1"}), "mobile"),
        (json!({"mobile": "1".repeat(33)}), "mobile"),
        (json!({"tier": ["gold"]}), "tier"),
        (json!({"tier": "g".repeat(65)}), "tier"),
        (json!({"name": 1}), "name"),
        (json!({"name": "n".repeat(4_097)}), "name"),
        (json!({"attributes": "x"}), "attributes"),
        (json!({"attributes": {"x": too_long}}), "attributes"),
        (json!({"member_no": "other"}), "member_no"),
    ];
    for (body, field) in rows {
        let message = server.member("PUT", "m", &body.to_string()).refusal(400, 40001).to_owned();
        assert!(message.starts_with(field), "{message}: {body}");
    }
    server.member("PUT", "m", "[]").refusal(400, 40000);
    server.member("PUT", "%20m", "{}").refusal(400, 40001);
    server.member("PUT", "%FF", "{}").refusal(400, 40001);
    server.member("PUT", &"m".repeat(65), "{}").refusal(400, 40001);
    server.member("POST", "m", "{}").refusal(405, 40500);
    assert_eq!(server.profile("m")["name"], "王小明", "nothing changed");
}

#[test]
fn takes_names_of_the_path_percent_encoded() {
    let server = Server::start();
    server.puts("%E7%8E%8B%2F1%20x", json!({"tier": "t"}));
    assert_eq!(server.profile("%E7%8E%8B%2F1%20x")["member_no"], "王/1 x");
    server.does("produce/direct", accrual("e", "王/1 x", 1));
    assert_eq!(server.profile("%E7%8E%8B%2F1%20x")["tier"], "t");
}
