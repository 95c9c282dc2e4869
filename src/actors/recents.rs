//! What an actor remembers of its own latest records, so that nothing falls between the account (which keeps no past)
//! and the index (which lags behind the log). Pure.
//!
//! Every record of the account after `complete_since` is here. A look-up in the index stamped at or after it, merged
//! with these, is the whole past.
use crate::ledger::event::{Event, Key};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::{Known, Prior};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Records kept for a while although the index has them, so that a look-up made a moment ago still serves.
const KEPT_LSNS: u64 = 20_000;
/// The most records kept of one account once the index has them.
const KEPT_MAX: usize = 64;

#[derive(Debug)]
struct Recent {
    /// Of its idempotency key, none for what has none: most keys asked for are new, and seen to be without a look at the event.
    key_hash: Option<u64>,
    lsn: Lsn,
    at: Instant,
    event: Arc<Event>,
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

    pub fn push(&mut self, lsn: Lsn, at: Instant, event: Arc<Event>) {
        let key_hash = event.key().map(|key| hash(&key));
        self.records.push_back(Recent { key_hash, lsn, at, event });
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

    /// What the index told, brought up to the account's present.
    pub fn complete(&self, mut prior: Prior, key: Option<&Key<'_>>, origin: Option<&Key<'_>>) -> Prior {
        prior.known = self.complete_one(prior.known, key);
        prior.origin = self.complete_one(prior.origin, origin);
        prior
    }

    fn complete_one(&self, known: Option<Known>, key: Option<&Key<'_>>) -> Option<Known> {
        let mut known = known.or_else(|| self.find(key?))?;
        for recent in &self.records {
            if let Some((target, sequel)) = recent.event.sequel(recent.at)
                && target == known.lsn
            {
                known.standing.follow(recent.lsn, &sequel);
            }
        }
        Some(known)
    }

    fn find(&self, key: &Key<'_>) -> Option<Known> {
        if self.records.is_empty() {
            return None;
        }
        let key_hash = Some(hash(key));
        let is_it =
            |recent: &&Recent| recent.key_hash == key_hash && recent.event.key().as_ref() == Some(key);
        let recent = self.records.iter().rev().find(is_it)?;
        let (lsn, at, event) = (recent.lsn, recent.at, recent.event.clone());
        Some(Known { lsn, at, event, standing: Default::default() })
    }
}

fn hash(key: &Key<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
