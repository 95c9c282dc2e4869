//! The one table from what can go wrong to status, code and words. `docs/ERRORS.md` says what to do about each.
use crate::actors::answer::Failure;
use crate::http::envelope;
use crate::ledger::points::{Points, Total};
use crate::ledger::refusal::Refusal;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request gets no success.
#[derive(Clone, Debug)]
pub enum WireError {
    Failure(Failure),
    /// The body is not JSON, or not an object; says what is wrong.
    BadJson(String),
    NoSuchRoute,
    WrongMethod,
    NoSuchMobile,
    TooSlow,
    BodyTooLarge {
        bytes_max: usize,
    },
    NotJsonByType,
    /// The request bears no API key.
    NoKey,
    /// What it bears is none.
    WrongKey,
    /// The key is not for this tenant.
    ForeignTenant(String),
    /// The key is for some tenants, and the route for none.
    NotForAllTenants,
    /// The key lacks the scope of this name.
    WithoutScope(&'static str),
    NoSuchTenant(String),
    UriTooLong,
    /// The tenant's rate is used up for so long.
    TooFast {
        seconds: u64,
    },
}

/// A fault's detail, on its way to the log: the client gets a request id instead.
#[derive(Clone, Debug)]
pub struct FaultDetail(pub String);

impl From<Refusal> for WireError {
    fn from(refusal: Refusal) -> WireError {
        WireError::Failure(Failure::Refused(refusal))
    }
}

impl From<Failure> for WireError {
    fn from(failure: Failure) -> WireError {
        WireError::Failure(failure)
    }
}

impl WireError {
    /// HTTP status, code and words.
    pub fn wire(&self) -> (StatusCode, u32, String) {
        let (status, code, msg) = match self {
            WireError::Failure(failure) => return of_failure(failure),
            WireError::NoKey | WireError::WrongKey => {
                return (StatusCode::UNAUTHORIZED, 40100, self.of_key());
            }
            WireError::ForeignTenant(_) | WireError::NotForAllTenants | WireError::WithoutScope(_) => {
                return (StatusCode::FORBIDDEN, 40300, self.of_key());
            }
            WireError::NoSuchTenant(crm_id) => (404, 40400, format!("there is no tenant {crm_id}")),
            WireError::UriTooLong => (414, 41400, "path and query are longer than 8 KiB".to_owned()),
            WireError::TooFast { seconds } => (
                429,
                42900,
                format!("over the tenant's rate limit: nothing was done, try again in {seconds} s"),
            ),
            WireError::BadJson(why) => (400, 40000, format!("the body must be a JSON object: {why}")),
            WireError::NoSuchRoute => (404, 40400, "there is no such route".to_owned()),
            WireError::WrongMethod => (405, 40500, "this route takes another method, see Allow".to_owned()),
            WireError::NoSuchMobile => (404, 40404, "no member has this mobile".to_owned()),
            WireError::TooSlow => (408, 40800, "the request did not arrive in time".to_owned()),
            WireError::BodyTooLarge { bytes_max } => {
                (413, 41300, format!("the body is larger than {} KiB", bytes_max >> 10))
            }
            WireError::NotJsonByType => (415, 41500, "the body must be application/json".to_owned()),
        };
        (status_of(status), code, msg)
    }

    /// What is wrong with a key. What was sent is not repeated.
    fn of_key(&self) -> String {
        match self {
            WireError::NoKey => {
                "an API key is needed: Authorization: Bearer KEY, or X-API-Key: KEY".to_owned()
            }
            WireError::WrongKey => "this is no valid API key".to_owned(),
            WireError::ForeignTenant(crm_id) => format!("this API key is not for tenant {crm_id}"),
            WireError::NotForAllTenants => "this route asks for an API key for all tenants".to_owned(),
            WireError::WithoutScope(scope) => {
                format!("this API key lacks the scope {scope}, which this route asks for")
            }
            _ => String::new(),
        }
    }

    /// The header that goes with it.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            WireError::NoKey | WireError::WrongKey => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            WireError::TooFast { seconds } => Some((header::RETRY_AFTER, HeaderValue::from(*seconds))),
            WireError::Failure(Failure::Overloaded) => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
            _ => None,
        }
    }
}

fn of_failure(failure: &Failure) -> (StatusCode, u32, String) {
    let (status, code, msg) = match failure {
        Failure::Refused(refusal) => return of_refusal(refusal),
        Failure::Fault(_) => (500, 50000, "a fault of ours".to_owned()),
        Failure::NotReady => (503, 50301, "starting up or stopping: nothing was done".to_owned()),
        Failure::Full => (503, 50302, "the log can't take more: nothing was done".to_owned()),
        Failure::Overloaded => (503, 50303, "overloaded: nothing was done, try again".to_owned()),
        Failure::Unknown => (
            503,
            50304,
            "the log failed meanwhile: the outcome is unknown, send it again with the same key".to_owned(),
        ),
    };
    (status_of(status), code, msg)
}

fn of_refusal(refusal: &Refusal) -> (StatusCode, u32, String) {
    let (status, code, msg) = match refusal {
        Refusal::Invalid { field, should } => (400, 40001, format!("{field}: {should}")),
        Refusal::NoSuchMember => (404, 40405, "member_no: there is no such member".to_owned()),
        Refusal::MobileTaken => (409, 40902, "mobile: it is another member's".to_owned()),
        Refusal::NoSuchAccrual => {
            (404, 40402, "origin_event_no: this member has no accrual of this number".to_owned())
        }
        Refusal::NoSuchSpend => {
            (404, 40402, "origin_event_no: this member has no spend of this number".to_owned())
        }
        Refusal::NoSuchTransfer => (404, 40403, "transfer_no: this member has no such transfer".to_owned()),
        Refusal::KeyReused => {
            (409, 40901, "this number was used with other content, or for another operation".to_owned())
        }
        Refusal::NotEnough { active, asked } => {
            (422, 42201, format!("not enough active points: {asked} asked, {active} active"))
        }
        Refusal::WouldGoNegative { short } => {
            (422, 42202, format!("the reversal is {short} points short, and allow_negative is false"))
        }
        Refusal::MoreThanLeft { left, .. } if left.is_zero() => {
            (422, 42203, "nothing is left to reverse".to_owned())
        }
        Refusal::MoreThanLeft { left, asked } => {
            (422, 42203, format!("more than is left to reverse: {asked} asked, {left} left"))
        }
        Refusal::MoreThanPaid => (422, 42203, "the refunds add up to more than was paid".to_owned()),
        Refusal::TransferClosed { status } => {
            (422, 42204, format!("the transfer is no longer open: {status}"))
        }
        Refusal::TooManyLots => {
            (422, 42207, "the member has 100,000 open lots: no further accrual".to_owned())
        }
        Refusal::NoSuchRule => (404, 40401, "there is no such rule".to_owned()),
        Refusal::NoRuleFits { why } => (404, 40401, why.clone()),
        Refusal::GrantsNothing { rule_id } => {
            (422, 42205, format!("rule {rule_id} grants no points for this event"))
        }
        Refusal::CapUsedUp { rule_id, cap } => {
            (422, 42206, format!("the cap {cap} of rule {rule_id} is used up for this member"))
        }
    };
    (status_of(status), code, msg)
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl IntoResponse for WireError {
    fn into_response(self) -> Response {
        let (status, code, msg) = self.wire();
        let mut response = envelope::failure(status, code, &msg);
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        if let WireError::Failure(Failure::Fault(detail)) = self {
            response.extensions_mut().insert(FaultDetail(detail));
        }
        response
    }
}

/// One error of each kind there is, with numbers for example: what the pages and tests that list all codes go by.
pub fn every_error() -> Vec<WireError> {
    let refusals = [
        Refusal::Invalid { field: "points".into(), should: "must be".into() },
        Refusal::NoSuchMember,
        Refusal::MobileTaken,
        Refusal::NoSuchAccrual,
        Refusal::NoSuchSpend,
        Refusal::NoSuchTransfer,
        Refusal::KeyReused,
        Refusal::NotEnough { active: Total::ZERO, asked: Points(1) },
        Refusal::WouldGoNegative { short: Points(1) },
        Refusal::MoreThanLeft { left: Points(1), asked: Points(2) },
        Refusal::MoreThanPaid,
        Refusal::TransferClosed { status: "accepted" },
        Refusal::TooManyLots,
        Refusal::NoSuchRule,
        Refusal::NoRuleFits { why: "there is no rule 7".into() },
        Refusal::GrantsNothing { rule_id: 7 },
        Refusal::CapUsedUp { rule_id: 7, cap: "points.day" },
    ];
    let failures =
        [Failure::Fault("x".into()), Failure::NotReady, Failure::Full, Failure::Overloaded, Failure::Unknown];
    let edge = [
        WireError::BadJson("x".into()),
        WireError::NoSuchRoute,
        WireError::WrongMethod,
        WireError::NoSuchMobile,
        WireError::TooSlow,
        WireError::BodyTooLarge { bytes_max: 1 << 10 },
        WireError::NotJsonByType,
        WireError::NoKey,
        WireError::WrongKey,
        WireError::ForeignTenant("10080".into()),
        WireError::NotForAllTenants,
        WireError::WithoutScope("write"),
        WireError::NoSuchTenant("10080".into()),
        WireError::UriTooLong,
        WireError::TooFast { seconds: 1 },
    ];
    refusals.map(WireError::from).into_iter().chain(failures.map(WireError::from)).chain(edge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_explained_on_the_errors_page_with_its_status() {
        let page = include_str!("../../docs/ERRORS.md");
        for error in every_error() {
            let (status, code, _) = error.wire();
            let row = format!("| {} | {code} |", status.as_u16());
            assert!(page.contains(&row), "docs/ERRORS.md has no row {row}");
        }
    }

    #[test]
    fn a_code_tells_its_status_class() {
        for error in every_error() {
            let (status, code, _) = error.wire();
            assert_eq!(code / 100, u32::from(status.as_u16()), "{error:?}");
        }
    }
}
