//! Log lines, to standard error.
use anyhow::Context;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Sends log lines that pass `filter` to standard error; `RUST_LOG`, where set, wins.
pub fn start(filter: &str) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(wanted) if !wanted.is_empty() => {
            EnvFilter::try_new(&wanted).context("RUST_LOG is no log filter")?
        }
        _ => EnvFilter::try_new(filter).with_context(|| format!("log: {filter:?} is no log filter"))?,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init()
        .map_err(|error| anyhow::anyhow!("log lines can't be started: {error}"))
}
