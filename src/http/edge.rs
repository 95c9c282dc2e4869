//! What a request must pass before its route is asked: keys, tenants, rates. Nothing of its body has been read by then.
use crate::http::access::{Listed, Need, PREFIX, after_prefix, listed};
use crate::http::dialect::Dialect;
use crate::http::error::WireError;
use crate::http::extract::{bad_tenant, is_tenant};
use crate::http::keys::{Grant, KeyRing, Scope};
use crate::http::rates::Rates;
use crate::limits::{ANSWER_TIME_MAX, CONNECTIONS_MAX, HEAD_TIME_MAX, STOP_TIME_MAX_DEFAULT, URI_BYTES_MAX};
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName};
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The edge as it was set. The default asks nothing of anybody.
#[derive(Default)]
pub struct Edge {
    /// Replaced while the service runs. None: no key is asked for.
    pub keys: Option<Arc<KeyRing>>,
    /// The tenants that there are. None: whoever is named.
    pub tenants: Option<HashSet<String>>,
    pub rates: Option<Rates>,
    pub dialect: Dialect,
    pub bounds: ConnectionBounds,
}

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionBounds {
    pub connections_max: usize,
    pub head_time_max: Duration,
    pub answer_time_max: Duration,
    /// For requests under way when the service stops.
    pub finish_time_max: Duration,
}

impl Default for ConnectionBounds {
    fn default() -> ConnectionBounds {
        ConnectionBounds {
            connections_max: CONNECTIONS_MAX,
            head_time_max: HEAD_TIME_MAX,
            answer_time_max: ANSWER_TIME_MAX,
            finish_time_max: STOP_TIME_MAX_DEFAULT,
        }
    }
}

impl Edge {
    /// Whether a request may go on to its route. Costs a look at three options where none of them is set.
    pub fn admit(&self, request: &Request, route: Option<&str>) -> Result<(), WireError> {
        let uri = request.uri();
        if uri.path_and_query().is_some_and(|whole| whole.as_str().len() > URI_BYTES_MAX) {
            return Err(WireError::UriTooLong);
        }
        if self.keys.is_none() && self.tenants.is_none() && self.rates.is_none() {
            return Ok(());
        }
        let of_tenant = route.is_some_and(|route| after_prefix(route).is_some());
        let crm_id = if of_tenant { Some(tenant_of(uri.path())) } else { None };
        if let Some(keys) = &self.keys {
            check_key(keys, request, route, crm_id.as_deref())?;
        }
        let Some(crm_id) = crm_id.as_deref() else { return Ok(()) };
        if !is_tenant(crm_id) {
            return Err(bad_tenant());
        }
        if self.tenants.as_ref().is_some_and(|tenants| !tenants.contains(crm_id)) {
            return Err(WireError::NoSuchTenant(crm_id.to_owned()));
        }
        match &self.rates {
            Some(rates) => rates.admit(crm_id).map_err(|seconds| WireError::TooFast { seconds }),
            None => Ok(()),
        }
    }
}

/// The tenant in the path of a route that has one, decoded as the router decodes it; not yet checked.
pub fn tenant_of(path: &str) -> Cow<'_, str> {
    let before = PREFIX.split('{').next().unwrap_or_default();
    let segment = path.strip_prefix(before).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    percent_encoding::percent_decode_str(segment).decode_utf8().unwrap_or_default()
}

fn check_key(
    keys: &KeyRing,
    request: &Request,
    route: Option<&str>,
    crm_id: Option<&str>,
) -> Result<(), WireError> {
    let asked = route.map(|route| listed(request.method(), route));
    if asked == Some(Listed::Needs(Need::Open)) {
        return Ok(());
    }
    let presented = presented(request.headers()).ok_or(WireError::NoKey)?;
    keys.with(presented, |grant| judge(grant.ok_or(WireError::WrongKey)?, asked, crm_id))
}

/// The key that a request bears: a bearer's, else that of `X-API-Key`.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then(|| key.trim_ascii())
    });
    bearer.or_else(|| headers.get(X_API_KEY).map(|value| value.as_bytes().trim_ascii()))
}

/// Whether a key opens the route asked for. Its tenants come first: a stranger learns nothing of the route.
fn judge(grant: &Grant, asked: Option<Listed>, crm_id: Option<&str>) -> Result<(), WireError> {
    // Where there is no route, there is nothing to open.
    let Some(asked) = asked else { return Ok(()) };
    match crm_id {
        // One of no tenant's form is nobody's, and is told so later.
        Some(crm_id) if is_tenant(crm_id) && !grant.reaches(crm_id) => {
            return Err(WireError::ForeignTenant(crm_id.to_owned()));
        }
        None if !grant.reaches_all() => return Err(WireError::NotForAllTenants),
        _ => {}
    }
    let scope = match asked {
        Listed::Needs(Need::Open) => return Ok(()),
        Listed::Needs(Need::Tenant(scope) | Need::AllTenants(scope)) => scope,
        // Most likely a slip of the client, not of ours; a handler that was forgotten in the table stays shut.
        Listed::OtherMethods if !grant.has(Scope::Admin) => return Err(WireError::WrongMethod),
        Listed::OtherMethods | Listed::Not => Scope::Admin,
    };
    if grant.has(scope) { Ok(()) } else { Err(WireError::WithoutScope(scope.name())) }
}
