//! When time next changes something for each member. An entry is a hint: it may come early, never late. For every
//! member that has a due instant there is an entry at or before it; whoever takes one out puts the next one in.
use crate::actors::directory::MemberId;
use crate::ledger::instant::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

#[derive(Default)]
pub struct Timer {
    heap: Mutex<BinaryHeap<Reverse<(Instant, MemberId)>>>,
}

impl Timer {
    /// For recovery: all at once is quicker than one by one.
    pub fn fill(&self, entries: Vec<(Instant, MemberId)>) {
        let mut heap = self.lock();
        let mut all: Vec<_> = std::mem::take(&mut *heap).into_vec();
        all.extend(entries.into_iter().map(Reverse));
        *heap = BinaryHeap::from(all);
    }

    pub fn push(&self, due: Instant, member: MemberId) {
        self.lock().push(Reverse((due, member)));
    }

    /// Takes out up to `most` members whose instant has come.
    pub fn pop_due(&self, now: Instant, most: usize) -> Vec<MemberId> {
        let mut heap = self.lock();
        let mut due = Vec::new();
        while due.len() < most
            && let Some(Reverse((instant, member))) = heap.peek().copied()
            && instant <= now
        {
            heap.pop();
            due.push(member);
        }
        due
    }

    /// The earliest instant that it has.
    pub fn next(&self) -> Option<Instant> {
        self.lock().peek().map(|Reverse((due, _))| *due)
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BinaryHeap<Reverse<(Instant, MemberId)>>> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
