//! The index's thread gives way to requests, until somebody waits for it.
use crate::support::process::{Connection, Process};
use crate::support::until;
use eros_points::giving_way::GivingWay;
use std::path::Path;

const PREFIX: &str = "/api/crm/points/10080";

/// The system's number of the thread that feeds a process's index.
fn index_thread(process: u32) -> i32 {
    let threads = std::fs::read_dir(Path::new("/proc").join(process.to_string()).join("task")).unwrap();
    let mut threads = threads.map(|thread| thread.unwrap().path());
    let is_it = |thread: &Path| std::fs::read_to_string(thread.join("comm")).unwrap().trim() == "history";
    let thread = threads.find(|thread| is_it(thread)).expect("the index's thread");
    thread.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

#[test]
fn the_index_gives_way_where_it_may_until_somebody_waits_for_it() {
    let allowed = GivingWay::where_allowed().is_allowed();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.txt");
    let ready =
        Process::spawn(&folder.path().join("data"), &log, &[("INDEX_LAG_MAX", "1000")]).ready().unwrap();
    let mut connection = Connection::to(ready.address).unwrap();
    let index = index_thread(ready.process.id());
    let gives_way = || uapi::sched_getscheduler(index).unwrap() == uapi::c::SCHED_IDLE;
    let mut numbers = 0..;
    let mut accrue = |connection: &mut Connection| {
        let number: u32 = numbers.next().unwrap();
        let body = format!(r#"{{"event_no":"{number}","member_no":"ann","event_type":"event","points":1}}"#);
        let reply = connection.post(&format!("{PREFIX}/produce/direct"), &body).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
    };

    until(|| {
        accrue(&mut connection);
        gives_way() == allowed
    });
    // Behind it is with half of what it is wanted to be, 31 of 1,000.
    let mut batches = 0..;
    until(|| {
        let number: u32 = batches.next().unwrap();
        let operation = |n: u32| {
            format!(
                r#"{{"op":"produce/direct","body":{{"event_no":"{number}-{n}","member_no":"bob","event_type":"event","points":1}}}}"#
            )
        };
        let operations: Vec<String> = (0..500).map(operation).collect();
        let reply =
            connection.post(&format!("{PREFIX}/batch"), &format!("[{}]", operations.join(","))).unwrap();
        assert!([200, 503].contains(&reply.status), "{}", reply.body);
        !gives_way()
    });
    until(|| {
        accrue(&mut connection);
        gives_way() == allowed
    });
    // Whether a read has to wait is chance: the index may have been quicker.
    until(|| {
        accrue(&mut connection);
        let reply = connection.post(&format!("{PREFIX}/history"), r#"{"member_no":"ann"}"#).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        !gives_way()
    });
    assert_eq!(ready.process.signal("-TERM"), Some(0));
    let logged = std::fs::read_to_string(&log).unwrap();
    assert_eq!(logged.contains("the index can't give way"), !allowed, "{logged}");
}
