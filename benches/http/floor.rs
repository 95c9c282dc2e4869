//! The service and the bare server next to the floor (`benches/bare/floor.rs`): how much of what is missing to bare axum any
//! service must miss that has an actor for each member and a log that is synced before it answers.
use super::arguments::Arguments;
use super::bench::{Bench, Measured, cell, measure};
use super::load::{Pace, quantile};
use super::spread::Spread;
use crate::common::median;
use crate::common::served::Served;

pub fn floor(arguments: Arguments) {
    let members = arguments.members(10_000, 10_000);
    let mut bench = Bench::new(arguments, &[]);
    let asks = bench.produces(&Spread::Even(members));
    let (seconds, rounds) = (bench.arguments.seconds(5.0, 2.0), bench.arguments.rounds());
    let part = |server: &Served, seconds| measure(server, &bench.plan(server, seconds, Pace::Closed), &asks);
    let warm_up = bench.arguments.sized(2.0, 1.0, 0.1);
    let first = part(&bench.service, warm_up).outcome;
    let (bare, least) = (bench.bare(&first), bench.floor(&first));
    part(&least, warm_up);
    println!(
        "| round | service/s | CPU us | floor/s | CPU us | p99 ms | bare/s | CPU us | service of bare | floor of bare |"
    );
    println!("|{}", " --- |".repeat(10));
    let servers = [&bench.service, &least, &bare];
    let rounds: Vec<[Measured; 3]> = (0..rounds)
        .map(|round| {
            // By turns another one first.
            let mut parts = [0, 1, 2].map(|_| None);
            for place in (0..3).map(|n| (n + round) % 3) {
                parts[place] = Some(part(servers[place], seconds));
            }
            let parts = parts.map(|part| part.expect("each had its part"));
            tell(round, &parts);
            parts
        })
        .collect();
    let middle = |of: &dyn Fn(&[Measured; 3]) -> f64| median(&rounds.iter().map(of).collect::<Vec<_>>());
    let figures = [
        ("ratio", middle(&|round| share(round, 1)), "of bare axum"),
        ("service_ratio", middle(&|round| share(round, 0)), "of bare axum"),
        ("rate", middle(&|round| round[1].outcome.per_second()), "requests/s"),
        ("p99", middle(&|round| quantile(&round[1].outcome.latency(), 0.99)), "ms"),
        ("cpu", middle(&|round| round[1].cpu_micros.unwrap_or(f64::NAN)), "us"),
        ("service_cpu", middle(&|round| round[0].cpu_micros.unwrap_or(f64::NAN)), "us"),
        ("bare_cpu", middle(&|round| round[2].cpu_micros.unwrap_or(f64::NAN)), "us"),
    ];
    for (figure, value, unit) in figures {
        bench.figures.put(&format!("floor/{members}/{figure}"), value, unit);
        println!("median {figure}: {value:.2} {unit}");
    }
}

fn share(round: &[Measured; 3], place: usize) -> f64 {
    round[place].outcome.per_second() / round[2].outcome.per_second()
}

fn tell(round: usize, parts: &[Measured; 3]) {
    let [service, floor, bare] = parts;
    println!(
        "| {} | {:.0} | {} | {:.0} | {} | {:.2} | {:.0} | {} | {:.2} | {:.2} |",
        round + 1,
        service.outcome.per_second(),
        cell(service.cpu_micros),
        floor.outcome.per_second(),
        cell(floor.cpu_micros),
        quantile(&floor.outcome.latency(), 0.99),
        bare.outcome.per_second(),
        cell(bare.cpu_micros),
        share(parts, 0),
        share(parts, 1),
    );
}
