//! What an actor remembers of its own latest records, so that nothing falls between the account (which keeps no past)
//! and the index (which lags behind the log). Pure.
//!
//! Every record of the account after `complete_since` is here. A look-up in the index stamped at or after it, merged
//! with these, is the whole past.
//!
//! All busy members together remember tens of thousands of records, of which hardly one is asked for: so they are kept as they stand
//! in the log, one piece of memory each. A record's texts would be ten, all out of the caches when they are let go.
use crate::format::codec::CodecError;
use crate::format::entry::{Entry, MemberEntry};
use crate::ledger::event::{Event, Key, Sequel};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::{Known, Prior};
use foldhash::fast::FixedState;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Records kept for a while although the index has them, so that a look-up made before its last step still serves.
const KEPT_LSNS: u64 = 8_192;
/// The most records kept of one account once the index has them.
const KEPT_MAX: usize = 64;

/// A record that was made just now.
#[derive(Debug)]
pub struct Recorded {
    pub lsn: Lsn,
    pub at: Instant,
    /// As in the log.
    pub payload: Vec<u8>,
}

#[derive(Debug)]
struct Recent {
    /// Of its idempotency key, none for what has none: most keys asked for are new, and seen to be without a look at the record.
    key_hash: Option<u64>,
    lsn: Lsn,
    /// What it did to an earlier record, and to which.
    sequel: Option<Box<(Lsn, Sequel)>>,
    payload: Vec<u8>,
}

#[derive(Debug)]
pub struct Recents {
    records: VecDeque<Recent>,
    complete_since: Lsn,
}

impl Recents {
    /// Of an account whose last record is `last`, and that remembers none.
    pub fn new(last: Lsn) -> Recents {
        Recents { records: VecDeque::new(), complete_since: last }
    }

    /// A look-up must have seen the index at least here.
    pub fn complete_since(&self) -> Lsn {
        self.complete_since
    }

    /// How many records are remembered.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The newest of them.
    pub fn last(&self) -> Option<Lsn> {
        self.records.back().map(|recent| recent.lsn)
    }

    /// Remembers `event`, recorded so.
    pub fn push(&mut self, recorded: Recorded, event: &Event) {
        let Recorded { lsn, at, payload } = recorded;
        let key_hash = event.key().map(|key| hash(&key));
        let sequel = event.sequel(at).map(Box::new);
        self.records.push_back(Recent { key_hash, lsn, sequel, payload });
    }

    /// Forgets what the index, which has everything up to `applied`, will tell every look-up from now on.
    pub fn forget_indexed(&mut self, applied: Lsn) {
        while let Some(oldest) = self.records.front() {
            let old = oldest.lsn.plus(KEPT_LSNS) <= applied;
            let crowded = self.records.len() > KEPT_MAX && oldest.lsn <= applied;
            if !old && !crowded {
                break;
            }
            self.complete_since = oldest.lsn;
            self.records.pop_front();
        }
    }

    /// What the index told, brought up to the account's present. Fails where memory is broken.
    pub fn complete(
        &self,
        mut prior: Prior,
        key: Option<&Key<'_>>,
        origin: Option<&Key<'_>>,
    ) -> Result<Prior, CodecError> {
        prior.known = self.complete_one(prior.known, key)?;
        prior.origin = self.complete_one(prior.origin, origin)?;
        Ok(prior)
    }

    fn complete_one(&self, known: Option<Known>, key: Option<&Key<'_>>) -> Result<Option<Known>, CodecError> {
        let known = match (known, key) {
            (None, Some(key)) => self.find(key)?,
            (known, _) => known,
        };
        let Some(mut known) = known else { return Ok(None) };
        for recent in &self.records {
            if let Some((target, sequel)) = recent.sequel.as_deref()
                && *target == known.lsn
            {
                known.standing.follow(recent.lsn, sequel);
            }
        }
        Ok(Some(known))
    }

    fn find(&self, key: &Key<'_>) -> Result<Option<Known>, CodecError> {
        if self.records.is_empty() {
            return Ok(None);
        }
        let key_hash = Some(hash(key));
        for recent in self.records.iter().rev().filter(|recent| recent.key_hash == key_hash) {
            if let Entry::Member(MemberEntry { at, event, .. }) = Entry::decode(&recent.payload)?
                && event.key().as_ref() == Some(key)
            {
                let (lsn, event) = (recent.lsn, Arc::new(event));
                return Ok(Some(Known { lsn, at, event, standing: Default::default() }));
            }
        }
        Ok(None)
    }
}

fn hash(key: &Key<'_>) -> u64 {
    FixedState::default().hash_one(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::entry::encode_member;
    use crate::ledger::event::{AccrualReversed, Accrued};
    use crate::ledger::points::{Points, Total};

    fn accrual(event_no: &str) -> Event {
        Event::Accrued(Accrued { points: Points::whole(5), ..Accrued::sample(event_no) })
    }

    fn reversal(event_no: &str, origin: (&str, Lsn)) -> Event {
        Event::AccrualReversed(AccrualReversed {
            event_no: event_no.into(),
            fingerprint: [8; 16],
            origin_event_no: origin.0.into(),
            origin: origin.1,
            points: Points::whole(2),
            event_at: Instant(0),
            refunded: None,
            refund_info: None,
            own: Vec::new(),
            expired: Points::ZERO,
            elsewhere: Vec::new(),
            debt: Points::whole(2),
            active_after: Total::ZERO,
        })
    }

    fn push(recents: &mut Recents, lsn: u64, event: &Event) {
        let at = Instant(lsn as i64);
        recents.push(Recorded { lsn: Lsn(lsn), at, payload: encode_member("t", "m", at, event) }, event);
    }

    #[test]
    fn gives_a_record_back_as_it_was_with_what_was_done_to_it_since() {
        let mut recents = Recents::new(Lsn(3));
        push(&mut recents, 4, &accrual("a"));
        push(&mut recents, 6, &accrual("b"));
        push(&mut recents, 9, &reversal("c", ("a", Lsn(4))));
        let known = |key| recents.complete(Prior::default(), Some(&Key::Event(key)), None).unwrap().known;
        let a = known("a").unwrap();
        assert_eq!((a.lsn, a.at, &*a.event), (Lsn(4), Instant(4), &accrual("a")));
        assert_eq!((a.standing.reversed, a.standing.updated_at), (Points::whole(2), Some(Instant(9))));
        assert_eq!(known("b").unwrap().standing, Default::default());
        assert_eq!(*known("c").unwrap().event, reversal("c", ("a", Lsn(4))));
        assert!(known("d").is_none());
    }

    #[test]
    fn forgets_what_every_look_up_will_be_told_and_no_more() {
        let mut recents = Recents::new(Lsn(3));
        push(&mut recents, 4, &accrual("a"));
        push(&mut recents, 6, &accrual("b"));
        recents.forget_indexed(Lsn(4 + KEPT_LSNS - 1));
        assert_eq!(
            (recents.len(), recents.complete_since()),
            (2, Lsn(3)),
            "a look-up of before may still come"
        );
        recents.forget_indexed(Lsn(4 + KEPT_LSNS));
        assert_eq!((recents.len(), recents.complete_since()), (1, Lsn(4)));
    }

    #[test]
    fn says_that_memory_is_broken() {
        let mut recents = Recents::new(Lsn(3));
        recents.push(Recorded { lsn: Lsn(4), at: Instant(4), payload: vec![0, 0] }, &accrual("a"));
        assert!(recents.complete(Prior::default(), Some(&Key::Event("a")), None).is_err());
        assert!(recents.complete(Prior::default(), Some(&Key::Event("b")), None).unwrap().known.is_none());
    }
}
