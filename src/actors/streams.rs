//! Places for answers of any length. They are not among the requests being worked on: each lasts as long as its client
//! reads, so they have a bound of their own, and end when the service stops.
use crate::actors::answer::Failure;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// A place among the streams, given back when dropped.
pub struct StreamPlace {
    _permit: OwnedSemaphorePermit,
    stopping: watch::Receiver<bool>,
}

impl StreamPlace {
    /// One of `places`, if one is free; `stopping` becomes true when the stream must end.
    pub fn of(places: &Arc<Semaphore>, stopping: watch::Receiver<bool>) -> Result<StreamPlace, Failure> {
        let permit = places.clone().try_acquire_owned().map_err(|_| Failure::Overloaded)?;
        Ok(StreamPlace { _permit: permit, stopping })
    }

    /// One of `places`, as soon as one is free.
    pub async fn wait_for(
        places: &Arc<Semaphore>,
        mut stopping: watch::Receiver<bool>,
        at_most: Duration,
    ) -> Result<StreamPlace, Failure> {
        let permit = tokio::select! {
            permit = tokio::time::timeout(at_most, places.clone().acquire_owned()) => {
                permit.ok().and_then(Result::ok).ok_or(Failure::Overloaded)?
            }
            _ = stopping.wait_for(|stopping| *stopping) => return Err(Failure::NotReady),
        };
        Ok(StreamPlace { _permit: permit, stopping })
    }

    /// Ends when the service stops.
    pub async fn stopped(&mut self) {
        // An end of the sender is a stop too.
        let _ = self.stopping.wait_for(|stopping| *stopping).await;
    }
}
