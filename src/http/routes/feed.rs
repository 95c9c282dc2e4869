//! `GET /changes`: the tenant's records as they come, for those who follow them.
use crate::actors::service::Service;
use crate::http::access::PREFIX;
use crate::http::error::WireError;
use crate::http::extract::{QueryFields, Tenant};
use crate::http::openapi::{reads as asked, streams};
use crate::http::record::{RecordRow, columns};
use crate::http::stream::{Cut, Format, respond};
use crate::ledger::lsn::Lsn;
use crate::limits::{FEED_LIMIT, FEED_LIMIT_MAX, FEED_WAIT_MAX_SECONDS, PAGE_MAX};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use std::sync::Arc;
use std::time::Duration;

/// Where to go on: the feed was read up to this number, whether or not a record bears it.
const LAST: HeaderName = HeaderName::from_static("x-last-auto-id");

/// The tenant's records as they come, in the order of their `auto_id`
///
/// For those who keep a copy. The header `X-Last-Auto-Id` says how far the feed was read: send that as the next `after`.
#[utoipa::path(
    get,
    context_path = PREFIX,
    path = "/changes",
    operation_id = "changes",
    tag = "Reads",
    params(asked::Feed),
    responses(streams::Fed)
)]
pub async fn feed(
    State(service): State<Arc<Service>>,
    Tenant(crm_id): Tenant,
    query: QueryFields,
) -> Result<Response, WireError> {
    let after = Lsn(query.integer("after", 0, PAGE_MAX)?.unwrap_or(0));
    let limit = query.integer("limit", 1, FEED_LIMIT_MAX)?.unwrap_or(FEED_LIMIT);
    let wait = Duration::from_secs(query.integer("wait", 0, FEED_WAIT_MAX_SECONDS)?.unwrap_or(0));
    let lots = query.bool("lots")?.unwrap_or(false);
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let feed = service.feed(&crm_id, after, most, wait, lots).await?;
    let through = feed.through();
    let mut response = if feed.is_empty() {
        empty()
    } else {
        let (place, zone) = (service.feed_place().await?, service.zone(&crm_id));
        respond(place, Format::Ndjson, columns(lots), move |rows| {
            feed.each::<Cut>(|record| rows.write(&RecordRow { record, zone, lots }))
        })
    };
    response.headers_mut().insert(LAST, HeaderValue::from(through.0));
    Ok(response)
}

fn empty() -> Response {
    let mut response = Response::default();
    response.headers_mut().insert(axum::http::header::CONTENT_TYPE, Format::Ndjson.media());
    response
}
