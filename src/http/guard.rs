//! What stands round every route: its id, the edge's checks, no panic past this point, a log line, the dialect.
//!
//! It stands round the router as a whole rather than as a layer of each route: a layer is one more boxed service to clone and
//! one more boxed future for every request. So it finds the route by itself, and what is in no table is not served.
use crate::clock::monotonic;
use crate::http::access::{Routes, after_prefix, is_of_the_service, methods};
use crate::http::dialect::Dialect;
use crate::http::edge::{Edge, tenant_of};
use crate::http::envelope::{self, Code};
use crate::http::error::{FaultDetail, WireError};
use crate::http::extract::{is_tenant, pass_over_behind, read_whole};
use crate::http::metrics::requests::Requests;
use crate::limits::BODY_BYTES_MAX;
use crate::telemetry::on_behalf_of;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::future::RouteFuture;
use futures_util::future::Either;
use hyper::body::Incoming;
use std::cell::Cell;
use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Instant;
use tower::Service;
use tracing::{Instrument, Level, Span};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The router, and what stands round it.
#[derive(Clone)]
pub struct Guarded(Arc<Guard>);

/// The same for one connection. Each request counts who holds this, and other connections' requests, on other cores, count elsewhere.
pub struct Connected(Arc<Guarded>);

struct Guard {
    router: Router,
    routes: Routes,
    edge: Arc<Edge>,
    requests: Arc<Requests>,
}

/// What log lines call a request. Paths and queries are not in it: they hold names.
struct Asked<'a> {
    id: HeaderValue,
    method: Method,
    route: Option<&'a str>,
}

impl Asked<'_> {
    fn route(&self) -> &str {
        self.route.unwrap_or("-")
    }

    fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// For lines below the usual level alone; those at it take the id from the task.
    fn span(&self, noted: Option<&Noted>) -> Span {
        let crm_id = noted.map(|noted| noted.crm_id.as_str());
        tracing::debug_span!("request", request_id = self.id(), crm_id)
    }

    /// One that HTTP does not name may be anything.
    fn method(&self) -> &str {
        let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS];
        if known.contains(&self.method) { self.method.as_str() } else { "other" }
    }
}

impl Guarded {
    pub fn new(router: Router, routes: Routes, edge: Arc<Edge>, requests: Arc<Requests>) -> Guarded {
        Guarded(Arc::new(Guard { router, routes, edge, requests }))
    }

    pub fn connected(&self) -> Connected {
        Connected(Arc::new(self.clone()))
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl hyper::service::Service<hyper::Request<Incoming>> for Connected {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: hyper::Request<Incoming>) -> Answering {
        self.0.clone().answer(request.map(Body::new))
    }
}

/// For callers without a connection.
impl Service<Request> for Guarded {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answering {
        Arc::new(self.clone()).answer(request)
    }
}

/// Prints the router, which knows its paths.
impl std::fmt::Debug for Guarded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.router.fmt(formatter)
    }
}

impl Guarded {
    /// Hundreds of these are under way at once, each in a piece of memory of its own: so it is no `async fn`, which would hold the
    /// request twice, what is large and rare is boxed, and what goes through more hands is a pointer.
    fn answer(self: Arc<Guarded>, mut request: Request) -> Answering {
        if self.0.edge.dialect != Dialect::Ours {
            request.extensions_mut().insert(self.0.edge.dialect);
        }
        Box::pin(async move {
            let guard = &*self.0;
            let asked = Asked {
                id: request_id(&request),
                method: request.method().clone(),
                route: guard.routes.of(request.uri().path()),
            };
            let watch = guard.requests.watch(&asked.method, asked.route);
            let noted = tracing::enabled!(Level::DEBUG).then(|| Noted::of(&asked, &request));
            let mut response = match guard.edge.admit(&request, asked.route) {
                Ok(()) => {
                    let span = asked.span(noted.as_ref());
                    match catch_unwind(AssertUnwindSafe(|| guard.serve(request, asked.route))) {
                        Ok(routed) => run(&asked, on_behalf_of(asked.id.clone(), pin!(routed)), span).await,
                        Err(_) => fault(&asked, "the router panicked"),
                    }
                }
                Err(refused) => refuse(refused, &asked, request.into_body()),
            };
            let told = response.extensions_mut().remove::<Code>();
            if let Some(noted) = noted {
                noted.tell(&asked, response.status(), told);
            }
            // Only failures are told otherwise.
            if told.is_some() && !is_of_the_service(asked.route()) {
                response = Box::pin(guard.edge.dialect.tell(response)).await;
            }
            response.headers_mut().insert(REQUEST_ID, asked.id);
            watch.answered(response.status().as_u16(), told.map(|Code(code)| code));
            Ok(response)
        })
    }
}

/// What a log line about an answer needs beside it.
struct Noted {
    began: Instant,
    crm_id: String,
}

impl Noted {
    fn of(asked: &Asked<'_>, request: &Request) -> Noted {
        Noted { began: monotonic(), crm_id: crm_id(request.uri().path(), asked.route()) }
    }

    fn tell(self, asked: &Asked<'_>, status: StatusCode, told: Option<Code>) {
        tracing::debug!(
            method = asked.method(),
            route = asked.route(),
            crm_id = self.crm_id,
            status = status.as_u16(),
            code = told.map_or(0, |Code(code)| code),
            micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            request_id = asked.id(),
            "answered"
        );
    }
}

impl Guard {
    fn serve(&self, request: Request, route: Option<&str>) -> Either<RouteFuture<Infallible>, Answering> {
        match route {
            Some(_) => Either::Left(self.router.clone().call(request)),
            None => Either::Right(Box::pin(no_such_route(request.into_body()))),
        }
    }
}

async fn no_such_route(body: Body) -> Result<Response, Infallible> {
    let read = read_whole(body, BODY_BYTES_MAX).await;
    Ok(read.err().unwrap_or(WireError::NoSuchRoute).into_response())
}

/// Turns what goes wrong inside into an answer and a log line.
async fn run(
    asked: &Asked<'_>,
    handling: impl Future<Output = Result<Response, Infallible>>,
    span: Span,
) -> Response {
    let mut handling = pin!(handling.instrument(span));
    let handled = std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(context))) {
            Ok(poll) => poll.map(Result::ok),
            Err(_) => Poll::Ready(None),
        }
    });
    match handled.await {
        Some(mut response) => match response.extensions_mut().remove::<FaultDetail>() {
            Some(FaultDetail(detail)) => fault(asked, &detail),
            None => response,
        },
        None => fault(asked, "the handler panicked"),
    }
}

fn fault(asked: &Asked<'_>, detail: &str) -> Response {
    let id = asked.id();
    tracing::error!(request_id = id, method = asked.method(), route = asked.route(), "{detail}");
    envelope::failure(StatusCode::INTERNAL_SERVER_ERROR, 50000, &format!("a fault of ours, request id {id}"))
}

/// Answers at once, before the body. What is on its way of that is read behind the answer, so that the client gets to
/// see it and the connection serves on.
fn refuse(refused: WireError, asked: &Asked<'_>, body: Body) -> Response {
    pass_over_behind(body);
    let allow = matches!(refused, WireError::WrongMethod).then(|| methods(asked.route()));
    let mut response = refused.into_response();
    if let Some(allow) = allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// The tenant for log lines; nothing else that stands in its place.
fn crm_id(path: &str, route: &str) -> String {
    let of_tenant = after_prefix(route).map(|_| tenant_of(path));
    of_tenant.filter(|crm_id| is_tenant(crm_id)).map_or("-".to_owned(), Into::into)
}

/// The client's id where it sent a sane one, else one of ours.
fn request_id(request: &Request) -> HeaderValue {
    static PREFIX: LazyLock<String> =
        LazyLock::new(|| format!("{:08x}-", RandomState::new().hash_one(0) >> 32));
    let sane = |value: &&HeaderValue| {
        value.len() <= 128 && value.to_str().is_ok_and(|text| !text.is_empty() && text.is_ascii())
    };
    if let Some(given) = request.headers().get(REQUEST_ID).filter(sane) {
        return given.clone();
    }
    let id = with_hex(&PREFIX, next_number());
    HeaderValue::from_maybe_shared(Bytes::from(id)).unwrap_or(HeaderValue::from_static("-"))
}

/// A number of its own for each request. A thread takes some at once: one counter that all cores write with each request would
/// go from one to the other all the time.
fn next_number() -> u64 {
    const AT_ONCE: u64 = 256;
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static NEXT: Cell<u64> = const { Cell::new(0) };
    }
    let next = match NEXT.get() {
        used_up if used_up.is_multiple_of(AT_ONCE) => TAKEN.fetch_add(AT_ONCE, Ordering::Relaxed),
        next => next,
    };
    NEXT.set(next + 1);
    next
}

/// Digit by digit: formatted by the library, it would be the most expensive text of an answer.
fn with_hex(prefix: &str, number: u64) -> Vec<u8> {
    let digits = (u64::BITS - number.leading_zeros()).div_ceil(4).max(1);
    let mut text = Vec::with_capacity(32);
    text.extend_from_slice(prefix.as_bytes());
    text.extend((0..digits).rev().map(|digit| b"0123456789abcdef"[(number >> (4 * digit)) as usize % 16]));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::keys::{Key, KeyRing, Keys};
    use crate::telemetry::request_id as id_at_hand;
    use axum::body::to_bytes;
    use axum::routing::get;
    use tower::ServiceExt;

    const FORGOTTEN: &str = "/api/crm/points/10080/forgotten";

    /// Routes that stand in no table.
    fn app(edge: Edge) -> Guarded {
        let broken = get(async || {
            let happens = |what: &str| assert!(what.is_empty(), "{what}");
            happens("a slip of ours");
        });
        let forgotten = "/api/crm/points/{crm_id}/forgotten";
        let router = Router::new()
            .route(forgotten, get(async || id_at_hand()).put(async || "done"))
            .route("/broken", broken);
        let routes = Routes::of_these(&[forgotten, "/broken"]);
        Guarded::new(router, routes, Arc::new(edge), Requests::new())
    }

    async fn ask(
        app: &Guarded,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn numbers_come_once() {
        let some = || std::thread::spawn(|| (0..1_000).map(|_| next_number()).collect::<Vec<_>>());
        let threads = [some(), some()];
        let mut numbers: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 2_000);
    }

    #[test]
    fn numbers_are_written_in_hex() {
        for number in [0, 9, 15, 16, 255, 4_096, u64::MAX] {
            assert_eq!(with_hex("x-", number), format!("x-{number:x}").into_bytes());
        }
    }

    #[tokio::test]
    async fn a_handler_knows_the_request_that_it_works_for() {
        let app = app(Edge::default());
        let (_, id) = ask(&app, Method::GET, FORGOTTEN, &[("X-Request-Id", "mine")]).await;
        assert_eq!((id, id_at_hand()), ("mine".to_owned(), "-".to_owned()));
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_of_ours_and_told_by_the_requests_id() {
        let app = app(Edge::default());
        let (status, body) = ask(&app, Method::GET, "/broken", &[("X-Request-Id", "mine")]).await;
        assert_eq!(status, 500);
        assert_eq!(body, r#"{"code":50000,"msg":"a fault of ours, request id mine","data":null}"#);
    }

    #[tokio::test]
    async fn a_route_that_the_guard_does_not_know_is_not_served() {
        let router = Router::new().route(FORGOTTEN, get(async || "open to all"));
        let app = Guarded::new(router, Routes::of_table(), Arc::new(Edge::default()), Requests::new());
        let (status, _) = ask(&app, Method::GET, FORGOTTEN, &[]).await;
        assert_eq!(status, 404);
    }

    #[tokio::test]
    async fn a_route_that_was_forgotten_in_the_table_opens_to_admin_alone() {
        let entry = |random: u8, scopes: &str| {
            let hash = Key::new([random; 32]).hash().to_hex();
            format!("[[keys]]\nname=\"{random}\"\nhash=\"{hash}\"\ntenants=[\"*\"]\nscopes={scopes}\n")
        };
        let keys = entry(1, r#"["read", "write"]"#) + &entry(2, r#"["admin"]"#);
        let keys = Some(Arc::new(KeyRing::new(Keys::parse(&keys).unwrap())));
        let app = app(Edge { keys, ..Edge::default() });
        for method in [Method::GET, Method::PUT] {
            let statuses = [None, Some(1), Some(2)].map(|random| {
                let key = random.map(|random| Key::new([random; 32]).reveal().to_owned());
                let (app, method) = (app.clone(), method.clone());
                async move {
                    let header = key.as_deref().map(|key| ("X-API-Key", key));
                    ask(&app, method, FORGOTTEN, header.as_slice()).await.0.as_u16()
                }
            });
            let [none, clerk, chief] = statuses;
            assert_eq!((none.await, clerk.await, chief.await), (401, 403, 200), "{method}");
        }
    }
}
