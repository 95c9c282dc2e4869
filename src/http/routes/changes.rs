//! The routes that change something: read the body, hand over the command, answer the record.
use crate::actors::answer::{Answer, Failure};
use crate::actors::service::{Changing, Service};
use crate::http::access::PREFIX;
use crate::http::error::WireError;
use crate::http::extract::{JsonBody, Tenant};
use crate::http::fields::Fields;
use crate::http::openapi::{answers, changes as bodies};
use crate::http::requests::{self, Reader};
use crate::http::routes::changed;
use crate::ledger::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use chrono_tz::Tz;
use std::sync::Arc;

type Answered = Result<Response, WireError>;
type Shared = State<Arc<Service>>;

async fn answer(service: &Service, crm_id: &str, body: &JsonBody, read: Reader) -> Answered {
    let changing = begin(service, crm_id, &body.0, read, service.zone(crm_id))?;
    let answered = changing.answered(crm_id).await;
    if matches!(answered, Err(Failure::Refused(Refusal::KeyReused))) {
        return changed(Box::pin(in_earlier_zones(service, crm_id, &body.0, read)).await);
    }
    changed(answered)
}

/// Begins the change that a body asks for, whose times without an offset are in this zone.
fn begin<'a>(
    service: &'a Service,
    crm_id: &str,
    body: &[u8],
    read: Reader,
    zone: Tz,
) -> Result<Changing<'a>, WireError> {
    let (member_no, command) = read(&Fields::parse(body)?, zone)?;
    Ok(service.begin(crm_id, member_no, Box::new(command))?)
}

/// Sent when another zone was set, the same text was another instant: a request that has another's key in the tenant's zone may
/// still be the same request.
pub async fn in_earlier_zones(
    service: &Service,
    crm_id: &str,
    body: &[u8],
    read: Reader,
) -> Result<Answer, WireError> {
    for zone in service.earlier_zones(crm_id) {
        let answered = begin(service, crm_id, body, read, zone)?.answered(crm_id).await;
        if !matches!(answered, Err(Failure::Refused(Refusal::KeyReused))) {
            return Ok(answered?);
        }
    }
    Err(Refusal::KeyReused.into())
}

/// Accrues a given number of points
///
/// Makes one lot. An `event_at` so far back that the points have expired by now is accepted: they are accrued, then expired.
#[utoipa::path(post, context_path = PREFIX, path = "/produce/direct", tag = "Changes", request_body = bodies::ProduceDirect, responses(answers::Produced))]
pub async fn produce_direct(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, requests::accrue).await
}

/// Accrues as many points as a rule of the tenant says
///
/// Without `rule_id` the first enabled rule that fits is taken, highest priority first.
#[utoipa::path(post, context_path = PREFIX, path = "/produce/by_rule", tag = "Changes", request_body = bodies::ProduceByRule, responses(answers::ProducedByRule))]
pub async fn produce_by_rule(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, requests::accrue_by_rule).await
}

/// Spends
///
/// All or nothing, from the active lots, earliest expiry first.
#[utoipa::path(post, context_path = PREFIX, path = "/consume/direct", tag = "Changes", request_body = bodies::ConsumeDirect, responses(answers::Consumed))]
pub async fn consume_direct(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, requests::spend).await
}

/// Takes back points of an accrual
///
/// Several may follow each other, until the accrual is wholly reversed.
#[utoipa::path(post, context_path = PREFIX, path = "/reverse/produce", tag = "Changes", request_body = bodies::ReverseProduce, responses(answers::ProduceReversed))]
pub async fn reverse_produce(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, requests::reverse_accrual).await
}

/// Gives back points of a spend
///
/// They go back to the lots that they came from, the lot taken last first.
#[utoipa::path(post, context_path = PREFIX, path = "/reverse/consume", tag = "Changes", request_body = bodies::ReverseConsume, responses(answers::ConsumeReversed))]
pub async fn reverse_consume(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, requests::reverse_spend).await
}

/// Offers points to another member
///
/// They leave the sender's balance at once and reach the receiver when it accepts. Otherwise they come back: when the
/// sender cancels, or at the deadline. Answers with the sender's record.
#[utoipa::path(post, context_path = PREFIX, path = "/transfer", tag = "Changes", request_body = bodies::Transfer, responses(answers::Transferred))]
pub async fn transfer(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, |fields, _| requests::offer(fields)).await
}

/// Sends points at once, without asking the receiver
///
/// All or nothing: when the answer comes, both members have their half. Answers with the sender's record.
#[utoipa::path(post, context_path = PREFIX, path = "/transfer/direct", tag = "Changes", request_body = bodies::TransferDirect, responses(answers::Transferred))]
pub async fn transfer_direct(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    answer(&service, &crm_id, &body, |fields, _| requests::send_direct(fields)).await
}

/// The sender takes an open offer back
///
/// Answers with the record of the return. To cancel again is a replay.
#[utoipa::path(post, context_path = PREFIX, path = "/transfer/cancel", tag = "Changes", request_body = bodies::TransferCancel, responses(answers::Cancelled))]
pub async fn cancel(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    let (member_no, transfer_no) = requests::cancel(&Fields::parse(&body.0)?)?;
    changed(service.cancel(&crm_id, &member_no, &transfer_no).await)
}

/// The receiver takes an offer
///
/// Answers with the receiver's record. To accept again is a replay, and so is to accept a direct transfer.
#[utoipa::path(post, context_path = PREFIX, path = "/accept", tag = "Changes", request_body = bodies::Accept, responses(answers::Accepted))]
pub async fn accept(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    let accept = requests::accept(&Fields::parse(&body.0)?)?;
    let from = accept.from_user.as_deref();
    changed(service.accept(&crm_id, &accept.member_no, &accept.transfer_no, from).await)
}
