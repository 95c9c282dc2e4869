//! The keys file as operators meet it: made by `keygen`, read at the start, read again on SIGHUP, refused with a reason.
use crate::support::http::{Answer, agent, send};
use crate::support::process::{Process, Ready, binary};
use crate::support::until;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Output;
use tempfile::TempDir;

const SUMMARY: &str = "/api/crm/points/10080/summary?member_no=m";

struct House {
    folder: TempDir,
}

impl House {
    fn new() -> House {
        House { folder: tempfile::tempdir().expect("a folder") }
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys.toml")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.keys(), text).expect("a keys file");
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log.txt")
    }

    fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).expect("what it logged")
    }

    fn start(&self) -> Ready {
        let keys = self.keys();
        let settings = [("KEYS_FILE", keys.to_str().unwrap())];
        Process::spawn(&self.folder.path().join("data"), &self.log(), &settings)
            .ready()
            .expect("a ready line")
    }

    fn serve(&self, arguments: &[&str]) -> Output {
        let mut command = binary();
        command.arg("serve").arg("--data-dir").arg(self.folder.path().join("data")).args(arguments);
        command.output().expect("the binary starts")
    }
}

/// A key and its entry.
fn keygen(arguments: &[&str]) -> (String, String) {
    let output = binary().arg("keygen").args(arguments).output().expect("the binary starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let (key, entry) = printed.split_once("\n\n").expect("a key, and then its entry");
    assert!(!text(&output.stderr).contains(key), "the key is data, not talk");
    assert!(!entry.contains(key), "the file gets a hash");
    (key.to_owned(), entry.to_owned())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn ask(address: SocketAddr, key: &str) -> Answer {
    send(&agent(), address, "GET", SUMMARY, &[("X-API-Key", key)], b"")
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
fn keygen_makes_a_key_that_opens_what_it_was_made_for() {
    let (key, entry) = keygen(&["--name", "till 7", "--tenants", "10080,10081", "--scopes", "read"]);
    assert!(
        entry.contains("name = \"till 7\"") && entry.contains("tenants = [\"10080\", \"10081\"]"),
        "{entry}"
    );
    let (other, default) = keygen(&[]);
    assert!(default.contains("tenants = [\"*\"]") && default.contains("scopes = [\"read\", \"write\"]"));
    assert_ne!(key, other);
    let house = House::new();
    house.write(&format!("{entry}\n{default}"));
    let ready = house.start();
    ask(ready.address, &key).data();
    ask(ready.address, &other).data();
    ask(ready.address, "").refusal(401, 40100);
    let foreign = "/api/crm/points/10082/summary?member_no=m";
    let answer = send(&agent(), ready.address, "GET", foreign, &[("X-API-Key", &key)], b"");
    answer.refusal(403, 40300);
    assert_eq!(ready.process.signal("-TERM"), Some(0));
    let logged = house.logged();
    assert!(!logged.contains(&key) && !logged.contains(&other), "{logged}");
}

#[test]
fn keygen_needs_no_good_settings_and_says_what_it_can_not_make() {
    let made = binary().arg("keygen").env("EROS_POINTS_LISTEN", "nowhere").output().expect("it starts");
    assert!(made.status.success());
    for (arguments, word) in [
        (["--name", ""], "name"),
        (["--name", "a\nb"], "name"),
        (["--tenants", "a b"], "tenants"),
        (["--tenants", "*,a"], "tenants"),
        (["--scopes", "root"], "scopes"),
        (["--scopes", ""], "scopes"),
    ] {
        let output = binary().arg("keygen").args(arguments).output().expect("it starts");
        assert_refused(&output, &["error: ", word]);
        assert!(output.stdout.is_empty(), "no key is given out that nothing would take");
    }
}

#[test]
fn a_mistake_in_the_file_stops_the_start_and_is_named() {
    let house = House::new();
    let arguments =
        ["--listen", "127.0.0.1:0", "--keys-file", house.keys().to_str().unwrap()].map(str::to_owned);
    let serve = || house.serve(&arguments.each_ref().map(String::as_str));
    assert_refused(&serve(), &["keys_file", "keys.toml", "can't be read"]);
    let (key, entry) = keygen(&["--name", "one"]);
    for (file, words) in [
        (String::new(), vec!["no [[keys]] entry"]),
        (format!("{entry}\n{entry}"), vec!["entry 2", "name", "\"one\""]),
        (entry.replace("scopes", "scope"), vec!["entry 1", "scope: unknown field"]),
        (entry.replace("\"read\"", "\"root\""), vec!["entry 1", "scopes"]),
        (entry.replace("\"*\"", "\"all tenants\""), vec!["entry 1", "tenants"]),
        (
            entry.lines().filter(|line| !line.starts_with("hash")).collect::<Vec<_>>().join("\n"),
            vec!["hash: is missing"],
        ),
        (entry.replace("hash = \"", "hash = \"00"), vec!["entry 1", "hash"]),
        (format!("{key}\n\n{entry}"), vec!["line 1", "not TOML"]),
        (format!("[[keys]]\nname = \"a\"\nhash = \"{key}\""), vec!["entry 1", "hash"]),
    ] {
        house.write(&file);
        let output = serve();
        assert_refused(&output, &words);
        assert_refused(&output, &["keys_file", "keys.toml", "hint:"]);
        assert!(!text(&output.stderr).contains(&key[5..]), "{}", text(&output.stderr));
    }
    assert!(!house.folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn an_address_for_others_needs_keys_or_an_explicit_word() {
    let house = House::new();
    assert_refused(
        &house.serve(&["--listen", "0.0.0.0:0"]),
        &["listen", "keygen", "--keys-file", "--insecure"],
    );
    house.write(&keygen(&[]).1);
    let keys = house.keys();
    let ways: [&[&str]; 2] = [&["--insecure"], &["--keys-file", keys.to_str().unwrap()]];
    for arguments in ways {
        let log = std::fs::File::create(house.log()).unwrap();
        let mut command = binary();
        command.args(["serve", "--listen", "0.0.0.0:0", "--data-dir"]).arg(house.folder.path().join("data"));
        let mut child = command
            .args(arguments)
            .stdout(std::process::Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        until(|| house.logged().contains("listening on 0.0.0.0:"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(house.logged().contains("can change every balance"), arguments.len() == 1);
    }
}

#[test]
fn sighup_takes_a_good_file_at_once_and_leaves_the_keys_where_it_is_bad() {
    let house = House::new();
    let (old, old_entry) = keygen(&["--name", "old"]);
    let (new, new_entry) = keygen(&["--name", "new"]);
    house.write(&old_entry);
    let ready = house.start();
    ask(ready.address, &old).data();
    ask(ready.address, &new).refusal(401, 40100);

    house.write(&new_entry.replace("scopes", "scope"));
    ready.process.send("-HUP");
    until(|| house.logged().contains("the keys stay as they were"));
    assert!(house.logged().contains("entry 1: scope: unknown field"), "{}", house.logged());
    ask(ready.address, &old).data();
    ask(ready.address, &new).refusal(401, 40100);

    house.write(&new_entry);
    ready.process.send("-HUP");
    until(|| ask(ready.address, &new).status == 200);
    ask(ready.address, &old).refusal(401, 40100);
    assert_eq!(ready.process.signal("-TERM"), Some(0));
}

#[test]
fn sighup_ends_nothing_where_there_are_no_keys() {
    let house = House::new();
    let ready = Process::spawn(&house.folder.path().join("data"), &house.log(), &[]).ready().expect("ready");
    ready.process.send("-HUP");
    until(|| house.logged().contains("no keys file"));
    ask(ready.address, "whatever").data();
    assert_eq!(ready.process.signal("-TERM"), Some(0));
}
