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
use crate::http::envelope;
use crate::http::error::WireError;
use crate::http::extract::read_whole;
use crate::http::fields::invalid;
use crate::http::metrics::{self, Metrics, requests::Requests};
use crate::http::openapi::{Document, ui};
use crate::http::record::write_answer;
use crate::http::time::Times;
use crate::ledger::refusal::Refusal;
use crate::limits::BODY_BYTES_MAX;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use std::sync::Arc;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Every route, each with its description: what is not described is not served.
fn described(document: Arc<Document>, metrics: Arc<Metrics>) -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::default()
        .routes(routes!(changes::produce_direct))
        .routes(routes!(changes::produce_by_rule))
        .routes(routes!(changes::consume_direct))
        .routes(routes!(changes::reverse_produce))
        .routes(routes!(changes::reverse_consume))
        .routes(routes!(changes::transfer))
        .routes(routes!(changes::transfer_direct))
        .routes(routes!(changes::cancel))
        .routes(routes!(changes::accept))
        .routes(routes!(batch::batch))
        .routes(routes!(history::history))
        .routes(routes!(export::export))
        .routes(routes!(feed::feed))
        .routes(routes!(reads::summary))
        .routes(routes!(reads::lots))
        .routes(routes!(reads::transfers))
        .routes(routes!(scans::expiring))
        .routes(routes!(scans::expiring_members))
        .routes(routes!(scans::export))
        .routes(routes!(scans::liability))
        .routes(routes!(members::member, members::put_member))
        .routes(routes!(members::erase_personal_data))
        .routes(routes!(rules::list, rules::add))
        .routes(routes!(rules::preview))
        .routes(routes!(rules::rule, rules::replace, rules::remove))
        .routes(routes!(settings::settings, settings::set_settings))
        .routes(routes!(reads::livez))
        .routes(routes!(reads::readyz))
        .routes(routes!(metrics::metrics_text).with_state(metrics))
        .routes(routes!(ui::openapi_json).with_state(document))
        .routes(routes!(ui::docs))
        .routes(routes!(ui::docs_file))
}

pub fn router(service: Arc<Service>, requests: Arc<Requests>) -> Router {
    let document = Arc::new(Document::default());
    let metrics = Arc::new(Metrics::of(service.clone(), requests));
    let (router, described) = described(document.clone(), metrics).split_for_parts();
    document.is(described);
    router
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
    let mut response = envelope::ok(|json| write_answer(json, &answer, &mut Times::default()));
    if answer.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
