//! What lots need of the accruals that issued their points, kept for those that were accrued or asked for lately: a
//! spend soon after an accrual need not wait for the index to know it. An entry never changes.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::generations::Generations;
use crate::history::view::{Issue, MovedLot};
use crate::ledger::event::Event;
use crate::ledger::lsn::Lsn;
use crate::ledger::moved::Moved;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The latest records of which accruals are kept: of some seconds under load. A power of two.
const LATEST: usize = 1 << 17;
/// Entries of one generation of those that were looked up.
const GENERATION_MAX: usize = 16_384;
/// So many of those that were looked up for one change are kept.
const LOOKED_UP_KEPT_MAX: usize = 256;
/// So many are looked up in the index at once, without leaving the worker.
const AT_ONCE_MAX: usize = 32;

pub struct Issues(Mutex<Kept>);

struct Kept {
    /// By their numbers, which follow one another: each accrual puts its own where one was that is no longer among the latest. It
    /// grows to its size as the first of them come.
    latest: Vec<Option<(Lsn, Issue)>>,
    /// Older ones: what is spent late is spent bit by bit.
    looked_up: Generations<Lsn, Issue>,
}

impl Default for Issues {
    fn default() -> Issues {
        Issues(Mutex::new(Kept { latest: Vec::new(), looked_up: Generations::new(GENERATION_MAX) }))
    }
}

impl Issues {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of `sources` that are here, each in its place.
    pub fn find(&self, sources: &[Lsn]) -> Vec<Option<Issue>> {
        let kept = self.kept();
        sources.iter().map(|source| kept.find(*source).cloned()).collect()
    }

    /// Keeps one that was accrued just now.
    pub fn keep(&self, accrual: Lsn, issue: Issue) {
        let mut kept = self.kept();
        let place = place_of(accrual);
        if kept.latest.len() <= place {
            kept.latest.resize_with(place + 1, || None);
        }
        kept.latest[place] = Some((accrual, issue));
    }

    /// Keeps some that were looked up.
    pub fn keep_looked_up(&self, issues: impl IntoIterator<Item = (Lsn, Issue)>) {
        let mut kept = self.kept();
        for (source, issue) in issues {
            kept.looked_up.keep(source, issue, 1);
        }
    }
}

impl Kept {
    fn find(&self, source: Lsn) -> Option<&Issue> {
        match self.latest.get(place_of(source)) {
            Some(Some((lsn, issue))) if *lsn == source => Some(issue),
            _ => self.looked_up.get(&source),
        }
    }
}

fn place_of(accrual: Lsn) -> usize {
    accrual.0 as usize % LATEST
}

impl Core {
    /// The lots that the event moved, once the index knows the accruals that issued them; none of a type that moves
    /// none.
    pub async fn lots_moved(&self, lsn: Lsn, event: &Event) -> Result<Option<Vec<MovedLot>>, Failure> {
        if let Some(accrued) = event.accrual() {
            let issue = Issue { event_no: accrued.event_no.as_str().into(), expire_at: accrued.expire_at };
            self.issues.keep(lsn, issue);
        }
        match event.moved() {
            // Boxed: it would make the future of each accrual larger, which moves none.
            Some(moved) => Box::pin(self.lots_of(moved)).await.map(Some),
            None => Ok(None),
        }
    }

    async fn lots_of(&self, moved: Vec<Moved>) -> Result<Vec<MovedLot>, Failure> {
        let mut sources: Vec<Lsn> = moved.iter().map(|moved| moved.source).collect();
        sources.sort_unstable();
        sources.dedup();
        let issues = self.issues_of(&sources).await?;
        let issue = |moved: &Moved| issues[sources.partition_point(|source| *source < moved.source)].as_ref();
        Ok(moved.iter().map(|moved| MovedLot::new(moved, issue(moved))).collect())
    }

    async fn issues_of(&self, sources: &[Lsn]) -> Result<Vec<Option<Issue>>, Failure> {
        let mut issues = self.issues.find(sources);
        let (mut places, mut missing) = (Vec::new(), Vec::new());
        for (place, source) in sources.iter().enumerate().filter(|(place, _)| issues[*place].is_none()) {
            places.push(place);
            missing.push(*source);
        }
        let Some(newest) = missing.last() else { return Ok(issues) };
        self.indexed(*newest).await?;
        let found = if missing.len() <= AT_ONCE_MAX {
            self.history.issues(&missing)?
        } else {
            let (history, missing) = (self.history.clone(), missing.clone());
            let found = tokio::task::spawn_blocking(move || history.issues(&missing)).await;
            found.map_err(|error| Failure::Fault(error.to_string()))??
        };
        let known = missing.iter().zip(&found).filter_map(|(source, issue)| Some((*source, issue.clone()?)));
        self.issues.keep_looked_up(known.take(LOOKED_UP_KEPT_MAX));
        for (place, issue) in places.into_iter().zip(found) {
            issues[place] = issue;
        }
        Ok(issues)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(lsn: u64) -> Issue {
        Issue { event_no: lsn.to_string().into(), expire_at: None }
    }

    #[test]
    fn keeps_the_latest_and_those_that_were_looked_up() {
        let issues = Issues::default();
        let all = 2 * LATEST as u64;
        (1..=all).for_each(|lsn| issues.keep(Lsn(lsn), issue(lsn)));
        issues.keep_looked_up([(Lsn(7), issue(7))]);
        let oldest = all - LATEST as u64 + 1;
        let found = issues.find(&[Lsn(6), Lsn(7), Lsn(oldest - 1), Lsn(oldest), Lsn(all)]);
        let found: Vec<_> = found.iter().map(|issue| issue.as_ref().map(|issue| &*issue.event_no)).collect();
        let (oldest, newest) = (oldest.to_string(), all.to_string());
        assert_eq!(found, [None, Some("7"), None, Some(&*oldest), Some(&*newest)]);
        assert_eq!(issues.kept().latest.len(), LATEST);
    }
}
