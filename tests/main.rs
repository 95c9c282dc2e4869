//! All integration tests in one binary: it is linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on should stop")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look at files and wait")]

mod api;
mod architecture;
mod backup;
mod cli;
mod crash;
mod descriptors;
mod disk_full;
mod formats;
mod giving_way;
mod history_index;
mod huge_pages;
mod import;
mod keys_file;
mod large_bodies;
mod ledger;
mod ledger_model;
mod linearizable;
mod logs;
mod packaging;
mod planted;
mod readme;
mod reliability;
mod resting;
mod service_model;
mod simulation;
mod stopping;
mod store;
mod supervisor;
mod support;
mod verify;
