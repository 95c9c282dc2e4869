//! How the cost of an accrual grows: with members, and with past events. Each size is measured in interleaved rounds with
//! the bare server, which knows neither.
use super::arguments::Arguments;
use super::bench::{Bench, cell, measure};
use super::compare::pair;
use super::load::{Pace, quantile};
use super::sending;
use super::spread::Spread;
use crate::common::median;
use crate::common::served::Served;
use std::time::Duration;

/// Members that the past events are spread over.
const MEMBERS: u64 = 100_000;

/// How long the index may take to catch up after a fill.
const CATCH_UP: Duration = Duration::from_secs(3_600);

pub fn grow(arguments: Arguments) {
    let sizes = arguments.sizes.clone().unwrap_or_else(|| {
        let full = vec![1_000, 10_000, 100_000, 1_000_000, 10_000_000];
        arguments.sized(full, vec![1_000, 10_000, 100_000], vec![100, 200])
    });
    let events = arguments.events.clone().unwrap_or_else(|| {
        let full = vec![1_000_000, 10_000_000, 50_000_000];
        arguments.sized(full, vec![100_000, 300_000], vec![500])
    });
    println!(
        "| members | past events | requests/s | p50 ms | p99 ms | CPU us | bare requests/s | ratio | memory MiB |"
    );
    println!("|{}", " --- |".repeat(9));
    // One service that grows; then another one, whose members stay as many.
    let mut bench = Bench::new(arguments, &[]);
    let mut members = 0;
    for size in sizes {
        sending::fill(&bench, members..size, sending::USUAL);
        members = size;
        one_size(&mut bench, &format!("grow/members/{size}"), members, None);
    }
    bench.start_anew(&[]);
    let members = bench.arguments.sized(MEMBERS, MEMBERS, 100);
    let mut past = 0;
    for count in events {
        sending::fill_events(&bench, count - past, &Spread::Even(members));
        past = count;
        one_size(&mut bench, &format!("grow/events/{count}"), members, Some(count));
    }
}

fn one_size(bench: &mut Bench, name: &str, members: u64, past: Option<u64>) {
    let (seconds, rounds) = (bench.arguments.seconds(5.0, 1.0), bench.arguments.rounds());
    let asks = bench.produces(&Spread::Even(members));
    bench.service.caught_up(CATCH_UP);
    let warm_up = bench.plan(&bench.service, seconds, Pace::Closed);
    let bare: Served = bench.bare(&measure(&bench.service, &warm_up, &asks).outcome);
    let rounds: Vec<_> = (1..=rounds).map(|number| pair(bench, &bare, number, seconds, &asks)).collect();
    let middle = |of: &dyn Fn(usize) -> f64| median(&(0..rounds.len()).map(of).collect::<Vec<_>>());
    let rate = middle(&|n| rounds[n].0.outcome.per_second());
    let bare_rate = middle(&|n| rounds[n].1.outcome.per_second());
    let ratio = middle(&|n| rounds[n].0.outcome.per_second() / rounds[n].1.outcome.per_second());
    let latency = |share: f64| middle(&|n| quantile(&rounds[n].0.outcome.latency(), share));
    let (p50, p99) = (latency(0.5), latency(0.99));
    let cpu = Some(middle(&|n| rounds[n].0.cpu_micros.unwrap_or(f64::NAN))).filter(|cpu| cpu.is_finite());
    let memory = bench.service.resident_bytes().map(|bytes| bytes as f64 / f64::from(1 << 20));
    println!(
        "| {members} | {} | {rate:.0} | {p50:.2} | {p99:.2} | {} | {bare_rate:.0} | {ratio:.2} | {} |",
        past.map_or_else(|| "of the fill".into(), |count| count.to_string()),
        cell(cpu),
        cell(memory)
    );
    let figures = [
        ("rate", rate, "requests/s"),
        ("p50", p50, "ms"),
        ("p99", p99, "ms"),
        ("ratio", ratio, "of bare axum"),
        ("cpu", cpu.unwrap_or(f64::NAN), "us"),
        ("memory", memory.unwrap_or(f64::NAN), "MiB"),
    ];
    for (figure, value, unit) in figures {
        bench.figures.put(&format!("{name}/{figure}"), value, unit);
    }
}
