//! The formats on disk. `wal/README.md` and `snapshots/README.md` are the contract; these tests read the two pages, and
//! with what they say there, and no line of the service's own, they read and write bytes (`page.rs`, `bytes.rs`,
//! `files.rs`). The service must agree.
//!
//! Fixtures (`tests/fixtures/`) hold bytes as written when a version was made. They are compared, never rewritten:
//! `EROS_WRITE_FIXTURES=1 cargo test --test suite formats` writes those that are not there yet, and a change of one that
//! is there takes a page in `docs/decisions/` and deleting it by hand.
mod bytes;
mod chained;
mod constants;
mod endings;
mod files;
mod fingerprints;
mod fixtures;
mod folder;
mod newer;
pub mod page;
mod partitions;
mod payloads;
mod personal_keys;
mod random;
mod rule_images;
mod rule_samples;
mod samples;
mod segment_parts;
mod snapshot_ahead;
mod snapshot_parts;
mod snapshots;
pub mod story;
