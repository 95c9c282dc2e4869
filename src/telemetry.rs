//! Log lines, to standard error.
use anyhow::Context;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Sends log lines that pass `filter` to standard error, each as an object of JSON where `json` is set; `RUST_LOG`,
/// where set, wins.
pub fn start(filter: &str, json: bool) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(wanted) if !wanted.is_empty() => {
            EnvFilter::try_new(&wanted).context("RUST_LOG is no log filter")?
        }
        _ => EnvFilter::try_new(filter).with_context(|| format!("log: {filter:?} is no log filter"))?,
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if json {
        lines.json().flatten_event(true).with_span_list(false).try_init()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("log lines can't be started: {error}"))?;
    if json {
        // Panics are lines like all others. The default hook is right where people read.
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    }
    Ok(())
}
