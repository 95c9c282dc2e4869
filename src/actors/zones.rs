//! The zones that answers' times were written in, by LSN: a replay writes them as the first answer did.
use crate::ledger::lsn::Lsn;
use chrono_tz::Tz;
use std::sync::{PoisonError, RwLock};

/// Each zone with the first record that it holds for; the last is today's.
pub struct Zones(RwLock<Vec<(Lsn, Tz)>>);

impl Zones {
    pub fn new(history: Vec<(Lsn, Tz)>) -> Zones {
        Zones(RwLock::new(history))
    }

    pub fn set(&self, from: Lsn, zone: Tz) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push((from, zone));
    }

    pub fn now(&self) -> Tz {
        self.at(Lsn::MAX)
    }

    /// The zone in force when `lsn` was recorded.
    pub fn at(&self, lsn: Lsn) -> Tz {
        let zones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        zones.iter().rev().find(|(from, _)| *from <= lsn).map_or(Tz::UTC, |(_, zone)| *zone)
    }

    /// Every other zone there was, the latest first.
    pub fn earlier(&self) -> Vec<Tz> {
        let zones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut earlier: Vec<Tz> = Vec::new();
        for (_, zone) in zones.iter().rev().skip(1) {
            if zones.last().is_some_and(|(_, now)| now != zone) && !earlier.contains(zone) {
                earlier.push(*zone);
            }
        }
        earlier
    }

    pub fn all(&self) -> Vec<(Lsn, Tz)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
