//! The bare server alone, to be driven by another load program: serves on a free port until it is stopped.
//!
//! `cargo bench --bench bare -- --lengths produce=641,consume=700,transfer=700,reverse=700,summary=250`
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a load program reads clocks and files"
)]
#[path = "../common/mod.rs"]
mod common;
mod server;

use clap::Parser;
use common::called::{Called, called};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
struct Arguments {
    /// Bytes of the answers' bodies, for each route
    #[arg(long, default_value = "produce=641,consume=700,transfer=700,reverse=700,summary=250")]
    lengths: String,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    // The tests drive it in a tiny run of the load program.
    if let Called::ToMeasure = called("bare") {
        server::serve(server::Lengths::parse(&Arguments::parse().lengths));
    }
}
