//! `GET /history/export`: every record that `/history` would find, newest first, as one stream.
use crate::actors::service::Service;
use crate::http::access::PREFIX;
use crate::http::error::WireError;
use crate::http::extract::{QueryFields, Tenant};
use crate::http::openapi::{reads as asked, streams};
use crate::http::record::{RecordRow, columns};
use crate::http::routes::history::read_query;
use crate::http::routes::member_asked;
use crate::http::stream::{Cut, Format, respond};
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

/// Every record that `/history` would find, newest first, as one stream
///
/// It shows one moment, the one at which it was asked for. A stream that breaks off is not whole: its last chunk is missing.
#[utoipa::path(
    get,
    context_path = PREFIX,
    path = "/history/export",
    operation_id = "export_history",
    tag = "Reads",
    params(asked::Export),
    responses(streams::Exported)
)]
pub async fn export(
    State(service): State<Arc<Service>>,
    Tenant(crm_id): Tenant,
    query: QueryFields,
) -> Result<Response, WireError> {
    let zone = service.zone(&crm_id);
    let format = Format::of(&query)?;
    let mut wanted = read_query(&query, zone)?;
    wanted.member_no = member_asked(&service, &crm_id, wanted.member_no, query.get("mobile")?).await?;
    let lots = wanted.lots;
    let place = service.stream_place()?;
    let export = service.export(&crm_id, wanted).await?;
    Ok(respond(place, format, columns(lots), move |rows| {
        export.each::<Cut>(|record| rows.write(&RecordRow { record, zone, lots }))
    }))
}
