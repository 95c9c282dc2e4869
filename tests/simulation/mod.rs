//! The whole service below HTTP in a simulated world, from a seed: over a hundred members, commands of all kinds, several
//! under way at once, some sent twice; time that leaps and a wall clock that is set back; snapshots, archiving, members
//! going to rest; crashes at whatever is being done, with and without loss of power; a disk that fails, lies and fills up;
//! copies of it with damage. One thread, no real time: the same seed gives the same trace.
//!
//! Everything that was acknowledged is held against the naive model, and is asked for again in later lives. A crash can
//! leave a disk in many ways: the world goes on with one of them, others are started from beside it.
//!
//! `tests/simulation/run --hours 1` runs it on all cores with fresh seeds. `EROS_SIMULATION_SEED=n cargo test --test suite
//! simulation` runs one seed again; with `EROS_SIMULATION_TRACE=1` it prints what happens.
mod life;
mod shelf;
mod small;
mod steps;
mod tally;
mod world;

use crate::support::lying_disk::{Fault, Plan};
use life::{End, live};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tally::Tally;
use world::World;

/// A seed that takes so long, hundreds of times what it should, is stuck.
const SEED_MAX: Duration = Duration::from_secs(60);

/// Lives of one seed.
const LIVES: u64 = 12;

/// Runs a seed to its end; its trace, and what it came by.
fn run(seed: u64) -> (String, Tally) {
    let mut world = World::new(seed);
    for _ in 0..LIVES {
        let actions = 40 + world.random.below(400);
        let plan = world.plan();
        let ends = if world.random.one_in(6) { End::Stopped } else { End::Crashed };
        if world.random.one_in(8) {
            let at = world.random.below(300);
            world.disk.power_off_at(at);
        }
        let before = world.disk.injected().all();
        let lived = live(&mut world, actions, plan, ends);
        match lived {
            Ok(()) if ends == End::Stopped => world.tally.stops += 1,
            Ok(()) => {}
            Err(refused) => {
                world.tally.refused_starts += 1;
                let failed = world.disk.is_off() || world.disk.injected().all() > before;
                assert!(failed, "a start on a disk in order was refused: {refused}");
                world.note(format_args!("refused: {refused}"));
            }
        }
        let other_ends = if world.is_far() { 2 } else { world.random.below(2) };
        (0..other_ends).for_each(|_| life::try_another_end(&mut world));
        world.die();
        if world.random.one_in(3) {
            let fault = *world.random.pick(Fault::AT_REST).expect("some");
            life::try_damaged(&mut world, fault);
        }
    }
    world.disk.set_plan(Plan::honest());
    life::end(&mut world);
    for fault in Fault::ALL {
        let times = world.disk.injected().of(fault);
        *world.tally.faults.entry(format!("{fault:?}")).or_default() += times;
    }
    (world.trace(), std::mem::take(&mut world.tally))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number in the variable"))
}

#[test]
fn one_seed_gives_one_trace() {
    assert_eq!(run(7).0, run(7).0);
}

/// Fresh seeds on all cores for `EROS_SIMULATION_SECONDS`, three quarters of it for the whole service, or, if that is set, the
/// seed of `EROS_SIMULATION_SEED` alone.
#[test]
fn nothing_is_lost_and_nothing_counts_twice_whatever_happens() {
    if let Some(seed) = number("EROS_SIMULATION_SEED") {
        let (trace, tally) = run(seed);
        eprintln!("{}trace {trace}", tally.table());
        eprint!("{}", small::run(seed).table());
        return;
    }
    let time = Duration::from_secs(number("EROS_SIMULATION_SECONDS").unwrap_or(16));
    fresh_seeds("the whole service", time * 3 / 4, |seed| run(seed).1);
    fresh_seeds("ledger, log and snapshots", time / 4, small::run);
}

fn tell_failed(how: &str, seed: u64) {
    eprintln!("simulation: {how}; again with EROS_SIMULATION_SEED={seed} cargo test --test suite simulation");
}

fn fresh_seeds(what: &str, time: Duration, run: fn(u64) -> Tally) {
    let begun = Instant::now();
    let first = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos() as u64;
    let (next, all) = (AtomicU64::new(first), Mutex::new(Tally::default()));
    // One seed that fails is enough.
    let failed = AtomicBool::new(false);
    let at_work = Mutex::new(BTreeMap::new());
    let work = || {
        while begun.elapsed() < time && !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            at_work.lock().expect("the seeds").insert(seed, Instant::now());
            let ran = catch_unwind(AssertUnwindSafe(|| run(seed)));
            at_work.lock().expect("the seeds").remove(&seed);
            match ran {
                Ok(tally) => all.lock().expect("the tally").add(&tally),
                Err(panic) => {
                    failed.store(true, Ordering::Relaxed);
                    tell_failed("failed", seed);
                    std::panic::resume_unwind(panic);
                }
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(100));
            let begun = at_work.lock().expect("the seeds").clone();
            // It can't be ended from outside, only the process can.
            if let Some((seed, _)) = begun.iter().find(|(_, begun)| begun.elapsed() > SEED_MAX) {
                tell_failed("does not end", *seed);
                std::process::exit(101);
            }
        }
        workers.into_iter().for_each(|worker| worker.join().expect("a seed that holds"));
    });
    let tally = all.into_inner().expect("the tally");
    eprint!("simulation of {what}: {:.0} s: {}", begun.elapsed().as_secs_f64(), tally.table());
    assert!(tally.crashes > 0 && tally.events > 0, "nothing happened");
}
