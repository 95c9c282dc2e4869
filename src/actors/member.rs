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
use crate::actors::turn::Turn;
use crate::ledger::account::{Account, Outgoing};
use crate::ledger::command::Command;
use crate::ledger::instant::Instant;
use crate::ledger::{Known, Prior};
use ractor::{Actor, ActorProcessingErr, ActorRef, ActorRuntime};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

pub enum Message {
    Change(Change),
    /// Looks at the account as it is, settled or not.
    Look(Box<dyn FnOnce(&Account) + Send>),
    /// Its due instant has come.
    Settle,
    /// It may go to rest, if nothing hinders.
    Rest,
}

pub struct Change {
    pub command: Box<Command>,
    pub prior: StampedPrior,
    pub reply: oneshot::Sender<Result<Outcome, Failure>>,
}

/// What a command came to, durable.
#[derive(Clone, Debug)]
pub enum Outcome {
    Done {
        record: Known,
        /// It was done before.
        replayed: bool,
        /// What is to be carried to the receiver, where a transfer has become the receiver's.
        outgoing: Option<Box<Outgoing>>,
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
        let recents = self.core.fresh.take(me.id, me.account.last);
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
            Message::Change(mut change) => {
                let looked_up = match self.is_current(state, &change.prior) {
                    true => Ok(std::mem::take(&mut change.prior.prior)),
                    // Boxed, as it is rare: it would only make each message's future larger.
                    false => Box::pin(self.look_up_again(state, &change.command)).await,
                };
                self.change(state, change, looked_up);
            }
            Message::Look(look) => look(&state.me.account),
            Message::Settle => {
                state.scheduled = Instant::MAX;
                // Where the log is full the timer tries again; where it has failed the process ends.
                let settled = self.turn(state).settle(self.core.clock.now());
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
    fn change(&self, state: &mut State, change: Change, looked_up: Result<Prior, Failure>) {
        let Change { command, reply, .. } = change;
        let outcome = looked_up.and_then(|looked_up| self.turn(state).carry_out(*command, looked_up));
        state.recents.forget_indexed(self.core.history.applied());
        self.schedule(state, None);
        // A refusal or a replay also waits: it tells of what the account has become.
        self.core.release_when_durable(state.me.account.last, Held::Outcome(reply, outcome));
    }

    /// Whether the actor still knows everything that came after the look-up.
    fn is_current(&self, state: &State, prior: &StampedPrior) -> bool {
        prior.stamp >= state.recents.complete_since()
    }

    async fn look_up_again(&self, state: &State, command: &Command) -> Result<Prior, Failure> {
        self.core.indexed(state.recents.complete_since()).await?;
        Ok(self.core.look_up(&state.me.crm_id, &state.me.member_no, command)?.prior)
    }

    /// Its turn at the account.
    fn turn<'a>(&'a self, state: &'a mut State) -> Turn<'a> {
        let State { me, recents, .. } = state;
        Turn {
            core: &self.core,
            crm_id: &me.crm_id,
            member_no: &me.member_no,
            account: &mut me.account,
            recents,
        }
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
