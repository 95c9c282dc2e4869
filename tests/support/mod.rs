//! What tests share.
pub mod books;
pub mod disk;
pub mod http;
pub mod lying_disk;
pub mod metrics;
pub mod model;
pub mod process;
pub mod random;
pub mod server;
pub mod service;

use std::time::Duration;

/// Waits for what comes by itself; a minute is longer than any of it takes.
#[track_caller]
pub fn until(is_so: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain");
}
