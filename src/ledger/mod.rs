//! The account's rules, as pure functions: the same events in give the same state out, on any machine, in any year.
//!
//! `decide` looks and never changes; `apply` changes and never refuses. No clock, file, task, randomness or log line.
pub mod account;
mod accrual;
mod apply;
pub mod by_rule;
pub mod calendar;
pub mod command;
mod decide;
mod due;
pub mod event;
mod give_back;
pub mod instant;
pub mod local;
pub mod lot;
pub mod lots;
pub mod lsn;
pub mod moved;
pub mod points;
pub mod profile;
pub mod refusal;
mod reversal;
pub mod rule;
mod spend;
pub mod tenant;
pub mod transfer;

pub use apply::apply;
pub use decide::{Decision, Known, Prior, Terms, decide};
pub use due::{due, project, project_noting};
