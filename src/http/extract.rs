//! Tenant, body and query out of a request, each with its bounds.
use crate::http::error::WireError;
use crate::http::fields::{check_name, invalid, required};
use crate::limits::{BODY_BYTES_MAX, BODY_BYTES_PASSED_OVER_MAX, BODY_TIME_MAX, MEMBER_BYTES_MAX};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// The `crm_id` of the path.
pub struct Tenant(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Tenant {
    type Rejection = WireError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Tenant, WireError> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| bad_tenant())?;
        let crm_id = params.iter().find(|(name, _)| *name == "crm_id").map(|(_, value)| value.to_owned());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        match crm_id {
            Some(crm_id) if (1..=32).contains(&crm_id.len()) && crm_id.bytes().all(allowed) => {
                Ok(Tenant(crm_id))
            }
            _ => Err(bad_tenant()),
        }
    }
}

fn bad_tenant() -> WireError {
    invalid("crm_id", "must have 1 to 32 letters, digits, _ or -").into()
}

/// The `member_no` of the path.
pub struct MemberOfPath(pub String);

impl<S: Send + Sync> FromRequestParts<S> for MemberOfPath {
    type Rejection = WireError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<MemberOfPath, WireError> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| invalid("member_no", "must be percent-encoded UTF-8"))?;
        let found = params.iter().find(|(name, _)| *name == "member_no").map(|(_, value)| value.to_owned());
        let member_no = required("member_no", found)?;
        Ok(MemberOfPath(check_name("member_no", member_no, MEMBER_BYTES_MAX)?))
    }
}

/// A JSON body's bytes, whole, by its type.
pub struct JsonBody(pub axum::body::Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = WireError;

    async fn from_request(request: Request, _: &S) -> Result<JsonBody, WireError> {
        let type_checked = check_type(request.headers());
        let body = read_whole(request.into_body()).await?;
        type_checked.map(|()| JsonBody(body))
    }
}

/// A body, within its bounds. One that nobody wants is read all the same: the connection then serves on, where the
/// client expects it to.
pub async fn read_whole(mut body: axum::body::Body) -> Result<axum::body::Bytes, WireError> {
    let read = async {
        match Limited::new(&mut body, BODY_BYTES_MAX).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                pass_over(&mut body).await;
                Err(WireError::BodyTooLarge)
            }
            Err(error) => Err(WireError::BadJson(format!("it did not arrive: {error}"))),
        }
    };
    tokio::time::timeout(BODY_TIME_MAX, read).await.unwrap_or(Err(WireError::TooSlow))
}

/// Reads on for a while without keeping anything: a client that is still sending would not see its answer.
async fn pass_over(body: &mut axum::body::Body) {
    let mut passed = 0;
    while passed < BODY_BYTES_PASSED_OVER_MAX
        && let Some(Ok(frame)) = body.frame().await
    {
        passed += frame.data_ref().map_or(0, axum::body::Bytes::len);
    }
}

/// JSON, in UTF-8 where a charset is named; a missing type is taken as JSON.
fn check_type(headers: &HeaderMap) -> Result<(), WireError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().map_err(|_| WireError::NotJsonByType)?;
    let mut parts = text.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    let charset = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    if is_json && parts.all(charset) { Ok(()) } else { Err(WireError::NotJsonByType) }
}

/// A query's fields. None may be given twice.
pub struct QueryFields(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = WireError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<QueryFields, WireError> {
        QueryFields::of(&parts.uri)
    }
}

impl QueryFields {
    fn of(uri: &Uri) -> Result<QueryFields, WireError> {
        let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let fields = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        });
        fields.collect::<Result<_, WireError>>().map(QueryFields)
    }

    pub fn get(&self, field: &'static str) -> Result<Option<&str>, WireError> {
        let mut found = self.0.iter().filter(|(name, _)| name == field).map(|(_, value)| value.as_str());
        let value = found.next();
        if found.next().is_some() { Err(invalid(field, "must be given once").into()) } else { Ok(value) }
    }

    pub fn integer(&self, field: &'static str, least: u64, most: u64) -> Result<Option<u64>, WireError> {
        let Some(text) = self.get(field)? else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
        let should = || invalid(field, format!("must be a whole number from {least} to {most}")).into();
        number.map(Some).ok_or_else(should)
    }
}

/// A name or value of a query. Strict, unlike axum's own: what is not UTF-8 names another member than was meant.
fn decoded(text: &str) -> Result<String, WireError> {
    let text = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&text).decode_utf8();
    Ok(decoded.map_err(|_| invalid("query", "must be percent-encoded UTF-8"))?.into_owned())
}
