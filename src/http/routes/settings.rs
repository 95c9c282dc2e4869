//! `/settings`: what a tenant sets for itself.
use crate::actors::service::Service;
use crate::actors::tenants::View;
use crate::http::access::PREFIX;
use crate::http::envelope;
use crate::http::error::WireError;
use crate::http::extract::{JsonBody, Tenant};
use crate::http::fields::{Fields, invalid};
use crate::http::openapi::{answers, tenants};
use crate::http::time::format;
use crate::ledger::instant::Span;
use crate::ledger::refusal::Refusal;
use crate::ledger::tenant::Settings;
use axum::extract::State;
use axum::response::Response;
use chrono_tz::Tz;
use std::sync::Arc;

type Answered = Result<Response, WireError>;
type Shared = State<Arc<Service>>;

/// What a body may say: the settings, and what else an answer holds, so that an answer's `data` can be sent back.
const KNOWN: [&str; 9] = [
    "accrual_opens_members",
    "time_zone",
    "default_expire_days",
    "expire_at_day_end",
    "refund_grace_days",
    "offer_window_hours",
    "future_tolerance_hours",
    "set",
    "update_time",
];

/// The settings in force
#[utoipa::path(get, context_path = PREFIX, path = "/settings", tag = "Settings", responses(answers::SettingsRead))]
pub async fn settings(State(service): Shared, Tenant(crm_id): Tenant) -> Answered {
    Ok(answer(&*service.settings(&crm_id)?, service.zone(&crm_id)))
}

/// Sets the tenant's own settings
///
/// Replaces the whole: a setting that is left out is the service's again.
#[utoipa::path(put, context_path = PREFIX, path = "/settings", tag = "Settings", request_body = tenants::NewSettings, responses(answers::SettingsPut))]
pub async fn set_settings(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    let settings = read(&Fields::parse(&body.0)?)?;
    let view = service.set_settings(&crm_id, settings).await?;
    Ok(answer(&view, view.terms.zone))
}

fn read(fields: &Fields<'_>) -> Result<Settings, Refusal> {
    fields.only(&KNOWN)?;
    let number = |field, least, most| -> Result<Option<u32>, Refusal> {
        Ok(fields.integer(field, least, most)?.and_then(|number| u32::try_from(number).ok()))
    };
    let time_zone = fields.text("time_zone")?;
    if time_zone.as_ref().is_some_and(|name| name.parse::<Tz>().is_err()) {
        return Err(invalid("time_zone", "must be an IANA zone such as Asia/Shanghai"));
    }
    Ok(Settings {
        accrual_opens_members: fields.bool("accrual_opens_members")?,
        time_zone,
        default_expire_days: number("default_expire_days", 0, 36_500)?,
        expire_at_day_end: fields.bool("expire_at_day_end")?,
        refund_grace_days: number("refund_grace_days", 0, 36_500)?,
        offer_window_hours: number("offer_window_hours", 1, 87_600)?,
        future_tolerance_hours: number("future_tolerance_hours", 0, 87_600)?,
    })
}

fn answer(view: &View, zone: Tz) -> Response {
    envelope::ok(|json| {
        let terms = &view.terms;
        let days = |span: Option<Span>| span.map_or(0, |span| span.0 / Span::days(1).0);
        let hours = |span: Span| span.0 / Span::hours(1).0;
        json.open(b'{');
        json.field_plain("accrual_opens_members", Some(terms.accrual_opens_members));
        json.field_string("time_zone", Some(terms.zone.name()));
        json.field_plain("default_expire_days", Some(days(terms.default_expire)));
        json.field_plain("expire_at_day_end", Some(terms.expire_at_day_end));
        json.field_plain("refund_grace_days", Some(days(terms.refund_grace)));
        json.field_plain("offer_window_hours", Some(hours(terms.offer_window)));
        json.field_plain("future_tolerance_hours", Some(hours(terms.future_tolerance)));
        json.name("set").open(b'[');
        for name in names_set(&view.tenant.settings) {
            json.element().string(name);
        }
        json.close(b']');
        let set_at = view.tenant.settings_at.map(|at| format(at, zone));
        json.field_string("update_time", set_at.as_deref());
        json.close(b'}');
    })
}

/// The settings that are the tenant's own; the others are the service's.
fn names_set(settings: &Settings) -> Vec<&'static str> {
    let given = [
        settings.accrual_opens_members.is_some(),
        settings.time_zone.is_some(),
        settings.default_expire_days.is_some(),
        settings.expire_at_day_end.is_some(),
        settings.refund_grace_days.is_some(),
        settings.offer_window_hours.is_some(),
        settings.future_tolerance_hours.is_some(),
    ];
    KNOWN.into_iter().zip(given).filter_map(|(name, given)| given.then_some(name)).collect()
}
