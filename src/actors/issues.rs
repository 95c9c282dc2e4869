//! What lots need of the accruals that issued their points, kept for those that were accrued or asked for lately: a
//! spend soon after an accrual need not wait for the index to know it. An entry never changes.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::generations::Generations;
use crate::history::view::{Issue, MovedLot};
use crate::ledger::event::Event;
use crate::ledger::lsn::Lsn;
use crate::ledger::moved::Moved;
use std::sync::{Mutex, PoisonError};

/// Entries of one generation: of some seconds under load, so that what is spent soon after it was accrued is told from here. They
/// take some 100 bytes each.
const GENERATION_MAX: usize = 65_536;
/// So many of those that were looked up for one change are kept.
const LOOKED_UP_KEPT_MAX: usize = 256;
/// So many are looked up in the index at once, without leaving the worker.
const AT_ONCE_MAX: usize = 32;

#[derive(Debug)]
pub struct Issues(Mutex<Generations<Lsn, Issue>>);

impl Default for Issues {
    fn default() -> Issues {
        Issues(Mutex::new(Generations::new(GENERATION_MAX)))
    }
}

impl Issues {
    /// Those of `sources` that are here, each in its place.
    pub fn find(&self, sources: &[Lsn]) -> Vec<Option<Issue>> {
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.iter().map(|source| generations.get(source).cloned()).collect()
    }

    pub fn keep(&self, issues: impl IntoIterator<Item = (Lsn, Issue)>) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (source, issue) in issues {
            generations.keep(source, issue, 1);
        }
    }
}

impl Core {
    /// The lots that the event moved, once the index knows the accruals that issued them; none of a type that moves
    /// none.
    pub async fn lots_moved(&self, lsn: Lsn, event: &Event) -> Result<Option<Vec<MovedLot>>, Failure> {
        if let Some(accrued) = event.accrual() {
            let issue = Issue { event_no: accrued.event_no.as_str().into(), expire_at: accrued.expire_at };
            self.issues.keep([(lsn, issue)]);
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
        self.issues.keep(known.take(LOOKED_UP_KEPT_MAX));
        for (place, issue) in places.into_iter().zip(found) {
            issues[place] = issue;
        }
        Ok(issues)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_latest_and_no_more_than_two_generations() {
        let issues = Issues::default();
        let all = 3 * GENERATION_MAX as u64;
        issues.keep((1..=all).map(|n| (Lsn(n), Issue { event_no: n.to_string().into(), expire_at: None })));
        let found = issues.find(&[Lsn(1), Lsn(all)]);
        assert_eq!(found[0], None, "the oldest went");
        assert_eq!(found[1].as_ref().map(|issue| &*issue.event_no), Some(all.to_string().as_str()));
        let generations = issues.0.lock().unwrap();
        assert!(generations.len() <= 2 * GENERATION_MAX);
    }
}
