//! A member's actor: a thin shell round the pure ledger. It owns one account and takes one message at a time.
//!
//! It never waits for the disk: an event is appended to the log and applied, the answer is left with the log's gate,
//! and the next message is taken at once. A refusal is an answer; the handler never returns an `Err`, which would end
//! the actor and lose its mailbox.
use crate::actors::answer::Failure;
use crate::actors::core::{Core, StampedPrior};
use crate::actors::directory::Awakened;
use crate::actors::held::Held;
use crate::actors::recents::Recents;
use crate::ledger::account::{Account, Outgoing};
use crate::ledger::command::Command;
use crate::ledger::event::Event;
use crate::ledger::instant::Instant;
use crate::ledger::{Decision, Known, decide};
use crate::store::journal::Class;
use ractor::{Actor, ActorProcessingErr, ActorRef, ActorRuntime};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

pub enum Message {
    Change(Box<Change>),
    /// Looks at the account as it is, settled or not.
    Look(Box<dyn FnOnce(&Account) + Send>),
    /// Its due instant has come.
    Settle,
    /// It may go to rest, if nothing hinders.
    Rest,
}

pub struct Change {
    pub command: Command,
    pub prior: StampedPrior,
    pub reply: oneshot::Sender<Result<Outcome, Failure>>,
}

/// What a command came to, durable.
#[allow(clippy::large_enum_variant, reason = "nearly every outcome is the large one; a box would only cost")]
#[derive(Clone, Debug)]
pub enum Outcome {
    Done {
        record: Known,
        /// It was done before.
        replayed: bool,
        /// What is to be carried to the receiver, where a transfer has become the receiver's.
        outgoing: Option<Outgoing>,
    },
    Nothing,
}

pub struct Member {
    core: Arc<Core>,
}

pub struct State {
    me: Awakened,
    recents: Recents,
    /// The earliest entry of this member that the timer surely has.
    scheduled: Instant,
}

impl Member {
    /// An actor for a member, at once; messages may be sent before it runs.
    pub fn spawn(core: &Arc<Core>, awakened: Awakened) -> ActorRef<Message> {
        let member = Member { core: core.clone() };
        // Without a name there is nothing that a spawn could collide with.
        match ActorRuntime::spawn_instant(None, member, awakened) {
            Ok((actor, _)) => actor,
            Err(error) => unreachable!("an unnamed actor can be spawned: {error}"),
        }
    }
}

impl Actor for Member {
    type Msg = Message;
    type State = State;
    type Arguments = Awakened;

    async fn pre_start(&self, _: ActorRef<Message>, me: Awakened) -> Result<State, ActorProcessingErr> {
        let recents = Recents::new(me.account.last);
        // Whoever put the account to rest left the timer an entry for it.
        let scheduled = me.account.next_due().unwrap_or(Instant::MAX);
        Ok(State { me, recents, scheduled })
    }

    async fn handle(
        &self,
        actor: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Change(change) => self.change(state, *change).await,
            Message::Look(look) => look(&state.me.account),
            Message::Settle => {
                state.scheduled = Instant::MAX;
                // Where the log is full the timer tries again; where it has failed the process ends.
                let settled = self.settle(state, self.core.clock.now());
                let retry =
                    settled.is_err().then(|| self.core.clock.now().after(crate::limits::SETTLE_RETRY));
                self.schedule(state, retry);
            }
            Message::Rest => {
                if self.may_rest(state) && self.core.directory.rest(state.me.id, &state.me.account, 1) {
                    actor.stop(None);
                    return Ok(());
                }
                self.core.sweep_later(state.me.id);
            }
        }
        state.me.load.pending.fetch_sub(1, Ordering::AcqRel);
        Ok(())
    }
}

impl Member {
    async fn change(&self, state: &mut State, change: Change) {
        let Change { command, prior, reply } = change;
        let outcome = match self.looked_up(state, &command, prior).await {
            Ok(looked_up) => self.carry_out(state, &command, looked_up),
            Err(failure) => Err(failure),
        };
        state.recents.forget_indexed(self.core.history.applied());
        self.schedule(state, None);
        // A refusal or a replay also waits: it tells of what the account has become.
        self.core.release_when_durable(state.me.account.last, Held::answer(reply, outcome));
    }

    /// The look-up, made again where the actor has forgotten some of what came after it.
    async fn looked_up(
        &self,
        state: &State,
        command: &Command,
        prior: StampedPrior,
    ) -> Result<crate::ledger::Prior, Failure> {
        let needed = state.recents.complete_since();
        if prior.stamp >= needed {
            return Ok(prior.prior);
        }
        self.core.indexed(needed).await?;
        Ok(self.core.look_up(&state.me.crm_id, &state.me.member_no, command)?.prior)
    }

    fn carry_out(
        &self,
        state: &mut State,
        command: &Command,
        looked_up: crate::ledger::Prior,
    ) -> Result<Outcome, Failure> {
        let now = self.core.clock.now();
        self.settle(state, now)?;
        // Only now: what has just fallen due is part of the origin's past, too.
        let prior = state.recents.complete(looked_up, command.key().as_ref(), command.origin_key().as_ref());
        let now = now.max(state.me.account.clock);
        let (account, terms) = (&state.me.account, self.core.tenants.terms(&state.me.crm_id));
        let decided = catch_unwind(AssertUnwindSafe(|| decide(account, command, &prior, now, &terms)));
        let Ok(decision) = decided else {
            return Err(Failure::Fault(format!("deciding panicked: {command:?}")));
        };
        match decision? {
            Decision::Record(event) => {
                let class = if command.refusable() { Class::Refusable } else { Class::Mandatory };
                self.record_new(state, now, *event, class)
            }
            Decision::Replay(record) => {
                let outgoing = Outgoing::of(record.lsn, &record.event);
                Ok(Outcome::Done { record, replayed: true, outgoing })
            }
            Decision::Nothing => Ok(Outcome::Nothing),
        }
    }

    fn record_new(
        &self,
        state: &mut State,
        at: Instant,
        event: Event,
        class: Class,
    ) -> Result<Outcome, Failure> {
        let event = Arc::new(event);
        let State { me, recents, .. } = state;
        let lsn = self.core.record(&me.crm_id, &me.member_no, &mut me.account, at, &event, class)?;
        recents.push(lsn, at, event.clone());
        let outgoing = match event.as_ref() {
            Event::OfferAccepted(e) => state.me.account.outgoing(&e.transfer_no).cloned(),
            Event::Sent(_) => Outgoing::of(lsn, &event),
            _ => None,
        };
        // An accrual may be born expired, points may come back to a lot that has expired: time has the last word.
        // If there is no space for it now, the timer will do it; if the log is closed, the next start.
        match self.settle(state, self.core.clock.now()) {
            Ok(()) | Err(Failure::Full | Failure::NotReady) => {}
            Err(failure) => return Err(failure),
        }
        let record = Known { lsn, at, event, standing: Default::default() };
        Ok(Outcome::Done { record, replayed: false, outgoing })
    }

    fn settle(&self, state: &mut State, now: Instant) -> Result<(), Failure> {
        let State { me, recents, .. } = state;
        self.core.settle(&me.crm_id, &me.member_no, &mut me.account, now, |lsn, at, event| {
            recents.push(lsn, at, Arc::new(event));
        })
    }

    /// Sees to it that the timer has an entry at or before the account's next due instant.
    fn schedule(&self, state: &mut State, not_before: Option<Instant>) {
        let Some(due) = state.me.account.next_due() else { return };
        let due = not_before.map_or(due, |earliest| due.max(earliest));
        if due < state.scheduled {
            state.scheduled = due;
            self.core.timer.push(due, state.me.id);
        }
    }

    /// At rest an account must be all there is of its member: durable, indexed, with nothing to carry.
    fn may_rest(&self, state: &State) -> bool {
        let account = &state.me.account;
        account.outbox.is_empty()
            && account.last <= self.core.journal.durable()
            && account.last <= self.core.history.applied()
    }
}
