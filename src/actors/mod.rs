//! The running service below HTTP: one actor a busy member, the directory of all members, time, transfers, reads.
pub mod answer;
mod arena;
mod carrier;
pub mod core;
pub mod directory;
mod held;
mod indexer;
mod member;
mod recents;
pub mod recovery;
pub mod service;
pub mod snapshot;
pub mod start;
pub mod streams;
mod sweeper;
mod ticker;
mod timer;
mod zones;
