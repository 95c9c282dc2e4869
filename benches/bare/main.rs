//! The bare server alone, or the floor, to be driven by another load program: serves on a free port until it is stopped.
//!
//! `cargo bench --bench bare -- --lengths produce=641,consume=700,transfer=700,reverse=700,summary=250`
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a load program reads clocks and files"
)]
#[path = "../common/mod.rs"]
mod common;
mod floor;
mod server;

use clap::Parser;
use common::called::{Called, called};
use std::path::PathBuf;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
struct Arguments {
    /// Bytes of the answers' bodies, for each route
    #[arg(long, default_value = "produce=641,consume=700,transfer=700,reverse=700,summary=250")]
    lengths: String,
    /// Serve the floor (accruals alone), with its log in this folder
    #[arg(long, value_name = "FOLDER")]
    floor: Option<PathBuf>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    // The tests drive it in a tiny run of the load program.
    if let Called::ToMeasure = called("bare") {
        let arguments = Arguments::parse();
        let lengths = server::Lengths::parse(&arguments.lengths);
        match arguments.floor {
            None => server::serve(lengths),
            Some(folder) => floor::serve(lengths, &folder),
        }
    }
}
