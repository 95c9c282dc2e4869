//! Clients may take all the file descriptors that there are for them; the log has its own.
use crate::support::process::{Connection, Process, binary};
use crate::support::until;
use std::net::TcpStream;
use std::process::Command;

const LIMIT: usize = 700;
/// More than there is room for (188), and few enough that the rest fits the system's queue (128).
const IDLE: usize = 250;
const PREFIX: &str = "/api/crm/points/10080";

#[test]
fn idle_connections_take_no_descriptor_from_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("log.txt"));
    let mut command = Command::new("bash");
    let script = format!(r#"ulimit -n {LIMIT}; exec "$0" "$@""#);
    command.args(["-c", &script]).arg(binary().get_program());
    command.arg("--data-dir").arg(&data).args(["--listen", "127.0.0.1:0", "--snapshot-every", "64KiB"]);
    let ready = Process::of(command, &log).ready().expect("a ready line");
    let mut connection = Connection::to(ready.address).expect("a connection");
    connection.get("/livez").expect("an answer");
    let idle: Vec<TcpStream> =
        (0..IDLE).map(|_| TcpStream::connect(ready.address).expect("a connection")).collect();
    let padding = "x".repeat(4_000);
    let snapshots = || {
        let files = std::fs::read_dir(data.join("snapshots")).expect("the folder");
        files
            .filter(|file| file.as_ref().is_ok_and(|file| file.path().extension() == Some("snap".as_ref())))
            .count()
    };
    for n in 0..40 {
        let body = format!(
            r#"{{"event_no":"{n}","member_no":"ann","event_type":"event","points":1,"event_desc":"{padding}"}}"#
        );
        let reply = connection.post(&format!("{PREFIX}/produce/direct"), &body).expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    until(|| snapshots() > 0);
    drop(idle);
    drop(connection);
    assert_eq!(ready.process.signal("-TERM"), Some(0));
    let logged = std::fs::read_to_string(&log).expect("its log");
    assert!(logged.contains(&format!("only {LIMIT} file descriptors are allowed")), "{logged}");
    assert!(!logged.contains("Too many open files"), "{logged}");
}
