//! Latency at a constant rate, a share of the peak, while the service also takes snapshots, begins new segments and merges
//! the tables of its index. A round in which one of these did not happen says so.
use super::arguments::Arguments;
use super::bench::{Bench, cell, measure};
use super::happened::{self, Seen};
use super::load::{Pace, quantile};
use super::sending;
use super::spread::Spread;
use crate::common::median;

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
    println!(
        "| round | requests/s | p50 ms | p99 ms | p99.9 ms | max ms | sent late, p99 ms | CPU us | snapshots | new segments | tables merged |"
    );
    println!("|{}", " --- |".repeat(11));
    let (mut p50, mut p99, mut p999, mut all) = (Vec::new(), Vec::new(), Vec::new(), true);
    for round in 1..=rounds {
        if round > 1 {
            // The index of a new service is about to merge after so many events; later on there is no telling.
            bench.start_anew(settings);
        }
        if !bench.arguments.tiny {
            fill_index(&bench, &spread);
        }
        let plan = bench.plan(&bench.service, seconds, Pace::Open(rate));
        let before = Seen::now(&bench.service);
        let measured = measure(&bench.service, &plan, bench.produces(&spread));
        let happened = before.until(&Seen::now(&bench.service));
        let latency = measured.outcome.latency();
        println!(
            "| {round} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {} | {} |",
            measured.outcome.per_second(),
            quantile(&latency, 0.5),
            quantile(&latency, 0.99),
            quantile(&latency, 0.999),
            latency.max() as f64 / 1_000.0,
            quantile(&measured.outcome.late, 0.99),
            cell(measured.cpu_micros),
            happened.cells()
        );
        p50.push(quantile(&latency, 0.5));
        p99.push(quantile(&latency, 0.99));
        p999.push(quantile(&latency, 0.999));
        all &= happened.is_all();
    }
    let (p99, p999) = (median(&p99), median(&p999));
    bench.figures.put("open/rate", rate, "requests/s");
    bench.figures.put("open/p50", median(&p50), "ms");
    bench.figures.put("open/p99", p99, "ms");
    bench.figures.put("open/p99.9", p999, "ms");
    bench.figures.put("open/all_happened", f64::from(u8::from(all)), "yes or no");
    println!("median: p99 {p99:.2} ms, p99.9 {p999:.2} ms");
    if !all {
        println!("not every round had a snapshot, a new segment and merged tables: take more --seconds");
    }
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
