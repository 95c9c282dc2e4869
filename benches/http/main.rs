//! Load over HTTP. Closed loop: accruals, a skewed spread, a mix, next to a bare axum server that takes the same requests and
//! gives answers of the same length, in interleaved rounds; batches against single requests. Open loop: latency at half the
//! peak, pages of the history meanwhile, ten minutes close to the peak. And how the cost grows. Every change is a new event;
//! any answer but a success ends the run. How to read each: `benches/README.md`.
//!
//! Back of an envelope, for two cores shared with the load:
//! - produce: bare axum takes 9 to 12 us of processor time a request (HTTP, parsing, sockets), the load 5 us. An actor's
//!   call adds 4 us, the durable path 3 us, the ledger and the index a few more. At 10 us more the ratio is
//!   (12 + 5) / (22 + 5) = 0.63; what counts is the sum of both programs, as they share the cores.
//! - floor: the same with a counter instead of a ledger and no index: (12 + 5) / (19 + 5) = 0.71.
//! - zipf: a member at rest is a few cache misses more (1 us); the hot ones are busy and have their actors.
//! - mix: a fifth are reads, which wait for no sync; spends and reversals touch several lots. About as produce.
//! - batch: no HTTP, no parse of a head, no wake-up: 4 us for decide, encode, index, so four to eight times as many.
//! - grow: a hash look-up and two or three cache misses, whatever the number; memory and index grow with it.
//! - open: a sync takes 0.2 to 0.5 ms, and a request waits for the one under way: p99 below 2 ms if nothing else is in the
//!   way. A snapshot writes in the background.
//! - history: 20 records of one or two blocks each, 10 to 20 us a block from the cache: below 1 ms, plus the index's lag.
//! - sustain: the index takes 5 us a record; it keeps up as long as that is left of two cores.
//!
//! `cargo bench --bench http -- --help`
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a load program reads clocks and files"
)]
#[path = "../bare/mod.rs"]
mod bare;
#[path = "../common/mod.rs"]
mod common;

mod arguments;
mod asks;
mod batch;
mod bench;
mod compare;
mod floor;
mod grow;
mod happened;
mod history;
mod lane;
mod load;
mod mix;
mod open;
mod overload;
mod requests;
mod sending;
mod spread;
mod sustain;
mod template;
mod tiny;
mod wire;

use arguments::{Arguments, Workload};
use clap::Parser;
use common::called::{Called, called};

// The bare server gets the service's allocator, too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    if let Ok(lengths) = std::env::var(bench::BARE) {
        let lengths = bare::server::Lengths::parse(&lengths);
        return match std::env::var_os(bench::FLOOR) {
            None => bare::server::serve(lengths),
            Some(data) => bare::floor::serve(lengths, data.as_ref()),
        };
    }
    match called("http") {
        Called::ToMeasure => run(Arguments::parse()),
        Called::ToTest => tiny::run(),
        Called::ForNothing => {}
    }
}

fn run(arguments: Arguments) {
    match arguments.workload {
        Workload::Produce => compare::produce(arguments),
        Workload::Zipf => compare::zipf(arguments),
        Workload::Mix => compare::mix(arguments),
        Workload::Batch => batch::batch(arguments),
        Workload::Floor => floor::floor(arguments),
        Workload::Grow => grow::grow(arguments),
        Workload::Open => open::open(arguments),
        Workload::History => history::history(arguments),
        Workload::Sustain => sustain::sustain(arguments),
        Workload::Overload => overload::overload(arguments),
    }
}
