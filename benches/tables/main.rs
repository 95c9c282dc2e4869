//! The README's table by one command: runs a short version of every bench, or the full one with `--long`, keeps the figures
//! in `benches/figures.jsonl`, and writes from these the tables of README.md and docs/PERFORMANCE.md, and the plot of how the
//! cost grows. What was not run keeps the figures that it had.
//!
//! Bound: none of its own. The short version takes about ten minutes, the full one some hours.
//!
//! `benches/run --help`
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a load program reads clocks and files"
)]
#[path = "../common/mod.rs"]
mod common;

mod criterion;
mod growth;
mod list;
mod machine;
mod pages;
mod plot;
mod rows;
mod tiny;

use clap::Parser;
use common::called::{Called, called};
use common::figures::{self, Figure};
use std::path::{Path, PathBuf};

#[derive(Parser)]
#[command(name = "benches/run", about = "Runs the benches and writes the README's table")]
struct Arguments {
    /// Run only these, such as http,memory; or single ones, such as http/zipf
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The full sizes, which take hours
    #[arg(long)]
    long: bool,
    /// Run nothing: write the pages from the figures that there are
    #[arg(long)]
    write: bool,
    /// List what would be run
    #[arg(long)]
    list: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    match called("tables") {
        Called::ToMeasure => run(&Arguments::parse()),
        Called::ToTest => tiny::run(),
        Called::ForNothing => {}
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn run(arguments: &Arguments) {
    let chosen: Vec<list::Run> =
        list::RUNS.iter().copied().filter(|run| run.is_chosen(&arguments.only)).collect();
    if arguments.list {
        return chosen.iter().for_each(|run| println!("{}", run.command(arguments.long).join(" ")));
    }
    let kept = root().join("benches/figures.jsonl");
    let mut all = if kept.exists() { figures::read(&kept) } else { Vec::new() };
    let machine = machine::told(Path::new(env!("CARGO_TARGET_TMPDIR")));
    println!("{machine}");
    if machine::busy() > 0.5 {
        println!(
            "other programs run (load {}): the figures will be worse than the machine's",
            machine::busy()
        );
    }
    let mut failed = Vec::new();
    if !arguments.write {
        for run in chosen {
            match run.measure(arguments.long) {
                Ok(measured) => merge(&mut all, measured, &kept),
                Err(reason) => failed.push(format!("{}: {reason}", run.name)),
            }
        }
        std::fs::write(root().join("benches/machine.txt"), format!("{machine}\n"))
            .expect("a note of the machine");
    }
    pages::write(&root(), &all);
    failed.iter().for_each(|reason| println!("not measured: {reason}"));
    if !failed.is_empty() {
        std::process::exit(1);
    }
}

/// New figures take the place of those of the same name, and what has been measured is kept at once.
fn merge(all: &mut Vec<Figure>, measured: Vec<Figure>, kept: &Path) {
    for figure in measured {
        match all.iter_mut().find(|old| old.bench == figure.bench && old.figure == figure.figure) {
            Some(old) => *old = figure,
            None => all.push(figure),
        }
    }
    let lines = all.iter().map(|figure| serde_json::to_string(figure).expect("JSON") + "\n");
    std::fs::write(kept, lines.collect::<String>()).expect("the figures are kept");
}
