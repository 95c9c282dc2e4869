//! Answers held until what they tell is durable: successes, refusals, replays and reads alike.
use crate::actors::answer::Failure;
use crate::actors::member::Outcome;
use tokio::sync::oneshot;

/// Something to be let out when a record is durable, or to be told that the log failed.
pub enum Held {
    /// A member's answer for whoever waits at the other end; one that has gone away is none of our concern.
    Outcome(oneshot::Sender<Result<Outcome, Failure>>, Result<Outcome, Failure>),
    /// Somebody waits for the record itself.
    Record(oneshot::Sender<Result<(), Failure>>),
    Other(Box<dyn FnOnce(Result<(), Failure>) + Send>),
}

impl Held {
    pub fn release(self) {
        self.end(Ok(()));
    }

    pub fn fail(self, failure: Failure) {
        self.end(Err(failure));
    }

    fn end(self, fate: Result<(), Failure>) {
        match self {
            Held::Outcome(reply, outcome) => {
                let _ = reply.send(fate.and(outcome));
            }
            Held::Record(reply) => {
                let _ = reply.send(fate);
            }
            Held::Other(then) => then(fate),
        }
    }
}
