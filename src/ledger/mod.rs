//! The account's rules, as pure functions: the same events in give the same state out, on any machine, in any year.
//!
//! `decide` looks and never changes; `apply` changes and never refuses. No clock, file, task, randomness or log line.
pub mod command;
pub mod event;
pub mod instant;
pub mod lot;
pub mod lsn;
pub mod points;
pub mod refusal;
