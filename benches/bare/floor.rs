//! The floor: the least that the parts cost which the service is made of. HTTP and parsing as the bare server has them, an actor
//! for each member, the service's own log with its groups and syncs, and the answer when its record is durable. All else that a
//! ledger does is not there: no keys, no lots, no rules, no index, no member at rest, and the answer was made ahead.
//!
//! Back of an envelope: the bare server's 9 to 12 us of processor time a request, 4 us for the call, 3 us for the log.
use super::server::{Answers, JSON, Lengths, Operation, Produce, listen};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use eros_points::actors::core::partition_of;
use eros_points::format::segment::Chain;
use eros_points::store::disk::RealDisk;
use eros_points::store::error::StoreError;
use eros_points::store::folder::Folder;
use eros_points::store::journal::{AppendError, Batch, Class, Journal, JournalOptions, Sink};
use eros_points::store::recovery::LogEnd;
use ractor::{Actor, ActorProcessingErr, ActorRef, ActorRuntime};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

const LOG_ID: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;

/// As the service has them by default.
const SEGMENT_BYTES: u64 = 32 << 20;
const ROOM_LOOKED_FOR_EVERY: Duration = Duration::from_millis(1);

type Reply = oneshot::Sender<()>;
type Log = Arc<Journal<Reply>>;

struct Event {
    record: Bytes,
    partition: u16,
    reply: Reply,
}

struct Member(Log);

impl Actor for Member {
    type Msg = Event;
    /// How many events it has had: all of its account.
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Event>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Event>,
        event: Event,
        events: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        *events += 1;
        let lsn = loop {
            match self.0.append(Class::Refusable, event.partition, &event.record) {
                // The service turns such a change away; the floor has it wait.
                Err(AppendError::Full) => tokio::time::sleep(ROOM_LOOKED_FOR_EVERY).await,
                appended => break appended?,
            }
        };
        if let Some(reply) = self.0.after(lsn, event.reply) {
            let _ = reply.send(());
        }
        Ok(())
    }
}

/// As in the service: the replies of a group leave in one wake-up of the runtime.
struct Outlet(mpsc::UnboundedSender<Vec<Reply>>);

impl Sink<Reply> for Outlet {
    fn durable(&mut self, _: Batch) {}

    fn release(&mut self, waiters: Vec<Reply>) {
        let _ = self.0.send(waiters);
    }

    fn failed(&mut self, _: Vec<Reply>, error: StoreError) {
        panic!("{error}");
    }
}

#[derive(Clone)]
struct Floor {
    log: Log,
    members: Arc<Mutex<HashMap<String, ActorRef<Event>>>>,
    answers: Answers,
}

/// Serves accruals until it is killed, on a free port of this machine that it prints, with its log in `data`.
pub fn serve(lengths: Lengths, data: &std::path::Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (released, mut groups) = mpsc::unbounded_channel::<Vec<Reply>>();
        tokio::spawn(async move {
            while let Some(group) = groups.recv().await {
                for reply in group {
                    let _ = reply.send(());
                }
            }
        });
        let log = Arc::new(log_in(data, Outlet(released)));
        let floor = Floor { log, members: Arc::default(), answers: Answers::of(lengths.produce) };
        let tenant = Router::new()
            .route("/produce/direct", post(produce))
            .route("/batch", post(batch).layer(DefaultBodyLimit::disable()));
        let routes = Router::new().nest("/api/crm/points/{crm_id}", tenant);
        listen(routes.with_state(floor)).await;
    });
}

fn log_in(data: &std::path::Path, outlet: Outlet) -> Journal<Reply> {
    let folder = Folder::at(data);
    folder.create(&RealDisk).expect("the folders");
    let options = JournalOptions { segment_bytes: SEGMENT_BYTES, ..JournalOptions::default() };
    let end = LogEnd::without_segment(LOG_ID, Chain::default());
    Journal::open(RealDisk::shared(), folder, options, end, outlet).expect("a journal")
}

async fn produce(State(floor): State<Floor>, Path(crm_id): Path<String>, body: Bytes) -> Response {
    let parsed: Produce = serde_json::from_slice(&body).expect("what the load sends");
    floor.tell(&crm_id, parsed.member_no, body).await.expect("a log that lives");
    (JSON, floor.answers.of_one).into_response()
}

/// All operations are on their way before the first is waited for, as in the service. Records are as long as operations, and nobody reads
/// them: equal parts of the body.
async fn batch(State(floor): State<Floor>, Path(crm_id): Path<String>, body: Bytes) -> Response {
    let parsed: Vec<Operation> = serde_json::from_slice(&body).expect("what the load sends");
    let (operations, length) = (parsed.len(), body.len() / parsed.len().max(1));
    let told = parsed.into_iter().enumerate().map(|(place, operation)| {
        let record = body.slice(place * length..(place + 1) * length);
        floor.tell(&crm_id, operation.body.member_no, record)
    });
    for durable in told.collect::<Vec<_>>() {
        durable.await.expect("a log that lives");
    }
    (JSON, floor.answers.to_batch_of(operations)).into_response()
}

impl Floor {
    /// The member's actor appends the record; what comes back is done when that is durable.
    fn tell(&self, crm_id: &str, member_no: String, record: Bytes) -> oneshot::Receiver<()> {
        let partition = partition_of(crm_id, &member_no);
        let (reply, durable) = oneshot::channel();
        let event = Event { record, partition, reply };
        self.member(member_no).send_message(event).expect("an actor that lives");
        durable
    }

    fn member(&self, member_no: String) -> ActorRef<Event> {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let spawned = || ActorRuntime::spawn_instant(None, Member(self.log.clone()), ());
        members.entry(member_no).or_insert_with(|| spawned().expect("it has no name").0).clone()
    }
}
