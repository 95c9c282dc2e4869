//! `GET /openapi.json` and `/docs`: the document says what the service does, and its examples are the service's own.
use super::{Server, Value, json};
use crate::support::http::Answer;
use eros_points::http::edge::Edge;
use eros_points::http::error::every_error;
use eros_points::http::server::app;
use serde_json::Map;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];
const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

impl Server {
    fn document(&self) -> Value {
        let answer = self.send("GET", "/openapi.json", &[], b"");
        assert_eq!((answer.status, answer.header("Content-Type")), (200, Some("application/json")));
        answer.json
    }

    /// Sends an example's request.
    fn asks(&self, example: &Value) -> Answer {
        let text = example["text"].as_str().map(str::to_owned);
        let body = text.or_else(|| example.get("body").map(Value::to_string)).unwrap_or_default();
        let (method, path) = (example["method"].as_str().unwrap(), example["path"].as_str().unwrap());
        self.send(method, path, &JSON, body.as_bytes())
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}"))
}

/// What answers hold only sometimes: docs/API.md says of each when.
const SOMETIMES: [&str; 15] = [
    "total_is_lower_bound",
    "rule_version",
    "lots",
    "others",
    "used",
    "left",
    "sku",
    "category",
    "points",
    "per_amount",
    "exclude",
    "tier",
    "weekdays",
    "from",
    "to",
];

/// Each operation with its path and method.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = object(&document["paths"]).iter();
    let each = paths.flat_map(|(path, item)| {
        let methods = METHODS.iter().filter_map(|method| Some((*method, item.get(*method)?)));
        methods.map(|(method, operation)| (path.as_str(), method, operation))
    });
    each.collect()
}

/// Where a reference within the document leads.
fn follow<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(reference) = value["$ref"].as_str() else { return value };
    let pointer =
        reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads out of the document"));
    document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

/// Every object in a document, itself included.
fn visit(value: &Value, look: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            look(map);
            map.values().for_each(|value| visit(value, look));
        }
        Value::Array(items) => items.iter().for_each(|value| visit(value, look)),
        _ => {}
    }
}

/// The paths that the router itself knows, out of what it prints of itself.
fn served_paths() -> BTreeSet<String> {
    let service = eros_points::actors::service::Service::starting(chrono_tz::Asia::Shanghai);
    let printed = format!("{:?}", app(service.into(), Edge::default().into()));
    let quoted = printed.split('"').skip(1).step_by(2);
    let inner = ["/", "/{*__private__axum_fallback}"];
    let paths = quoted.filter(|text| text.starts_with('/') && !inner.contains(text));
    let paths: BTreeSet<String> = paths.map(str::to_owned).collect();
    assert!(paths.contains("/livez"), "the router prints its paths no more: {printed}");
    paths
}

#[test]
fn describes_every_route_that_is_served_and_serves_every_route_that_it_describes() {
    let server = Server::start();
    let document = server.document();
    assert_eq!(document["openapi"], "3.1.0");
    let described: BTreeSet<String> = object(&document["paths"]).keys().cloned().collect();
    assert_eq!(described, served_paths());
    for path in described {
        let item = object(&document["paths"][&path]);
        let mut methods: BTreeSet<String> =
            METHODS.iter().filter(|method| item.contains_key(**method)).map(|m| m.to_uppercase()).collect();
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        let concrete = path.replace("{crm_id}", "10080").replace(['{', '}'], "");
        let answer = server.send("OPTIONS", &concrete, &[], b"");
        answer.refusal(405, 40500);
        let allowed: BTreeSet<String> =
            answer.header("Allow").unwrap().split(',').map(|method| method.trim().to_owned()).collect();
        assert_eq!(methods, allowed, "{path}");
    }
}

#[test]
fn names_every_code_with_its_status_and_nothing_that_leads_nowhere() {
    let document = Server::start().document();
    visit(&document, &mut |map| {
        follow(&document, &Value::Object(map.clone()));
    });
    let mut named = BTreeMap::new();
    for (path, method, operation) in operations(&document) {
        assert!(operation["summary"].is_string(), "{method} {path}");
        let responses = object(&operation["responses"]);
        assert!(responses.contains_key("200"), "{method} {path}");
        // The HTTP layer's own answer has neither body nor code.
        assert!(responses.contains_key("431"), "{method} {path}");
        for (status, response) in
            responses.iter().filter(|(status, _)| !["200", "431"].contains(&status.as_str()))
        {
            let response = follow(&document, response);
            let codes = &response["content"]["application/json"]["schema"]["properties"]["code"]["enum"];
            for code in codes.as_array().unwrap_or_else(|| panic!("{method} {path} {status}: no codes")) {
                let words = response["description"].as_str().unwrap();
                assert!(words.contains(&format!("`{code}`: ")), "{method} {path}: {words}");
                named.insert(code.as_u64().unwrap(), status.clone());
            }
        }
    }
    let edge = [40500];
    for error in every_error() {
        let (status, code, _) = error.wire();
        if edge.contains(&code) {
            continue;
        }
        assert_eq!(named.get(&u64::from(code)), Some(&status.as_u16().to_string()), "{error:?}");
    }
}

#[test]
fn shapes_of_answers_are_closed_and_whole() {
    let document = Server::start().document();
    let mut answers: Vec<&Value> = Vec::new();
    for (_, _, operation) in operations(&document) {
        let success = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        answers.extend(success["properties"].get("data"));
    }
    assert!(answers.len() > 15, "{} answers", answers.len());
    while let Some(schema) = answers.pop() {
        let schema = follow(&document, schema);
        if let Some(properties) = schema.get("properties") {
            assert_eq!(schema["additionalProperties"], json!(false), "{schema}");
            let required: BTreeSet<&str> =
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let names: BTreeSet<&str> = object(properties).keys().map(String::as_str).collect();
            let missing: Vec<&str> = names.difference(&required).copied().collect();
            assert!(required.is_subset(&names), "{schema}");
            assert!(missing.iter().all(|name| SOMETIMES.contains(name)), "{missing:?} in {schema}");
            answers.extend(object(properties).values());
        }
        answers.extend(schema.get("items"));
        for word in ["oneOf", "anyOf", "allOf"] {
            answers.extend(schema.get(word).and_then(Value::as_array).into_iter().flatten());
        }
    }
}

fn examples_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/openapi/examples.json")
}

/// With `EROS_WRITE_FIXTURES` set, the answers are written down instead of held against.
#[test]
fn examples_are_what_the_service_answers() {
    let text = std::fs::read_to_string(examples_file()).unwrap();
    let mut examples: Vec<Value> = serde_json::from_str(&text).unwrap();
    let writes = std::env::var_os("EROS_WRITE_FIXTURES").is_some();
    let (server, starting) = (Server::start(), Server::before_recovery(super::Options::default()));
    for example in &mut examples {
        let answer = if example["starting"] == true { starting.asks(example) } else { server.asks(example) };
        assert_eq!(answer.status, example["status"].as_u64().unwrap() as u16, "{example}: {}", answer.text());
        if writes {
            example["answer"] = answer.json;
        } else {
            assert_eq!(answer.json, example["answer"], "{}: {}", example["operation"], example["summary"]);
        }
    }
    if writes {
        let text = serde_json::to_string_pretty(&examples).unwrap() + "\n";
        std::fs::write(examples_file(), text).unwrap();
    }
}

#[test]
fn every_operation_shows_an_example_of_its_answer_and_of_its_body() {
    let document = Server::start().document();
    for (path, method, operation) in operations(&document) {
        let Some(content) = operation["responses"]["200"]["content"].get("application/json") else {
            continue;
        };
        if path == "/openapi.json" {
            continue;
        }
        assert!(content["examples"].is_object(), "{method} {path} has no example");
        if let Some(body) = operation.get("requestBody") {
            let content = &body["content"]["application/json"];
            assert!(content["examples"].is_object(), "{method} {path} has no example of its body");
        }
    }
}

#[test]
fn the_page_is_whole_and_names_no_other_address() {
    let server = Server::start();
    let page = server.send("GET", "/docs", &[], b"");
    assert_eq!((page.status, page.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("Content-Security-Policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("http"), "{policy}");
    let html = String::from_utf8(page.body.clone()).unwrap();
    let mut loaded = BTreeMap::new();
    for attribute in ["src=\"", "href=\""] {
        for address in html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(!address.contains("//"), "{address} is another's");
            if address.starts_with("data:") {
                continue;
            }
            let part = server.send("GET", &format!("/{address}"), &[("Accept-Encoding", "gzip")], b"");
            assert_eq!(part.status, 200, "{address}");
            loaded.insert(address.to_owned(), String::from_utf8(part.body).unwrap());
        }
    }
    assert!(loaded["docs/docs.js"].contains("validatorUrl: null"));
    assert!(!loaded["docs/docs.js"].contains("http"), "it names another address");
    assert!(loaded["docs/swagger-ui-bundle.js"].contains("SwaggerUIBundle"));
    let style = &loaded["docs/swagger-ui.css"];
    assert!(!style.contains("@import"), "a style sheet loads another");
    for url in style.split("url(").skip(1) {
        assert!(url.trim_start_matches(['"', '\'']).starts_with("data:"), "{}", &url[..url.len().min(60)]);
    }
    server.send("GET", "/docs/swagger-ui.js", &[], b"").refusal(404, 40400);
    server.send("GET", "/docs/", &[], b"").refusal(404, 40400);
}

#[test]
fn needs_no_service_that_is_ready() {
    let server = Server::before_recovery(super::Options::default());
    assert_eq!(server.send("GET", "/docs", &[], b"").status, 200);
    server.document();
}
