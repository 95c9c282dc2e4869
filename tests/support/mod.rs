//! What tests share.
pub mod books;
pub mod http;
pub mod model;
pub mod server;
