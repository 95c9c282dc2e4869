//! `POST /history`: records, newest first.
use crate::actors::answer::{HistoryQuery, PageQuery, SearchType};
use crate::actors::service::Service;
use crate::http::access::PREFIX;
use crate::http::envelope;
use crate::http::error::WireError;
use crate::http::extract::{JsonBody, QueryFields, Tenant};
use crate::http::fields::{Fields, invalid};
use crate::http::openapi::{answers, reads as bodies};
use crate::http::record::write_record;
use crate::http::routes::{member_asked, one_page};
use crate::http::time::Times;
use crate::ledger::event::RecordType;
use crate::ledger::lsn::Lsn;
use crate::ledger::refusal::Refusal;
use crate::limits::{PAGE_MAX, PAGE_SIZE_MAX};
use axum::extract::State;
use axum::response::Response;
use chrono_tz::Tz;
use std::sync::Arc;

/// Records, newest first
#[utoipa::path(post, context_path = PREFIX, path = "/history", tag = "Reads", params(bodies::WithLots), request_body = bodies::History, responses(answers::HistoryRead))]
pub async fn history(
    State(service): State<Arc<Service>>,
    Tenant(crm_id): Tenant,
    in_query: QueryFields,
    body: JsonBody,
) -> Result<Response, WireError> {
    let zone = service.zone(&crm_id);
    let fields = Fields::parse(&body.0)?;
    let mut query = read(&fields, zone)?;
    query.lots |= in_query.bool("lots")?.unwrap_or(false);
    let mobile = fields.text("mobile")?;
    query.member_no = member_asked(&service, &crm_id, query.member_no, mobile.as_deref()).await?;
    let page = service.history(&crm_id, query).await?;
    Ok(envelope::ok(|json| {
        json.open(b'{').field_plain("total", Some(page.total));
        if page.total_is_lower_bound {
            json.field_plain("total_is_lower_bound", Some(true));
        }
        json.name("items").open(b'[');
        let mut times = Times::default();
        for record in &page.items {
            write_record(json.element(), record, zone, &mut times);
        }
        json.close(b']').close(b'}');
    }))
}

fn read(fields: &Fields<'_>, zone: Tz) -> Result<HistoryQuery, Refusal> {
    Ok(HistoryQuery {
        search_type: fields.text("search_type")?.map(search_type).transpose()?,
        start_time: fields.time("start_time", zone)?,
        end_time: fields.time("end_time", zone)?,
        member_no: fields.member("member_no")?,
        action_scene: fields.text("action_scene")?,
        campaign_code: fields.text("campaign_code")?,
        store_code: fields.text("store_code")?,
        cost_center: fields.text("cost_center")?,
        event_no: fields.key("event_no")?,
        transfer_no: fields.key("transfer_no")?,
        order_sn: fields.text("order_sn")?,
        after: positive(fields, "after_id", PAGE_MAX)?.map(Lsn),
        lots: fields.bool("lots")?.unwrap_or(false),
        page: PageQuery {
            page: one_page(positive(fields, "page", PAGE_MAX)?, positive(fields, "page_id", PAGE_MAX)?)?,
            page_size: positive(fields, "page_size", PAGE_SIZE_MAX)?
                .unwrap_or(PageQuery::default().page_size),
        },
    })
}

/// The same filters in a query; what is about pages has no meaning there.
pub fn read_query(query: &QueryFields, zone: Tz) -> Result<HistoryQuery, WireError> {
    Ok(HistoryQuery {
        search_type: query.text("search_type")?.map(search_type).transpose()?,
        start_time: query.time("start_time", zone)?,
        end_time: query.time("end_time", zone)?,
        member_no: query.member("member_no")?,
        action_scene: query.text("action_scene")?,
        campaign_code: query.text("campaign_code")?,
        store_code: query.text("store_code")?,
        cost_center: query.text("cost_center")?,
        event_no: query.key("event_no")?,
        transfer_no: query.key("transfer_no")?,
        order_sn: query.text("order_sn")?,
        lots: query.bool("lots")?.unwrap_or(false),
        after: None,
        page: PageQuery::default(),
    })
}

fn search_type(text: String) -> Result<SearchType, Refusal> {
    if text == "freeze" {
        return Ok(SearchType::Frozen);
    }
    RecordType::from_name(&text).map(SearchType::Type).ok_or_else(|| {
        let names: Vec<&str> = RecordType::ALL.iter().map(|kind| kind.name()).collect();
        invalid("search_type", format!("must be one of {} or freeze", names.join(", ")))
    })
}

fn positive(fields: &Fields<'_>, field: &'static str, most: u64) -> Result<Option<u64>, Refusal> {
    Ok(fields.integer(field, 1, most.cast_signed())?.map(i64::unsigned_abs))
}
