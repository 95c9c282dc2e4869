//! The limit: a server as axum's users write it. It parses the same bodies into types, and sends fixed answers that are as
//! long as the service's own. No ledger, no log, nothing shared.
//!
//! Back of an envelope: 9 to 12 us of processor time a request, for the sockets, HTTP, and parsing.
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// For each route the length of its answers' bodies, in bytes.
#[derive(Clone, Copy, Default)]
pub struct Lengths {
    pub produce: usize,
    pub consume: usize,
    pub transfer: usize,
    pub reverse: usize,
    pub summary: usize,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed for the sake of parsing")]
pub struct Produce {
    event_no: String,
    pub member_no: String,
    event_type: String,
    points: serde_json::Number,
    event_at: Option<String>,
    expire_days: Option<u32>,
    freeze_hours: Option<u32>,
    action_scene: Option<String>,
    store_code: Option<String>,
    cost_center: Option<String>,
    campaign_code: Option<String>,
    operator: Option<String>,
    event_desc: Option<String>,
}

/// One operation of a batch. The load's are accruals.
#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed for the sake of parsing")]
pub struct Operation {
    op: String,
    pub body: Produce,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed for the sake of parsing")]
struct Consume {
    event_no: String,
    member_no: String,
    points: serde_json::Number,
    event_at: Option<String>,
    action_scene: Option<String>,
    store_code: Option<String>,
    cost_center: Option<String>,
    campaign_code: Option<String>,
    operator: Option<String>,
    event_desc: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed for the sake of parsing")]
struct Transfer {
    transfer_no: String,
    from_user: String,
    to_user: String,
    points: serde_json::Number,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed for the sake of parsing")]
struct Reverse {
    event_no: String,
    member_no: String,
    origin_event_no: String,
    allow_negative: bool,
    reverse_points: Option<serde_json::Number>,
}

/// Serves until it is killed, on a free port of this machine that it prints.
pub fn serve(lengths: Lengths) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(listen(routes(lengths)));
}

/// Says where it listens, once it has the kind of memory that the service has while it answers.
pub async fn listen(routes: Router) {
    eros_points::cli::huge_pages::no_more();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("listening on {}", listener.local_addr().expect("an address"));
    axum::serve(listener, routes).await.expect("a server");
}

fn routes(lengths: Lengths) -> Router {
    let answer = fixed(lengths.summary);
    let summary = move |Path(_crm_id): Path<String>, RawQuery(query): RawQuery| async move {
        assert!(query.is_some_and(|query| query.starts_with("member_no=")));
        (JSON, answer.clone())
    };
    let tenant = Router::new()
        .route("/produce/direct", change::<Produce>(lengths.produce))
        .route("/consume/direct", change::<Consume>(lengths.consume))
        .route("/transfer/direct", change::<Transfer>(lengths.transfer))
        .route("/reverse/produce", change::<Reverse>(lengths.reverse))
        .route("/batch", batch(lengths.produce))
        .route("/summary", get(summary));
    Router::new().nest("/api/crm/points/{crm_id}", tenant)
}

pub const JSON: [(axum::http::HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];

fn change<T: DeserializeOwned + 'static>(answer_bytes: usize) -> axum::routing::MethodRouter {
    let answer = fixed(answer_bytes);
    post(move |Path(_crm_id): Path<String>, body: Bytes| async move {
        let parsed: Result<T, _> = serde_json::from_slice(&body);
        assert!(parsed.is_ok());
        (JSON, answer.clone()).into_response()
    })
}

fn batch(answer_bytes: usize) -> axum::routing::MethodRouter {
    let answers = Answers::of(answer_bytes);
    let handler = move |Path(_crm_id): Path<String>, body: Bytes| async move {
        let parsed: Vec<Operation> = serde_json::from_slice(&body).expect("what the load sends");
        (JSON, answers.to_batch_of(parsed.len())).into_response()
    };
    post(handler).layer(DefaultBodyLimit::disable())
}

/// Answers to an operation and to batches, each made once.
#[derive(Clone)]
pub struct Answers {
    pub of_one: Bytes,
    made: Arc<Mutex<HashMap<usize, Bytes>>>,
}

impl Answers {
    /// Each operation's has this length.
    pub fn of(length: usize) -> Answers {
        Answers { of_one: fixed(length), made: Arc::default() }
    }

    pub fn to_batch_of(&self, operations: usize) -> Bytes {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(operations).or_insert_with(|| self.make(operations)).clone()
    }

    fn make(&self, operations: usize) -> Bytes {
        let one = [&br#"{"status":200,"body":"#[..], &self.of_one, b"}"].concat();
        let data = vec![one; operations].join(&b',');
        Bytes::from([&br#"{"code":0,"msg":"OK","data":["#[..], &data, b"]}"].concat())
    }
}

/// An envelope of this length around nothing.
pub fn fixed(length: usize) -> Bytes {
    let (begin, end) = (r#"{"code":0,"msg":"OK","data":""#, "\"}");
    let filling = length.saturating_sub(begin.len() + end.len());
    Bytes::from(format!("{begin}{}{end}", "x".repeat(filling)))
}

impl Lengths {
    /// As `produce=641,consume=700`.
    pub fn parse(text: &str) -> Lengths {
        let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        let told: HashMap<&str, usize> =
            pairs.filter_map(|(name, n)| Some((name, n.parse().ok()?))).collect();
        let of = |name: &str| told.get(name).copied().unwrap_or(0);
        Lengths {
            produce: of("produce"),
            consume: of("consume"),
            transfer: of("transfer"),
            reverse: of("reverse"),
            summary: of("summary"),
        }
    }
}
