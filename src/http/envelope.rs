//! The envelope of every JSON answer: `{"code": int, "msg": string, "data": object or null}`.
use crate::http::json::Json;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

/// A success around what `data` writes.
pub fn ok(data: impl FnOnce(&mut Json)) -> Response {
    let mut json = Json::new();
    json.raw(br#"{"code":0,"msg":"OK","data":"#);
    data(&mut json);
    json.raw(b"}");
    respond(StatusCode::OK, json.into_bytes())
}

/// Goes with a failure, for what stands round the routes: which one it is.
#[derive(Clone, Copy, Debug)]
pub struct Code(pub u32);

pub fn failure(status: StatusCode, code: u32, msg: &str) -> Response {
    failure_with(status, code, msg, Json::null)
}

/// A refusal that has something to tell beside its words.
pub fn failure_with(status: StatusCode, code: u32, msg: &str, data: impl FnOnce(&mut Json)) -> Response {
    let mut json = Json::new();
    json.open(b'{').field_plain("code", Some(code));
    json.field_string("msg", Some(msg));
    data(json.name("data"));
    json.close(b'}');
    let mut response = respond(status, json.into_bytes());
    response.extensions_mut().insert(Code(code));
    response
}

fn respond(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
