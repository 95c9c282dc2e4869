//! Batches against single requests, operation for operation, and whether the index follows.
use super::arguments::Arguments;
use super::bench::{Bench, Measured, cell, measure};
use super::load::Pace;
use super::sending::{self, Sent};
use super::spread::Spread;
use crate::common::median;
use crate::common::served::Served;
use std::time::Duration;

/// How long after the load the index may take to catch up.
const CATCH_UP: Duration = Duration::from_secs(60);

/// What servers that have no index are driven for at most: nothing of theirs lags.
const OTHERS_AT_MOST: f64 = 10.0;

/// The service, and beside it the floor and bare axum: how much more a batch lets them do is what sparing HTTP gives.
pub fn batch(arguments: Arguments) {
    let members = arguments.members(10_000, 10_000);
    let (seconds, rounds) = (arguments.seconds(60.0, 5.0), arguments.rounds());
    let mut bench = Bench::new(arguments, &[]);
    let Arguments { connections, batch, batch_connections, .. } = bench.arguments;
    let spread = Spread::Even(members);
    println!(
        "batches of {batch} on {batch_connections} connections for {seconds} s, single requests on {connections}, {members} members, {rounds} rounds"
    );
    let limits = bench.limits(&singles(&bench, &bench.service, &spread).outcome);
    for (_, server) in &limits {
        singles(&bench, server, &spread);
    }
    println!(
        "| round | server | batch operations/s | sent again | CPU us each | index caught up after s | single requests/s | CPU us each | ratio |"
    );
    println!("|{}", " --- |".repeat(9));
    let mut ours = Vec::new();
    let mut theirs: Vec<Vec<Pair>> = limits.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        ours.push(pair(&bench, &bench.service, seconds, &spread));
        ours[round - 1].tell(round, "service");
        for ((name, server), pairs) in limits.iter().zip(&mut theirs) {
            pairs.push(pair(&bench, server, seconds.min(OTHERS_AT_MOST), &spread));
            pairs[round - 1].tell(round, name);
        }
    }
    put(&mut bench, "batch", "service", &ours);
    for ((name, _), pairs) in limits.iter().zip(&theirs) {
        put(&mut bench, &format!("batch/{name}"), name, pairs);
    }
    let caught_up: Vec<f64> = ours.iter().filter_map(|pair| pair.caught_up_after).collect();
    let slowest = caught_up.iter().copied().fold(0.0, f64::max);
    bench.figures.put("batch/caught_up_after", slowest, "s");
    bench.figures.put("batch/rounds_caught_up", caught_up.len() as f64 / rounds as f64, "of the rounds");
    println!("the index caught up in {} of {rounds} rounds, after {slowest:.1} s at most", caught_up.len());
}

/// Single requests, and then batches.
struct Pair {
    single: Measured,
    sent: Sent,
    /// Microseconds of the server's processor time for an operation of a batch.
    cpu_micros: Option<f64>,
    /// Seconds that the index took for the rest of the batches; none if it was too long.
    caught_up_after: Option<f64>,
}

fn singles(bench: &Bench, server: &Served, spread: &Spread) -> Measured {
    let seconds = bench.arguments.sized(5.0, 2.0, 0.1);
    measure(server, &bench.plan(server, seconds, Pace::Closed), bench.produces(spread))
}

fn pair(bench: &Bench, server: &Served, seconds: f64, spread: &Spread) -> Pair {
    let single = singles(bench, server, spread);
    let before = server.cpu_seconds();
    let sent = sending::send_for(bench, server, seconds, spread);
    let cpu = server.cpu_seconds().zip(before).map(|(after, before)| after - before);
    let cpu_micros = cpu.map(|cpu| cpu * 1e6 / sent.operations as f64);
    let caught_up_after = server.has_index().then(|| server.caught_up(CATCH_UP)).flatten();
    Pair { single, sent, cpu_micros, caught_up_after: caught_up_after.map(|took| took.as_secs_f64()) }
}

impl Pair {
    fn rate(&self) -> f64 {
        self.sent.operations as f64 / self.sent.seconds
    }

    fn ratio(&self) -> f64 {
        self.rate() / self.single.outcome.per_second()
    }

    fn tell(&self, round: usize, name: &str) {
        println!(
            "| {round} | {name} | {:.0} | {} | {} | {} | {:.0} | {} | {:.2} |",
            self.rate(),
            self.sent.shed,
            cell(self.cpu_micros),
            cell(self.caught_up_after),
            self.single.outcome.per_second(),
            cell(self.single.cpu_micros),
            self.ratio()
        );
    }
}

/// The medians.
fn put(bench: &mut Bench, place: &str, name: &str, pairs: &[Pair]) {
    let middle = |of: &dyn Fn(&Pair) -> f64| median(&pairs.iter().map(of).collect::<Vec<_>>());
    let (rate, ratio) = (middle(&Pair::rate), middle(&Pair::ratio));
    let single_rate = middle(&|pair| pair.single.outcome.per_second());
    bench.figures.put(&format!("{place}/ratio"), ratio, "of single requests");
    bench.figures.put(&format!("{place}/rate"), rate, "operations/s");
    bench.figures.put(&format!("{place}/single_rate"), single_rate, "requests/s");
    println!(
        "median of the {name}: {rate:.0} operations a second, {ratio:.2} times the rate of single requests"
    );
}
