//! What tests share.
pub mod books;
pub mod disk;
pub mod every_kind;
pub mod http;
pub mod lying_disk;
pub mod metrics;
pub mod model;
pub mod process;
pub mod random;
pub mod rows;
pub mod server;
pub mod service;

use eros_points::store::journal::JournalOptions;
use std::time::Duration;

/// Waits for what comes by itself; a minute is longer than any of it takes.
#[track_caller]
pub fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain");
}

/// A log whose segments are so small that a short life fills some, and that they are quickly read.
pub fn small_segments() -> JournalOptions {
    JournalOptions {
        segment_bytes: 1,
        frame_bytes_max: 32 << 10,
        reserve_bytes: 4 << 10,
        min_free_bytes: 1,
        ..JournalOptions::default()
    }
}
