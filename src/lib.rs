//! eros-points: a loyalty-points ledger.
//!
//! # Layout, in dependency order (nothing points back)
//! - [`ledger`]: the rules of the account. Pure: no clock, file, task or log line.
//! - [`format`]: bytes on disk from and to plain data. Pure.
//! - [`store`]: the only code that touches files: log, snapshots, lock.
//! - [`history`]: the derived, rebuildable index behind `/history`, keys and reversals.
//! - [`actors`]: one actor a member, the directory of members at rest, the timer.
//! - [`http`]: the wire contract: bodies to commands, outcomes to envelopes.
//! - [`import`]: members, lots and past events of another system, offline.
//! - [`cli`]: the commands of the binary.
//!
//! Beside them: [`limits`], [`clock`], [`measure`] (counters for `/metrics`), [`pace`] (work without haste), [`giving_way`]
//! (threads that nobody waits for), [`config`], [`telemetry`].
pub mod actors;
pub mod cli;
pub mod clock;
pub mod config;
pub mod format;
pub mod giving_way;
pub mod history;
pub mod http;
pub mod import;
pub mod ledger;
pub mod limits;
pub mod measure;
pub mod pace;
pub mod store;
pub mod telemetry;
