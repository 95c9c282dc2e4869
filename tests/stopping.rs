//! An orderly stop while clients hold on to their connections, and while a snapshot is under way.
use crate::support::books::accrue;
use crate::support::disk::Op;
use crate::support::process::{Connection, Process};
use crate::support::service::House;
use eros_points::ledger::command::Command;
use eros_points::ledger::instant::Instant;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const API: &str = "/api/crm/points/10080";

fn snapshots(data: &std::path::Path) -> usize {
    let names = std::fs::read_dir(data.join("snapshots"))
        .expect("the folder")
        .map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().is_some_and(|name| name.ends_with(".snap"))).count()
}

#[test]
fn clients_that_hang_do_not_keep_it_from_its_snapshot() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("log.txt"));
    let settings = [("STOP_TIME_MAX_SECONDS", "9")];
    let ready = Process::spawn(&data, &log, &settings).ready().expect("a ready line");
    let mut busy = Connection::to(ready.address).expect("a connection");
    let body = r#"{"event_no":"e1","member_no":"m","event_type":"event","points":1}"#;
    assert_eq!(busy.post(&format!("{API}/produce/direct"), body).expect("an answer").status, 200);
    // One that is in the middle of a body, whose time is longer than the stop's, and one that says nothing.
    let mut hanging = TcpStream::connect(ready.address).unwrap();
    write!(
        hanging,
        "POST {API}/history HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"
    )
    .unwrap();
    hanging.read_exact(&mut [0; 12]).unwrap();
    let idle = TcpStream::connect(ready.address).unwrap();
    assert_eq!(ready.process.signal("-TERM"), Some(0));
    drop(idle);
    assert_eq!(snapshots(&data), 1);
    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(logged.contains("connections are cut off") && logged.contains("stopped"), "{logged}");
    assert!(!logged.contains("stopped at once"), "{logged}");
}

#[test]
fn what_is_in_flight_is_finished_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("log.txt"));
    let ready = Process::spawn(&data, &log, &[]).ready().expect("a ready line");
    let mut sending = TcpStream::connect(ready.address).unwrap();
    let body = r#"{"member_no":"m"}"#;
    write!(
        sending,
        "POST {API}/history HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    )
    .unwrap();
    let mut go_on = [0; 25];
    sending.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"), "its body is waited for");
    ready.process.send("-TERM");
    crate::support::until(|| std::fs::read_to_string(&log).unwrap().contains("stopping"));
    sending.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    sending.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"code\":50301"), "it is answered, and nothing new is begun: {answer}");
    assert_eq!(ready.process.ended(), Some(0));
}

#[test]
fn its_snapshot_waits_for_one_under_way() {
    let mut house = House::new(Instant(1_655_258_400_000));
    house.journal.segment_bytes = 1 << 20;
    let lodger = house.start().expect("a start");
    crate::support::until(|| house.disk.is_prepared());
    // The first is complete and about to be put in place. Enough records for one, too few for another.
    house.disk.hold(Op::Rename);
    for n in 0..20 {
        lodger.change("m", &Command::Accrue(accrue(&format!("e{n}"), 1.0))).expect("an answer");
    }
    house.disk.wait_until_held();
    std::thread::scope(|scope| {
        scope.spawn(|| lodger.stop());
        // Long enough for the last one to get as far, if it did not wait.
        std::thread::sleep(Duration::from_millis(300));
        house.disk.let_go();
    });
    let ending = |path: &std::path::Path| path.extension().and_then(|e| e.to_str()).map(str::to_owned);
    let mut steps = Vec::new();
    for (op, path) in house.disk.done() {
        match (op, ending(&path).as_deref()) {
            (Op::Open, Some("tmp")) if path.parent() == Some(&house.folder().snapshots) => {
                steps.push("begun")
            }
            (Op::Rename, Some("snap")) => steps.push("in place"),
            _ => {}
        }
    }
    assert_eq!(steps, ["begun", "in place", "begun", "in place"]);
    house.start().expect("a start from the last of them").stop();
}
