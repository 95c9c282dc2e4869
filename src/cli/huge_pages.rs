//! Memory in huge pages while the service starts, in ordinary ones afterwards.
//!
//! The allocator asks for huge pages for all that it takes (`.cargo/config.toml`). A start fills gigabytes, and the system gives
//! 2 MiB at once in a fraction of the time of 512 pages one by one; what lies there is also found with fewer steps ever after. Once
//! there are requests, though, the one that is first to touch such a page would wait for all of it to be zeroed.

/// From now on the process gets ordinary pages; what it has stays as it is.
pub fn no_more() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::warn!("memory may come in huge pages, and some requests wait for them: {error}");
    }
}
