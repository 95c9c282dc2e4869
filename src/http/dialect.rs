//! The codes of the CRM that the API was first written for, for clients that know no others: HTTP's status is always
//! 200, and there are four codes. Success, `msg`, `data` and headers stay ours.
use axum::body::{Body, to_bytes};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use std::convert::Infallible;

/// How answers say what went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    #[default]
    Ours,
    Neocrm,
}

impl Dialect {
    /// The status and code in place of ours.
    pub fn of(self, status: StatusCode, code: u32) -> (StatusCode, u32) {
        let theirs = match status.as_u16() {
            _ if self == Dialect::Ours => return (status, code),
            200..=299 => code,
            400 | 404 | 409 | 413 | 415 => 30402,
            422 => 30601,
            503 => 30503,
            _ => 30500,
        };
        (StatusCode::OK, theirs)
    }

    /// An answer in this dialect.
    pub async fn tell(self, response: Response) -> Response {
        let status = response.status();
        if self == Dialect::Ours || status.is_success() {
            return response;
        }
        let (mut head, body) = response.into_parts();
        head.status = StatusCode::OK;
        // In memory, whole: it is an envelope.
        let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let body = match bytes.strip_prefix(START).and_then(|rest| rest.split_at_checked(CODE_DIGITS)) {
            Some((code, rest)) => {
                let code =
                    std::str::from_utf8(code).ok().and_then(|code| code.parse().ok()).unwrap_or_default();
                [START, self.of(status, code).1.to_string().as_bytes(), rest].concat().into()
            }
            None => bytes,
        };
        Response::from_parts(head, Body::from(body))
    }
}

/// The dialect that an answer is to be in, for a route whose answer holds other answers. The edge says so with a request
/// where it is not ours.
impl<S: Send + Sync> FromRequestParts<S> for Dialect {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Dialect, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}

/// How the envelope of a failure begins; then comes its code.
const START: &[u8] = br#"{"code":"#;
const CODE_DIGITS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::envelope;

    #[tokio::test]
    async fn every_status_has_one_of_four_codes() {
        let rows = [
            (400, 40001, 30402),
            (401, 40100, 30500),
            (403, 40300, 30500),
            (404, 40401, 30402),
            (405, 40500, 30500),
            (408, 40800, 30500),
            (409, 40901, 30402),
            (413, 41300, 30402),
            (414, 41400, 30500),
            (415, 41500, 30402),
            (422, 42205, 30601),
            (429, 42900, 30500),
            (500, 50000, 30500),
            (503, 50302, 30503),
        ];
        for (status, ours, theirs) in rows {
            let answer = envelope::failure(StatusCode::from_u16(status).unwrap(), ours, "why \"so\"");
            let answer = Dialect::Neocrm.tell(answer).await;
            assert_eq!(answer.status(), 200);
            let body = to_bytes(answer.into_body(), 1_000).await.unwrap();
            let expected = format!(r#"{{"code":{theirs},"msg":"why \"so\"","data":null}}"#);
            assert_eq!(body, expected, "{status}");
        }
    }

    #[tokio::test]
    async fn successes_stay_as_they_are() {
        let answer = Dialect::Neocrm.tell(envelope::ok(|json| json.raw(b"{\"code\":12345}"))).await;
        let body = to_bytes(answer.into_body(), 1_000).await.unwrap();
        assert_eq!(body, r#"{"code":0,"msg":"OK","data":{"code":12345}}"#);
    }
}
