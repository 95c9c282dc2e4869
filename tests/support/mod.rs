//! What tests share.
pub mod books;
pub mod disk;
pub mod http;
pub mod model;
pub mod process;
pub mod random;
pub mod server;
pub mod service;
