//! Earning rules on the wire: a definition out of a body, and a rule as JSON.
mod node;
pub mod order;
pub mod preview;
pub mod read;
pub mod write;
