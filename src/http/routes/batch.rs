//! `POST /batch`: many operations in one request, each answered in its place. Not one transaction.
use crate::actors::answer::{Answer, Failure};
use crate::actors::batch::Operation;
use crate::actors::service::Service;
use crate::http::access::PREFIX;
use crate::http::dialect::Dialect;
use crate::http::envelope;
use crate::http::error::WireError;
use crate::http::extract::{BatchBody, Tenant};
use crate::http::fields::entries::Name;
use crate::http::fields::{Fields, invalid, json_text, required};
use crate::http::json::Json;
use crate::http::openapi::{answers, tenants};
use crate::http::record::write_answer;
use crate::http::requests;
use crate::http::routes::{REPLAYED, changes};
use crate::http::time::Times;
use crate::ledger::refusal::Refusal;
use crate::limits::BATCH_OPERATIONS_MAX;
use crate::telemetry::request_id;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::Response;
use chrono_tz::Tz;
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// An element of the body: what to do, as the route's path, and that route's body.
#[derive(Deserialize)]
#[serde(bound(deserialize = "Body: Deserialize<'de>"))]
struct Element<'a, Body> {
    #[serde(borrow)]
    op: Option<Name<'a>>,
    body: Option<Body>,
}

/// An operation, or what is wrong with it, which says nothing of the others.
type Read = Result<Operation, WireError>;

type Item = Result<Answer, WireError>;

/// What an operation's answer takes, about.
const ITEM_BYTES: usize = 768;

/// Many operations in one request
///
/// The body is an array of up to 10,000 operations, at most 8 MiB, each answered in its place. Not one transaction: each
/// takes effect or not by itself, those of one member in their order.
#[utoipa::path(post, context_path = PREFIX, path = "/batch", tag = "Changes", request_body = Vec<tenants::Operation>, responses(answers::Batched))]
pub async fn batch(
    State(service): State<Arc<Service>>,
    Tenant(crm_id): Tenant,
    dialect: Dialect,
    body: BatchBody,
) -> Result<Response, WireError> {
    let zone = service.zone(&crm_id);
    let bytes = body.0.clone();
    // Up to 8 MiB of JSON: not on a worker that others wait for.
    let reading = tokio::task::spawn_blocking(move || read(&bytes, zone));
    let read = reading.await.map_err(|error| Failure::Fault(error.to_string()))??;
    let mut items: Vec<Option<Item>> = Vec::with_capacity(read.len());
    let mut operations = Vec::with_capacity(read.len());
    for operation in read {
        let (operation, item) =
            operation.map_or_else(|error| (None, Some(Err(error))), |op| (Some(op), None));
        operations.push(operation);
        items.push(item);
    }
    let answers = service.batch(&crm_id, operations).await?;
    for (item, answered) in items.iter_mut().zip(answers) {
        if item.is_none() {
            let lost = || Err(Failure::Fault("an operation of a batch panicked".into()));
            *item = Some(answered.unwrap_or_else(lost).map_err(WireError::from));
        }
    }
    let mut items: Vec<Item> = items.into_iter().flatten().collect();
    in_earlier_zones(&service, &crm_id, &body.0, &mut items).await?;
    Ok(answer(&items, dialect))
}

/// Each operation, or what is wrong with it.
fn read(body: &[u8], zone: Tz) -> Result<Vec<Read>, WireError> {
    let text = json_text(body)?;
    // Nearly always all of them can be read, and in one go.
    if let Ok(operations) = at_once(text, zone) {
        return Ok(operations);
    }
    let elements = elements(text)?;
    if elements.len() > BATCH_OPERATIONS_MAX {
        let should = format!("must have at most {BATCH_OPERATIONS_MAX} operations");
        return Err(invalid("batch", should).into());
    }
    Ok(elements.into_iter().map(|element| one_by_one(element, zone)).collect())
}

fn at_once(text: &str, zone: Tz) -> serde_json::Result<Vec<Read>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let operations = reader.deserialize_seq(Operations(zone))?;
    reader.end()?;
    Ok(operations)
}

/// Makes an operation of each element as it is read.
struct Operations(Tz);

impl<'de> Visitor<'de> for Operations {
    type Value = Vec<Read>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an array of operations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut operations = Vec::new();
        while let Some(Element { op, body }) = elements.next_element::<Element<'de, Fields<'de>>>()? {
            // Millions of the shortest that there are fit a body.
            if operations.len() == BATCH_OPERATIONS_MAX {
                return Err(A::Error::custom("too many"));
            }
            operations.push(operation(op, || Ok(required("body", body)?), self.0));
        }
        Ok(operations)
    }
}

/// The body's elements, each as it is.
fn elements(text: &str) -> Result<Vec<&RawValue>, WireError> {
    serde_json::from_str(text)
        .map_err(|error| WireError::BadJson(format!("a batch is an array of operations instead: {error}")))
}

fn one_by_one(element: &RawValue, zone: Tz) -> Read {
    let Element { op, body } = raw(element)?;
    operation(op, || Fields::parse(required("body", body)?.get().as_bytes()), zone)
}

fn raw(element: &RawValue) -> Result<Element<'_, &RawValue>, Refusal> {
    serde_json::from_str(element.get())
        .map_err(|error| invalid("op", format!("must stand in an object with op and body: {error}")))
}

fn operation<'a>(
    op: Option<Name<'_>>,
    fields: impl FnOnce() -> Result<Fields<'a>, WireError>,
    zone: Tz,
) -> Read {
    let Name(op) = required("op", op)?;
    match op.as_ref() {
        "accept" => {
            let requests::Accept { member_no, transfer_no, from_user } = requests::accept(&fields()?)?;
            Ok(Operation::Accept { member_no, transfer_no, from: from_user })
        }
        "transfer/cancel" => {
            let (member_no, transfer_no) = requests::cancel(&fields()?)?;
            Ok(Operation::Cancel { member_no, transfer_no })
        }
        other => {
            let reader = requests::reader(other).ok_or(WireError::NoSuchRoute)?;
            let (member_no, command) = reader(&fields()?, zone)?;
            Ok(Operation::Change(member_no, Box::new(command)))
        }
    }
}

/// What was sent before under another zone of the tenant may be the same request all the same: asked again one by one.
async fn in_earlier_zones(
    service: &Service,
    crm_id: &str,
    body: &[u8],
    items: &mut [Item],
) -> Result<(), WireError> {
    let reused = |item: &Item| matches!(item, Err(WireError::Failure(Failure::Refused(Refusal::KeyReused))));
    if service.earlier_zones(crm_id).is_empty() || !items.iter().any(reused) {
        return Ok(());
    }
    for (item, element) in items.iter_mut().zip(elements(json_text(body)?)?).filter(|(item, _)| reused(item))
    {
        let Element { op, body } = raw(element)?;
        if let Some(reader) = op.and_then(|Name(op)| requests::reader(&op)) {
            let body = required("body", body)?.get().as_bytes();
            *item = changes::in_earlier_zones(service, crm_id, body, reader).await;
        }
    }
    Ok(())
}

fn answer(items: &[Item], dialect: Dialect) -> Response {
    let mut times = Times::default();
    let mut response = envelope::ok(|json| {
        json.reserve(items.len() * ITEM_BYTES);
        json.open(b'{').name("items").open(b'[');
        for (place, item) in items.iter().enumerate() {
            write_item(json.element(), place, item, dialect, &mut times);
        }
        json.close(b']').close(b'}');
    });
    let all_replayed = items.iter().all(|item| item.as_ref().is_ok_and(|answer| answer.replayed));
    if all_replayed && !items.is_empty() {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

fn write_item(json: &mut Json, place: usize, item: &Item, dialect: Dialect, times: &mut Times) {
    let (status, code, msg) = match item {
        Ok(_) => (200, 0, Cow::Borrowed("OK")),
        Err(error) => {
            if let WireError::Failure(Failure::Fault(detail)) = error {
                let request_id = request_id();
                tracing::error!(request_id, place, "an operation of a batch: {detail}");
            }
            let (status, code, msg) = error.wire();
            let (status, code) = dialect.of(status, code);
            (status.as_u16(), code, Cow::Owned(msg))
        }
    };
    json.open(b'{').field_plain("status", Some(status));
    json.field_plain("code", Some(code));
    json.field_string("msg", Some(&msg));
    json.name("data");
    match item {
        Ok(answer) => write_answer(json, answer, times),
        Err(_) => json.null(),
    }
    json.close(b'}');
}
