//! Sends batches, as many as are asked for or for some time: the fastest way to fill the service.
use super::asks::Numbers;
use super::bench::Bench;
use super::spread::Spread;
use super::template::Template;
use super::wire::Connection;
use crate::common::mix;
use crate::common::served::Served;
use indicatif::{ProgressBar, ProgressStyle};
use memchr::memmem;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a batch that the service had no room for waits before it is sent again.
const SHED_PAUSE: Duration = Duration::from_millis(200);

/// What a batch has.
#[derive(Clone, Copy, PartialEq)]
pub enum What {
    /// Accruals of so many points, and of this life in days.
    Accruals(u64, u32),
    /// Accruals and spends of the same points by turns: past events, and no lots.
    Pairs,
}

/// As the API's first example has it.
pub const USUAL: What = What::Accruals(20, 180);

/// What came of some batches.
pub struct Sent {
    pub operations: u64,
    /// Until the last answer.
    pub seconds: f64,
    /// Batches that were sent again as the service had no room.
    pub shed: u64,
}

/// One accrual for each of these members.
pub fn fill(bench: &Bench, members: Range<u64>, accruals: What) -> Sent {
    let count = members.end - members.start;
    send(bench, &bench.service, Some(count), None, accruals, &|index, _| members.start + index)
}

/// So many events, spread over the members, whose lots stay as they are.
pub fn fill_events(bench: &Bench, count: u64, spread: &Spread) -> Sent {
    send(bench, &bench.service, Some(count), None, What::Pairs, &|_, event| spread.member(mix(event)))
}

/// Accruals spread over the members, for some time, to the service or what it is held against.
pub fn send_for(bench: &Bench, server: &Served, seconds: f64, spread: &Spread) -> Sent {
    send(bench, server, None, Some(seconds), USUAL, &|_, event| spread.member(mix(event)))
}

/// Batches until `count` operations or `seconds` are over; `member` is told each operation's index and event.
fn send(
    bench: &Bench,
    server: &Served,
    count: Option<u64>,
    seconds: Option<f64>,
    what: What,
    member: &(impl Fn(u64, u64) -> u64 + Sync),
) -> Sent {
    let (begin, taken, shed) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
    let end = seconds.map(|seconds| begin + Duration::from_secs_f64(seconds));
    let bar = progress(count);
    std::thread::scope(|scope| {
        for _ in 0..bench.arguments.batch_connections {
            scope.spawn(|| {
                let mut sender = Sender::new(bench, server, what);
                while end.is_none_or(|end| Instant::now() < end) {
                    let size = bench.arguments.batch as u64;
                    let first = taken.fetch_add(size, Ordering::Relaxed);
                    let size = count.map_or(size, |count| size.min(count.saturating_sub(first)));
                    if size == 0 {
                        taken.fetch_sub(bench.arguments.batch as u64, Ordering::Relaxed);
                        return;
                    }
                    shed.fetch_add(sender.send(first, size as usize, member), Ordering::Relaxed);
                    bar.inc(size);
                }
            });
        }
    });
    bar.finish_and_clear();
    let operations = count.unwrap_or_else(|| taken.load(Ordering::Relaxed));
    Sent { operations, seconds: begin.elapsed().as_secs_f64(), shed: shed.load(Ordering::Relaxed) }
}

fn progress(count: Option<u64>) -> ProgressBar {
    let Some(count) = count.filter(|count| *count >= 100_000) else { return ProgressBar::hidden() };
    let style =
        ProgressStyle::with_template("filling {bar:40} {human_pos} of {human_len}, {per_sec}, {eta} left");
    ProgressBar::new(count).with_style(style.expect("a template"))
}

/// One connection that sends batches.
struct Sender<'a> {
    bench: &'a Bench,
    what: What,
    /// Of the size that was sent last.
    template: (usize, Template),
    connection: Connection,
    numbers: Numbers,
    answer: Vec<u8>,
}

impl Sender<'_> {
    fn new<'a>(bench: &'a Bench, server: &Served, what: What) -> Sender<'a> {
        let connection = Connection::open(server.address);
        let template = template(bench, what, bench.arguments.batch);
        Sender { bench, what, template, connection, numbers: bench.numbers.clone(), answer: Vec::new() }
    }

    /// Sends one batch until the service has room for it; how often it had none.
    fn send(&mut self, first: u64, size: usize, member: &impl Fn(u64, u64) -> u64) -> u64 {
        if self.template.0 != size {
            self.template = template(self.bench, self.what, size);
        }
        // The places come in pairs: the event, then its member. A spend is of the member before.
        let (mut place, mut event, mut chosen) = (0, 0, 0);
        let request = self.template.1.with_each(|which| {
            if which == 0 {
                event = self.numbers.next();
                return event;
            }
            if self.what != What::Pairs || place % 2 == 0 {
                chosen = member(first + place, event);
            }
            place += 1;
            chosen
        });
        let mut shed = 0;
        loop {
            let (answer, bytes) = self.connection.exchange(request, &mut self.answer);
            let done = memmem::find_iter(bytes, br#"{"status":200,"#).count();
            if answer.is_success && done == size {
                return shed;
            }
            // Sent again it is done once: what was done the first time is a replay.
            let is_shed = memmem::find(bytes, br#""code":50303,"#).is_some();
            assert!(is_shed, "not an answer that was expected: {}", excerpt(bytes));
            shed += 1;
            std::thread::sleep(SHED_PAUSE);
        }
    }
}

fn template(bench: &Bench, what: What, size: usize) -> (usize, Template) {
    let template = match what {
        What::Accruals(points, expire_days) => bench.tenant.batch(size, points, expire_days),
        What::Pairs => bench.tenant.batch_of_pairs(size),
    };
    (size, template)
}

/// The begin of an answer of megabytes, or of the first operation in it that failed.
fn excerpt(bytes: &[u8]) -> String {
    let statuses = memmem::find_iter(bytes, br#"{"status":"#);
    let failed = statuses.into_iter().find(|at| !bytes[*at..].starts_with(br#"{"status":200,"#)).unwrap_or(0);
    String::from_utf8_lossy(&bytes[failed..bytes.len().min(failed + 600)]).into_owned()
}
