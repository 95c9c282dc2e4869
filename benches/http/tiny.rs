//! A run of each workload that is over in a moment: that it runs, and that the figures it leaves are of the right kind. How
//! fast anything was is not looked at.
use super::arguments::{Arguments, Workload};
use crate::common::figures;
use clap::{Parser, ValueEnum};

/// What each workload must tell, and between which bounds any machine's figure lies.
const EXPECTED: [(&str, &str, std::ops::Range<f64>); 14] = [
    ("produce", "produce/300/ratio", 1e-6..100.0),
    ("produce", "produce/300/p99", 1e-3..60_000.0),
    ("floor", "floor/300/ratio", 1e-6..100.0),
    ("zipf", "zipf/rate", 0.1..1e7),
    ("mix", "mix/bare_rate", 0.1..1e7),
    ("batch", "batch/ratio", 1e-6..1e4),
    ("batch", "batch/floor/ratio", 1e-6..1e4),
    ("grow", "grow/members/200/rate", 0.1..1e7),
    ("grow", "grow/events/500/memory", 1.0..1e5),
    ("open", "open/p99.9", 1e-3..60_000.0),
    ("open", "open/floor/p99.9", 1e-3..60_000.0),
    ("history", "history/tenant_p99", 1e-3..60_000.0),
    ("sustain", "sustain/memory", 1.0..1e5),
    ("overload", "overload/goodput_of_peak", 1e-3..100.0),
];

pub fn run() {
    let folder = tempfile::tempdir().expect("a folder");
    for workload in Workload::value_variants() {
        let name = format!("{workload:?}").to_lowercase();
        let json = folder.path().join(&name);
        let words = ["http", &name, "--tiny", "--connections", "8", "--batch", "100", "--rate", "500"];
        let mut arguments = Arguments::try_parse_from(words).expect("arguments of a tiny run");
        arguments.folder = Some(folder.path().to_owned());
        arguments.json = Some(json.clone());
        super::run(arguments);
        let figures = figures::read(&json);
        for (_, wanted, bounds) in EXPECTED.iter().filter(|(whose, ..)| *whose == name) {
            let found = figures.iter().find(|figure| figure.figure == *wanted);
            let found = found.unwrap_or_else(|| panic!("{name} tells nothing of {wanted}"));
            assert!(bounds.contains(&found.value), "{wanted}: {}", found.value);
        }
    }
}
