//! The runtime, each of whose workers stays on a core of its own, and does the same kind of work for many requests in a row.
//!
//! A worker sleeps and is woken thousands of times a second. Where the system finds no better place at a glance it puts a woken one
//! on the core of whoever woke it: beside the other worker, or the client, for some milliseconds at the worst, while another core is
//! idle. With as many workers as cores there is one right place for each.
use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::{Builder, Runtime};

/// Tasks that a worker takes up before it looks for what has come from the network. tokio's own 61 make it ask the system four times for
/// what a few hundred connections bring.
const LOOK_AT_NETWORK_EVERY: u32 = 256;

/// `stay`: the workers stay on their cores, where the process may use as many as there are workers. (A container may be told to
/// use the time of two cores, and see all of the machine's: then other containers' workers could be on the same two.)
pub fn runtime(stay: bool) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().event_interval(LOOK_AT_NETWORK_EVERY);
    // A task that was woken is not run at once, before all others, but in its turn: a worker then reads many requests in a row and takes
    // many members' turns in a row, each with its own code and data at hand, instead of changing to and fro for every request.
    // tokio has this behind a flag (`.cargo/config.toml`), without which all works the same, only slower.
    #[cfg(tokio_unstable)]
    builder.disable_lifo_slot();
    if let Some(all) = sched_getaffinity(None).ok().filter(|_| stay)
        && let Some(cores) = one_for_each_worker(&all)
    {
        builder.worker_threads(cores.len()).on_thread_start(staying(all, cores));
    }
    builder.build().context("starting the runtime")
}

/// Cores for the workers; none where there are more or fewer of them than workers, or one alone.
fn one_for_each_worker(all: &CpuSet) -> Option<Vec<usize>> {
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    (cores.len() == workers && workers > 1).then_some(cores)
}

/// What a thread of the runtime does first. The workers come before all others; these may use every core, and say so, since a
/// thread begins with what the one may use that made it.
fn staying(all: CpuSet, cores: Vec<usize>) -> impl Fn() + Send + Sync {
    let started = AtomicUsize::new(0);
    move || {
        let own = cores.get(started.fetch_add(1, Ordering::Relaxed)).map(|core| {
            let mut own = CpuSet::new();
            own.set(*core);
            own
        });
        if let Err(error) = sched_setaffinity(None, &own.unwrap_or(all)) {
            tracing::warn!("a thread of the runtime stays where the system puts it: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_worker_has_a_core_of_its_own_and_other_threads_have_all() {
        let all = sched_getaffinity(None).unwrap();
        let Some(cores) = one_for_each_worker(&all) else { return };
        let runtime = runtime(true).unwrap();
        assert_eq!(runtime.metrics().num_workers(), cores.len());
        let own = || sched_getaffinity(None).unwrap();
        // Each waits for the others, so that no two are of the same worker.
        let meet = std::sync::Arc::new(std::sync::Barrier::new(cores.len()));
        let asked: Vec<_> = (0..cores.len())
            .map(|_| {
                let meet = meet.clone();
                runtime.spawn(async move {
                    meet.wait();
                    let worker = own();
                    (worker, tokio::task::spawn_blocking(own).await.unwrap())
                })
            })
            .collect();
        let mut seen = CpuSet::new();
        for asked in asked {
            let (worker, blocking) = runtime.block_on(asked).unwrap();
            assert_eq!((worker.count(), blocking), (1, all));
            cores.iter().filter(|core| worker.is_set(**core)).for_each(|core| seen.set(*core));
        }
        assert_eq!(seen, all, "all cores have a worker");
        assert_eq!(own(), all, "the thread that waits for them is none");
    }
}
