//! What the service is held against: `server` is bare axum, `floor` the same with an actor a member and a log.
pub mod floor;
pub mod server;
