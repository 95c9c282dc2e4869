//! Answers that say no: which codes an operation may give is named beside it, status and words come from the one table.
use crate::http::error::every_error;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, Header, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder};

/// The page that explains every code; a test beside the table holds the two together.
const PAGE: &str = include_str!("../../../docs/ERRORS.md");

/// The shared response of the HTTP layer itself, which has no envelope and no request id.
pub const HEAD_TOO_LARGE: &str = "HeadTooLarge";

pub fn head_too_large() -> Response {
    let words = "The head (request line and headers) is larger than 32 KiB, or has more than 100 headers. No body; the \
                 connection is closed. Remedy: send fewer.";
    ResponseBuilder::new().description(words).build()
}

/// What any request may hear.
pub const OPEN: &[u32] = &[41400, 50000];
/// What any request to a tenant may hear.
pub const ANY: &[u32] = &[40001, 40100, 40300, 40400, 41400, 42900, 50000, 50301];
/// What may also go wrong with a body.
pub const BODY: &[u32] = &[40000, 40800, 41300, 41500];
/// What asks members or the index may be shed.
pub const BUSY: &[u32] = &[50303];
/// What a change needs of the log.
pub const LOG: &[u32] = &[50302, 50304];

/// The status of a code, by the table.
pub fn status_of(code: u32) -> Option<u16> {
    every_error().iter().map(|error| error.wire()).find(|wire| wire.1 == code).map(|wire| wire.0.as_u16())
}

/// References to the shared responses for these codes, by status.
pub fn references(codes: &[&[u32]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, BTreeSet<u32>> = BTreeMap::new();
    for code in codes.iter().flat_map(|group| group.iter()) {
        if let Some(status) = status_of(*code) {
            by_status.entry(status).or_default().insert(*code);
        }
    }
    let reference = |codes: BTreeSet<u32>| Ref::from_response_name(name(&codes)).into();
    by_status.into_iter().map(|(status, codes)| (status.to_string(), reference(codes))).collect()
}

/// A shared response's name tells its codes.
pub fn name(codes: &BTreeSet<u32>) -> String {
    let codes: Vec<String> = codes.iter().map(u32::to_string).collect();
    format!("Error.{}", codes.join("."))
}

/// The codes of the shared response that `reference` leads to.
pub fn codes_of(reference: &str) -> BTreeSet<u32> {
    let name = reference.rsplit('/').next().unwrap_or_default();
    name.split('.').filter_map(|code| code.parse().ok()).collect()
}

/// The shared response for these codes, all of one status.
pub fn response(codes: &BTreeSet<u32>) -> Response {
    refusal(codes, Schema::from(ObjectBuilder::new().schema_type(Type::Null)).into())
}

/// A response for one code whose `data` tells more.
pub fn response_with(code: u32, data: RefOr<Schema>) -> Response {
    refusal(&BTreeSet::from([code]), data)
}

fn refusal(codes: &BTreeSet<u32>, data: RefOr<Schema>) -> Response {
    let lines: Vec<String> = codes.iter().filter_map(|code| explained(*code)).collect();
    let code = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some(codes.iter().copied()));
    let words = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("For people: names the field or the numbers at fault, and may change."));
    let envelope = ObjectBuilder::new()
        .property("code", code)
        .property("msg", words)
        .property("data", data)
        .required("code")
        .required("msg")
        .required("data")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    let content = Content::new(Some(Schema::from(envelope)));
    let mut response =
        ResponseBuilder::new().description(lines.join("\n\n")).content("application/json", content);
    for (name, header) in codes.iter().filter_map(|code| header(*code)) {
        response = response.header(name, header);
    }
    response.build()
}

/// The header that goes with a code.
fn header(code: u32) -> Option<(&'static str, Header)> {
    let (name, words) = match code {
        40100 => ("WWW-Authenticate", "`Bearer`."),
        40500 => ("Allow", "The methods that the route takes."),
        42900 | 50303 => ("Retry-After", "Seconds to wait."),
        _ => return None,
    };
    let text = ObjectBuilder::new().schema_type(Type::String);
    Some((name, HeaderBuilder::new().schema(Some(Schema::from(text))).description(Some(words)).build()))
}

/// Cause and remedy of a code, as the page has them.
fn explained(code: u32) -> Option<String> {
    let cell = format!("| {code} |");
    let row = PAGE.lines().find(|line| line.contains(&cell))?;
    let mut cells = row.split('|').skip(3).map(str::trim);
    let (cause, remedy) = (cells.next()?, cells.next()?);
    Some(format!("`{code}`: {cause}. Remedy: {remedy}."))
}
