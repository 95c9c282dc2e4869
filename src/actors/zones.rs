//! The zones that answers' times were written in, by LSN: a replay writes them as the first answer did.
use crate::ledger::lsn::Lsn;
use arc_swap::ArcSwap;
use chrono_tz::Tz;

/// Each zone with the first record that it holds for; the last is today's. Asked several times for each request, and hardly ever
/// changed: so who asks takes no lock, whose cache line would go to and fro between the cores.
pub struct Zones(ArcSwap<Vec<(Lsn, Tz)>>);

impl Zones {
    pub fn new(history: Vec<(Lsn, Tz)>) -> Zones {
        Zones(ArcSwap::from_pointee(history))
    }

    pub fn set(&self, from: Lsn, zone: Tz) {
        self.0.rcu(|zones| zones.iter().copied().chain([(from, zone)]).collect::<Vec<_>>());
    }

    pub fn now(&self) -> Tz {
        self.at(Lsn::MAX)
    }

    /// The zone in force when `lsn` was recorded.
    pub fn at(&self, lsn: Lsn) -> Tz {
        let zones = self.0.load();
        zones.iter().rev().find(|(from, _)| *from <= lsn).map_or(Tz::UTC, |(_, zone)| *zone)
    }

    /// Every other zone there was, the latest first.
    pub fn earlier(&self) -> Vec<Tz> {
        let zones = self.0.load();
        let mut earlier: Vec<Tz> = Vec::new();
        for (_, zone) in zones.iter().rev().skip(1) {
            if zones.last().is_some_and(|(_, now)| now != zone) && !earlier.contains(zone) {
                earlier.push(*zone);
            }
        }
        earlier
    }

    pub fn all(&self) -> Vec<(Lsn, Tz)> {
        self.0.load().to_vec()
    }
}
