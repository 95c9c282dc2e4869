//! Memory for large bodies has a bound, and what is over it is shed at once.
use crate::support::http::{Answer, agent, send};
use crate::support::process::{Process, Ready};
use crate::support::until;
use std::io::{Read, Write};
use std::net::TcpStream;
use tempfile::TempDir;

const BATCH: &str = "/api/crm/points/10080/batch";
const LARGEST: usize = 8 << 20;
/// How many of the largest there is room for.
const ROOM: usize = 16;

/// A client that has sent nothing of a large body yet, and for whose body there is room.
fn begun(ready: &Ready) -> TcpStream {
    let mut stream = TcpStream::connect(ready.address).unwrap();
    write!(
        stream,
        "POST {BATCH} HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST}\r\nExpect: 100-continue\r\n\r\n"
    )
    .unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 100");
    stream
}

fn ask(ready: &Ready, body: &str) -> Answer {
    send(&agent(), ready.address, "POST", BATCH, &[("Content-Type", "application/json")], body.as_bytes())
}

fn started(folder: &TempDir) -> Ready {
    let (data, log) = (folder.path().join("data"), folder.path().join("log.txt"));
    Process::spawn(&data, &log, &[]).ready().expect("a ready line")
}

/// The most memory that the process has had so far.
fn resident_kib_max(ready: &Ready) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", ready.process.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn clients_with_large_bodies_can_not_take_all_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = started(&folder);
    let large = format!("[]{}", " ".repeat(100_000));
    ask(&ready, &large).data();
    let slow: Vec<TcpStream> = (0..ROOM).map(|_| begun(&ready)).collect();
    let shed = ask(&ready, &large);
    shed.refusal(503, 50303);
    assert_eq!(shed.header("Retry-After"), Some("1"));
    // Small ones are not concerned.
    ask(&ready, "[]").data();
    drop(slow);
    until(|| ask(&ready, &large).status == 200);
}

/// Nothing is made of operations that are far too many: each would be a hundred times as large as it is written.
#[test]
fn a_batch_of_millions_is_refused_before_any_of_them_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = started(&folder);
    let before = resident_kib_max(&ready);
    for shortest in ["1", "{}"] {
        let body =
            format!("[{}{shortest}]", format!("{shortest},").repeat(LARGEST / (shortest.len() + 1) - 2));
        assert!(ask(&ready, &body).refusal(400, 40001).contains("10000"));
    }
    let more = resident_kib_max(&ready) - before;
    assert!(more < 256 << 10, "{more} KiB");
}
