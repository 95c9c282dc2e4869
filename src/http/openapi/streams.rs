//! Answers that are streams: a record a line, or a row.
use crate::http::openapi::errors::{self, ANY, BUSY};
use crate::http::openapi::records::Record;
use crate::http::openapi::values::{Count, reference};
use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, HeaderBuilder, RefOr, Response, ResponseBuilder};

/// An export of history.
pub struct Exported;

impl IntoResponses for Exported {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let words = "The records, a JSON object a line or a CSV row each.";
        let stream = ResponseBuilder::new().description(words);
        let stream = stream.content("application/x-ndjson", lines()).content("text/csv", rows());
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
        with(stream.content("application/x-ndjson", lines()), &[ANY, BUSY])
    }
}

fn with(stream: ResponseBuilder, codes: &[&[u32]]) -> BTreeMap<String, RefOr<Response>> {
    let mut responses = errors::references(codes);
    responses.insert("200".to_owned(), stream.build().into());
    responses
}

/// Each line is a record; a schema can't say so of a text.
fn lines() -> Content {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let words = format!("Each line is a `{}` of this document.", <Record as utoipa::ToSchema>::name());
    Content::new(Some(Schema::from(text.description(Some(words)))))
}

fn rows() -> Content {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let words = "The first row names the columns: the fields of a record. What is null is empty.";
    Content::new(Some(Schema::from(text.description(Some(words)))))
}
