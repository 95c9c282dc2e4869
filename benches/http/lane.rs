//! One thread's share of the load: some connections and one epoll. It writes a request, reads an answer and takes the time
//! once for both, so it costs little beside the kernel's own work.
use super::asks::Asks;
use super::load::{Outcome, Plan};
use super::wire::Connection;
use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The epoll's name for the timer; connections are numbered.
const TIMER: u64 = u64::MAX;
/// An open loop's timer rings no sooner again: a timer for each request of many thousands a second would cost the cores that
/// the service shares as much as the requests do. What it sends late is part of their latency.
const TICK: Duration = Duration::from_micros(200);

pub struct Lane<A> {
    pub asks: A,
    pub told: Outcome,
    connections: Vec<Connection>,
    /// For each connection the kind of its request, and when that was sent or due.
    under_way: Vec<(usize, Instant)>,
    epoll: OwnedFd,
    timer: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    watched: Arc<AtomicU64>,
}

impl<A: Asks> Lane<A> {
    pub fn new(plan: &Plan, count: usize, asks: A) -> Lane<A> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK);
        let timer = timer.expect("a timer");
        let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(TIMER), edges).expect("a timer to wait for");
        let connections: Vec<_> = (0..count).map(|_| Connection::open_nonblocking(plan.address)).collect();
        for (name, connection) in connections.iter().enumerate() {
            let data = epoll::EventData::new_u64(name as u64);
            epoll::add(&epoll, &connection.stream, data, edges).expect("a connection to wait for");
        }
        Lane {
            told: Outcome::of(asks.kinds()),
            under_way: vec![(0, Instant::now()); count],
            asks,
            connections,
            epoll,
            timer,
            events: Vec::with_capacity(count + 1),
            buffer: vec![0; 64 << 10],
            watched: plan.watched.clone(),
        }
    }

    fn send(&mut self, name: usize, since: Instant) {
        let (kind, request) = self.asks.next(name);
        self.connections[name].send(request);
        self.under_way[name] = (kind, since);
    }

    /// Waits, then hands each connection that has its whole answer to `then`.
    fn wait(&mut self, mut then: impl FnMut(&mut Lane<A>, usize, Instant)) {
        let mut events = std::mem::take(&mut self.events);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("epoll: {error}"),
        }
        let mut answers = 0;
        for event in events.drain(..) {
            let name = event.data.u64();
            if name == TIMER {
                continue;
            }
            let name = name as usize;
            let Some(body_bytes) = self.connections[name].answered(&mut self.buffer) else { continue };
            let (kind, since) = self.under_way[name];
            let now = Instant::now();
            let took = u64::try_from((now - since).as_micros()).unwrap_or(u64::MAX);
            self.told.latencies[kind].1.record(took).expect("a histogram that grows");
            self.told.bytes[kind] += body_bytes as u64;
            self.asks.answered(name, kind);
            answers += 1;
            then(self, name, now);
        }
        self.watched.fetch_add(answers, Ordering::Relaxed);
        self.events = events;
    }

    pub fn closed(&mut self, seconds: f64) {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let mut open = self.connections.len();
        for name in 0..open {
            self.send(name, Instant::now());
        }
        while open > 0 {
            self.wait(|lane, name, now| {
                if now < end {
                    lane.told.in_time += 1;
                    lane.send(name, now);
                } else {
                    open -= 1;
                }
            });
        }
        self.told.seconds = seconds;
    }

    /// This thread's requests are those in `thread`'s place among `threads`, so that all together come evenly.
    pub fn open(&mut self, seconds: f64, rate: f64, thread: usize, threads: usize) {
        let mut rings = Instant::now();
        let begin = rings + Duration::from_millis(1);
        let count = (seconds * rate) as u64;
        let place = thread as f64 / threads as f64;
        let due = |number: u64| begin + Duration::from_secs_f64((number as f64 + place) / rate);
        let mut free: VecDeque<usize> = (0..self.connections.len()).collect();
        let mut next = 0;
        while next < count || free.len() < self.connections.len() {
            let mut now = Instant::now();
            // What is due, in turn over all connections: none idles until the service closes it.
            while next < count {
                let due = due(next);
                let Some(name) = free.pop_front_if(|_| due <= now) else { break };
                self.told.late.record((now - due).as_micros() as u64).expect("a histogram that grows");
                self.send(name, due);
                next += 1;
                now = Instant::now();
            }
            if next < count && !free.is_empty() && rings <= now {
                rings = due(next).max(now + TICK);
                self.wake_at(rings);
            }
            self.wait(|_, name, _| free.push_back(name));
        }
        self.told.in_time = count;
        self.told.seconds = begin.elapsed().as_secs_f64();
    }

    fn wake_at(&self, at: Instant) {
        let wait = at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let value = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)
            .expect("a timer that is set");
    }
}
