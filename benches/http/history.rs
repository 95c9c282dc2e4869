//! Pages of the history while writes run at a share of the peak: the newest page of a member, and of the tenant.
use super::arguments::Arguments;
use super::asks::Pages;
use super::bench::{Bench, measure};
use super::load::{self, Outcome, Pace, Plan, quantile};
use super::sending;
use super::spread::Spread;
use crate::common::median;

/// Connections that read.
const READERS: usize = 16;

pub fn history(arguments: Arguments) {
    let records = arguments.records.unwrap_or(arguments.sized(50_000_000, 500_000, 1_000));
    let members = arguments.members(1_000_000, 50_000);
    let (seconds, rounds) = (arguments.seconds(20.0, 4.0), arguments.rounds());
    let mut bench = Bench::new(arguments, &[]);
    let spread = Spread::Even(members);
    // A member each at first, so that every one has a page.
    let sent = sending::fill(&bench, 0..members.min(records), sending::USUAL);
    let more = sending::fill_events(&bench, records.saturating_sub(members), &spread);
    println!(
        "{} records filled in, in {:.0} s",
        sent.operations + more.operations,
        sent.seconds + more.seconds
    );
    bench.rest_after_filling();
    let rate = bench.rate(&bench.produces(&spread), 0.5);
    let writes = bench.plan(&bench.service, seconds, Pace::Open(rate));
    let reads = Plan {
        threads: 1,
        connections: READERS,
        pace: Pace::Open(bench.arguments.reads),
        ..bench.plan(&bench.service, seconds, Pace::Closed)
    };
    println!("{} pages a second are read meanwhile", bench.arguments.reads);
    println!("| round | member's page p50 ms | p99 ms | tenant's page p50 ms | p99 ms | writes/s | p99 ms |");
    println!("|{}", " --- |".repeat(7));
    let mut medians: [Vec<f64>; 4] = Default::default();
    for round in 1..=rounds {
        let (written, read) = std::thread::scope(|scope| {
            let pages = || load::run(&reads, |_| Pages::new(&bench.tenant, spread.clone())).0;
            let reading = scope.spawn(pages);
            let written = measure(&bench.service, &writes, bench.produces(&spread)).outcome;
            (written, reading.join().expect("a thread that does not panic"))
        });
        let figures = figures(&read);
        let [member_p50, member_p99, tenant_p50, tenant_p99] = figures;
        println!(
            "| {round} | {member_p50:.2} | {member_p99:.2} | {tenant_p50:.2} | {tenant_p99:.2} | {:.0} | {:.2} |",
            written.per_second(),
            quantile(&written.latency(), 0.99)
        );
        medians.iter_mut().zip(figures).for_each(|(all, figure)| all.push(figure));
    }
    let [member_p50, member_p99, tenant_p50, tenant_p99] = medians.map(|all| median(&all));
    bench.figures.put("history/records", records as f64, "records");
    bench.figures.put("history/member_p50", member_p50, "ms");
    bench.figures.put("history/member_p99", member_p99, "ms");
    bench.figures.put("history/tenant_p50", tenant_p50, "ms");
    bench.figures.put("history/tenant_p99", tenant_p99, "ms");
    println!("median: p99 {member_p99:.2} ms of a member's page, {tenant_p99:.2} ms of the tenant's");
}

/// p50 and p99 of a member's page, then of the tenant's.
fn figures(read: &Outcome) -> [f64; 4] {
    let [(_, member), (_, tenant)] = &read.latencies[..] else { panic!("two kinds of pages") };
    [quantile(member, 0.5), quantile(member, 0.99), quantile(tenant, 0.5), quantile(tenant, 0.99)]
}
