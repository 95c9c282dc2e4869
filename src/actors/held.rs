//! Answers held until what they tell is durable: successes, refusals, replays and reads alike.
use crate::actors::answer::Failure;
use tokio::sync::oneshot;

/// Something to be let out when a record is durable, or to be told that the log failed.
pub struct Held(Box<dyn FnOnce(Result<(), Failure>) + Send>);

impl Held {
    pub fn new(then: impl FnOnce(Result<(), Failure>) + Send + 'static) -> Held {
        Held(Box::new(then))
    }

    /// An answer for whoever waits at the other end; one that has gone away is none of our concern.
    pub fn answer<T: Send + 'static>(
        reply: oneshot::Sender<Result<T, Failure>>,
        answer: Result<T, Failure>,
    ) -> Held {
        Held::new(move |fate| {
            let _ = reply.send(fate.and(answer));
        })
    }

    pub fn release(self) {
        (self.0)(Ok(()));
    }

    pub fn fail(self, failure: Failure) {
        (self.0)(Err(failure));
    }
}
