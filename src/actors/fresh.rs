//! What turns at rest have recorded lately, for the actor of a member that comes again before the index knows of it: else the
//! actor would have to wait until it does, and would hurry the index, which gathers while nobody waits.
use crate::actors::directory::MemberId;
use crate::actors::generations::Generations;
use crate::actors::recents::Recents;
use crate::ledger::lsn::Lsn;
use std::sync::{Mutex, PoisonError};

/// Records of one generation, about what 0.1 s brings.
const GENERATION_MAX: usize = 4_096;

#[derive(Debug)]
pub struct Fresh(Mutex<Generations<MemberId, Recents>>);

impl Default for Fresh {
    fn default() -> Fresh {
        Fresh(Mutex::new(Generations::new(GENERATION_MAX)))
    }
}

impl Fresh {
    /// Keeps what was recorded at rest at once.
    pub fn keep(&self, id: MemberId, recorded: Recents) {
        let records = recorded.len();
        if records > 0 {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(id, recorded, records);
        }
    }

    /// What is known of an account whose last record is `last`: nothing where it has changed since in another way.
    pub fn take(&self, id: MemberId, last: Lsn) -> Recents {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take(&id);
        let kept = kept.filter(|recents| recents.last() == Some(last));
        kept.unwrap_or_else(|| Recents::new(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::recents::Recorded;
    use crate::ledger::event::Event;
    use crate::ledger::instant::Instant;

    fn recorded(before: u64, lsns: std::ops::Range<u64>) -> Recents {
        let mut recents = Recents::new(Lsn(before));
        let recorded = |lsn| Recorded { lsn: Lsn(lsn), at: Instant(0), payload: Vec::new() };
        lsns.for_each(|lsn| recents.push(recorded(lsn), &Event::PersonalDataErased));
        recents
    }

    fn member(slot: usize) -> MemberId {
        MemberId::of_parts(1, slot)
    }

    #[test]
    fn gives_what_the_last_turn_recorded_and_only_once() {
        let fresh = Fresh::default();
        fresh.keep(member(1), recorded(3, 10..12));
        fresh.keep(member(1), recorded(11, 20..21));
        fresh.keep(member(2), recorded(5, 21..22));
        assert_eq!(fresh.take(member(1), Lsn(20)).complete_since(), Lsn(11));
        assert_eq!(fresh.take(member(1), Lsn(20)).complete_since(), Lsn(20));
        assert_eq!(fresh.take(member(2), Lsn(21)).complete_since(), Lsn(5));
    }

    #[test]
    fn gives_nothing_where_something_else_was_recorded_since() {
        let fresh = Fresh::default();
        fresh.keep(member(1), recorded(3, 10..12));
        let recents = fresh.take(member(1), Lsn(12));
        assert_eq!((recents.complete_since(), recents.last()), (Lsn(12), None));
        fresh.keep(member(1), recorded(12, 0..0));
        assert_eq!(fresh.take(member(1), Lsn(12)).complete_since(), Lsn(12), "a turn that recorded nothing");
    }

    #[test]
    fn keeps_the_latest_of_many() {
        let fresh = Fresh::default();
        let all = 3 * GENERATION_MAX;
        (0..all).for_each(|slot| fresh.keep(member(slot), recorded(0, 1..2)));
        let knows = |slot: usize| fresh.take(member(slot), Lsn(1)).complete_since() == Lsn(0);
        assert!((all - GENERATION_MAX..all).all(knows));
        assert!(!(0..GENERATION_MAX).any(knows));
    }
}
