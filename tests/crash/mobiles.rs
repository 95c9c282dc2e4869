//! Members swap mobiles while the process is killed: no two ever have one, and what was answered is so.
use super::SETTINGS;
use crate::support::process::{Connection, Process, verify};
use crate::support::random::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

const ROUNDS: u64 = 6;
const CLIENTS: u64 = 3;
/// Of each client; no two clients change one member.
const MEMBERS: u64 = 3;
/// Fewer than members: they are fought for.
const MOBILES: u64 = 5;
const PREFIX: &str = "/api/crm/points/10080";

/// What a member's mobile can be: as answered last, or as asked without an answer since.
type Possible = BTreeMap<String, Vec<Option<String>>>;

#[test]
fn no_two_members_have_one_mobile_whenever_it_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("log.txt"));
    let mut possible = Possible::new();
    for round in 0..ROUNDS {
        let ready = Process::spawn(&data, &log, &SETTINGS).ready().expect("it starts");
        let address = ready.address;
        check(address, &possible);
        // What is there now is what counts from here on.
        possible.values_mut().for_each(Vec::clear);
        for (member, mobile) in mobiles(address) {
            possible.insert(member, vec![mobile]);
        }
        let told = std::thread::scope(|scope| {
            let clients: Vec<_> =
                (0..CLIENTS).map(|client| scope.spawn(move || swap(address, round, client))).collect();
            std::thread::sleep(Duration::from_millis(150 + 50 * round));
            ready.process.kill();
            clients.into_iter().map(|client| client.join().expect("a client's findings")).collect::<Vec<_>>()
        });
        for (member, fates) in told.into_iter().flatten() {
            let known = possible.entry(member).or_insert_with(|| vec![None]);
            for (mobile, answered) in fates {
                if answered {
                    known.clear();
                }
                known.push(mobile);
            }
        }
    }
    let ready = Process::spawn(&data, &log, &SETTINGS).ready().expect("it starts");
    check(ready.address, &possible);
    assert_eq!(ready.process.signal("-TERM"), Some(0));
    assert!(verify(&data).status.success());
}

/// By member: each mobile asked for that may have been set, and whether it was answered.
type Told = BTreeMap<String, Vec<(Option<String>, bool)>>;

fn swap(address: SocketAddr, round: u64, client: u64) -> Told {
    let mut random = Random::new(round << 8 | client);
    let mut told = Told::new();
    let Ok(mut connection) = Connection::to(address) else { return told };
    loop {
        let member = format!("m{client}-{}", random.below(MEMBERS));
        let mobile = (!random.one_in(4)).then(|| format!("1860801{:04}", random.below(MOBILES)));
        let path = format!("{PREFIX}/members/{member}");
        let fates = told.entry(member).or_default();
        match connection.put(&path, &json!({"mobile": mobile, "name": "n"}).to_string()) {
            Ok(reply) if reply.status == 200 => fates.push((mobile, true)),
            Ok(reply) if reply.status == 409 => {}
            Ok(reply) => panic!("{reply:?}"),
            Err(_) => {
                fates.push((mobile, false));
                return told;
            }
        }
    }
}

fn data(connection: &mut Connection, path: &str) -> (u16, Value) {
    let reply = connection.get(&format!("{PREFIX}/{path}")).expect("an answer");
    let answer: Value = serde_json::from_str(&reply.body).expect("JSON");
    (reply.status, answer["data"].clone())
}

/// Every member's mobile, by its profile.
fn mobiles(address: SocketAddr) -> BTreeMap<String, Option<String>> {
    let mut connection = Connection::to(address).expect("a connection");
    let mut found = BTreeMap::new();
    for member in (0..CLIENTS).flat_map(|client| (0..MEMBERS).map(move |n| format!("m{client}-{n}"))) {
        let (status, profile) = data(&mut connection, &format!("members/{member}"));
        if status == 200 {
            found.insert(member, profile["mobile"].as_str().map(str::to_owned));
        }
    }
    found
}

fn check(address: SocketAddr, possible: &Possible) {
    let found = mobiles(address);
    for (member, mobile) in &found {
        let known = possible.get(member);
        assert!(
            known.is_some_and(|known| known.contains(mobile)),
            "{member} has {mobile:?}, not of {known:?}"
        );
    }
    let mut connection = Connection::to(address).expect("a connection");
    for mobile in (0..MOBILES).map(|n| format!("1860801{n:04}")) {
        let holders: Vec<&String> =
            found.iter().filter(|(_, has)| has.as_ref() == Some(&mobile)).map(|(member, _)| member).collect();
        assert!(holders.len() <= 1, "{mobile} is of {holders:?}");
        let (status, summary) = data(&mut connection, &format!("summary?mobile={mobile}"));
        match holders.first() {
            Some(holder) => assert_eq!(summary["member_no"], **holder),
            None => assert_eq!(status, 404, "{mobile}"),
        }
    }
}
