//! The account's rules.
pub mod instant;
pub mod lsn;
pub mod points;
