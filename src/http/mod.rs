//! The wire contract: bodies to commands, outcomes to envelopes.
pub mod content;
pub mod decimal;
pub mod envelope;
pub mod error;
mod extract;
mod fields;
mod json;
mod openapi;
mod record;
mod requests;
mod routes;
pub mod server;
pub mod time;
