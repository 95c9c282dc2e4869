//! The threads of a start.
use std::thread::{ScopedJoinHandle, available_parallelism};

/// More than so many are kept waiting by the one that reads.
const WORKERS_MAX: usize = 8;

/// How many threads share the members among them.
pub fn workers() -> usize {
    available_parallelism().map_or(1, usize::from).min(WORKERS_MAX)
}

/// What a thread came to; its panic is the caller's.
pub fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
