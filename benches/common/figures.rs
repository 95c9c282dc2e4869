//! Figures as JSON lines, each with the command that measured it: what the README's table is made from.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "figures go to a file of their own")]
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// One measured figure.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Figure {
    pub bench: String,
    pub figure: String,
    pub value: f64,
    pub unit: String,
    pub command: String,
}

/// Where the figures of a run go.
pub struct Figures {
    bench: &'static str,
    command: String,
    file: Option<File>,
}

impl Figures {
    /// With a file: begins it anew. Without one the figures are only printed, by whoever measured them.
    pub fn of(bench: &'static str, file: Option<&Path>) -> Figures {
        let file = file.map(|path| File::create(path).expect("a file for the figures"));
        Figures { bench, command: command(bench), file }
    }

    /// A figure that could not be measured is no number, and left out.
    pub fn put(&mut self, figure: &str, value: f64, unit: &str) {
        let Some(file) = self.file.as_mut().filter(|_| value.is_finite()) else { return };
        let line = Figure {
            bench: self.bench.into(),
            figure: figure.into(),
            value,
            unit: unit.into(),
            command: self.command.clone(),
        };
        let line = serde_json::to_string(&line).expect("JSON");
        writeln!(file, "{line}").expect("a line of figures");
    }
}

/// What to type for the same again.
fn command(bench: &str) -> String {
    let mut told = vec![format!("cargo bench --bench {bench}")];
    let mut arguments = std::env::args().skip(1);
    let mut own = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--json" | "--key" => drop(arguments.next()),
            _ if argument.starts_with("--json=") || argument.starts_with("--key=") => {}
            _ => own.push(argument),
        }
    }
    if !own.is_empty() {
        told.push("--".into());
        told.extend(own);
    }
    told.join(" ")
}

/// The figures of a file.
pub fn read(path: &Path) -> Vec<Figure> {
    let text = std::fs::read_to_string(path).expect("a file of figures");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of figures")).collect()
}
