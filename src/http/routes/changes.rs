//! The routes that change something: read the body, hand over the command, answer the record.
use crate::actors::answer::{Answer, Failure};
use crate::actors::service::Service;
use crate::http::error::WireError;
use crate::http::extract::{JsonBody, Tenant};
use crate::http::fields::Fields;
use crate::http::requests::{self, Reader};
use crate::http::routes::changed;
use crate::ledger::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

type Answered = Result<Response, WireError>;
type Shared = State<Arc<Service>>;

async fn answer(service: &Service, crm_id: &str, body: &JsonBody, read: Reader) -> Answered {
    changed(change(service, crm_id, &Fields::parse(&body.0)?, read).await)
}

/// Carries out the change that `fields` ask for.
pub async fn change(
    service: &Service,
    crm_id: &str,
    fields: &Fields<'_>,
    read: Reader,
) -> Result<Answer, WireError> {
    let (member_no, command) = read(fields, service.zone(crm_id))?;
    let mut answered = service.change(crm_id, &member_no, command).await;
    for zone in service.earlier_zones(crm_id) {
        if !matches!(answered, Err(Failure::Refused(Refusal::KeyReused))) {
            break;
        }
        // Sent when another zone was set, the same text was another instant: it is still the same request.
        let (member_no, command) = read(fields, zone)?;
        answered = service.change(crm_id, &member_no, command).await;
    }
    Ok(answered?)
}

pub async fn produce_direct(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, requests::accrue).await
}

pub async fn produce_by_rule(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, requests::accrue_by_rule).await
}

pub async fn consume_direct(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, requests::spend).await
}

pub async fn reverse_produce(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, requests::reverse_accrual).await
}

pub async fn reverse_consume(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, requests::reverse_spend).await
}

pub async fn transfer(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, |fields, _| requests::offer(fields)).await
}

pub async fn transfer_direct(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, |fields, _| requests::send_direct(fields)).await
}

pub async fn cancel(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    let (member_no, transfer_no) = requests::cancel(&Fields::parse(&body.0)?)?;
    changed(service.cancel(&crm_id, &member_no, &transfer_no).await)
}

pub async fn accept(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    let accept = requests::accept(&Fields::parse(&body.0)?)?;
    let from = accept.from_user.as_deref();
    changed(service.accept(&crm_id, &accept.member_no, &accept.transfer_no, from).await)
}
