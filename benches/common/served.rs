//! The servers under load: the service itself as users run it, the bare one, or one that runs already.
use super::process;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a server may take to settle.
const SETTLED: Duration = Duration::from_secs(60);
/// Processor time in a second of a process that does nothing but look at its clocks.
const AT_REST: f64 = 0.03;

/// A server that takes requests. One that was started here is killed when it is dropped, and its data removed.
pub struct Served {
    child: Option<Child>,
    pub address: SocketAddr,
    folder: Option<tempfile::TempDir>,
    key: Option<String>,
    /// It is the service, whose index follows its log.
    has_index: bool,
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Where data folders are made, unless another place is named: below `target`.
pub fn default_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// The service's binary on an empty folder below `folder`, with settings as pairs of name and value.
pub fn start_service(folder: &Path, settings: &[(String, String)]) -> Served {
    let mut service = start_in(folder, |data| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eros-points"));
        command.arg("--data-dir").arg(data).args(["--listen", "127.0.0.1:0", "--log", "error"]);
        command.envs(
            settings.iter().map(|(name, value)| (format!("EROS_POINTS_{}", name.to_uppercase()), value)),
        );
        command
    });
    service.has_index = true;
    service
}

/// A program on an empty folder below `folder`.
pub fn start_in(folder: &Path, command: impl FnOnce(&Path) -> Command) -> Served {
    std::fs::create_dir_all(folder).expect("a place for the data");
    let data = tempfile::tempdir_in(folder).expect("a folder");
    let mut server = start(command(data.path()));
    server.folder = Some(data);
    server
}

/// Any program that prints `listening on ADDRESS` when it takes requests.
pub fn start(mut command: Command) -> Served {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the server starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a ready line");
    let address = line.trim().strip_prefix("listening on ").and_then(|text| text.parse().ok());
    let address = address.unwrap_or_else(|| panic!("not a ready line: {line:?}"));
    Served { child: Some(child), address, folder: None, key: None, has_index: false }
}

/// A server that runs already, and the API key that it asks for.
pub fn running(address: SocketAddr, key: Option<String>) -> Served {
    let mut server = Served { child: None, address, folder: None, key, has_index: false };
    server.has_index = server.lag().is_some();
    server
}

impl Served {
    /// Its data folder, if it was started here.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(tempfile::TempDir::path)
    }

    /// Whether it is the service, whose index follows its log.
    pub fn has_index(&self) -> bool {
        self.has_index
    }

    pub fn cpu_seconds(&self) -> Option<f64> {
        process::cpu_seconds(self.child.as_ref()?.id())
    }

    pub fn resident_bytes(&self) -> Option<u64> {
        process::resident_bytes(self.child.as_ref()?.id())
    }

    /// What `/metrics` says now: each series, labels included, and its value.
    pub fn metrics(&self) -> HashMap<String, f64> {
        self.asked_metrics().expect("the service's metrics")
    }

    fn asked_metrics(&self) -> Result<HashMap<String, f64>, ureq::Error> {
        let request = ureq::get(format!("http://{}/metrics", self.address));
        let request = match &self.key {
            Some(key) => request.header("authorization", format!("Bearer {key}")),
            None => request,
        };
        let text = request.call()?.body_mut().read_to_string()?;
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = series.filter_map(|line| line.rsplit_once(' '));
        Ok(pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    /// Records that the index is behind; none of a server that is another program, or does not tell.
    fn lag(&self) -> Option<f64> {
        self.asked_metrics().ok()?.get("eros_points_index_lag_records").copied()
    }

    /// Waits until the index shows all that is durable, at most so long; how long it took, or none.
    pub fn caught_up(&self, at_most: Duration) -> Option<Duration> {
        let started = std::time::Instant::now();
        while started.elapsed() <= at_most {
            if self.metrics()["eros_points_index_lag_records"] == 0.0 {
                return Some(started.elapsed());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        None
    }

    /// Waits until it does nothing any more, at most so long: merges of the index go on after it has caught up. Whether it came to
    /// that; not known of a process that is not ours.
    pub fn at_rest(&self, at_most: Duration) -> bool {
        let started = std::time::Instant::now();
        let mut before = self.cpu_seconds();
        while started.elapsed() <= at_most {
            std::thread::sleep(Duration::from_secs(1));
            let now = self.cpu_seconds();
            match before.zip(now) {
                Some((before, now)) if now - before > AT_REST => {}
                _ => return true,
            }
            before = now;
        }
        false
    }

    /// Waits for work that a load has left behind, so that it is counted with the load and falls into nothing else.
    pub fn settle(&self) {
        if self.has_index {
            self.caught_up(SETTLED);
        }
    }
}
