//! Rows of a table that are in no file yet: sorted runs, few however many steps they came by. Pure.
//!
//! Each step adds one run. A run that is more than half as long as the one before is merged with it, so a row is copied once for
//! each doubling of what there is, and a look-up asks as many runs. Runs never change: who reads holds on to those of its moment.
use crate::history::HistoryError;
use lsm_tree::Slice;
use std::cmp::Ordering;
use std::ops::{Bound, Range};
use std::sync::Arc;

/// A row: its key and its value.
pub type Row = (Slice, Slice);

pub type Found = Result<Row, HistoryError>;

/// What a row takes beside its own bytes, about: the two handles, and what the allocator adds.
const OVERHEAD_BYTES: usize = 64;

/// The order of two keys. Nearly all differ in their first eight bytes, which are one number to compare.
fn order(one: &[u8], other: &[u8]) -> Ordering {
    let head = |key: &[u8]| key.first_chunk().map(|head| u64::from_be_bytes(*head));
    match head(one).zip(head(other)) {
        Some((one, other)) if one != other => one.cmp(&other),
        _ => one.cmp(other),
    }
}

/// In the order of their keys, each once.
type Run = Arc<Vec<Row>>;

/// Oldest first, which is longest first.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    runs: Vec<Run>,
    bytes: u64,
}

impl Runs {
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// What they take of memory, about; a row that was replaced counts on.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds rows in any order. Of two with the same key the later one counts, and either more than what was there.
    pub fn add(&mut self, mut rows: Vec<Row>) {
        if rows.is_empty() {
            return;
        }
        self.bytes +=
            rows.iter().map(|(key, value)| (key.len() + value.len() + OVERHEAD_BYTES) as u64).sum::<u64>();
        // Stable, so that the later one of a key comes last.
        rows.sort_by(|one, other| order(&one.0, &other.0));
        rows.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        let mut newest = Arc::new(rows);
        while let Some(before) = self.runs.pop_if(|before| before.len() < 2 * newest.len()) {
            newest = Arc::new(merged(&before, &newest));
        }
        self.runs.push(newest);
    }

    pub fn get(&self, key: &[u8]) -> Option<&Slice> {
        self.runs.iter().rev().find_map(|run| {
            let place = run.binary_search_by(|row| order(&row.0, key)).ok()?;
            Some(&run[place].1)
        })
    }

    /// What is within a range of keys, newest first: each part in the order of its keys.
    pub fn parts(&self, range: &(Bound<Slice>, Bound<Slice>)) -> impl Iterator<Item = Part> {
        self.runs.iter().rev().filter_map(|run| Part::of(run, range))
    }
}

/// Two runs as one. Where both have a key, the newer one's row is kept.
fn merged(older: &[Row], newer: &[Row]) -> Vec<Row> {
    let mut rows = Vec::with_capacity(older.len() + newer.len());
    let (mut older, mut newer) = (older.iter().peekable(), newer.iter().peekable());
    while let (Some(old), Some(new)) = (older.peek(), newer.peek()) {
        let before = order(&old.0, &new.0);
        if before == Ordering::Less {
            rows.extend(older.next().cloned());
            continue;
        }
        if before == Ordering::Equal {
            older.next();
        }
        rows.extend(newer.next().cloned());
    }
    rows.extend(older.cloned());
    rows.extend(newer.cloned());
    rows
}

/// Some of a run's rows, which it holds on to.
#[derive(Clone, Debug)]
pub struct Part {
    run: Run,
    places: Range<usize>,
}

impl Part {
    /// None where there are no such rows.
    fn of(run: &Run, (from, to): &(Bound<Slice>, Bound<Slice>)) -> Option<Part> {
        let start = match from {
            Bound::Included(key) => run.partition_point(|row| row.0 < *key),
            Bound::Excluded(key) => run.partition_point(|row| row.0 <= *key),
            Bound::Unbounded => 0,
        };
        let end = match to {
            Bound::Included(key) => run.partition_point(|row| row.0 <= *key),
            Bound::Excluded(key) => run.partition_point(|row| row.0 < *key),
            Bound::Unbounded => run.len(),
        };
        (start < end).then(|| Part { run: run.clone(), places: start..end })
    }
}

impl Iterator for Part {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        self.places.next().map(|place| Ok(self.run[place].clone()))
    }
}

impl DoubleEndedIterator for Part {
    fn next_back(&mut self) -> Option<Found> {
        self.places.next_back().map(|place| Ok(self.run[place].clone()))
    }
}

/// Rows in the order of their keys.
pub type Source = Box<dyn DoubleEndedIterator<Item = Found> + Send>;

/// Several sources as one. Where more than one has a key, the first one's row counts.
pub struct Merged(Vec<Ends>);

/// A source, and what was taken from its ends without being asked for yet.
struct Ends {
    source: Source,
    front: Option<Found>,
    back: Option<Found>,
}

#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

impl Ends {
    fn look(&mut self, end: End) -> &mut Option<Found> {
        let (this, other) = match end {
            End::Front => (&mut self.front, &mut self.back),
            End::Back => (&mut self.back, &mut self.front),
        };
        if this.is_none() {
            let next = match end {
                End::Front => self.source.next(),
                End::Back => self.source.next_back(),
            };
            *this = next.or_else(|| other.take());
        }
        this
    }
}

impl Merged {
    pub fn new(sources: impl IntoIterator<Item = Source>) -> Merged {
        Merged(sources.into_iter().map(|source| Ends { source, front: None, back: None }).collect())
    }

    fn take(&mut self, end: End) -> Option<Found> {
        let mut first: Option<(usize, Slice)> = None;
        for (place, ends) in self.0.iter_mut().enumerate() {
            let next = ends.look(end);
            match next {
                None => {}
                Some(Err(_)) => return next.take(),
                Some(Ok((key, _))) => {
                    let is_before = first.as_ref().is_none_or(|(_, first)| match end {
                        End::Front => order(key, first).is_lt(),
                        End::Back => order(key, first).is_gt(),
                    });
                    if is_before {
                        first = Some((place, key.clone()));
                    }
                }
            }
        }
        let (place, key) = first?;
        for ends in &mut self.0[place + 1..] {
            ends.look(end).take_if(|next| next.as_ref().is_ok_and(|row| row.0 == key));
        }
        self.0[place].look(end).take()
    }
}

impl Iterator for Merged {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        self.take(End::Front)
    }
}

impl DoubleEndedIterator for Merged {
    fn next_back(&mut self) -> Option<Found> {
        self.take(End::Back)
    }
}

#[cfg(test)]
mod tests;
