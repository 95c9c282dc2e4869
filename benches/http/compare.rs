//! The service next to the bare server, in interleaved rounds over the same cores: produce, zipf, mix.
use super::arguments::{Arguments, Workload};
use super::asks::Asks;
use super::bench::{Bench, Measured, cell, measure};
use super::load::{Pace, quantile};
use super::mix::ENDOWMENT;
use super::sending;
use super::spread::{Spread, Zipf};
use crate::common::median;
use crate::common::served::Served;

pub fn produce(arguments: Arguments) {
    let members = arguments.members(10_000, 10_000);
    let mut bench = Bench::new(arguments, &[]);
    let spread = Spread::Even(members);
    let asks = bench.produces(&spread);
    compare(&mut bench, &format!("produce/{members}"), &asks);
}

pub fn zipf(arguments: Arguments) {
    let members = arguments.members(5_000_000, 200_000);
    let mut bench = Bench::new(arguments, &[]);
    sending::fill(&bench, 0..members, sending::USUAL);
    bench.rest_after_filling();
    let spread = Spread::Skewed(Zipf::new(members, bench.arguments.theta));
    let asks = bench.produces(&spread);
    compare(&mut bench, "zipf", &asks);
    bench.figures.put("zipf/members", members as f64, "members");
}

pub fn mix(arguments: Arguments) {
    let members = arguments.members(10_000, 10_000);
    let mut bench = Bench::new(arguments, &[]);
    sending::fill(&bench, 0..members, ENDOWMENT);
    let asks = bench.mixes(members);
    compare(&mut bench, "mix", &asks);
}

/// One line of the table.
struct Round {
    ours: Measured,
    bare: Measured,
}

impl Round {
    fn ratio(&self) -> f64 {
        self.ours.outcome.per_second() / self.bare.outcome.per_second()
    }
}

pub fn compare<A: Asks>(bench: &mut Bench, name: &str, asks: &impl Fn(usize) -> A) {
    let Arguments { connections, .. } = bench.arguments;
    let (seconds, rounds) = (bench.arguments.seconds(5.0, 2.0), bench.arguments.rounds());
    let warm_up = bench.plan(&bench.service, bench.arguments.sized(2.0, 1.0, 0.1), Pace::Closed);
    let bare = bench.bare(&measure(&bench.service, &warm_up, asks).outcome);
    println!(
        "{:?}: {connections} connections, {rounds} rounds of {seconds} s each, all programs on the same {} cores",
        bench.arguments.workload,
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    println!(
        "| round | requests/s | p50 ms | p99 ms | p99.9 ms | CPU us | bare requests/s | CPU us | load's CPU us | ratio |"
    );
    println!("|{}", " --- |".repeat(10));
    let rounds: Vec<Round> = (1..=rounds).map(|number| round(bench, &bare, number, seconds, asks)).collect();
    put(bench, name, &rounds);
}

/// The service and the bare server, by turns the one or the other first. Before its part the bare server waits until the
/// service's index has caught up.
pub fn pair<A: Asks>(
    bench: &Bench,
    bare: &Served,
    number: usize,
    seconds: f64,
    asks: &impl Fn(usize) -> A,
) -> (Measured, Measured) {
    let part = |server: &Served| measure(server, &bench.plan(server, seconds, Pace::Closed), asks);
    if number.is_multiple_of(2) {
        let bare = part(bare);
        (part(&bench.service), bare)
    } else {
        (part(&bench.service), part(bare))
    }
}

fn round<A: Asks>(
    bench: &Bench,
    bare: &Served,
    number: usize,
    seconds: f64,
    asks: &impl Fn(usize) -> A,
) -> Round {
    let (ours, bare) = pair(bench, bare, number, seconds, asks);
    let round = Round { ours, bare };
    let latency = round.ours.outcome.latency();
    println!(
        "| {number} | {:.0} | {:.2} | {:.2} | {:.2} | {} | {:.0} | {} | {:.1} | {:.2} |",
        round.ours.outcome.per_second(),
        quantile(&latency, 0.5),
        quantile(&latency, 0.99),
        quantile(&latency, 0.999),
        cell(round.ours.cpu_micros),
        round.bare.outcome.per_second(),
        cell(round.bare.cpu_micros),
        round.ours.own_micros,
        round.ratio()
    );
    round
}

/// The medians.
fn put(bench: &mut Bench, name: &str, rounds: &[Round]) {
    let middle = |of: &dyn Fn(&Round) -> f64| median(&rounds.iter().map(of).collect::<Vec<_>>());
    let latency = |share: f64| middle(&|round| quantile(&round.ours.outcome.latency(), share));
    let (rate, ratio) = (middle(&|round| round.ours.outcome.per_second()), middle(&Round::ratio));
    let figures = [
        ("ratio", ratio, "of bare axum"),
        ("rate", rate, "requests/s"),
        ("bare_rate", middle(&|round| round.bare.outcome.per_second()), "requests/s"),
        ("p50", latency(0.5), "ms"),
        ("p99", latency(0.99), "ms"),
        ("p99.9", latency(0.999), "ms"),
        ("cpu", middle(&|round| round.ours.cpu_micros.unwrap_or(f64::NAN)), "us"),
        ("bare_cpu", middle(&|round| round.bare.cpu_micros.unwrap_or(f64::NAN)), "us"),
        ("load_cpu", middle(&|round| round.ours.own_micros), "us"),
    ];
    for (figure, value, unit) in figures {
        bench.figures.put(&format!("{name}/{figure}"), value, unit);
    }
    println!("median: {rate:.0} requests a second, {ratio:.2} of bare axum");
    if bench.arguments.workload == Workload::Mix {
        println!("| p99 ms of | {} |", crate::mix::KINDS.join(" | "));
        println!("| --- |{}", " --- |".repeat(crate::mix::KINDS.len()));
        let last = &rounds[rounds.len() - 1].ours.outcome.latencies;
        let cells = last.iter().map(|(_, latency)| format!("{:.2}", quantile(latency, 0.99)));
        println!("| last round | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}
