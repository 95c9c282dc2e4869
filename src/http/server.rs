//! Connections: each bounded in time and number, each request with an id, no panic past this point.
use crate::actors::service::Service;
use crate::http::envelope;
use crate::http::error::FaultDetail;
use crate::http::metrics::requests::Requests;
use crate::http::routes;
use crate::limits::{CONNECTIONS_MAX, HEAD_TIME_MAX};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The routes with what stands round all of them.
pub fn app(service: Arc<Service>) -> Router {
    let requests = Requests::new();
    routes::router(service, requests.clone()).layer(from_fn_with_state(requests, guard))
}

/// Serves until `stop` is done, then finishes the requests under way.
pub async fn serve(listener: TcpListener, service: Arc<Service>, stop: impl Future<Output = ()>) {
    let app = app(service);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut stop = pin!(stop);
    loop {
        // A place first: connections beyond the bound wait in the system's queue.
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = &mut stop => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, _)) => connection(stream, app.clone(), &graceful, place),
            Err(error) => {
                // Out of descriptors, say: what is open goes on, and makes room.
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

fn connection<P: Send + 'static>(stream: TcpStream, app: Router, graceful: &GracefulShutdown, place: P) {
    // Small answers at once; where it can't be set, they are only later.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        // What a client breaks off is its own affair.
        if let Err(error) = connection.await {
            tracing::debug!("a connection ended: {error}");
        }
        drop(place);
    });
}

/// Gives each request its id, and turns what goes wrong inside into an answer and a log line.
async fn guard(State(requests): State<Arc<Requests>>, request: Request, next: Next) -> Response {
    let watch = requests.watch(&request);
    let id = request_id(&request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut handling = pin!(next.run(request));
    let handled = std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(context))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    });
    let mut response = match handled.await {
        Some(mut response) => match response.extensions_mut().remove::<FaultDetail>() {
            Some(FaultDetail(detail)) => fault(&id, &format!("{method} {path}: {detail}")),
            None => response,
        },
        None => fault(&id, &format!("{method} {path}: the handler panicked")),
    };
    response.headers_mut().insert(REQUEST_ID, id);
    watch.answered(&response);
    response
}

fn fault(id: &HeaderValue, detail: &str) -> Response {
    let id = id.to_str().unwrap_or_default();
    tracing::error!(request_id = id, "{detail}");
    envelope::failure(StatusCode::INTERNAL_SERVER_ERROR, 50000, &format!("a fault of ours, request id {id}"))
}

/// The client's id where it sent a sane one, else one of ours.
fn request_id(request: &Request) -> HeaderValue {
    static NONCE: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let sane = |value: &&HeaderValue| {
        value.len() <= 128 && value.to_str().is_ok_and(|text| !text.is_empty() && text.is_ascii())
    };
    if let Some(given) = request.headers().get(REQUEST_ID).filter(sane) {
        return given.clone();
    }
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    HeaderValue::try_from(format!("{:08x}-{number:x}", *NONCE >> 32)).unwrap_or(HeaderValue::from_static("-"))
}
