//! Bytes on disk from and to plain data. Pure: no file, clock or task.
mod bytes;
pub mod codec;
pub mod entry;
pub mod frame;
pub mod newer;
pub mod personal_keys;
pub mod resting;
pub mod scan;
pub mod segment;
pub mod snapshot;
