//! What no client can do to the service: take its connections, its memory or its time without end.
use super::sending::accrual;
use super::{Options, Server, TENANT, path};
use crate::support::disk::{FaultyDisk, Op};
use crate::support::http::send_raw;
use eros_points::actors::core::Bounds;
use eros_points::http::edge::{ConnectionBounds, Edge};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// As good as for ever: no test waits for it to pass.
const LONG: Duration = Duration::from_secs(60);

fn impatient() -> Server {
    let bounds = ConnectionBounds {
        head_time_max: Duration::from_millis(300),
        answer_time_max: Duration::from_millis(300),
        ..ConnectionBounds::default()
    };
    Server::behind(Edge { bounds, ..Edge::default() })
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// Reads until the other end closes; fails where it never does.
fn read_to_the_end(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("it is still open: {error}"),
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn hangs_up_where_nothing_is_said() {
    let server = impatient();
    assert_eq!(read_to_the_end(&mut connect(&server)), "");
}

#[test]
fn hangs_up_where_the_other_end_is_gone_without_a_word_after_a_request() {
    let server = impatient();
    let mut stream = connect(&server);
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let answer = read_to_the_end(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[test]
fn hangs_up_where_a_head_comes_letter_by_letter() {
    let server = impatient();
    let mut stream = connect(&server);
    stream.set_nodelay(true).unwrap();
    let endless = b"GET /livez HTTP/1.1\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'x'));
    let mut sent = 0;
    for byte in endless {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        sent += 1;
        assert!(sent < 6_000, "it still listens");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(read_to_the_end(&mut stream), "");
}

#[test]
fn hangs_up_on_a_client_that_never_reads_its_answers() {
    let server = impatient();
    let mut stream = connect(&server);
    // A client that reads nothing is at some time not read from either; then only the service can end it.
    let requests = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
    let ended = loop {
        if let Err(error) = stream.write_all(requests.as_bytes()) {
            break error;
        }
    };
    let cut = matches!(ended.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
    assert!(cut, "it was not cut off: {ended}");
    server.send("GET", "/livez", &[], b"").data();
}

#[test]
fn refuses_a_head_that_is_too_large_or_has_too_many_headers() {
    let server = Server::start();
    let request =
        |headers: &str| format!("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    let many = |count: usize| (0..count).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    let large = |bytes: usize| format!("x-large: {}\r\n", "y".repeat(bytes));
    for headers in [many(98), large(30_000)] {
        send_raw(server.address(), request(&headers).as_bytes()).data();
    }
    for headers in [many(99), large(33_000)] {
        let answer = send_raw(server.address(), request(&headers).as_bytes());
        assert_eq!((answer.status, &answer.body[..]), (431, &b""[..]));
    }
    // One that never ends.
    let mut stream = connect(&server);
    stream.write_all(b"GET /livez HTTP/1.1\r\n").unwrap();
    let flood = "x-flood: y\r\n".repeat(1_000);
    while stream.write_all(flood.as_bytes()).is_ok() {}
    read_to_the_end(&mut stream);
    server.send("GET", "/livez", &[], b"").data();
}

#[test]
fn refuses_an_address_that_is_too_long() {
    let server = Server::start();
    let long = |bytes: usize| {
        let path = path(TENANT, "summary?member_no=m&filler=");
        let filler = "x".repeat(bytes - path.len());
        server.send("GET", &format!("{path}{filler}"), &[], b"")
    };
    long(8 << 10).data();
    assert!(long((8 << 10) + 1).refusal(414, 41400).contains("8 KiB"));
}

#[test]
fn sheds_at_once_what_is_more_than_it_takes_on() {
    let disk = FaultyDisk::new();
    let bounds =
        Bounds { live_actors_max: 1_000, in_flight_max: 2, index_lag_max: 100_000, resting_bytes_max: 0 };
    let server = Server::on(Options { bounds, ..Options::default() }, Arc::new(disk.clone()));
    server.accrue("e0", "m", 1);
    disk.hold(Op::Sync);
    let asking = |number: usize| {
        let mut stream = connect(&server);
        let body = accrual(&format!("e{number}"), &format!("m{number}"), 1).to_string();
        let address = path(TENANT, "produce/direct");
        let length = body.len();
        write!(stream, "POST {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        stream
    };
    let mut waiting = [asking(1), asking(2)];
    disk.wait_until_held();
    // Both have their places when a third finds none.
    let mut shed = server.post("produce/direct", accrual("e3", "m3", 1));
    for _ in 0..6_000 {
        if shed.status == 503 {
            break;
        }
        shed = server.post("produce/direct", accrual("e3", "m3", 1));
    }
    shed.refusal(503, 50303);
    assert_eq!(shed.header("Retry-After"), Some("1"));
    assert_eq!(server.send("GET", "/livez", &[], b"").status, 200);
    disk.let_go();
    for stream in &mut waiting {
        let answer = read_to_the_end(stream);
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    server.accrue("e3", "m3", 1);
}

#[test]
fn lets_connections_wait_that_are_more_than_it_has_places_for() {
    let bounds = ConnectionBounds { connections_max: 2, ..ConnectionBounds::default() };
    let server = Server::behind(Edge { bounds, ..Edge::default() });
    let (mut first, second) = (connect(&server), connect(&server));
    for stream in [&first, &second] {
        let mut stream = stream;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 15]).unwrap();
    }
    let mut third = connect(&server);
    third.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    third.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let waits = third.read(&mut [0; 15]).unwrap_err();
    assert!(matches!(waits.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{waits}");
    first.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    read_to_the_end(&mut first);
    third.set_read_timeout(Some(LONG)).unwrap();
    assert!(read_to_the_end(&mut third).starts_with("HTTP/1.1 200 OK"));
    drop(second);
}
