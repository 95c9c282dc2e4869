//! Close to the peak for long, with a mix whose lots come and go. Meanwhile the index's lag and the service's memory are looked
//! at: neither may grow without end.
use super::arguments::Arguments;
use super::bench::{Bench, measure};
use super::load::{Pace, quantile};
use super::mix::ENDOWMENT;
use super::sending;
use crate::common::median;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Looks at the service, evenly over the time.
const LOOKS: u32 = 24;
/// Records that the index may lag behind without a doubt: a second's work or two.
const LAG_OF_NO_CONCERN: f64 = 20_000.0;

/// One look.
#[derive(Clone, Copy)]
struct Look {
    lag: f64,
    memory: f64,
}

pub fn sustain(arguments: Arguments) {
    let seconds = arguments.seconds(600.0, 24.0);
    let members = arguments.members(100_000, 10_000);
    let mut bench = Bench::new(arguments, &[]);
    sending::fill(&bench, 0..members, ENDOWMENT);
    let asks = bench.mixes(members);
    let rate = bench.rate(&asks, 0.9);
    let plan = bench.plan(&bench.service, seconds, Pace::Open(rate));
    println!("| second | requests/s | index lag, records | memory MiB | snapshots |");
    println!("|{}", " --- |".repeat(5));
    let (measured, looks) = std::thread::scope(|scope| {
        let load = scope.spawn(|| measure(&bench.service, &plan, &asks));
        let (begin, every) = (Instant::now(), Duration::from_secs_f64(seconds) / LOOKS);
        let (mut looks, mut answered) = (Vec::new(), 0);
        for number in 1..=LOOKS {
            std::thread::sleep((begin + every * number).saturating_duration_since(Instant::now()));
            if load.is_finished() {
                break;
            }
            let now = plan.watched.load(Ordering::Relaxed);
            looks.push(look(&bench, begin.elapsed(), (now - answered) as f64 / every.as_secs_f64()));
            answered = now;
        }
        (load.join().expect("a load that is answered as it should"), looks)
    });
    let (outcome, latency) = (&measured.outcome, measured.outcome.latency());
    let is_kept = outcome.per_second() >= 0.98 * rate;
    let (lag_before, lag_after) = halves(&looks, |look| look.lag);
    let is_bounded = lag_after <= LAG_OF_NO_CONCERN.max(1.5 * lag_before);
    let (memory_before, memory_after) = halves(&looks, |look| look.memory);
    let growth = memory_after / memory_before;
    let p99 = quantile(&latency, 0.99);
    println!(
        "{:.0} requests a second of {rate:.0} asked for; p99 {p99:.2} ms, p99.9 {:.2} ms",
        outcome.per_second(),
        quantile(&latency, 0.999)
    );
    println!("index lag: {lag_before:.0} records in the first half, {lag_after:.0} in the second");
    println!(
        "memory: {memory_before:.0} MiB in the first half, {memory_after:.0} in the second, {growth:.2} times"
    );
    let yes = |is: bool| if is { "yes" } else { "NO" };
    println!(
        "rate kept: {}; index keeps up: {}; memory flat: {}",
        yes(is_kept),
        yes(is_bounded),
        yes(growth < 1.1)
    );
    bench.figures.put("sustain/seconds", seconds, "s");
    bench.figures.put("sustain/rate", outcome.per_second(), "requests/s");
    bench.figures.put("sustain/kept", outcome.per_second() / rate, "of the rate asked for");
    bench.figures.put("sustain/p99", p99, "ms");
    bench.figures.put("sustain/lag", lag_after, "records");
    bench.figures.put("sustain/lag_bounded", f64::from(u8::from(is_bounded)), "yes or no");
    bench.figures.put("sustain/memory_growth", growth, "times");
    bench.figures.put("sustain/memory", memory_after, "MiB");
}

fn look(bench: &Bench, since: Duration, rate: f64) -> Look {
    let metrics = bench.service.metrics();
    let lag = metrics["eros_points_index_lag_records"];
    let memory = bench.service.resident_bytes().map_or(f64::NAN, |bytes| bytes as f64 / f64::from(1 << 20));
    let snapshots = metrics["eros_points_snapshots_total"];
    println!("| {:.0} | {rate:.0} | {lag:.0} | {memory:.0} | {snapshots:.0} |", since.as_secs_f64());
    Look { lag, memory }
}

/// The median in the first half of the looks, and in the second; of the first quarter nothing counts, which fills caches.
fn halves(looks: &[Look], of: impl Fn(&Look) -> f64) -> (f64, f64) {
    let values: Vec<f64> = looks.iter().skip(looks.len() / 4).map(of).collect();
    let (first, second) = values.split_at(values.len() / 2);
    (median(first), median(second))
}
