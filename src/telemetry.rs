//! Log lines, to standard error, and which request they are about.
use anyhow::Context;
use axum::http::HeaderValue;
use std::io::IsTerminal;
use tracing::Instrument;
use tracing_subscriber::EnvFilter;

tokio::task_local! {
    /// The id of the request that the task at hand works for. Lines about requests that stand at the usual level take it
    /// from here: a span for each request would cost something where nothing is logged.
    static REQUEST_ID: HeaderValue;
}

/// Does the work of a request.
pub async fn on_behalf_of<T>(request_id: HeaderValue, work: impl Future<Output = T>) -> T {
    REQUEST_ID.scope(request_id, work).await
}

/// For work that goes on in a task of its own: it stays the same request's.
pub fn carried_on<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let (id, work) = (REQUEST_ID.try_get().ok(), work.in_current_span());
    async move {
        match id {
            Some(id) => REQUEST_ID.scope(id, work).await,
            None => work.await,
        }
    }
}

/// The id of the request at hand; `-` where there is none.
pub fn request_id() -> String {
    REQUEST_ID.try_with(|id| id.to_str().unwrap_or_default().to_owned()).unwrap_or_else(|_| "-".to_owned())
}

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
