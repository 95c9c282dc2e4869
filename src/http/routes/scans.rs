//! The routes that read a whole tenant: what expires, every balance, what is owed.
use crate::actors::answer::Summary;
use crate::actors::scans::expiring::Expiring;
use crate::actors::scans::liability::Liability;
use crate::actors::service::Service;
use crate::http::access::PREFIX;
use crate::http::envelope;
use crate::http::error::WireError;
use crate::http::extract::{QueryFields, Tenant};
use crate::http::json::Json;
use crate::http::openapi::{answers, reads as asked, streams};
use crate::http::routes::reads::write_summary_fields;
use crate::http::stream::{self, Cut, FieldWriter, Format, Row};
use crate::http::time::{days_from, format, month};
use crate::ledger::points::Total;
use axum::extract::State;
use axum::response::Response;
use chrono_tz::Tz;
use std::sync::Arc;

type Answered = Result<Response, WireError>;
type Shared = State<Arc<Service>>;

const DAYS: u64 = 30;
const DAYS_MAX: u64 = 366;

fn days(query: &QueryFields) -> Result<usize, WireError> {
    Ok(query.integer("days", 1, DAYS_MAX)?.unwrap_or(DAYS) as usize)
}

/// What expires on each of the next days, today the first
///
/// If nothing is spent meanwhile. Points in open offers are left out.
#[utoipa::path(
    get,
    context_path = PREFIX,
    path = "/expiring",
    tag = "Whole tenants",
    params(asked::Days),
    responses(answers::ExpiringRead)
)]
pub async fn expiring(State(service): Shared, Tenant(crm_id): Tenant, query: QueryFields) -> Answered {
    let days = days(&query)?;
    let (scan, zone) = (service.scan(&crm_id).await?, service.zone(&crm_id));
    let days = days_from(scan.now, zone, days);
    let ends: Vec<_> = days.iter().map(|day| day.end).collect();
    let sums = scan.aside(move |scan| scan.expiring(&ends)).await?;
    let total = sums.iter().fold(Total::ZERO, |total, sum| total + sum.points);
    Ok(envelope::ok(|json| {
        json.open(b'{').field_plain("total", Some(total));
        json.name("items").open(b'[');
        for (day, sum) in days.iter().zip(&sums) {
            json.element().open(b'{').field_string("date", Some(&day.date));
            json.field_plain("points", Some(sum.points));
            json.field_plain("members", Some(sum.members));
            json.close(b'}');
        }
        json.close(b']').close(b'}');
    }))
}

struct ExpiringRow<'a> {
    member_no: &'a str,
    expiring: &'a Expiring,
    zone: Tz,
}

impl ExpiringRow<'_> {
    const COLUMNS: [&'static str; 4] = ["member_no", "points", "expire_time", "active_points"];
}

impl Row for ExpiringRow<'_> {
    fn write(&self, out: &mut impl FieldWriter) {
        out.field_string("member_no", Some(self.member_no));
        out.field_plain("points", Some(self.expiring.points));
        out.field_string("expire_time", Some(&format(self.expiring.first, self.zone)));
        out.field_plain("active_points", Some(self.expiring.active));
    }
}

/// Whom to remind: the members that lose points within those days
#[utoipa::path(
    get,
    context_path = PREFIX,
    path = "/expiring/members",
    tag = "Whole tenants",
    params(asked::Days, asked::Written),
    responses(streams::Reminders)
)]
pub async fn expiring_members(
    State(service): Shared,
    Tenant(crm_id): Tenant,
    query: QueryFields,
) -> Answered {
    let (days, format) = (days(&query)?, Format::of(&query)?);
    let place = service.stream_place()?;
    let (scan, zone) = (service.scan(&crm_id).await?, service.zone(&crm_id));
    let end = days_from(scan.now, zone, days).pop().map_or(scan.now, |last| last.end);
    Ok(stream::respond(place, format, ExpiringRow::COLUMNS.to_vec(), move |rows| {
        scan.expiring_members::<Cut>(end, |member_no, expiring| {
            rows.write(&ExpiringRow { member_no, expiring, zone })
        })
    }))
}

struct BalanceRow<'a> {
    crm_id: &'a str,
    member_no: &'a str,
    summary: &'a Summary,
    tier: Option<&'a str>,
    zone: Tz,
}

impl BalanceRow<'_> {
    const COLUMNS: [&'static str; 12] = [
        "detail_id",
        "crm_id",
        "member_no",
        "total_points",
        "freeze_points",
        "expired_points",
        "active_points",
        "used_points",
        "future_expired",
        "create_time",
        "update_time",
        "tier",
    ];
}

impl Row for BalanceRow<'_> {
    fn write(&self, out: &mut impl FieldWriter) {
        write_summary_fields(out, self.crm_id, self.member_no, self.summary, self.zone);
        out.field_string("tier", self.tier);
    }
}

/// Every member's balances
#[utoipa::path(
    get,
    context_path = PREFIX,
    path = "/members/export",
    operation_id = "export_members",
    tag = "Whole tenants",
    params(asked::Written),
    responses(streams::Balances)
)]
pub async fn export(State(service): Shared, Tenant(crm_id): Tenant, query: QueryFields) -> Answered {
    let format = Format::of(&query)?;
    let place = service.stream_place()?;
    let (scan, zone) = (service.scan(&crm_id).await?, service.zone(&crm_id));
    Ok(stream::respond(place, format, BalanceRow::COLUMNS.to_vec(), move |rows| {
        scan.balances::<Cut>(|member_no, summary, tier| {
            rows.write(&BalanceRow { crm_id: &crm_id, member_no, summary, tier, zone })
        })
    }))
}

/// What the tenant owes: points outstanding by where they come from
#[utoipa::path(get, context_path = PREFIX, path = "/liability", tag = "Whole tenants", responses(answers::LiabilityRead))]
pub async fn liability(State(service): Shared, Tenant(crm_id): Tenant, _: QueryFields) -> Answered {
    let (scan, zone) = (service.scan(&crm_id).await?, service.zone(&crm_id));
    let found = scan.aside(move |scan| scan.liability(&|at| month(at, zone))).await?;
    Ok(envelope::ok(|json| write_liability(json, &found)))
}

fn write_liability(json: &mut Json, found: &Liability) {
    json.open(b'{').field_plain("total", Some(found.total));
    json.field_plain("debt", Some(found.debt));
    json.name("items").open(b'[');
    for (origin, owed) in &found.items {
        json.element().open(b'{').field_string("month", Some(&origin.month));
        json.field_string("store_code", origin.store_code.as_deref());
        json.field_string("cost_center", origin.cost_center.as_deref());
        json.field_plain("points", Some(owed.points));
        json.field_plain("lots", Some(owed.lots));
        json.close(b'}');
    }
    json.close(b']');
    if let Some(others) = found.others {
        json.name("others").open(b'{').field_plain("points", Some(others.points));
        json.field_plain("lots", Some(others.lots));
        json.close(b'}');
    }
    json.close(b'}');
}
