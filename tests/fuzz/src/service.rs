//! The whole service below its sockets: any request on any route. It may be refused; a fault of ours (500) it may not be.
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use eros_points::actors::beside::Beside;
use eros_points::actors::core::Bounds;
use eros_points::actors::service::Service;
use eros_points::actors::start::{Running, Setup, start};
use eros_points::clock::SystemClock;
use eros_points::http::edge::Edge;
use eros_points::http::server::app;
use eros_points::ledger::Terms;
use eros_points::ledger::instant::Span;
use eros_points::store::disk::RealDisk;
use eros_points::store::journal::{JournalOptions, SyncPolicy};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Method, route, and whether what follows is its body or its query.
const ROUTES: [(&str, &str, bool); 30] = [
    ("POST", "produce/direct", true),
    ("POST", "produce/by_rule", true),
    ("POST", "consume/direct", true),
    ("POST", "reverse/produce", true),
    ("POST", "reverse/consume", true),
    ("POST", "transfer", true),
    ("POST", "transfer/direct", true),
    ("POST", "transfer/cancel", true),
    ("POST", "accept", true),
    ("POST", "batch", true),
    ("POST", "history", true),
    ("POST", "rules", true),
    ("POST", "rules/preview", true),
    ("PUT", "rules/1", true),
    ("PUT", "settings", true),
    ("PUT", "members/m", true),
    ("GET", "summary", false),
    ("GET", "expiring/members", false),
    ("GET", "history/export", false),
    ("GET", "lots", false),
    ("GET", "transfers", false),
    ("GET", "changes", false),
    ("GET", "rules/1", false),
    ("GET", "members/m", false),
    ("GET", "members/export", false),
    ("GET", "expiring", false),
    ("GET", "liability", false),
    ("GET", "rules", false),
    ("GET", "settings", false),
    ("DELETE", "members/m/personal-data", false),
];

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

struct Lodging {
    runtime: Runtime,
    /// Made once: to put all routes together takes longer than to ask one.
    ask: Box<dyn Fn(Request<Body>) -> Answering + Send + Sync>,
    _running: Running,
    _folder: tempfile::TempDir,
}

static LODGING: LazyLock<Lodging> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let zone = chrono_tz::Asia::Shanghai;
    let setup = Setup {
        data_dir: folder.path().to_owned(),
        disk: RealDisk::shared(),
        clock: Arc::new(SystemClock::new(Span::hours(24))),
        journal: JournalOptions {
            segment_bytes: 1 << 20,
            sync: SyncPolicy::Off,
            min_free_bytes: 1,
            ..JournalOptions::default()
        },
        history_cache_bytes: 8 << 20,
        snapshot_every_bytes: 1 << 20,
        bounds: Bounds {
            live_actors_max: 10,
            in_flight_max: 20_000,
            index_lag_max: 100_000,
            resting_bytes_max: 0,
        },
        terms: Terms::default(),
        zone,
        beside: Beside::Threads,
    };
    let service = Arc::new(Service::starting(zone));
    let running = runtime.block_on(start(setup, |_| {})).expect("a start");
    service.ready(running.core.clone());
    let app = app(service, Arc::new(Edge::default()));
    let ask = move |request| -> Answering {
        let answering = app.clone().oneshot(request);
        Box::pin(async move { answering.await.expect("an answer") })
    };
    Lodging { runtime, ask: Box::new(ask), _running: running, _folder: folder }
});

pub fn run(data: &[u8]) {
    let Some((route, content)) = data.split_first() else { return };
    let (method, path, is_body) = ROUTES[usize::from(*route) % ROUTES.len()];
    let mut uri = format!("/api/crm/points/fuzz/{path}");
    let mut body = Body::empty();
    if is_body {
        body = Body::from(content.to_vec());
    } else if let Ok(query) = std::str::from_utf8(content) {
        // A wait would be a wait.
        uri = format!("{uri}?{}", query.replace("wait", "wa"));
    }
    let Ok(request) = Request::builder().method(method).uri(&uri).body(body) else { return };
    let lodging = &*LODGING;
    lodging.runtime.block_on(async {
        let answer = (lodging.ask)(request).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        assert_ne!(status, 500, "{method} {uri}: {}", String::from_utf8_lossy(&body));
    });
}
