//! Clients that note when they asked, when they were answered, and what.
use crate::linearizable::operations::{Ground, Kind, Operation, PREFIX};
use crate::support::process::{Connection, Reply};
use crate::support::random::Random;
use serde_json::Value;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What all clients of a history share.
pub struct Scene {
    began: Instant,
    pub operations: u64,
    begun: AtomicU64,
    /// Where the service is; changes when it is started again.
    address: Mutex<SocketAddr>,
    ground: Mutex<Ground>,
}

impl Scene {
    pub fn new(address: SocketAddr, operations: u64) -> Scene {
        Scene {
            began: Instant::now(),
            operations,
            begun: AtomicU64::new(0),
            address: Mutex::new(address),
            ground: Mutex::default(),
        }
    }

    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    pub fn moved_to(&self, address: SocketAddr) {
        *self.address.lock().expect("the address") = address;
    }

    fn address(&self) -> SocketAddr {
        *self.address.lock().expect("the address")
    }
}

/// An operation from when it was asked first to when it was answered at last.
#[derive(Clone, Debug)]
pub struct Done {
    pub operation: Operation,
    pub invoked: Duration,
    pub returned: Duration,
    /// Asked once before by somebody who hung up: that request may be done any time later.
    pub hung_up: bool,
    pub status: u16,
    pub answer: Value,
}

pub fn client(scene: &Scene, mut random: Random, name: u64) -> Vec<Done> {
    let mut all: Vec<Done> = Vec::new();
    let mut line = Line { scene, connection: None, asked: name };
    loop {
        let n = scene.begun.fetch_add(1, Ordering::Relaxed);
        if n >= scene.operations {
            return all;
        }
        if random.one_in(25)
            && let Some(earlier) = random.pick(&all).filter(|done| done.is_change()).cloned()
        {
            line.repeat(&earlier);
            continue;
        }
        let operation = scene.ground.lock().expect("the ground").next(&mut random, format!("{name}-{n}"));
        let invoked = scene.began.elapsed();
        let hung_up = random.one_in(30);
        if hung_up {
            line.ask_and_hang_up(&operation);
        }
        let reply = line.insist(&operation);
        let returned = scene.began.elapsed();
        let answer: Value = serde_json::from_str(&reply.body).expect("JSON");
        let done = Done { operation, invoked, returned, hung_up, status: reply.status, answer };
        if done.is_change() {
            scene.ground.lock().expect("the ground").learn(&done.operation);
        }
        all.push(done);
    }
}

impl Done {
    /// A change that was made.
    pub fn is_change(&self) -> bool {
        self.status == 200 && self.operation.kind != Kind::Look
    }

    pub fn data(&self) -> &Value {
        &self.answer["data"]
    }

    pub fn code(&self) -> i64 {
        self.answer["code"].as_i64().expect("a code")
    }

    /// The number of its record.
    pub fn lsn(&self) -> u64 {
        self.data()["auto_id"].as_u64().expect("an auto_id")
    }
}

/// The answer to a batch of one operation, as its own route would have given it.
fn in_a_batch(connection: &mut Connection, path: &str, body: &str) -> std::io::Result<Reply> {
    let op = path.strip_prefix(PREFIX).expect("a route of the tenant's").trim_start_matches('/');
    let reply =
        connection.post(&format!("{PREFIX}/batch"), &format!(r#"[{{"op":"{op}","body":{body}}}]"#))?;
    if reply.status != 200 {
        return Ok(reply);
    }
    let mut answer: Value = serde_json::from_str(&reply.body).expect("JSON");
    let mut item = answer["data"]["items"][0].take();
    let status = item["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
    item.as_object_mut().expect("an item").remove("status");
    Ok(Reply { status, body: item.to_string(), ..reply })
}

/// A client's line to wherever the service is.
struct Line<'a> {
    scene: &'a Scene,
    connection: Option<Connection>,
    /// How often it has asked.
    asked: u64,
}

impl Line<'_> {
    fn once(&mut self, operation: &Operation) -> std::io::Result<Reply> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::to(self.scene.address())?,
        };
        let (method, path, body) = operation.request();
        self.asked += 1;
        let reply = match method {
            "GET" => connection.get(&path),
            // A batch's operations go other ways, and overlap with those that come alone.
            _ if self.asked.is_multiple_of(3) => in_a_batch(&mut connection, &path, &body),
            _ => connection.post(&path, &body),
        }?;
        self.connection = Some(connection);
        Ok(reply)
    }

    /// Sends it until it is answered by one who knows.
    fn insist(&mut self, operation: &Operation) -> Reply {
        loop {
            match self.once(operation) {
                Ok(reply) if reply.status < 500 => return reply,
                Ok(reply) => assert_eq!(reply.status, 503, "{operation:?} was answered {reply:?}"),
                Err(_) => {}
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// As one who waited in vain: whatever comes of it, nobody hears. What is sent next overtakes it, maybe.
    fn ask_and_hang_up(&self, operation: &Operation) {
        let (method, path, body) = operation.request();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        // The service may be gone at this moment: then it was not asked.
        let _ = TcpStream::connect(self.scene.address())
            .and_then(|mut stream| stream.write_all(request.as_bytes()));
    }

    /// What was answered once is answered alike ever after, as a replay.
    fn repeat(&mut self, earlier: &Done) {
        let reply = self.insist(&earlier.operation);
        let answer: Value = serde_json::from_str(&reply.body).expect("JSON");
        assert_eq!(answer, earlier.answer, "{:?} was answered before", earlier.operation);
        assert!(reply.replayed, "{:?} counted again", earlier.operation);
    }
}
