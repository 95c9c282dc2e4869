//! Load over HTTP: drives a service, and next to it a bare axum server that takes the same request and gives an answer
//! of the same length, in interleaved rounds; prints accepted requests per second, latencies, the processor time that a
//! request cost each server, and the ratios. Every request is a new event; only answers 200 count, any other ends it.
//!
//! Back of an envelope: on two cores shared with the generator a bare axum server answers about 100,000 small requests
//! a second (9 us each for HTTP, parsing, sockets). An actor's call adds about 4 us, the durable path 3 us, the ledger
//! and the index a few more: half of the bare rate is the figure to beat.
//!
//! With `--batch N` it holds batches of N operations against single requests instead, operation for operation.
//!
//! `cargo bench --bench http -- --help`
#![allow(clippy::disallowed_methods, reason = "a load program reads clocks")]
use axum::Router;
use axum::routing::post;
use clap::Parser;
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Parser)]
struct Arguments {
    /// Connections kept busy, each with one request under way
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Members that the events are spread over
    #[arg(long, default_value_t = 10_000)]
    members: u64,
    /// Seconds of each measured part of a round
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Rounds, of which the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Hold batches of so many operations against single requests, instead of those against bare axum
    #[arg(long)]
    batch: Option<usize>,
    /// Connections that send batches
    #[arg(long, default_value_t = 4)]
    batch_connections: usize,
    /// Drive this running service instead of starting one, e.g. 127.0.0.1:21100
    #[arg(long)]
    against: Option<SocketAddr>,
    /// The service's durability, see the README
    #[arg(long, default_value = "always")]
    sync: String,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

const PATH: &str = "/api/crm/points/10080/produce/direct";
const BATCH_PATH: &str = "/api/crm/points/10080/batch";

fn main() {
    let arguments = Arguments::parse();
    if let Ok(bytes) = std::env::var(BARE_ANSWER_BYTES) {
        return bare(bytes.parse().expect("a length"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(arguments));
}

/// A server as axum's users write it: parses the same body into a type, and sends a fixed answer as long as ours.
fn bare(answer_bytes: usize) {
    #[derive(serde::Deserialize)]
    #[allow(dead_code, reason = "parsed for the sake of parsing")]
    struct Body {
        event_no: String,
        member_no: String,
        event_type: String,
        points: serde_json::Number,
        expire_days: Option<u32>,
        action_scene: Option<String>,
        store_code: Option<String>,
        cost_center: Option<String>,
        operator: Option<String>,
        event_desc: Option<String>,
    }
    let answer = move |body: axum::body::Bytes| async move {
        let parsed: Result<Body, _> = serde_json::from_slice(&body);
        assert!(parsed.is_ok());
        ([("content-type", "application/json")], "x".repeat(answer_bytes))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("listening on {}", listener.local_addr().expect("an address"));
        let app = Router::new().route(PATH, post(answer));
        axum::serve(listener, app).await.expect("a server");
    });
}

/// Set for the process that is the bare server: how long its answers are.
const BARE_ANSWER_BYTES: &str = "EROS_BENCH_BARE_ANSWER_BYTES";

fn body(event: u64, member: u64) -> String {
    format!(
        r#"{{"event_no":"EACH202206152028{event:016}","member_no":"ec_18165fd7455_{member:09}","action_scene":"order_pay","event_type":"order","points":20,"expire_days":180,"freeze_hours":0,"store_code":"ec_mall","cost_center":"cost_center001","operator":"小程序","event_desc":"用户购买了100元酸奶"}}"#
    )
}

struct Served {
    child: Option<Child>,
    address: SocketAddr,
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start(mut command: Command) -> (Child, SocketAddr) {
    use std::io::{BufRead, BufReader};
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the server starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a ready line");
    let address = line.trim().strip_prefix("listening on ").and_then(|text| text.parse().ok());
    (child, address.unwrap_or_else(|| panic!("not a ready line: {line:?}")))
}

fn start_ours(sync: &str) -> Served {
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_eros-points"));
    command.arg("--data-dir").arg(folder.path()).args([
        "--listen",
        "127.0.0.1:0",
        "--sync",
        sync,
        "--log",
        "warn",
    ]);
    let (child, address) = start(command);
    Served { child: Some(child), address, _folder: Some(folder) }
}

fn start_bare(answer_bytes: usize) -> Served {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(BARE_ANSWER_BYTES, answer_bytes.to_string());
    let (child, address) = start(command);
    Served { child: Some(child), address, _folder: None }
}

impl Served {
    /// Processor time that the server has used so far, in seconds; none of one that this program did not start.
    fn cpu_seconds(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.as_ref()?.id())).ok()?;
        // After the name in parentheses: utime and stime are fields 14 and 15 of the line, in hundredths.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / 100.0)
    }
}

struct Measured {
    per_second: f64,
    /// Microseconds of the server's processor time for each request.
    cpu_micros: f64,
    latency: Histogram<u64>,
}

async fn run(arguments: Arguments) {
    let ours = match arguments.against {
        Some(address) => Served { child: None, address, _folder: None },
        None => start_ours(&arguments.sync),
    };
    let events = Arc::new(AtomicU64::new(unique_start()));
    if let Some(size) = arguments.batch {
        return against_single(&ours, &arguments, size, &events).await;
    }
    let bare = start_bare(answer_bytes(ours.address, &events).await);
    println!(
        "{} connections, {} members, {} rounds of {} s each, both programs and this one on the same {} cores",
        arguments.connections,
        arguments.members,
        arguments.rounds,
        arguments.seconds,
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    println!(
        "| round | eros-points req/s | p50 ms | p99 ms | p99.9 ms | CPU us | bare axum req/s | CPU us | ratio |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let (mut ratios, mut rates, mut costs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=arguments.rounds {
        let our = measure(&ours, &arguments, None, &events).await;
        let their = measure(&bare, &arguments, None, &events).await;
        let ratio = our.per_second / their.per_second;
        let quantile = |q: f64| our.latency.value_at_quantile(q) as f64 / 1_000.0;
        println!(
            "| {round} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {:.0} | {:.1} | {ratio:.2} |",
            our.per_second,
            quantile(0.5),
            quantile(0.99),
            quantile(0.999),
            our.cpu_micros,
            their.per_second,
            their.cpu_micros,
        );
        ratios.push(ratio);
        rates.push(our.per_second);
        costs.push(our.cpu_micros);
    }
    println!(
        "median: {:.0} req/s, {:.2} of bare axum, {:.1} us of the server's processor time a request",
        median(&mut rates),
        median(&mut ratios),
        median(&mut costs)
    );
}

/// Batches against single requests, in operations a second.
async fn against_single(ours: &Served, arguments: &Arguments, size: usize, events: &Arc<AtomicU64>) {
    println!(
        "batches of {size} on {} connections, single requests on {}, {} members, {} rounds of {} s each",
        arguments.batch_connections,
        arguments.connections,
        arguments.members,
        arguments.rounds,
        arguments.seconds
    );
    println!("| round | batch operations/s | CPU us each | single req/s | CPU us each | ratio |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for round in 1..=arguments.rounds {
        let single = measure(ours, arguments, None, events).await;
        let batch = measure(ours, arguments, Some(size), events).await;
        let (rate, cost) = (batch.per_second * size as f64, batch.cpu_micros / size as f64);
        let ratio = rate / single.per_second;
        println!(
            "| {round} | {rate:.0} | {cost:.1} | {:.0} | {:.1} | {ratio:.2} |",
            single.per_second, single.cpu_micros
        );
        ratios.push(ratio);
        rates.push(rate);
    }
    let (rate, ratio) = (median(&mut rates), median(&mut ratios));
    println!("median: {rate:.0} operations a second, {ratio:.2} times the rate of single requests");
}

/// Event numbers that no earlier run against the same service has used.
fn unique_start() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    now.as_micros() as u64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Closed loop: every connection sends its next request when it has its answer. Only answers 200 count, in a batch for
/// each operation.
async fn measure(
    served: &Served,
    arguments: &Arguments,
    batch: Option<usize>,
    events: &Arc<AtomicU64>,
) -> Measured {
    let stop = Arc::new(AtomicBool::new(false));
    let address = served.address;
    let (started, cpu_before) = (Instant::now(), served.cpu_seconds());
    let connections = if batch.is_some() { arguments.batch_connections } else { arguments.connections };
    let clients: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(client(address, arguments.members, batch, events.clone(), stop.clone())))
        .collect();
    tokio::time::sleep(Duration::from_secs_f64(arguments.seconds)).await;
    stop.store(true, Ordering::Relaxed);
    let elapsed = started.elapsed();
    let mut latency = Histogram::new(3).expect("a histogram");
    for client in clients {
        latency.add(client.await.expect("a client that does not panic")).expect("histograms of one kind");
    }
    let cpu = served.cpu_seconds().zip(cpu_before).map_or(f64::NAN, |(after, before)| after - before);
    let cpu_micros = cpu * 1e6 / latency.len() as f64;
    Measured { per_second: latency.len() as f64 / elapsed.as_secs_f64(), cpu_micros, latency }
}

async fn client(
    address: SocketAddr,
    members: u64,
    batch: Option<usize>,
    events: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Histogram<u64> {
    let mut latency = Histogram::new(3).expect("a histogram");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let mut answer = Vec::with_capacity(4_096);
    while !stop.load(Ordering::Relaxed) {
        let request =
            batch.map_or_else(|| request(&events, members), |size| batch_of(size, &events, members));
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).await.expect("a request goes out");
        let status = read_answer(&mut stream, &mut answer).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        if let Some(size) = batch {
            assert_eq!(String::from_utf8_lossy(&answer).matches("{\"status\":200,").count(), size);
        }
        latency.record(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX)).expect("within range");
    }
    latency
}

fn request(events: &AtomicU64, members: u64) -> String {
    post_of(PATH, &next_body(events, members))
}

fn batch_of(size: usize, events: &AtomicU64, members: u64) -> String {
    let operation = |_| format!(r#"{{"op":"produce/direct","body":{}}}"#, next_body(events, members));
    let operations: Vec<String> = (0..size).map(operation).collect();
    post_of(BATCH_PATH, &format!("[{}]", operations.join(",")))
}

fn next_body(events: &AtomicU64, members: u64) -> String {
    let event = events.fetch_add(1, Ordering::Relaxed);
    // Spread over the members, in no order that any table would like.
    let member = event.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    body(event, member % members)
}

fn post_of(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// How long the body of an answer to [`request`] is.
async fn answer_bytes(address: SocketAddr, events: &AtomicU64) -> usize {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request(events, 10_000).as_bytes()).await.expect("a request goes out");
    let mut answer = Vec::new();
    assert_eq!(read_answer(&mut stream, &mut answer).await, 200, "{}", String::from_utf8_lossy(&answer));
    answer.len() - find(&answer, b"\r\n\r\n").expect("a head") - 4
}

/// Reads one answer and gives its status.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> u16 {
    answer.clear();
    loop {
        if stream.read_buf(answer).await.expect("an answer") == 0 {
            panic!("the server closed the connection");
        }
        let Some(head) = find(answer, b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&answer[..head]).expect("a head of ASCII");
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if answer.len() >= head + 4 + length.expect("a length") {
            return text[9..12].parse().expect("a status");
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
