//! `/members/{member_no}`: what is known of a member beside its points.
use crate::actors::personal::Personal;
use crate::actors::profiles::MemberView;
use crate::actors::service::Service;
use crate::http::access::PREFIX;
use crate::http::envelope;
use crate::http::error::WireError;
use crate::http::extract::{JsonBody, MemberOfPath, Tenant};
use crate::http::fields::{Fields, invalid};
use crate::http::json::Json;
use crate::http::openapi::values::MemberNo;
use crate::http::openapi::{answers, tenants};
use crate::http::requests::profile;
use crate::http::time::format;
use crate::ledger::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use chrono_tz::Tz;
use std::sync::Arc;

type Answered = Result<Response, WireError>;
type Shared = State<Arc<Service>>;

/// What is known of a member beside its points
#[utoipa::path(get, context_path = PREFIX, path = "/members/{member_no}", tag = "Members", params(("member_no" = MemberNo, Path)), responses(answers::MemberRead))]
pub async fn member(
    State(service): Shared,
    Tenant(crm_id): Tenant,
    MemberOfPath(member_no): MemberOfPath,
) -> Answered {
    let member = service.member(&crm_id, &member_no).await?.ok_or(Refusal::NoSuchMember)?;
    Ok(answer(&crm_id, &member_no, &member, service.zone(&crm_id)))
}

/// Sets a member's profile, and opens the account where there is none
///
/// Replaces the whole: what is left out is removed. The same again changes nothing.
#[utoipa::path(put, context_path = PREFIX, path = "/members/{member_no}", tag = "Members", params(("member_no" = MemberNo, Path)), request_body = tenants::NewMember, responses(answers::MemberPut))]
pub async fn put_member(
    State(service): Shared,
    Tenant(crm_id): Tenant,
    MemberOfPath(member_no): MemberOfPath,
    body: JsonBody,
) -> Answered {
    let fields = Fields::parse(&body.0)?;
    let named = fields.member("member_no")?;
    if named.is_some_and(|named| named != member_no) {
        return Err(invalid("member_no", "must be the member of the path, where it is given").into());
    }
    let (tier, personal) = profile(&fields)?;
    let member = service.put_member(&crm_id, &member_no, tier, personal).await?;
    Ok(answer(&crm_id, &member_no, &member, service.zone(&crm_id)))
}

/// Erases a member's mobile, name and attributes for good
///
/// Points, records and tier stay.
#[utoipa::path(delete, context_path = PREFIX, path = "/members/{member_no}/personal-data", tag = "Members", params(("member_no" = MemberNo, Path)), responses(answers::MemberErased))]
pub async fn erase_personal_data(
    State(service): Shared,
    Tenant(crm_id): Tenant,
    MemberOfPath(member_no): MemberOfPath,
) -> Answered {
    let erased = service.erase_personal_data(&crm_id, &member_no).await?;
    let member = erased.ok_or(Refusal::NoSuchMember)?;
    Ok(answer(&crm_id, &member_no, &member, service.zone(&crm_id)))
}

fn answer(crm_id: &str, member_no: &str, member: &MemberView, zone: Tz) -> Response {
    envelope::ok(|json| write_member(json, crm_id, member_no, member, zone))
}

fn write_member(json: &mut Json, crm_id: &str, member_no: &str, member: &MemberView, zone: Tz) {
    let Personal { mobile, name, attributes } = &member.personal;
    json.open(b'{');
    json.field_string("crm_id", Some(crm_id));
    json.field_string("member_no", Some(member_no));
    json.field_string("mobile", mobile.as_deref());
    json.field_string("tier", member.tier.as_deref());
    json.field_string("name", name.as_deref());
    json.field_raw("attributes", attributes.as_deref());
    json.field_string("create_time", Some(&format(member.created_at, zone)));
    json.field_string("update_time", member.updated_at.map(|at| format(at, zone)).as_deref());
    json.close(b'}');
}
