//! A plain client: sends one request, gives back all of the answer.
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

/// Long enough for the slowest machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came back, the body also as JSON.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub json: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn is_replay(&self) -> bool {
        self.header("Idempotent-Replayed") == Some("true")
    }

    /// `data` of a success; its envelope is checked.
    #[track_caller]
    pub fn data(&self) -> &Value {
        self.check_envelope();
        assert_eq!((self.status, code(&self.json)), (200, 0), "{}", self.text());
        assert_eq!(self.json["msg"], "OK");
        &self.json["data"]
    }

    /// The message of a refusal; its envelope is checked.
    #[track_caller]
    pub fn refusal(&self, status: u16, expected: i64) -> &str {
        self.check_envelope();
        assert_eq!((self.status, code(&self.json)), (status, expected), "{}", self.text());
        assert!(!self.is_replay(), "a refusal is no replay");
        self.json["msg"].as_str().unwrap()
    }

    /// `code` an integer, `msg` a text, `data` an object or null, and nothing else.
    #[track_caller]
    pub fn check_envelope(&self) {
        let envelope = self.json.as_object().unwrap_or_else(|| panic!("no envelope: {}", self.text()));
        let mut keys: Vec<&str> = envelope.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["code", "data", "msg"], "{}", self.text());
        assert!(envelope["code"].as_i64().is_some(), "{}", self.text());
        assert!(envelope["msg"].as_str().is_some_and(|msg| !msg.is_empty()), "{}", self.text());
        assert!(envelope["data"].is_object() || envelope["data"].is_null(), "{}", self.text());
        let media = self.header("Content-Type").unwrap_or_default();
        assert!(media.starts_with("application/json"), "Content-Type: {media}");
    }

    pub fn text(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

fn code(json: &Value) -> i64 {
    json["code"].as_i64().unwrap()
}

/// One that keeps its connections and judges no status.
pub fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .build()
        .into()
}

/// Sends one well-formed request.
pub fn send(
    agent: &Agent,
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    // A GET has no body, and the library says so.
    let response = match method {
        "GET" | "DELETE" => agent.run(request.body(()).unwrap()),
        _ => agent.run(request.body(body).unwrap()),
    };
    let mut response = response.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let mut bytes = Vec::new();
    response.body_mut().as_reader().read_to_end(&mut bytes).unwrap();
    answer(response.status().as_u16(), response.headers().clone(), bytes)
}

fn answer(status: u16, headers: HeaderMap, body: Vec<u8>) -> Answer {
    let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Answer { status, headers, body, json }
}

/// Sends bytes as they are and reads until the other end closes; for what no client library would send. The request
/// must ask for the connection to be closed, or be one after which the service closes it.
pub fn send_raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The service may answer and close before it has read everything; what it said still counts.
    let _ = stream.write_all(bytes);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let _ = stream.shutdown(Shutdown::Both);
    parse(&all)
}

/// Of a plain answer with `Content-Length`.
fn parse(all: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(all);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name = ureq::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.insert(name, value.parse().unwrap());
    }
    answer(status, headers, body.as_bytes().to_vec())
}
