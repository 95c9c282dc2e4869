//! Tenant, body and query out of a request, each with its bounds.
use crate::actors::answer::Failure;
use crate::http::error::WireError;
use crate::http::fields::{KEY_BYTES_MAX, TEXT_BYTES_MAX, alias, check_name, invalid, required};
use crate::http::time;
use crate::ledger::instant::{Instant, Span};
use crate::limits::{
    BATCH_BYTES_MAX, BODY_BYTES_MAX, BODY_BYTES_PASSED_OVER_MAX, BODY_TIME_MAX, LARGE_BODIES_BYTES_MAX,
    MEMBER_BYTES_MAX, PAGE_MAX, SMALL_BODY_BYTES_MAX,
};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use chrono_tz::Tz;
use futures_util::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The `crm_id` of the path.
pub struct Tenant(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Tenant {
    type Rejection = WireError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Tenant, WireError> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(not_utf8)?;
        let crm_id = params.iter().find(|(name, _)| *name == "crm_id").map(|(_, value)| value.to_owned());
        crm_id.filter(|crm_id| is_tenant(crm_id)).map(Tenant).ok_or_else(bad_tenant)
    }
}

/// Names the part of the path that is at fault: whichever is read first hears of it.
fn not_utf8(rejection: RawPathParamsRejection) -> WireError {
    let words = rejection.body_text();
    match ["member_no", "rule_id"].into_iter().find(|name| words.contains(&format!("`{name}`"))) {
        Some(field) => invalid(field, "must be percent-encoded UTF-8").into(),
        None => bad_tenant(),
    }
}

/// Whether a text has a tenant's form.
pub fn is_tenant(crm_id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=32).contains(&crm_id.len()) && crm_id.bytes().all(allowed)
}

pub fn bad_tenant() -> WireError {
    invalid("crm_id", "must have 1 to 32 letters, digits, _ or -").into()
}

/// The `member_no` of the path.
pub struct MemberOfPath(pub String);

impl<S: Send + Sync> FromRequestParts<S> for MemberOfPath {
    type Rejection = WireError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<MemberOfPath, WireError> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(not_utf8)?;
        let found = params.iter().find(|(name, _)| *name == "member_no").map(|(_, value)| value.to_owned());
        let member_no = required("member_no", found)?;
        Ok(MemberOfPath(check_name("member_no", member_no, MEMBER_BYTES_MAX)?))
    }
}

/// The `rule_id` of the path.
pub struct RuleOfPath(pub u64);

impl<S: Send + Sync> FromRequestParts<S> for RuleOfPath {
    type Rejection = WireError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<RuleOfPath, WireError> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(not_utf8)?;
        let text = params.iter().find(|(name, _)| *name == "rule_id").map(|(_, value)| value.to_owned());
        let digits = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let rule_id = digits.and_then(|text| text.parse().ok()).filter(|id| (1..=PAGE_MAX).contains(id));
        let should = || invalid("rule_id", format!("must be a whole number from 1 to {PAGE_MAX}"));
        Ok(RuleOfPath(rule_id.ok_or_else(should)?))
    }
}

/// A JSON body's bytes, whole, by its type.
pub struct JsonBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = WireError;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<JsonBody, WireError>> + Send {
        // The head goes before the body is waited for.
        let type_checked = check_type(request.headers());
        let body = read_whole(request.into_body(), BODY_BYTES_MAX);
        body.map(|body| body.and_then(|body| type_checked.map(|()| JsonBody(body))))
    }
}

/// A batch's body: larger than others may be.
pub struct BatchBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for BatchBody {
    type Rejection = WireError;

    async fn from_request(request: Request, _: &S) -> Result<BatchBody, WireError> {
        let type_checked = check_type(request.headers());
        let body = read_whole(request.into_body(), BATCH_BYTES_MAX).await?;
        type_checked.map(|()| BatchBody(body))
    }
}

/// A body, within its bounds. One that nobody wants is read all the same: the connection then serves on, where the
/// client expects it to.
pub async fn read_whole(mut body: Body, bytes_max: usize) -> Result<Bytes, WireError> {
    let told = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    let room = match room(told.unwrap_or(bytes_max).min(bytes_max)) {
        Ok(room) => room,
        Err(overloaded) => {
            pass_over_behind(body);
            return Err(overloaded);
        }
    };
    let read = async {
        match Limited::new(&mut body, bytes_max).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                pass_over(&mut body).await;
                Err(WireError::BodyTooLarge { bytes_max })
            }
            Err(error) => Err(WireError::BadJson(format!("it did not arrive: {error}"))),
        }
    };
    let mut read = pin!(read);
    // Most bodies came with their heads: no clock is looked at for them.
    let bytes = match poll_fn(|context| Poll::Ready(read.as_mut().poll(context))).await {
        Poll::Ready(read) => read,
        Poll::Pending => tokio::time::timeout(BODY_TIME_MAX, read).await.unwrap_or(Err(WireError::TooSlow)),
    }?;
    Ok(match room {
        None => bytes,
        Some(room) => Bytes::from_owner(Roomy { bytes, _room: room }),
    })
}

/// A large body with the room that it takes, which is free again when nobody has the body any more.
struct Roomy {
    bytes: Bytes,
    _room: SemaphorePermit<'static>,
}

impl AsRef<[u8]> for Roomy {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Room for a body of so many bytes, where it is large. One that does not say its size may come to the most.
fn room(bytes: usize) -> Result<Option<SemaphorePermit<'static>>, WireError> {
    static FREE_KIB: Semaphore = Semaphore::const_new(LARGE_BODIES_BYTES_MAX >> 10);
    if bytes <= SMALL_BODY_BYTES_MAX {
        return Ok(None);
    }
    let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX);
    FREE_KIB.try_acquire_many(kib).map(Some).map_err(|_| Failure::Overloaded.into())
}

/// Reads on behind an answer that has no need of the body.
pub fn pass_over_behind(mut body: Body) {
    if !body.is_end_stream() {
        tokio::spawn(async move { tokio::time::timeout(BODY_TIME_MAX, pass_over(&mut body)).await });
    }
}

/// Reads on for a while without keeping anything: a client that is still sending would not see its answer.
async fn pass_over(body: &mut Body) {
    let mut passed = 0;
    while passed < BODY_BYTES_PASSED_OVER_MAX
        && let Some(Ok(frame)) = body.frame().await
    {
        passed += frame.data_ref().map_or(0, Bytes::len);
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

/// The same fields as in a body, with the same bounds.
impl QueryFields {
    pub fn text(&self, field: &'static str) -> Result<Option<String>, WireError> {
        let (own, other) =
            (self.get(field)?, alias(field).map(|other| self.get(other)).transpose()?.flatten());
        if own.is_some() && other.is_some() && own != other {
            let other = alias(field).unwrap_or_default();
            return Err(invalid(field, format!("is given twice, also as {other}, and they differ")).into());
        }
        let text = own.or(other);
        if text.is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(invalid(field, format!("must have at most {TEXT_BYTES_MAX} bytes")).into());
        }
        Ok(text.map(str::to_owned))
    }

    pub fn key(&self, field: &'static str) -> Result<Option<String>, WireError> {
        let name = |text: &str| check_name(field, text, KEY_BYTES_MAX);
        Ok(self.get(field)?.map(name).transpose()?)
    }

    pub fn member(&self, field: &'static str) -> Result<Option<String>, WireError> {
        let name = |text: &str| check_name(field, text, MEMBER_BYTES_MAX);
        Ok(self.get(field)?.map(name).transpose()?)
    }

    pub fn bool(&self, field: &'static str) -> Result<Option<bool>, WireError> {
        match self.get(field)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(invalid(field, "must be true or false").into()),
        }
    }

    pub fn time(&self, field: &'static str, zone: Tz) -> Result<Option<Instant>, WireError> {
        let Some(text) = self.get(field)? else { return Ok(None) };
        // A plus sign that was not percent-encoded has become a space.
        let with_plus = || text.rsplit_once(' ').map(|(time, offset)| format!("{time}+{offset}"));
        let at = time::parse(text, zone).or_else(|| time::parse(&with_plus()?, zone));
        at.map(Some).ok_or_else(|| invalid(field, time::SHOULD).into())
    }

    /// A moment up to and with which something holds: a second without a fraction means its end.
    pub fn moment(&self, field: &'static str, zone: Tz) -> Result<Option<Instant>, WireError> {
        let whole_second = self.get(field)?.is_some_and(|text| !text.contains('.'));
        let end = |at: Instant| if whole_second { at.after(Span(999)) } else { at };
        Ok(self.time(field, zone)?.map(end))
    }
}

/// A name or value of a query. Strict, unlike axum's own: what is not UTF-8 names another member than was meant.
fn decoded(text: &str) -> Result<String, WireError> {
    let text = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&text).decode_utf8();
    Ok(decoded.map_err(|_| invalid("query", "must be percent-encoded UTF-8"))?.into_owned())
}
