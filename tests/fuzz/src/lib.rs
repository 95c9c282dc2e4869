//! What each target does with the fuzzer's bytes. None may panic, run away or take more memory than the bytes are worth.
pub mod bodies;
pub mod files;
pub mod log;
pub mod rules;
pub mod service;
pub mod settings;
pub mod snapshot;
