//! The running service below HTTP: one actor a busy member, the directory of all members, time, transfers, reads.
pub mod answer;
pub mod service;
