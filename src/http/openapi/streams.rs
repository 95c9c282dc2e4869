//! Answers that are streams: a record a line, or a row.
use crate::http::openapi::errors::{self, ANY, BUSY};
use crate::http::openapi::records::Record;
use crate::http::openapi::scans::{Balance, Reminder};
use crate::http::openapi::values::{Count, reference};
use std::collections::BTreeMap;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, HeaderBuilder, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// An export of history.
pub struct Exported;

impl IntoResponses for Exported {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let words = "The records, a JSON object a line or a CSV row each.";
        let stream = ResponseBuilder::new().description(words);
        let stream = stream.content("application/x-ndjson", lines::<Record>()).content("text/csv", rows());
        with(stream, &[ANY, BUSY, &[40404]])
    }
}

/// A part of the feed.
pub struct Fed;

impl IntoResponses for Fed {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let words = "The records, a JSON object a line; nothing where there are none.";
        let last = HeaderBuilder::new().schema(Some(reference::<Count>()));
        let last = last.description(Some("How far the feed was read: the next `after`.")).build();
        let stream = ResponseBuilder::new().description(words).header("X-Last-Auto-Id", last);
        with(stream.content("application/x-ndjson", lines::<Record>()), &[ANY, BUSY])
    }
}

/// Members to remind.
pub struct Reminders;

impl IntoResponses for Reminders {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        scan::<Reminder>()
    }
}

/// Every balance.
pub struct Balances;

impl IntoResponses for Balances {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        scan::<Balance>()
    }
}

fn scan<T: ToSchema>() -> BTreeMap<String, RefOr<Response>> {
    let stream = ResponseBuilder::new().description("The members, a JSON object a line or a CSV row each.");
    let stream = stream.content("application/x-ndjson", lines::<T>()).content("text/csv", rows());
    with(stream, &[ANY, BUSY])
}

fn with(stream: ResponseBuilder, codes: &[&[u32]]) -> BTreeMap<String, RefOr<Response>> {
    let mut responses = errors::references(codes);
    responses.insert("200".to_owned(), stream.build().into());
    responses
}

/// Each line is an object; a schema can't say so of a text.
fn lines<T: ToSchema>() -> Content {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let words = format!("Each line is a `{}` of this document.", T::name());
    Content::new(Some(Schema::from(text.description(Some(words)))))
}

fn rows() -> Content {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let words = "The first row names the columns: the fields of a line. What is null is empty.";
    Content::new(Some(Schema::from(text.description(Some(words)))))
}
