//! The routes, and what changes have in common.
mod batch;
mod changes;
mod export;
mod feed;
mod history;
mod members;
mod reads;
mod rules;
mod scans;
mod settings;

use crate::actors::answer::{Answer, PageQuery};
use crate::actors::service::Service;
use crate::http::access::PREFIX;
use crate::http::envelope;
use crate::http::error::WireError;
use crate::http::extract::read_whole;
use crate::http::fields::invalid;
use crate::http::metrics::{self, requests::Requests};
use crate::http::record::write_answer;
use crate::ledger::refusal::Refusal;
use crate::limits::BODY_BYTES_MAX;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use axum::routing::{delete, get, post};
use std::sync::Arc;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub fn router(service: Arc<Service>, requests: Arc<Requests>) -> Router {
    let tenant = Router::new()
        .route("/produce/direct", post(changes::produce_direct))
        .route("/produce/by_rule", post(changes::produce_by_rule))
        .route("/consume/direct", post(changes::consume_direct))
        .route("/reverse/produce", post(changes::reverse_produce))
        .route("/reverse/consume", post(changes::reverse_consume))
        .route("/transfer", post(changes::transfer))
        .route("/transfer/direct", post(changes::transfer_direct))
        .route("/transfer/cancel", post(changes::cancel))
        .route("/accept", post(changes::accept))
        .route("/batch", post(batch::batch))
        .route("/history", post(history::history))
        .route("/history/export", get(export::export))
        .route("/changes", get(feed::feed))
        .route("/summary", get(reads::summary))
        .route("/lots", get(reads::lots))
        .route("/transfers", get(reads::transfers))
        .route("/expiring", get(scans::expiring))
        .route("/expiring/members", get(scans::expiring_members))
        .route("/members/export", get(scans::export))
        .route("/liability", get(scans::liability))
        .route("/members/{member_no}", get(members::member).put(members::put_member))
        .route("/members/{member_no}/personal-data", delete(members::erase_personal_data))
        .route("/rules", get(rules::list).post(rules::add))
        .route("/rules/preview", post(rules::preview))
        .route("/rules/{rule_id}", get(rules::rule).put(rules::replace).delete(rules::remove))
        .route("/settings", get(settings::settings).put(settings::set_settings));
    Router::new()
        .nest(PREFIX, tenant)
        .route("/livez", get(reads::livez))
        .route("/readyz", get(reads::readyz))
        .route("/metrics", metrics::route(service.clone(), requests))
        .fallback(async |body: Body| {
            read_whole(body, BODY_BYTES_MAX).await.err().unwrap_or(WireError::NoSuchRoute)
        })
        .method_not_allowed_fallback(async |body: Body| {
            read_whole(body, BODY_BYTES_MAX).await.err().unwrap_or(WireError::WrongMethod)
        })
        .with_state(service)
}

/// The member that a read asks for, by number or by mobile; by both where they are of one member.
async fn member_asked(
    service: &Service,
    crm_id: &str,
    member_no: Option<String>,
    mobile: Option<&str>,
) -> Result<Option<String>, WireError> {
    let Some(mobile) = mobile else { return Ok(member_no) };
    let found = service.member_with_mobile(crm_id, mobile).await?;
    let found = found.filter(|found| member_no.is_none_or(|asked| asked == *found));
    found.map(Some).ok_or(WireError::NoSuchMobile)
}

/// The page asked for as `page`, or as `page_id` as other routes of the family call it.
fn one_page(page: Option<u64>, page_id: Option<u64>) -> Result<u64, Refusal> {
    if page.is_some() && page_id.is_some() && page != page_id {
        return Err(invalid("page_id", "must be the same as page, where both are given"));
    }
    Ok(page.or(page_id).unwrap_or(PageQuery::default().page))
}

/// A change's answer; a replay has the same bytes and says so in its head.
fn changed(answered: Result<Answer, impl Into<WireError>>) -> Result<Response, WireError> {
    let answer = answered.map_err(Into::into)?;
    let mut response = envelope::ok(|json| write_answer(json, &answer));
    if answer.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
