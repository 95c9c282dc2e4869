//! The routes that only read one member, and the two that tell how the service is.
use crate::actors::answer::{Failure, LotView, PageQuery, Summary, TransferView};
use crate::actors::readiness::Recovered;
use crate::actors::service::Service;
use crate::http::access::PREFIX;
use crate::http::envelope;
use crate::http::error::WireError;
use crate::http::extract::{QueryFields, Tenant};
use crate::http::fields::{invalid, required};
use crate::http::json::Json;
use crate::http::openapi::{answers, reads as asked};
use crate::http::requests::member_of_query;
use crate::http::routes::{member_asked, one_page};
use crate::http::stream::FieldWriter;
use crate::http::time::format;
use crate::ledger::event::TransferStatus;
use crate::ledger::instant::Instant;
use crate::limits::{PAGE_MAX, PAGE_SIZE_MAX};
use axum::extract::State;
use axum::response::Response;
use chrono_tz::Tz;
use std::sync::Arc;

type Answered = Result<Response, WireError>;
type Shared = State<Arc<Service>>;

/// The process runs.
///
/// Needs no key.
#[utoipa::path(get, path = "/livez", tag = "The service itself", responses(answers::Alive))]
pub async fn livez() -> Response {
    envelope::ok(Json::null)
}

/// It can take requests; where it can't yet, how far it is
///
/// Needs no key.
#[utoipa::path(get, path = "/readyz", tag = "The service itself", responses(answers::Readiness))]
pub async fn readyz(State(service): Shared) -> Response {
    if service.is_ready() {
        return envelope::ok(Json::null);
    }
    let (status, code, msg) = WireError::from(Failure::NotReady).wire();
    envelope::failure_with(status, code, &msg, |json| write_standing(json, &service.standing()))
}

fn write_standing(json: &mut Json, standing: &Recovered) {
    json.open(b'{');
    json.field_string("stage", Some(standing.standing.name()));
    json.field_plain("done", Some(standing.done));
    json.field_plain("all", Some(standing.all));
    json.field_plain("percent", Some(standing.percent()));
    json.field_plain("last_lsn", Some(standing.last_lsn));
    json.close(b'}');
}

/// How a member stands
///
/// A member never seen has a summary of zeros.
#[utoipa::path(
    get,
    context_path = PREFIX,
    path = "/summary",
    tag = "Reads",
    params(asked::OneMember, asked::Moment),
    responses(answers::SummaryRead)
)]
pub async fn summary(State(service): Shared, Tenant(crm_id): Tenant, query: QueryFields) -> Answered {
    let member_no = query.get("member_no")?.map(member_of_query).transpose()?;
    let member_no = member_asked(&service, &crm_id, member_no, query.get("mobile")?).await?;
    let member_no = required("member_no", member_no)?;
    let as_of = query.moment("as_of", service.zone(&crm_id))?;
    let summary = service.summary_as_of(&crm_id, &member_no, as_of).await?;
    Ok(envelope::ok(|json| write_summary(json, &crm_id, &member_no, &summary, service.zone(&crm_id))))
}

fn write_summary(json: &mut Json, crm_id: &str, member_no: &str, summary: &Summary, zone: Tz) {
    json.open(b'{');
    write_summary_fields(json, crm_id, member_no, summary, zone);
    json.close(b'}');
}

pub fn write_summary_fields(
    json: &mut impl FieldWriter,
    crm_id: &str,
    member_no: &str,
    summary: &Summary,
    zone: Tz,
) {
    let time = |at: Option<Instant>| at.map(|at| format(at, zone));
    json.field_plain("detail_id", summary.detail_id);
    json.field_string("crm_id", Some(crm_id));
    json.field_string("member_no", Some(member_no));
    json.field_plain("total_points", Some(summary.total));
    json.field_plain("freeze_points", Some(summary.freeze));
    json.field_plain("expired_points", Some(summary.expired));
    json.field_plain("active_points", Some(summary.active));
    json.field_plain("used_points", Some(summary.used));
    json.field_plain("future_expired", Some(summary.future_expired));
    json.field_string("create_time", time(summary.created_at).as_deref());
    json.field_string("update_time", time(summary.updated_at).as_deref());
}

/// All lots that a member ever had, in the order of their `lot_id`
#[utoipa::path(
    get,
    context_path = PREFIX,
    path = "/lots",
    tag = "Reads",
    params(asked::OfMember, asked::Pages, asked::Moment),
    responses(answers::LotsRead)
)]
pub async fn lots(State(service): Shared, Tenant(crm_id): Tenant, query: QueryFields) -> Answered {
    let (member_no, page) = (member(&query)?, page(&query)?);
    let zone = service.zone(&crm_id);
    let as_of = query.moment("as_of", zone)?;
    let lots = service.lots_as_of(&crm_id, &member_no, as_of, page).await?;
    Ok(envelope::ok(|json| write_list(json, lots.total, &lots.items, |json, lot| write_lot(json, lot, zone))))
}

fn write_lot(json: &mut Json, lot: &LotView, zone: Tz) {
    json.open(b'{');
    json.field_string("lot_id", Some(&lot.id.to_string()));
    json.field_string("origin_event_no", lot.origin_event_no.as_deref());
    json.field_string("from_transfer_no", lot.from_transfer_no.as_deref());
    json.field_plain("points", Some(lot.points));
    json.field_plain("remaining", Some(lot.remaining));
    json.field_string("state", Some(lot.state.name()));
    json.field_string("unfreeze_time", lot.unfreeze_at.map(|at| format(at, zone)).as_deref());
    json.field_string("expire_time", lot.expire_at.map(|at| format(at, zone)).as_deref());
    json.field_string("store_code", lot.store_code.as_deref());
    json.field_string("cost_center", lot.cost_center.as_deref());
    json.field_string("create_time", Some(&format(lot.created_at, zone)));
    json.close(b'}');
}

/// What a member sent and what was sent or offered to it, newest first
#[utoipa::path(
    get,
    context_path = PREFIX,
    path = "/transfers",
    tag = "Reads",
    params(asked::OfMember, asked::WithStatus, asked::Pages),
    responses(answers::TransfersRead)
)]
pub async fn transfers(State(service): Shared, Tenant(crm_id): Tenant, query: QueryFields) -> Answered {
    let (member_no, page) = (member(&query)?, page(&query)?);
    let status = query.get("status")?.map(status).transpose()?;
    let transfers = service.transfers(&crm_id, &member_no, status, page).await?;
    let zone = service.zone(&crm_id);
    Ok(envelope::ok(|json| {
        write_list(json, transfers.total, &transfers.items, |json, transfer| {
            write_transfer(json, transfer, zone)
        });
    }))
}

fn write_transfer(json: &mut Json, transfer: &TransferView, zone: Tz) {
    json.open(b'{');
    json.field_string("transfer_no", Some(&transfer.transfer_no));
    json.field_string("from_user", Some(&transfer.from_user));
    json.field_string("to_user", Some(&transfer.to_user));
    json.field_plain("points", Some(transfer.points));
    json.field_string("status", Some(transfer.status.name()));
    json.field_string("create_time", Some(&format(transfer.created_at, zone)));
    json.field_string("deadline", transfer.deadline.map(|at| format(at, zone)).as_deref());
    json.field_string("update_time", Some(&format(transfer.updated_at, zone)));
    json.close(b'}');
}

pub fn write_list<T>(json: &mut Json, total: u64, items: &[T], mut write: impl FnMut(&mut Json, &T)) {
    json.open(b'{').field_plain("total", Some(total));
    json.name("items").open(b'[');
    for item in items {
        write(json.element(), item);
    }
    json.close(b']').close(b'}');
}

fn member(query: &QueryFields) -> Result<String, WireError> {
    let member_no = query.get("member_no")?.map(member_of_query).transpose()?;
    Ok(required("member_no", member_no)?)
}

pub fn page(query: &QueryFields) -> Result<PageQuery, WireError> {
    let default = PageQuery::default();
    Ok(PageQuery {
        page: one_page(query.integer("page", 1, PAGE_MAX)?, query.integer("page_id", 1, PAGE_MAX)?)?,
        page_size: query.integer("page_size", 1, PAGE_SIZE_MAX)?.unwrap_or(default.page_size),
    })
}

fn status(text: &str) -> Result<TransferStatus, WireError> {
    let found = TransferStatus::ALL.into_iter().find(|status| status.name() == text);
    found.ok_or_else(|| invalid("status", "must be open, accepted, returned or cancelled").into())
}
