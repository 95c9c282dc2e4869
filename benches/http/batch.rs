//! Batches against single requests, operation for operation, and whether the index follows.
use super::arguments::Arguments;
use super::bench::{Bench, cell, measure};
use super::load::Pace;
use super::sending;
use super::spread::Spread;
use crate::common::median;
use std::time::Duration;

/// How long after the load the index may take to catch up.
const CATCH_UP: Duration = Duration::from_secs(60);

/// Batches against single requests, operation for operation.
pub fn batch(arguments: Arguments) {
    let members = arguments.members(10_000, 10_000);
    let (seconds, rounds) = (arguments.seconds(60.0, 5.0), arguments.rounds());
    let mut bench = Bench::new(arguments, &[]);
    let Arguments { connections, batch, batch_connections, .. } = bench.arguments;
    let spread = Spread::Even(members);
    println!(
        "batches of {batch} on {batch_connections} connections for {seconds} s, single requests on {connections}, {members} members, {rounds} rounds"
    );
    println!(
        "| round | batch operations/s | sent again | CPU us each | index caught up after s | single requests/s | CPU us each | ratio |"
    );
    println!("|{}", " --- |".repeat(8));
    let (mut rates, mut singles, mut ratios, mut caught_up) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let single_plan = bench.plan(&bench.service, bench.arguments.sized(5.0, 2.0, 0.1), Pace::Closed);
    measure(&bench.service, &single_plan, bench.produces(&spread));
    for round in 1..=rounds {
        let single = measure(&bench.service, &single_plan, bench.produces(&spread));
        bench.service.caught_up(CATCH_UP);
        let before = bench.service.cpu_seconds();
        let sent = sending::send_for(&bench, seconds, &spread);
        let cpu = bench.service.cpu_seconds().zip(before).map(|(after, before)| after - before);
        let behind = bench.service.caught_up(CATCH_UP).map(|took| took.as_secs_f64());
        let (rate, single_rate) = (sent.operations as f64 / sent.seconds, single.outcome.per_second());
        println!(
            "| {round} | {rate:.0} | {} | {} | {} | {single_rate:.0} | {} | {:.2} |",
            sent.shed,
            cell(cpu.map(|cpu| cpu * 1e6 / sent.operations as f64)),
            behind.map_or_else(|| "not within 60".into(), |seconds| format!("{seconds:.1}")),
            cell(single.cpu_micros),
            rate / single_rate
        );
        rates.push(rate);
        singles.push(single_rate);
        ratios.push(rate / single_rate);
        caught_up.extend(behind);
    }
    let (rate, ratio, slowest) =
        (median(&rates), median(&ratios), caught_up.iter().copied().fold(0.0, f64::max));
    bench.figures.put("batch/ratio", ratio, "of single requests");
    bench.figures.put("batch/rate", rate, "operations/s");
    bench.figures.put("batch/single_rate", median(&singles), "requests/s");
    bench.figures.put("batch/caught_up_after", slowest, "s");
    bench.figures.put("batch/rounds_caught_up", caught_up.len() as f64 / rounds as f64, "of the rounds");
    println!("median: {rate:.0} operations a second, {ratio:.2} times the rate of single requests");
    println!("the index caught up in {} of {rounds} rounds, after {slowest:.1} s at most", caught_up.len());
}
