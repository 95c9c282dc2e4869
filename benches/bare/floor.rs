//! The floor: the least that the parts cost which the service is made of. HTTP and parsing as the bare server has them, an actor
//! for each member, the service's own log with its groups and syncs, and the answer when its record is durable. All else that a
//! ledger does is not there: no keys, no lots, no rules, no index, no member at rest, and the answer was made ahead.
//!
//! Back of an envelope: the bare server's 9 to 12 us of processor time a request, 4 us for the call, 3 us for the log.
use super::server::{JSON, Lengths, Produce, fixed};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use eros_points::actors::core::partition_of;
use eros_points::format::segment::Chain;
use eros_points::store::disk::RealDisk;
use eros_points::store::error::StoreError;
use eros_points::store::folder::Folder;
use eros_points::store::journal::{Batch, Class, Journal, JournalOptions, Sink};
use eros_points::store::recovery::LogEnd;
use ractor::{Actor, ActorProcessingErr, ActorRef, ActorRuntime};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

const LOG_ID: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;

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
        let lsn = self.0.append(Class::Refusable, event.partition, &event.record)?;
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
    answer: Bytes,
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
        let floor = Floor { log, members: Arc::default(), answer: fixed(lengths.produce) };
        let routes = Router::new().route("/api/crm/points/{crm_id}/produce/direct", post(produce));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("listening on {}", listener.local_addr().expect("an address"));
        axum::serve(listener, routes.with_state(floor)).await.expect("a server");
    });
}

fn log_in(data: &std::path::Path, outlet: Outlet) -> Journal<Reply> {
    let folder = Folder::at(data);
    folder.create(&RealDisk).expect("the folders");
    let end = LogEnd::without_segment(LOG_ID, Chain::default());
    Journal::open(RealDisk::shared(), folder, JournalOptions::default(), end, outlet).expect("a journal")
}

async fn produce(State(floor): State<Floor>, Path(crm_id): Path<String>, body: Bytes) -> Response {
    let parsed: Produce = serde_json::from_slice(&body).expect("what the load sends");
    let partition = partition_of(&crm_id, &parsed.member_no);
    let (reply, durable) = oneshot::channel();
    floor
        .member(parsed.member_no)
        .send_message(Event { record: body, partition, reply })
        .expect("an actor that lives");
    durable.await.expect("a log that lives");
    (JSON, floor.answer).into_response()
}

impl Floor {
    fn member(&self, member_no: String) -> ActorRef<Event> {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let spawned = || ActorRuntime::spawn_instant(None, Member(self.log.clone()), ());
        members.entry(member_no).or_insert_with(|| spawned().expect("it has no name").0).clone()
    }
}
