//! Linearizability, member by member, over real HTTP: clients that overlap, give up waiting and send again, while the process
//! is killed. It is checked without a search, since every answer of a change bears its record's number (`auto_id`): that
//! order must agree with real time, and the naive model, fed in that order, must give every answer.
//!
//! `EROS_HISTORIES=100 cargo test --release --test suite linearizable -- --nocapture` makes 100 histories of 10,000
//! operations; otherwise a few short ones. `EROS_HISTORY_SEED` has the choices of an earlier run (not its timing).
mod check;
mod clients;
mod operations;

use crate::linearizable::clients::{Done, Scene, client};
use crate::linearizable::operations::Kind;
use crate::support::http;
use crate::support::process::{Process, Ready, verify};
use crate::support::random::Random;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CLIENTS: u64 = 8;

/// Few, so that they overlap.
const MEMBERS: u64 = 5;

/// Small, so that snapshots, and members going to rest, happen all the time.
const SETTINGS: [(&str, &str); 4] =
    [("SNAPSHOT_EVERY", "64KiB"), ("LIVE_ACTORS_MAX", "2"), ("HISTORY_CACHE_BYTES", "8MiB"), ("LOG", "warn")];

#[test]
fn every_answer_is_that_of_one_order_which_agrees_with_real_time() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let asked = number("EROS_HISTORIES");
    let (histories, operations) = asked.map_or((3, 1_500), |histories| (histories, 10_000));
    let seed = number("EROS_HISTORY_SEED").unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos() as u64
    });
    for history in 0..histories {
        let seed = seed.wrapping_add(history);
        let folder = tempfile::tempdir().expect("a folder");
        let told = std::panic::AssertUnwindSafe(|| one_history(folder.path(), seed, operations));
        match std::panic::catch_unwind(told) {
            Ok(told) => eprintln!("linearizable: {} of {histories}, seed {seed}: {told}", history + 1),
            Err(panic) => {
                let kept = folder.keep();
                eprintln!(
                    "linearizable: failed with EROS_HISTORY_SEED={seed}; the folder is {}",
                    kept.display()
                );
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// One history on a folder of its own; what was in it.
fn one_history(folder: &Path, seed: u64, operations: u64) -> String {
    let (data, log) = (folder.join("data"), folder.join("log.txt"));
    let start = || Process::spawn(&data, &log, &SETTINGS).ready().expect("it starts");
    let mut random = Random::new(seed);
    let ready = start();
    let scene = Scene::new(ready.address, operations);
    let (all, ready) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|name| {
                let scene = &scene;
                let random = Random::new(seed ^ (name + 1) << 48);
                scope.spawn(move || client(scene, random, name))
            })
            .collect();
        let ready = kill_now_and_then(&scene, ready, &mut random, start);
        let all: Vec<_> =
            clients.into_iter().flat_map(|client| client.join().expect("a client's findings")).collect();
        (all, ready)
    });
    let feed = feed(&ready);
    ready.process.kill();
    let verified = verify(&data);
    assert!(verified.status.success(), "verify: {}", String::from_utf8_lossy(&verified.stderr));
    let told = check::check(&all, &feed);
    lies_are_found(&all, &feed);
    told
}

/// The check is worth something: the same history with one lie in it does not pass.
fn lies_are_found(all: &[Done], feed: &[Value]) {
    let finds = |what: &str, all: &[Done], feed: &[Value]| {
        let checked = std::panic::catch_unwind(|| check::check(all, feed));
        assert!(checked.is_err(), "not found: {what}");
    };
    let with = |place: usize, lie: &dyn Fn(&mut Done)| {
        let mut all = all.to_vec();
        lie(&mut all[place]);
        all
    };
    let change = all.iter().rposition(|done| done.is_change()).expect("a change");
    let points = |done: &mut Done| done.answer["data"]["active_points"] = (-1).into();
    finds("an answer with other points", &with(change, &points), feed);
    let soon = |done: &mut Done| (done.invoked, done.returned) = (Duration::ZERO, Duration::from_nanos(1));
    let latest =
        (0..all.len()).filter(|n| all[*n].is_change()).max_by_key(|n| all[*n].lsn()).expect("a change");
    finds("an answer before an earlier record was asked for", &with(latest, &soon), feed);
    let look = |done: &&Done| done.operation.kind == Kind::Look && done.operation.member == "member-0";
    let first = all.iter().filter(look).min_by_key(|done| done.invoked).expect("a look").answer.clone();
    let last = (0..all.len()).filter(|n| look(&&all[*n])).max_by_key(|n| all[*n].invoked).expect("a look");
    finds("a look at the past", &with(last, &|done| done.answer = first.clone()), feed);
    let lost = all[change].lsn();
    let feed: Vec<Value> = feed.iter().filter(|record| record["auto_id"] != lost).cloned().collect();
    finds("a change that is lost", all, &feed);
}

/// Three times in a history, wherever it is then.
fn kill_now_and_then(
    scene: &Scene,
    mut ready: Ready,
    random: &mut Random,
    start: impl Fn() -> Ready,
) -> Ready {
    for part in 1..=3 {
        let from = scene.operations * part / 4;
        while scene.begun() < from {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(random.below(20)));
        ready.process.kill();
        ready = start();
        scene.moved_to(ready.address);
    }
    ready
}

/// Every record that members see, in order.
fn feed(ready: &Ready) -> Vec<Value> {
    let mut all = Vec::new();
    let (agent, mut after) = (http::agent(), 0);
    loop {
        let path = format!("{}/changes?limit=10000&after={after}", operations::PREFIX);
        let answer = http::send(&agent, ready.address, "GET", &path, &[], b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        if answer.body.is_empty() {
            return all;
        }
        let lines = std::str::from_utf8(&answer.body).expect("text").lines();
        all.extend(lines.map(|line| serde_json::from_str::<Value>(line).expect("a record")));
        after = answer.header("X-Last-Auto-Id").expect("how far it goes").parse().expect("a number");
    }
}
