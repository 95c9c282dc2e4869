//! The real binary as a process of its own: started on a folder, killed at any moment, asked over a plain connection.
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary that was built with the tests, or the one that `EROS_POINTS` names.
pub fn binary() -> Command {
    let named = std::env::var_os("EROS_POINTS");
    Command::new(named.unwrap_or_else(|| env!("CARGO_BIN_EXE_eros-points").into()))
}

/// A service that runs, ready or not. Dropped, it is killed.
pub struct Process {
    child: Child,
}

/// A service that takes requests.
pub struct Ready {
    pub process: Process,
    pub address: SocketAddr,
}

impl Process {
    /// Starts the service on `data` with settings from the environment; what it logs is added to `log`.
    pub fn spawn(data: &Path, log: &Path, settings: &[(&str, &str)]) -> Process {
        let mut command = binary();
        command.arg("--data-dir").arg(data).args(["--listen", "127.0.0.1:0"]);
        command.envs(settings.iter().map(|(name, value)| (format!("EROS_POINTS_{name}"), *value)));
        Process::of(command, log)
    }

    /// Starts what a test has put together.
    pub fn of(mut command: Command, log: &Path) -> Process {
        let log = File::options().create(true).append(true).open(log).expect("a file for what it logs");
        let child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the binary starts");
        Process { child }
    }

    /// Waits for the ready line; `Err` tells that the process ended without one.
    pub fn ready(mut self) -> Result<Ready, String> {
        let mut line = String::new();
        let stdout = self.child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        let address = line.trim().strip_prefix("listening on ").and_then(|text| text.parse().ok());
        match address {
            Some(address) => Ok(Ready { process: self, address }),
            None => Err(format!("no ready line but {line:?}, status {:?}", self.child.wait())),
        }
    }

    /// The system's number of it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: nothing in the process runs any more.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal such as `-HUP`.
    pub fn send(&self, signal: &str) {
        let pid = self.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Sends a signal such as `-TERM`, and gives the exit code once it has ended.
    pub fn signal(self, signal: &str) -> Option<i32> {
        self.send(signal);
        self.ended()
    }

    /// The exit code, once it has ended.
    pub fn ended(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `verify` on a folder that no process works on.
pub fn verify(data: &Path) -> Output {
    binary().arg("verify").arg("--data-dir").arg(data).output().expect("the binary starts")
}

/// An answer, its body byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub replayed: bool,
    pub body: String,
}

/// One connection kept alive, one request at a time.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub fn to(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Connection { stream: BufReader::new(stream) })
    }

    pub fn post(&mut self, path: &str, body: &str) -> io::Result<Reply> {
        self.send("POST", path, body)
    }

    pub fn put(&mut self, path: &str, body: &str) -> io::Result<Reply> {
        self.send("PUT", path, body)
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<Reply> {
        self.ask(&format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    pub fn get(&mut self, path: &str) -> io::Result<Reply> {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"))
    }

    fn ask(&mut self, request: &str) -> io::Result<Reply> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        let status = status.get(9..12).and_then(|code| code.parse().ok()).ok_or_else(broken)?;
        let (mut length, mut replayed) = (0, false);
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(|_| broken())?,
                "idempotent-replayed" => replayed = value.trim() == "true",
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8(body).map_err(|_| broken())?;
        Ok(Reply { status, replayed, body })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if line.ends_with("\r\n") { Ok(line.trim_end().to_owned()) } else { Err(broken()) }
    }
}

/// The connection ended before the answer did.
fn broken() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}
