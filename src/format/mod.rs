//! Bytes on disk from and to plain data. Pure: no file, clock or task.
pub mod codec;
pub mod entry;
