//! One connection with one request under way: bytes out, one answer in, no more of HTTP than that takes.
use memchr::memmem::Finder;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::LazyLock;

// Made once: to make one takes as long as to search a head.
static HEAD_END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));
static LENGTH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"content-length: "));

pub struct Connection {
    pub stream: TcpStream,
    /// What has come of an answer that did not come in one piece.
    pieces: Vec<u8>,
}

/// One whole answer.
pub struct Answer {
    /// Status 200 and the envelope's code 0.
    pub is_success: bool,
    pub body: Range<usize>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Connection { stream, pieces: Vec::new() }
    }

    /// For many connections on one thread.
    pub fn open_nonblocking(address: SocketAddr) -> Connection {
        let connection = Connection::open(address);
        connection.stream.set_nonblocking(true).expect("a connection that does not block");
        connection
    }

    /// Sends a small request, for which the socket has room as nothing else is under way.
    pub fn send(&mut self, request: &[u8]) {
        let sent = self.stream.write(request).expect("a request goes out");
        assert_eq!(sent, request.len(), "a request that the socket takes at once");
    }

    /// What the socket has, if that ends an answer: gives the length of its body. Any answer but a success ends the run.
    pub fn answered(&mut self, buffer: &mut [u8]) -> Option<usize> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => panic!("the server closed the connection"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => panic!("no answer: {error}"),
            };
            if self.pieces.is_empty()
                && let Some(answer) = answer(&buffer[..count])
            {
                return Some(expected(&answer, &buffer[..count]));
            }
            self.pieces.extend_from_slice(&buffer[..count]);
            if let Some(answer) = answer(&self.pieces) {
                let body_bytes = expected(&answer, &self.pieces);
                self.pieces.clear();
                return Some(body_bytes);
            }
        }
    }

    /// Sends a request of any length and waits for its answer; for connections that block.
    pub fn exchange<'a>(&mut self, request: &[u8], into: &'a mut Vec<u8>) -> (Answer, &'a [u8]) {
        self.stream.write_all(request).expect("a request goes out");
        into.clear();
        let mut buffer = vec![0; 256 << 10];
        // The length is looked for once; an answer of megabytes comes in many pieces.
        let mut whole = None;
        loop {
            let count = self.stream.read(&mut buffer).expect("an answer");
            assert_ne!(count, 0, "the server closed the connection");
            into.extend_from_slice(&buffer[..count]);
            whole = whole.or_else(|| framed(into));
            if whole.as_ref().is_some_and(|body| into.len() >= body.end) {
                let answer = answer(into).expect("a whole answer");
                return (answer, into);
            }
        }
    }
}

fn expected(answer: &Answer, bytes: &[u8]) -> usize {
    assert!(answer.is_success, "not an answer that was expected: {}", String::from_utf8_lossy(bytes));
    answer.body.len()
}

/// The answer at the begin of these bytes, if it is whole.
fn answer(bytes: &[u8]) -> Option<Answer> {
    let body = framed(bytes)?;
    let told = bytes.get(body.clone())?;
    assert_eq!(bytes.len(), body.end, "one answer at a time");
    let is_success = bytes.starts_with(b"HTTP/1.1 200")
        && (told.starts_with(br#"{"code":0,"#) || told.starts_with(br#"{"code": 0,"#));
    Some(Answer { is_success, body })
}

/// Where the body lies, if the head is there.
fn framed(bytes: &[u8]) -> Option<Range<usize>> {
    let head = HEAD_END.find(bytes)?;
    let length = match LENGTH.find(&bytes[..head]) {
        Some(at) => number(&bytes[at + 16..head]),
        None => length_in_any_case(&bytes[..head]),
    };
    let start = head + 4;
    Some(start..start + length)
}

fn number(digits: &[u8]) -> usize {
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

fn length_in_any_case(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head);
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    length.unwrap_or_else(|| panic!("an answer without a length: {text}"))
}
