//! What a simulation has come by, added up over seeds: it finds only what it meets.
use crate::simulation::steps::KINDS;
use std::collections::BTreeMap;
use std::fmt::Write;

#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub seeds: u64,
    /// Lives that began; all but the last of a seed ended with a crash or an orderly stop.
    pub lives: u64,
    pub crashes: u64,
    pub stops: u64,
    pub refused_starts: u64,
    /// Copies with damage that a start was tried on, and those of them that were refused.
    pub damaged: u64,
    pub damaged_refused: u64,
    /// Records that were acknowledged.
    pub events: u64,
    pub simulated_millis: u64,
    /// How often each kind of command got each kind of answer in each kind of world.
    pub met: BTreeMap<(&'static str, &'static str, &'static str), u64>,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
}

impl Tally {
    pub fn met(&mut self, kind: &'static str, answer: &'static str, world: &'static str) {
        *self.met.entry((kind, answer, world)).or_default() += 1;
    }

    pub fn add(&mut self, other: &Tally) {
        self.seeds += other.seeds;
        self.lives += other.lives;
        self.crashes += other.crashes;
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
            "{} seeds, {} lives, {} crashes, {} orderly stops, {} starts refused, {} damaged copies ({} refused), {} \
             acknowledged records, {years:.1} simulated years, {} faults",
            self.seeds,
            self.lives,
            self.crashes,
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
        let mut columns: Vec<_> = self.met.keys().map(|(_, answer, world)| (*answer, *world)).collect();
        columns.sort_unstable();
        columns.dedup();
        for (answer, world) in columns {
            let _ = write!(text, "{answer:>12} / {world:<14}");
            for kind in KINDS {
                let times = self.met.get(&(kind, answer, world)).copied().unwrap_or(0);
                let _ = write!(text, "  {kind} {times}");
            }
            text.push('\n');
        }
        text
    }
}
