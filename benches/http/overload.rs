//! Ten times as many clients as the service works for at once. Each sends an accrual, and when it is turned away waits as
//! long as it was told to. Against the peak that as many clients as it works for reach: the goodput, how fast it turns
//! away, how `/livez` answers meanwhile, and memory.
use super::arguments::Arguments;
use super::asks::{Asks, Produces};
use super::bench::{Bench, measure};
use super::load::{Pace, histogram, quantile};
use super::spread::Spread;
use hdrhistogram::Histogram;
use rustix::event::epoll;
use rustix::fd::OwnedFd;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How many times more clients than the service works for.
const TIMES: usize = 10;
/// What an answer that turns away says with `Retry-After`.
const PAUSE: Duration = Duration::from_secs(1);
/// `/livez` is asked so often.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What must hold of a run of full length.
const GOODPUT_LEAST: f64 = 0.8;

pub fn overload(arguments: Arguments) {
    let seconds = arguments.seconds(60.0, 10.0);
    let fit = arguments.connections;
    let in_flight = fit.to_string();
    let bench = Bench::new(arguments, &[("in_flight_max", &in_flight)]);
    let spread = Spread::Even(bench.arguments.members(10_000, 10_000));
    let plan = bench.plan(&bench.service, seconds.min(10.0), Pace::Closed);
    measure(&bench.service, &plan, bench.produces(&spread));
    let peak = measure(&bench.service, &plan, bench.produces(&spread)).outcome.per_second();
    let before = bench.service.resident_bytes().unwrap_or(0);
    let mut crowd = Crowd::new(bench.service.address, fit * TIMES, bench.produces(&spread)(fit * TIMES));
    let over = AtomicBool::new(false);
    let lives = std::thread::scope(|scope| {
        let lives = scope.spawn(|| look_at_life(bench.service.address, &over));
        crowd.run(seconds);
        over.store(true, Ordering::Relaxed);
        lives.join().expect("what was seen of its life")
    });
    let after = bench.service.resident_bytes().unwrap_or(0);
    let goodput = crowd.done.len() as f64 / seconds;
    let (shed, ratio) = (&crowd.shed, goodput / peak);
    println!(
        "| clients | done a second | of the peak | p99 ms | turned away a second | p50 ms | p99 ms | /livez p99 ms, max | memory |"
    );
    println!("|{}", " --- |".repeat(9));
    println!("| {fit} | {peak:.0} | 1 | | | | | | {} MiB |", before >> 20);
    println!(
        "| {} | {goodput:.0} | {ratio:.2} | {:.1} | {:.0} | {:.1} | {:.1} | {:.1}, {:.1} | {} MiB |",
        fit * TIMES,
        quantile(&crowd.done, 0.99),
        shed.len() as f64 / seconds,
        quantile(shed, 0.5),
        quantile(shed, 0.99),
        quantile(&lives, 0.99),
        lives.max() as f64 / 1_000.0,
        after >> 20,
    );
    assert!(!lives.is_empty(), "/livez was asked");
    if !bench.arguments.tiny {
        assert!(!shed.is_empty(), "requests beyond what it works for are turned away");
        assert!(ratio >= GOODPUT_LEAST, "goodput stays at {GOODPUT_LEAST} of the peak or more: {ratio:.2}");
    }
    let mut figures = bench.figures;
    figures.put("overload/goodput_of_peak", ratio, "ratio");
    figures.put("overload/shed_p99", quantile(shed, 0.99), "ms");
    figures.put("overload/livez_max", lives.max() as f64 / 1_000.0, "ms");
}

/// Asks `/livez` until it is over, each time on a new connection; microseconds.
fn look_at_life(address: SocketAddr, over: &AtomicBool) -> Histogram<u64> {
    let mut took = histogram();
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").expect("asked");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
        took.record(began.elapsed().as_micros() as u64).expect("a histogram that grows");
        std::thread::sleep(LOOK_EVERY);
    }
    took
}

/// Many clients on one thread.
struct Crowd {
    asks: Produces,
    streams: Vec<TcpStream>,
    sent: Vec<Instant>,
    epoll: OwnedFd,
    /// Who was turned away, and when each asks again; in order.
    waiting: VecDeque<(Instant, usize)>,
    done: Histogram<u64>,
    shed: Histogram<u64>,
}

impl Crowd {
    fn new(address: SocketAddr, count: usize, asks: Produces) -> Crowd {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
        let streams: Vec<TcpStream> = (0..count)
            .map(|name| {
                let stream = TcpStream::connect(address).expect("a connection");
                stream.set_nodelay(true).expect("no delay");
                stream.set_nonblocking(true).expect("a connection that does not block");
                let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
                let data = epoll::EventData::new_u64(name as u64);
                epoll::add(&epoll, &stream, data, edges).expect("a connection to wait for");
                stream
            })
            .collect();
        let sent = vec![Instant::now(); count];
        Crowd { asks, streams, sent, epoll, waiting: VecDeque::new(), done: histogram(), shed: histogram() }
    }

    fn run(&mut self, seconds: f64) {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        (0..self.streams.len()).for_each(|name| self.send(name));
        let mut events = Vec::with_capacity(1_024);
        let mut buffer = vec![0; 16 << 10];
        while Instant::now() < end {
            events.clear();
            let soon = rustix::time::Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&soon)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => panic!("epoll: {error}"),
            }
            let names: Vec<usize> = events.iter().map(|event| event.data.u64() as usize).collect();
            names.into_iter().for_each(|name| self.take_answer(name, &mut buffer));
            while let Some((_, name)) = self.waiting.pop_front_if(|(due, _)| *due <= Instant::now()) {
                self.send(name);
            }
        }
    }

    fn send(&mut self, name: usize) {
        let (_, request) = self.asks.next(name);
        let sent = self.streams[name].write(request).expect("a request goes out");
        assert_eq!(sent, request.len(), "a request that the socket takes at once");
        self.sent[name] = Instant::now();
    }

    /// An answer is small, and comes in one piece.
    fn take_answer(&mut self, name: usize, buffer: &mut [u8]) {
        let count = match self.streams[name].read(buffer) {
            Ok(0) => panic!("the server closed a connection that it answers on"),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("no answer: {error}"),
        };
        let (answer, now) = (&buffer[..count], Instant::now());
        let took = u64::try_from((now - self.sent[name]).as_micros()).unwrap_or(u64::MAX);
        let holds = |what: &[u8]| memchr::memmem::find(answer, what).is_some();
        if holds(b"\"code\":0,") {
            self.done.record(took).expect("a histogram that grows");
            self.send(name);
        } else {
            assert!(holds(b"\"code\":50303,"), "{}", String::from_utf8_lossy(answer));
            self.shed.record(took).expect("a histogram that grows");
            self.waiting.push_back((now + PAUSE, name));
        }
    }
}
