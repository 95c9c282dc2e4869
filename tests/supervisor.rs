//! What a supervisor hears, by the protocol of systemd's `Type=notify`; and `health`, for containers.
use crate::support::process::binary;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

struct Supervised {
    folder: TempDir,
    socket: UnixDatagram,
}

impl Supervised {
    fn new() -> Supervised {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Supervised { folder, socket }
    }

    fn start(&self) -> Child {
        let mut command = binary();
        command.arg("--data-dir").arg(self.folder.path()).args(["--listen", "127.0.0.1:0"]);
        command.env("NOTIFY_SOCKET", self.folder.path().join("notify")).env("WATCHDOG_USEC", "300000");
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The next thing it says that is no sign of life.
    fn hears(&self) -> String {
        loop {
            let said = self.says();
            if said != "WATCHDOG=1\n" {
                return said;
            }
        }
    }

    fn says(&self) -> String {
        let mut bytes = [0; 4_096];
        let length = self.socket.recv(&mut bytes).expect("it says something");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }
}

fn terminate(mut child: Child) -> Option<i32> {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap().code()
}

fn address(child: &mut Child) -> SocketAddr {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim().strip_prefix("listening on ").expect("a ready line").parse().unwrap()
}

#[test]
fn a_supervisor_hears_that_it_is_ready_lives_and_stops() {
    let supervised = Supervised::new();
    let mut child = supervised.start();
    let ready = supervised.hears();
    let address = address(&mut child);
    assert_eq!(ready, format!("READY=1\nSTATUS=serving on {address}\n"));
    while supervised.says() != "WATCHDOG=1\n" {}
    assert_eq!(terminate(child), Some(0));
    assert_eq!(supervised.hears(), "STOPPING=1\nSTATUS=stopping: finishing what is in flight\n");

    let child = supervised.start();
    let recovering = supervised.hears();
    assert!(recovering.starts_with("STATUS=recovering: "), "{recovering}");
    while !supervised.hears().starts_with("READY=1\n") {}
    assert_eq!(terminate(child), Some(0));
}

/// Its signs of life fill the socket, and nobody takes them out.
#[test]
fn a_supervisor_that_does_not_listen_holds_nothing_up() {
    let supervised = Supervised::new();
    let mut child = supervised.start();
    let address = address(&mut child);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(health(address).status.code(), Some(0));
    assert_eq!(terminate(child), Some(0));
}

fn health(address: SocketAddr) -> std::process::Output {
    binary().args(["health", "--listen", &address.to_string()]).output().unwrap()
}

#[test]
fn health_says_whether_requests_are_taken() {
    let supervised = Supervised::new();
    let mut child = supervised.start();
    let address = address(&mut child);
    let asked = health(address);
    assert_eq!(asked.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&asked.stdout), "{\"code\":0,\"msg\":\"OK\",\"data\":null}\n");
    assert_eq!(terminate(child), Some(0));
    let asked = health(address);
    assert_eq!(asked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&asked.stderr).contains("does not answer"));
}

#[test]
fn health_is_an_error_while_it_recovers() {
    let server = crate::support::server::Server::before_recovery(Default::default());
    let asked = health(server.address());
    assert_eq!(asked.status.code(), Some(1));
    let (said, why) =
        (String::from_utf8_lossy(&asked.stdout), String::from_utf8_lossy(&asked.stderr).into_owned());
    assert!(said.contains("\"stage\":\"starting\""), "{said}");
    assert!(why.contains("503"), "{why}");
}
