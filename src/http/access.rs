//! What each route asks of a key: the one table. A route needs a line here; without one only `admin` opens it.
use crate::http::keys::Scope;
use axum::http::Method;

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Open,
    /// A key for the tenant of the path, with this scope.
    Tenant(Scope),
    /// A key for all tenants, with this scope.
    AllTenants(Scope),
}

const READ: Need = Need::Tenant(Scope::Read);
const WRITE: Need = Need::Tenant(Scope::Write);
const ADMIN: Need = Need::Tenant(Scope::Admin);

/// Where tenants' routes lie.
pub const PREFIX: &str = "/api/crm/points/{crm_id}";

/// Routes under a tenant's prefix. `HEAD` is as `GET`.
const OF_TENANTS: &[(Method, &str, Need)] = &[
    (Method::POST, "/produce/direct", WRITE),
    (Method::POST, "/produce/by_rule", WRITE),
    (Method::POST, "/consume/direct", WRITE),
    (Method::POST, "/reverse/produce", WRITE),
    (Method::POST, "/reverse/consume", WRITE),
    (Method::POST, "/transfer", WRITE),
    (Method::POST, "/transfer/direct", WRITE),
    (Method::POST, "/transfer/cancel", WRITE),
    (Method::POST, "/accept", WRITE),
    (Method::POST, "/batch", WRITE),
    (Method::POST, "/history", READ),
    (Method::GET, "/history/export", READ),
    (Method::GET, "/changes", READ),
    (Method::GET, "/summary", READ),
    (Method::GET, "/lots", READ),
    (Method::GET, "/transfers", READ),
    (Method::GET, "/expiring", READ),
    (Method::GET, "/expiring/members", READ),
    (Method::GET, "/members/export", READ),
    (Method::GET, "/liability", READ),
    (Method::GET, "/members/{member_no}", READ),
    (Method::PUT, "/members/{member_no}", WRITE),
    (Method::DELETE, "/members/{member_no}/personal-data", ADMIN),
    (Method::GET, "/rules", READ),
    (Method::POST, "/rules", ADMIN),
    (Method::POST, "/rules/preview", READ),
    (Method::GET, "/rules/{rule_id}", READ),
    (Method::PUT, "/rules/{rule_id}", ADMIN),
    (Method::DELETE, "/rules/{rule_id}", ADMIN),
    (Method::GET, "/settings", READ),
    (Method::PUT, "/settings", ADMIN),
];

/// Routes of the service itself.
const OF_THE_SERVICE: &[(Method, &str, Need)] = &[
    (Method::GET, "/livez", Need::Open),
    (Method::GET, "/readyz", Need::Open),
    (Method::GET, "/openapi.json", Need::Open),
    (Method::GET, "/docs", Need::Open),
    (Method::GET, "/docs/{file}", Need::Open),
    (Method::GET, "/metrics", Need::AllTenants(Scope::Read)),
];

/// What is known of a method of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    Needs(Need),
    /// The route is listed, this method is not.
    OtherMethods,
    Not,
}

/// The part of a matched route that follows a tenant's prefix.
pub fn after_prefix(route: &str) -> Option<&str> {
    route.strip_prefix(PREFIX)
}

/// Whether a matched route is one of the service itself and not of the points API.
pub fn is_of_the_service(route: &str) -> bool {
    OF_THE_SERVICE.iter().any(|(_, path, _)| *path == route)
}

/// What a route asks for, by the pattern that matched.
pub fn listed(method: &Method, route: &str) -> Listed {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let (table, route) = table_of(route);
    let mut of_route = table.iter().filter(|(_, path, _)| *path == route).peekable();
    if of_route.peek().is_none() {
        return Listed::Not;
    }
    of_route
        .find(|(listed, _, _)| listed == method)
        .map_or(Listed::OtherMethods, |(_, _, need)| Listed::Needs(*need))
}

/// Which of the table's routes a path is of, by the matcher that the router uses, too.
#[derive(Clone)]
pub struct Routes(matchit::Router<Box<str>>);

impl Routes {
    /// All routes that there are.
    pub fn of_table() -> Routes {
        let of_tenants = OF_TENANTS.iter().map(|(_, path, _)| format!("{PREFIX}{path}"));
        let of_the_service = OF_THE_SERVICE.iter().map(|(_, path, _)| (*path).to_owned());
        Routes::new(of_tenants.chain(of_the_service))
    }

    fn new(routes: impl Iterator<Item = String>) -> Routes {
        let mut known = matchit::Router::new();
        for route in routes {
            // One that is there already has more methods than one.
            let _ = known.insert(route.clone(), route.into_boxed_str());
        }
        Routes(known)
    }

    /// The route's pattern.
    pub fn of(&self, path: &str) -> Option<&str> {
        self.0.at(path).ok().map(|found| &**found.value)
    }

    #[cfg(test)]
    pub fn of_these(routes: &[&str]) -> Routes {
        Routes::new(routes.iter().map(|route| (*route).to_owned()))
    }
}

type Table = &'static [(Method, &'static str, Need)];

fn table_of(route: &str) -> (Table, &str) {
    match after_prefix(route) {
        Some(rest) => (OF_TENANTS, rest),
        None => (OF_THE_SERVICE, route),
    }
}

/// The listed methods of a route, as in the header `Allow`.
pub fn methods(route: &str) -> String {
    let (table, route) = table_of(route);
    let mut methods = Vec::new();
    for (method, _, _) in table.iter().filter(|(_, path, _)| *path == route) {
        methods.push(method.as_str());
        if method == Method::GET {
            methods.push("HEAD");
        }
    }
    methods.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_the_route_that_fits_best() {
        let routes = Routes::of_table();
        let tenant = |rest: &str| format!("/api/crm/points/10080{rest}");
        let rows = [
            (tenant("/members/export"), Some(format!("{PREFIX}/members/export"))),
            (tenant("/members/m%2F1"), Some(format!("{PREFIX}/members/{{member_no}}"))),
            ("/docs".to_owned(), Some("/docs".to_owned())),
            (tenant("/unheard-of"), None),
            ("/".to_owned(), None),
        ];
        for (path, route) in rows {
            assert_eq!(routes.of(&path), route.as_deref(), "{path}");
        }
        for (table, prefix) in [(OF_TENANTS, PREFIX), (OF_THE_SERVICE, "")] {
            for (_, path, _) in table {
                let route = format!("{prefix}{path}");
                assert_eq!(routes.of(&route.replace(['{', '}'], "")), Some(&*route), "every one is there");
            }
        }
    }

    #[test]
    fn what_is_not_listed_is_told_from_what_has_other_methods() {
        let route = |rest: &str| format!("{PREFIX}{rest}");
        let rows = [
            (Method::GET, route("/summary"), Listed::Needs(READ)),
            (Method::HEAD, route("/summary"), Listed::Needs(READ)),
            (Method::POST, route("/summary"), Listed::OtherMethods),
            (Method::DELETE, route("/rules/{rule_id}"), Listed::Needs(ADMIN)),
            (Method::GET, route("/unheard-of"), Listed::Not),
            (Method::GET, "/summary".to_owned(), Listed::Not),
            (Method::GET, "/livez".to_owned(), Listed::Needs(Need::Open)),
            (Method::GET, route("/livez"), Listed::Not),
        ];
        for (method, route, expected) in rows {
            assert_eq!(listed(&method, &route), expected, "{method} {route}");
        }
        assert_eq!(methods(&route("/summary")), "GET,HEAD");
        assert_eq!(methods(&route("/settings")), "GET,HEAD,PUT");
    }
}
