//! What can be said on the command line.
use clap::{Parser, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Load over HTTP on the service, and next to it on a bare axum server
#[derive(Clone, Parser)]
#[command(name = "http")]
pub struct Arguments {
    /// What to measure
    #[arg(value_enum, default_value = "produce")]
    pub workload: Workload,
    /// Connections kept busy, each with one request under way
    #[arg(long, default_value_t = 256)]
    pub connections: usize,
    /// Threads of the load; one is enough for two cores
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Members that the requests are spread over [default: 10,000; zipf: 5,000,000; open, sustain: 100,000; history: 1,000,000]
    #[arg(long)]
    pub members: Option<u64>,
    /// Seconds of each measured part [default: 5; batch, open: 60; sustain: 600]
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Rounds, of which the median counts
    #[arg(long)]
    pub rounds: Option<usize>,
    /// zipf: the skew, below 1
    #[arg(long, default_value_t = 0.99)]
    pub theta: f64,
    /// batch: operations of a batch
    #[arg(long, default_value_t = 5_000)]
    pub batch: usize,
    /// Connections that send batches
    #[arg(long, default_value_t = 4)]
    pub batch_connections: usize,
    /// grow: numbers of members [default: 1000,10000,100000,1000000,10000000]
    #[arg(long, value_delimiter = ',')]
    pub sizes: Option<Vec<u64>>,
    /// grow: numbers of past events [default: 1000000,10000000,50000000]
    #[arg(long, value_delimiter = ',')]
    pub events: Option<Vec<u64>>,
    /// open, history, sustain: share of the peak that is asked for [default: 0.5; sustain: 0.9]
    #[arg(long)]
    pub share: Option<f64>,
    /// open, history, sustain: requests a second, instead of a share of the peak
    #[arg(long)]
    pub rate: Option<f64>,
    /// history: records filled in first [default: 50,000,000]
    #[arg(long)]
    pub records: Option<u64>,
    /// history: pages read a second
    #[arg(long, default_value_t = 200.0)]
    pub reads: f64,
    /// Drive this running service instead of starting one, such as http://127.0.0.1:21100
    #[arg(long, value_parser = address)]
    pub against: Option<SocketAddr>,
    /// The API key that it asks for
    #[arg(long)]
    pub key: Option<String>,
    /// The tenant, the `crm_id` of the path
    #[arg(long, default_value = "10080")]
    pub tenant: String,
    /// The service's durability, see the README
    #[arg(long, default_value = "always")]
    pub sync: String,
    /// A setting of the service, as NAME=VALUE; can be given more than once
    #[arg(long = "set", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// Where the service's data folder is made; it is removed afterwards [default: below target]
    #[arg(long)]
    pub folder: Option<PathBuf>,
    /// Put the figures into this file, as JSON lines
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// A short version: smaller sizes, shorter parts
    #[arg(long)]
    pub short: bool,
    /// Of less than two seconds, for the tests
    #[arg(long, hide = true)]
    pub tiny: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    pub bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Accruals, each a new event, against bare axum
    Produce,
    /// The same on members at rest, some asked far more often than others
    Zipf,
    /// Accruals, spends, transfers, reversals and looks at the balance, against bare axum
    Mix,
    /// The same against bare axum with an actor a member and a log: what no such service can be faster than
    Floor,
    /// Batches against single requests, operation for operation
    Batch,
    /// How the cost grows with members and with past events
    Grow,
    /// Latency at a constant rate, over a snapshot, a segment's rotation and index compaction
    Open,
    /// Pages of the history while writes run
    History,
    /// Close to the peak for long: does the index keep up, is memory flat
    Sustain,
    /// Ten times as many clients as it works for at once
    Overload,
}

impl Arguments {
    /// One of three defaults, by the size of the run.
    pub fn sized<T>(&self, full: T, short: T, tiny: T) -> T {
        if self.tiny {
            tiny
        } else if self.short {
            short
        } else {
            full
        }
    }

    pub fn seconds(&self, full: f64, short: f64) -> f64 {
        self.seconds.unwrap_or(self.sized(full, short, 0.1))
    }

    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(self.sized(5, 5, 2)).max(1)
    }

    pub fn members(&self, full: u64, short: u64) -> u64 {
        self.members.unwrap_or(self.sized(full, short, 300))
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let plain = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    let mut found = std::net::ToSocketAddrs::to_socket_addrs(plain).map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| "no such address".into())
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a setting is NAME=VALUE")?;
    Ok((name.into(), value.into()))
}
