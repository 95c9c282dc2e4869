//! What turns at rest have recorded lately, for the actor of a member that comes again before the index knows of it: else the
//! actor would have to wait until it does, and would hurry the index, which gathers while nobody waits.
use crate::actors::directory::MemberId;
use crate::actors::recents::Recents;
use crate::ledger::lsn::Lsn;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Records of one generation, about what 0.1 s brings. There are two: the older one goes when the younger is full.
const GENERATION_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub struct Fresh(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    younger: HashMap<MemberId, Recents>,
    older: HashMap<MemberId, Recents>,
    /// How many were kept in the younger.
    records: usize,
}

impl Fresh {
    /// Keeps what was recorded at rest at once.
    pub fn keep(&self, id: MemberId, recorded: Recents) {
        if recorded.len() == 0 {
            return;
        }
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.records += recorded.len();
        if generations.records > GENERATION_MAX {
            generations.records = recorded.len();
            generations.older = std::mem::take(&mut generations.younger);
        }
        generations.younger.insert(id, recorded);
    }

    /// What is known of an account whose last record is `last`: nothing where it has changed since in another way.
    pub fn take(&self, id: MemberId, last: Lsn) -> Recents {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (younger, older) = (generations.younger.remove(&id), generations.older.remove(&id));
        let kept = younger.or(older).filter(|recents| recents.last() == Some(last));
        kept.unwrap_or_else(|| Recents::new(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::event::Event;
    use crate::ledger::instant::Instant;
    use std::sync::Arc;

    fn recorded(before: u64, lsns: std::ops::Range<u64>) -> Recents {
        let mut recents = Recents::new(Lsn(before));
        lsns.for_each(|lsn| recents.push(Lsn(lsn), Instant(0), Arc::new(Event::PersonalDataErased)));
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
