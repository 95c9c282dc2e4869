//! When time next changes something for each member. An entry is a hint: it may come early, never late. For every
//! member that has a due instant there is an entry at or before it; whoever takes one out puts the next one in.
//!
//! There may be tens of millions of members, so an entry is eight bytes, and what the timer knows of a member five: when
//! its earliest entry is. An entry that would come later than that is not made, and one that a sooner one has made
//! superfluous is dropped when its time comes: members that gain and lose due instants again and again leave nothing behind.
use crate::actors::directory::{Directory, MemberId};
use crate::ledger::instant::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

/// Bits of an entry that say which member of its shard it is for: sixteen million, of which there are 256.
const PLACE_BITS: u32 = 24;
/// The latest moment that an entry can name, 34 years after the timer's beginning: what is due later comes early.
const LATEST: u64 = (1 << (u64::BITS - PLACE_BITS)) - 1;
/// No entry.
const NEVER: u64 = LATEST;

const SHARDS: usize = Directory::SHARDS as usize;

pub struct Timer {
    /// Moments are milliseconds since then: what is earlier is due at once.
    begins: Instant,
    shards: Mutex<Vec<Shard>>,
}

/// The entries of the members of one of the directory's shards.
#[derive(Default)]
struct Shard {
    /// The moment, then the member's place.
    entries: BinaryHeap<Reverse<u64>>,
    /// By place: the moment of the member's earliest entry.
    earliest: Vec<Moment>,
}

/// Its five lower bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Moment([u8; 5]);

const _: () = assert!(LATEST < 1 << 40);

impl Moment {
    fn of(moment: u64) -> Moment {
        let [a, b, c, d, e, ..] = moment.to_le_bytes();
        Moment([a, b, c, d, e])
    }

    fn get(self) -> u64 {
        let [a, b, c, d, e] = self.0;
        u64::from_le_bytes([a, b, c, d, e, 0, 0, 0])
    }
}

impl Timer {
    /// `now`, or any moment before it at which something may still be due.
    pub fn new(now: Instant) -> Timer {
        Timer { begins: now, shards: Mutex::new((0..SHARDS).map(|_| Shard::default()).collect()) }
    }

    pub fn push(&self, due: Instant, member: MemberId) {
        let (shard, place) = member.parts();
        let moment = self.moment(due).min(LATEST - 1);
        self.lock()[shard].push(moment, place);
    }

    fn moment(&self, due: Instant) -> u64 {
        u64::try_from(due.0.saturating_sub(self.begins.0)).unwrap_or(0).min(LATEST)
    }

    /// Takes out up to `most` members whose instant has come, the longest due first.
    pub fn pop_due(&self, now: Instant, most: usize) -> Vec<MemberId> {
        let mut due = Vec::new();
        if now < self.begins {
            return due;
        }
        let until = self.moment(now);
        let mut shards = self.lock();
        let first = |shard: &Shard| shard.first().filter(|entry| moment_of(*entry) <= until);
        let mut firsts: BinaryHeap<Reverse<(u64, usize)>> = shards
            .iter()
            .enumerate()
            .filter_map(|(number, shard)| Some(Reverse((first(shard)?, number))))
            .collect();
        while due.len() < most
            && let Some(Reverse((_, number))) = firsts.pop()
        {
            let shard = &mut shards[number];
            due.extend(shard.pop().map(|place| MemberId::of_parts(number, place)));
            firsts.extend(first(shard).map(|entry| Reverse((entry, number))));
        }
        due
    }

    /// The earliest instant that it has.
    pub fn next(&self) -> Option<Instant> {
        let first = self.lock().iter().filter_map(Shard::first).min()?;
        Some(Instant(self.begins.0.saturating_add_unsigned(moment_of(first))))
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.lock().iter().map(|shard| shard.entries.len()).sum()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Shard>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn push(&mut self, moment: u64, place: usize) {
        // Both grow by an eighth, not to twice the size.
        if place >= self.earliest.len() {
            if place >= self.earliest.capacity() {
                self.earliest.reserve_exact(place - self.earliest.len() + place / 8 + 8);
            }
            self.earliest.resize(place + 1, Moment::of(NEVER));
        }
        if self.earliest[place].get() <= moment {
            return;
        }
        self.earliest[place] = Moment::of(moment);
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(self.entries.len() / 8 + 8);
        }
        self.entries.push(Reverse(moment << PLACE_BITS | place as u64));
    }

    fn first(&self) -> Option<u64> {
        self.entries.peek().map(|Reverse(entry)| *entry)
    }

    /// Takes the first entry out; none where a sooner one has made it superfluous.
    fn pop(&mut self) -> Option<usize> {
        let Reverse(entry) = self.entries.pop()?;
        let place = (entry & ((1 << PLACE_BITS) - 1)) as usize;
        let earliest = &mut self.earliest[place];
        if earliest.get() != moment_of(entry) {
            return None;
        }
        *earliest = Moment::of(NEVER);
        Some(place)
    }
}

fn moment_of(entry: u64) -> u64 {
    entry >> PLACE_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGINS: Instant = Instant(1_655_258_400_000);

    fn at(ms: i64) -> Instant {
        Instant(BEGINS.0 + ms)
    }

    fn member(n: usize) -> MemberId {
        MemberId::of_parts(n % SHARDS, n / SHARDS)
    }

    #[test]
    fn gives_members_when_they_are_due_the_longest_due_first() {
        let timer = Timer::new(BEGINS);
        for n in 0..10_000 {
            timer.push(at((n * 7_919 % 10_000) as i64), member(n));
        }
        assert_eq!((timer.len(), timer.next()), (10_000, Some(at(0))));
        assert!(timer.pop_due(at(-1), 10).is_empty());
        let mut given = Vec::new();
        while let [first, ..] = timer.pop_due(at(4_999), 300)[..] {
            given.push(first);
        }
        assert_eq!(given.len(), 5_000_usize.div_ceil(300));
        assert_eq!((timer.len(), timer.next()), (5_000, Some(at(5_000))));
        let rest = timer.pop_due(at(i64::MAX / 2), usize::MAX);
        let due = |id: &MemberId| (0..10_000).find(|n| member(*n) == *id).map(|n| n * 7_919 % 10_000);
        assert!(rest.len() == 5_000 && rest.iter().is_sorted_by_key(due));
    }

    #[test]
    fn a_member_is_given_once_for_all_that_was_pushed_of_it() {
        let timer = Timer::new(BEGINS);
        for ms in [500, 700, 500, 300, 900, 300] {
            timer.push(at(ms), member(5));
        }
        assert_eq!(timer.len(), 2, "what comes later than another needs no entry");
        assert_eq!(timer.pop_due(at(300), 10), [member(5)]);
        // It is due again at 700, as the member tells.
        timer.push(at(700), member(5));
        assert!(timer.pop_due(at(600), 10).is_empty(), "the entry at 500 is superfluous");
        assert_eq!(timer.pop_due(at(700), 10), [member(5)]);
        assert_eq!((timer.len(), timer.next()), (0, None));
    }

    #[test]
    fn gaining_and_losing_a_due_instant_leaves_nothing_behind() {
        let timer = Timer::new(BEGINS);
        (0..1_000).for_each(|n| timer.push(at(5_000 + n), member(1)));
        assert_eq!(timer.len(), 1);
    }

    #[test]
    fn what_is_due_before_its_beginning_comes_at_once_and_what_is_due_in_a_century_at_some_time() {
        let timer = Timer::new(BEGINS);
        timer.push(at(-5), member(1));
        timer.push(Instant(i64::MIN), member(2));
        timer.push(Instant::MAX, member(3));
        assert_eq!(timer.pop_due(BEGINS, 10).len(), 2);
        let next = timer.next().unwrap();
        assert!(next > at(30 * 366 * 86_400_000));
        assert_eq!(timer.pop_due(next, 10), [member(3)]);
    }
}
