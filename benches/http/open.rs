//! Latency at a constant rate, a share of the peak, while the service also takes snapshots, begins new segments and merges
//! the tables of its index. A round in which one of these did not happen says so. Beside it the floor and bare axum at the same rate.
use super::arguments::Arguments;
use super::bench::{Bench, Measured, cell, measure};
use super::happened::{self, Seen};
use super::load::{Pace, quantile};
use super::sending;
use super::spread::Spread;
use crate::common::median;
use crate::common::served::Served;

/// Past events that are filled in before the index is looked at again.
const STEP: u64 = 20_000;

/// Settings under which a window of some seconds has all of it; one of a minute has it with the default ones.
const SHORT: [(&str, &str); 2] = [("snapshot_every", "8MiB"), ("segment_bytes", "8MiB")];

pub fn open(arguments: Arguments) {
    let seconds = arguments.seconds(60.0, 15.0);
    let rounds = arguments.rounds.unwrap_or(arguments.sized(5, 1, 1));
    let members = arguments.members(100_000, 10_000);
    let settings: &[_] = if seconds < 60.0 { &SHORT } else { &[] };
    let mut bench = Bench::new(arguments, settings);
    let spread = Spread::Even(members);
    let rate = bench.rate(&bench.produces(&spread), 0.5);
    let limits = limits(&bench, &spread, rate);
    println!(
        "| round | server | requests/s | p50 ms | p99 ms | p99.9 ms | max ms | sent late, p99 ms | CPU us | snapshots | new segments | tables merged |"
    );
    println!("|{}", " --- |".repeat(12));
    let (mut ours, mut all) = (Vec::new(), true);
    let mut theirs: Vec<Vec<Latency>> = limits.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        if round > 1 {
            // The index of a new service is about to merge after so many events; later on there is no telling.
            bench.start_anew(settings);
        }
        if !bench.arguments.tiny {
            fill_index(&bench, &spread);
        }
        let part = |server: &Served| {
            measure(server, &bench.plan(server, seconds, Pace::Open(rate)), bench.produces(&spread))
        };
        let before = Seen::now(&bench.service);
        let measured = part(&bench.service);
        let happened = before.until(&Seen::now(&bench.service));
        ours.push(Latency::of(&measured));
        println!("| {round} | service | {} | {} |", cells(&measured, &ours[round - 1]), happened.cells());
        all &= happened.is_all();
        for ((name, server), latencies) in limits.iter().zip(&mut theirs) {
            let measured = part(server);
            latencies.push(Latency::of(&measured));
            println!("| {round} | {name} | {} | | | |", cells(&measured, &latencies[round - 1]));
        }
    }
    bench.figures.put("open/rate", rate, "requests/s");
    bench.figures.put("open/all_happened", f64::from(u8::from(all)), "yes or no");
    put(&mut bench, "open", "service", &ours);
    for ((name, _), latencies) in limits.iter().zip(&theirs) {
        put(&mut bench, &format!("open/{name}"), name, latencies);
    }
    if !all {
        println!("not every round had a snapshot, a new segment and merged tables: take more --seconds");
    }
}

/// The floor and bare axum, which are asked the same at the same rate: what they keep waiting is the machine's part, and that of any
/// service with actors and a log. The floor has its actors when it is measured.
fn limits(bench: &Bench, spread: &Spread, rate: f64) -> Vec<(&'static str, Served)> {
    let part = |server: &Served, seconds, pace| {
        measure(server, &bench.plan(server, seconds, pace), bench.produces(spread)).outcome
    };
    let seconds = bench.arguments.sized(2.0, 1.0, 0.1);
    let limits = bench.limits(&part(&bench.service, seconds, Pace::Open(rate)));
    for (_, server) in &limits {
        part(server, bench.arguments.sized(10.0, 5.0, 0.1), Pace::Closed);
    }
    limits
}

/// Milliseconds.
struct Latency {
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl Latency {
    fn of(measured: &Measured) -> Latency {
        let all = measured.outcome.latency();
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| quantile(&all, share));
        Latency { p50, p99, p999, max: all.max() as f64 / 1_000.0 }
    }
}

fn cells(measured: &Measured, Latency { p50, p99, p999, max }: &Latency) -> String {
    format!(
        "{:.0} | {p50:.2} | {p99:.2} | {p999:.2} | {max:.2} | {:.2} | {}",
        measured.outcome.per_second(),
        quantile(&measured.outcome.late, 0.99),
        cell(measured.cpu_micros)
    )
}

/// The medians.
fn put(bench: &mut Bench, place: &str, name: &str, latencies: &[Latency]) {
    let middle = |of: fn(&Latency) -> f64| median(&latencies.iter().map(of).collect::<Vec<_>>());
    let (p50, p99, p999) = (middle(|one| one.p50), middle(|one| one.p99), middle(|one| one.p999));
    for (figure, value) in [("p50", p50), ("p99", p99), ("p99.9", p999)] {
        bench.figures.put(&format!("{place}/{figure}"), value, "ms");
    }
    println!("median of the {name}: p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms");
}

/// So many past events that the next tables of the index, which are written within the window, will be merged: without them
/// that takes minutes.
fn fill_index(bench: &Bench, spread: &Spread) {
    let mut filled = 0;
    let mut fill = |count: u64| {
        sending::fill_events(bench, count, spread);
        bench.service.settle();
        filled += count;
        filled
    };
    while !happened::is_about_to_merge(&bench.service) {
        let tables = happened::MERGED_AT as u64 - 1;
        let of_one_table = fill(STEP) / tables;
        if happened::is_about_to_merge(&bench.service) {
            fill(of_one_table.saturating_sub(2 * STEP));
        }
    }
}
