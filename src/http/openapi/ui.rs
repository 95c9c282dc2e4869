//! `GET /openapi.json`, and `GET /docs`: a page for reading and trying it, wholly out of this binary. The page may load
//! and call nothing but the service that it came from: it names no other address, and its policy forbids the browser to
//! follow one.
use crate::http::error::WireError;
use crate::http::openapi::values::{AnyObject, PageFile};
use crate::http::openapi::{Document, answers};
use axum::body::{Body, Bytes};
use axum::extract::{RawPathParams, State};
use axum::http::{HeaderValue, Response, header};
use std::sync::Arc;
use utoipa_swagger_ui::Config;

const PAGE: &str = include_str!("docs.html");
const START: &str = include_str!("docs.js");
/// What the page takes from Swagger UI; the rest of its files stay unserved.
const PARTS: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// This document
///
/// OpenAPI 3.1, generated from the routes. Needs no key.
#[utoipa::path(get, path = "/openapi.json", tag = "The service itself", responses(
    (status = 200, description = "The document", content_type = "application/json", body = AnyObject),
    answers::OpenRefusals,
))]
pub async fn openapi_json(State(document): State<Arc<Document>>) -> Response<Body> {
    respond("application/json", document.bytes())
}

/// A page for reading this document and trying its operations
///
/// Needs no key, and fetches nothing from anywhere else.
#[utoipa::path(get, path = "/docs", tag = "The service itself", responses(
    (status = 200, description = "The page", content_type = "text/html", body = String),
    answers::OpenRefusals,
))]
pub async fn docs() -> Response<Body> {
    respond("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes()))
}

/// What the page is made of
#[utoipa::path(get, path = "/docs/{file}", tag = "The service itself", params(
    ("file" = inline(PageFile), Path, description = "Which part"),
), responses(
    (status = 200, description = "A style sheet or a script", content(
        (String = "text/css"), (String = "text/javascript"),
    )),
    answers::NoSuchPart,
))]
pub async fn docs_file(params: RawPathParams) -> Result<Response<Body>, WireError> {
    let file = params.iter().next().map(|(_, file)| file).unwrap_or_default();
    if file == "docs.js" {
        return Ok(respond("text/javascript", Bytes::from_static(START.as_bytes())));
    }
    let known = PARTS.contains(&file);
    let part = known
        .then(|| utoipa_swagger_ui::serve(file, Arc::new(Config::from(""))))
        .ok_or(WireError::NoSuchRoute)?;
    let part = part.ok().flatten().ok_or(WireError::NoSuchRoute)?;
    let mut response = respond(&part.content_type, Bytes::from(part.bytes.into_owned()));
    if part.gzpipped {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn respond(media: &str, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_str(media).unwrap_or(HeaderValue::from_static("text/plain")),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
