//! Requests on their connections: ids, slow bodies, one after the other.
use super::sending::accrual;
use super::{Server, TENANT, path};
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn gives_every_request_an_id() {
    let server = Server::start();
    let ids: Vec<String> = ["summary?member_no=m", "summary", "nothing", "summary?member_no=m"]
        .iter()
        .map(|route| server.get(route).header("X-Request-Id").expect("an id").to_owned())
        .collect();
    let mut different = ids.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 4, "{ids:?}");
    let answer = server.send("GET", "/nothing", &[("X-Request-Id", "mine-1")], b"");
    assert_eq!(answer.header("X-Request-Id"), Some("mine-1"));
}

#[test]
fn never_lets_a_clients_id_break_the_head() {
    let server = Server::start();
    let long = "x".repeat(10_000);
    let answer = server.send("GET", "/nothing", &[("X-Request-Id", &long)], b"");
    assert_ne!(answer.header("X-Request-Id"), Some(long.as_str()));
    answer.refusal(404, 40400);
}

#[test]
fn gives_up_on_a_body_that_does_not_arrive() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{",
        path(TENANT, "produce/direct")
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let mut answer = vec![0; 4_096];
    let read = stream.read(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert!(text.contains("\"code\":40800"), "{text}");
}

#[test]
fn serves_requests_one_after_the_other_on_one_connection() {
    let server = Server::start();
    let body = accrual("e1", "m", 1).to_string();
    let request = |connection: &str| {
        format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\nContent-Length: {}\r\n\r\n{body}",
            path(TENANT, "produce/direct"),
            body.len()
        )
    };
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(format!("{}{}", request("keep-alive"), request("close")).as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert_eq!(text.to_lowercase().matches("idempotent-replayed: true").count(), 1, "{text}");
}

#[test]
fn keeps_the_connection_open_after_it_refused_a_body() {
    let server = Server::start();
    let refused = [
        ("POST", "nothing", "application/json"),
        ("PUT", "consume/direct", "application/json"),
        ("POST", "consume/direct", "text/plain"),
    ];
    for (method, route, media) in refused {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let head = |connection: &str| {
            let address = path(TENANT, route);
            format!(
                "{method} {address} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\nContent-Type: {media}\r\nContent-Length: 2\r\n\r\n"
            )
        };
        stream.write_all(head("keep-alive").as_bytes()).unwrap();
        // The body comes after the service could have answered: it must neither take it for a request nor hang up.
        std::thread::sleep(std::time::Duration::from_millis(50));
        stream.write_all(format!("{{}}{}{{}}", head("close")).as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text.matches("\"code\":4").count(), 2, "{method} {route} {media}: {text}");
    }
}
