//! Clients that remember all they asked and all they were told.
use crate::crash::operations::{self, Ground, Operation};
use crate::support::process::{Connection, Reply};
use crate::support::random::Random;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

const CLIENTS: u64 = 4;
/// After so many requests a client takes its time, so that a round's length does not decide how much there is to check.
const HURRIED_MAX: usize = 150;

/// A request and how it ended.
#[derive(Clone, Debug)]
pub struct Told {
    pub operation: Operation,
    pub fate: Fate,
}

#[derive(Clone, Debug)]
pub enum Fate {
    /// Answered with 200 and this body.
    Done(String),
    /// Answered: nothing was done.
    Refused,
    /// No answer, or one that says that nobody knows.
    Unknown,
}

impl Told {
    pub fn is_done(&self) -> bool {
        matches!(self.fate, Fate::Done(_))
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self.fate, Fate::Unknown)
    }
}

/// Puts the service under load until its connections break; everything that was asked.
pub fn load(address: SocketAddr, seed: u64, round: usize, ground: &Mutex<Ground>) -> Vec<Told> {
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let random = Random::new(seed ^ ((round as u64) << 32) ^ client);
                scope.spawn(move || one_client(address, random, &format!("{round}-{client}"), ground))
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client's findings")).collect()
    })
}

fn one_client(address: SocketAddr, mut random: Random, name: &str, ground: &Mutex<Ground>) -> Vec<Told> {
    let mut all: Vec<Told> = Vec::new();
    let Ok(mut connection) = Connection::to(address) else { return all };
    loop {
        if all.len() > HURRIED_MAX {
            std::thread::sleep(Duration::from_millis(10));
        }
        if random.one_in(12)
            && let Some(earlier) = random.pick(&all).filter(|told| told.is_done()).cloned()
        {
            // Sent twice by a careful client: while it lives, too, the service gives the same answer.
            if ask_again(&mut connection, &earlier).is_err() {
                return all;
            }
            continue;
        }
        let number = format!("{name}-{}", all.len());
        let operation = operations::random(&mut random, &ground.lock().expect("the ground"), &number);
        let fate = match connection.post(&operation.path, &operation.body) {
            Ok(reply) => fate_of(&operation, reply),
            Err(_) => Fate::Unknown,
        };
        let told = Told { operation, fate };
        if told.is_done() {
            ground.lock().expect("the ground").learn(&told.operation);
        }
        let over = told.is_unknown();
        all.push(told);
        if over {
            return all;
        }
    }
}

fn fate_of(operation: &Operation, reply: Reply) -> Fate {
    match reply.status {
        200 => Fate::Done(reply.body),
        400..500 => Fate::Refused,
        503 if reply.body.contains("50304") => Fate::Unknown,
        503 => Fate::Refused,
        _ => panic!("{operation:?} was answered {reply:?}"),
    }
}

fn ask_again(connection: &mut Connection, told: &Told) -> std::io::Result<()> {
    let Fate::Done(body) = &told.fate else { return Ok(()) };
    let reply = connection.post(&told.operation.path, &told.operation.body)?;
    // A service that is stopping may say so.
    if reply.status != 503 {
        let wanted = Reply { status: 200, replayed: true, body: body.clone() };
        assert_eq!(reply, wanted, "{:?} was answered before", told.operation);
    }
    Ok(())
}

/// Sends again what was answered, which must be answered alike, and what was not, which is answered now.
pub fn send_again(address: SocketAddr, all: &mut [Told]) {
    let share = all.len().div_ceil(CLIENTS as usize).max(1);
    std::thread::scope(|scope| {
        for share in all.chunks_mut(share) {
            scope.spawn(move || {
                let mut connection = Connection::to(address).expect("a connection");
                share.iter_mut().for_each(|told| settle(&mut connection, told));
            });
        }
    });
}

fn settle(connection: &mut Connection, told: &mut Told) {
    let operation = &told.operation;
    match &told.fate {
        Fate::Refused => {}
        Fate::Done(body) => {
            let reply = connection.post(&operation.path, &operation.body).expect("an answer");
            let wanted = Reply { status: 200, replayed: true, body: body.clone() };
            assert_eq!(reply, wanted, "{operation:?} was acknowledged before the crash");
        }
        Fate::Unknown => {
            let reply = connection.post(&operation.path, &operation.body).expect("an answer");
            let fate = fate_of(operation, reply);
            told.fate = fate;
            assert!(!told.is_unknown(), "{:?} was answered as unknown by a service in order", told.operation);
        }
    }
}
