//! The wire contract: bodies to commands, outcomes to envelopes.
pub mod content;
pub mod decimal;
pub mod envelope;
pub mod error;
mod extract;
pub mod fields;
mod json;
mod record;
pub mod requests;
mod routes;
pub mod server;
pub mod time;
