//! What a simulation has come by, added up over seeds: it finds only what it meets.
use crate::support::lying_disk::Lies;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Records behind a snapshot that make a crash count as far from it.
pub const FAR: u64 = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Met {
    pub disk: Lies,
    pub answer: &'static str,
    /// Of the member's points when the command was made up.
    pub state: &'static str,
    pub kind: &'static str,
}

#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub seeds: u64,
    /// Lives that began; all but the last of a seed ended with a crash or an orderly stop.
    pub lives: u64,
    /// Crashes, each followed by a start.
    pub crashes: u64,
    /// Those of them with 200 records or more behind the newest snapshot.
    pub crashes_far: u64,
    pub stops: u64,
    pub refused_starts: u64,
    /// Copies with damage that a start was tried on, and those of them that were refused.
    pub damaged: u64,
    pub damaged_refused: u64,
    /// Records that were acknowledged.
    pub events: u64,
    pub simulated_millis: u64,
    /// How often each kind of command, of a member in such a state, got such an answer on such a disk.
    pub met: BTreeMap<Met, u64>,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
}

impl Tally {
    pub fn met(&mut self, met: Met) {
        *self.met.entry(met).or_default() += 1;
    }

    pub fn add(&mut self, other: &Tally) {
        self.seeds += other.seeds;
        self.lives += other.lives;
        self.crashes += other.crashes;
        self.crashes_far += other.crashes_far;
        self.stops += other.stops;
        self.refused_starts += other.refused_starts;
        self.damaged += other.damaged;
        self.damaged_refused += other.damaged_refused;
        self.events += other.events;
        self.simulated_millis += other.simulated_millis;
        for (met, times) in &other.met {
            *self.met.entry(*met).or_default() += times;
        }
        for (fault, times) in &other.faults {
            *self.faults.entry(fault.clone()).or_default() += times;
        }
    }

    pub fn table(&self) -> String {
        let mut text = String::new();
        let years = self.simulated_millis as f64 / (365.25 * 86_400_000.0);
        let _ = writeln!(
            text,
            "{} seeds, {} lives, {} crashes and starts ({} of them {FAR} records or more \
             behind the newest snapshot), {} orderly stops, {} starts refused, {} damaged copies ({} refused), {} \
             acknowledged records, {years:.1} simulated years, {} faults",
            self.seeds,
            self.lives,
            self.crashes,
            self.crashes_far,
            self.stops,
            self.refused_starts,
            self.damaged,
            self.damaged_refused,
            self.events,
            self.faults.values().sum::<u64>()
        );
        for (fault, times) in &self.faults {
            let _ = writeln!(text, "{times:>12}  {fault}");
        }
        let mut row = None;
        for (met, times) in &self.met {
            if row != Some((met.disk, met.answer, met.state)) {
                row = Some((met.disk, met.answer, met.state));
                let _ = write!(text, "\n{:>20} / {:>8} / {:<12}", met.disk, met.answer, met.state);
            }
            let _ = write!(text, "  {} {times}", met.kind);
        }
        text.push('\n');
        text
    }
}
