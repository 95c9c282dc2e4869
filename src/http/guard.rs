//! What stands round every route: its id, the edge's checks, no panic past this point, a log line, the dialect.
use crate::clock::monotonic;
use crate::http::access::{after_prefix, is_of_the_service, methods};
use crate::http::edge::{Edge, tenant_of};
use crate::http::envelope::{self, Code};
use crate::http::error::{FaultDetail, WireError};
use crate::http::extract::{is_tenant, pass_over};
use crate::http::metrics::requests::Requests;
use crate::limits::BODY_TIME_MAX;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use tracing::{Instrument, Level, Span};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What log lines call a request. Paths and queries are not in it: they hold names.
struct Asked {
    id: HeaderValue,
    method: Method,
    route: Option<MatchedPath>,
}

impl Asked {
    fn route(&self) -> &str {
        self.route.as_ref().map_or("-", MatchedPath::as_str)
    }
}

/// Answers one request.
pub async fn guard(
    State((edge, requests)): State<(Arc<Edge>, Arc<Requests>)>,
    request: Request,
    next: Next,
) -> Response {
    let watch = requests.watch(&request);
    let asked = Asked {
        id: request_id(&request),
        method: request.method().clone(),
        route: request.extensions().get::<MatchedPath>().cloned(),
    };
    let noted = tracing::enabled!(Level::DEBUG).then(|| (monotonic(), crm_id(&request, asked.route())));
    let mut response = match edge.admit(&request) {
        Ok(()) => {
            let span = tracing::debug_span!(
                "request",
                request_id = asked.id.to_str().unwrap_or_default(),
                crm_id = noted.as_ref().map(|(_, crm_id)| crm_id.as_str())
            );
            run(&asked, next.run(request), span).await
        }
        Err(refused) => refuse(refused, &asked, request.into_body()),
    };
    let told = response.extensions_mut().remove::<Code>();
    if let Some((started, crm_id)) = noted {
        tracing::debug!(
            method = %asked.method,
            route = asked.route(),
            crm_id,
            status = response.status().as_u16(),
            code = told.map_or(0, |Code(code)| code),
            micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            request_id = asked.id.to_str().unwrap_or_default(),
            "answered"
        );
    }
    // Only failures are told otherwise.
    if told.is_some() && !is_of_the_service(asked.route()) {
        response = edge.dialect.tell(response).await;
    }
    response.headers_mut().insert(REQUEST_ID, asked.id);
    watch.answered(response.status().as_u16(), told.map(|Code(code)| code));
    response
}

/// Turns what goes wrong inside into an answer and a log line.
async fn run(asked: &Asked, handling: impl Future<Output = Response>, span: Span) -> Response {
    let mut handling = pin!(handling.instrument(span));
    let handled = std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(context))) {
            Ok(poll) => poll.map(Some),
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

fn fault(asked: &Asked, detail: &str) -> Response {
    let id = asked.id.to_str().unwrap_or_default();
    tracing::error!(request_id = id, method = %asked.method, route = asked.route(), "{detail}");
    envelope::failure(StatusCode::INTERNAL_SERVER_ERROR, 50000, &format!("a fault of ours, request id {id}"))
}

/// Answers at once, before the body. What is on its way of that is read behind the answer, so that the client gets to
/// see it and the connection serves on.
fn refuse(refused: WireError, asked: &Asked, mut body: Body) -> Response {
    if !body.is_end_stream() {
        tokio::spawn(async move { tokio::time::timeout(BODY_TIME_MAX, pass_over(&mut body)).await });
    }
    let allow = matches!(refused, WireError::WrongMethod).then(|| methods(asked.route()));
    let mut response = refused.into_response();
    if let Some(allow) = allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// The tenant for log lines; nothing else that stands in its place.
fn crm_id(request: &Request, route: &str) -> String {
    let of_tenant = after_prefix(route).map(|_| tenant_of(request.uri().path()));
    of_tenant.filter(|crm_id| is_tenant(crm_id)).map_or("-".to_owned(), Into::into)
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
