//! A member's actor: a thin shell round the pure ledger. It owns one account and takes one message at a time.
//!
//! It never waits for the disk: an event is appended to the log and applied, the answer is left with the log's gate,
//! and the next message is taken at once. A refusal is an answer; the handler never returns an `Err`, which would end
//! the actor and lose its mailbox.
//!
//! While no message is on its way to it, whoever finds that out under the lock that guards the hand-over may take a turn at
//! its account ([`crate::actors::turn`]).
use crate::actors::answer::Failure;
use crate::actors::core::{Core, StampedPrior};
use crate::actors::directory::{Awakened, Load};
use crate::actors::held::Held;
use crate::actors::recents::Recents;
use crate::actors::turn::Turn;
use crate::ledger::account::{Account, Outgoing};
use crate::ledger::command::Command;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::{Known, Prior};
use crate::limits::SETTLE_RETRY;
use ractor::{Actor, ActorProcessingErr, ActorRef, ActorRuntime};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    load: Arc<Load>,
}

/// What an actor holds of its member.
pub struct State {
    me: Awakened,
    recents: Recents,
    /// The earliest entry of this member that the timer surely has.
    scheduled: Instant,
}

/// Never waited for: the actor has it while it handles a message, and nobody else while one is on its way.
pub type SharedState = Arc<Mutex<State>>;

pub fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Member {
    /// An actor for a member, at once; messages may be sent before it runs.
    pub fn spawn(core: &Arc<Core>, me: Awakened) -> (ActorRef<Message>, SharedState) {
        let member = Member { core: core.clone(), load: me.load.clone() };
        let recents = core.fresh.take(me.id, me.account.last);
        // Whoever put the account to rest left the timer an entry for it.
        let scheduled = me.account.next_due().unwrap_or(Instant::MAX);
        let state = Arc::new(Mutex::new(State { me, recents, scheduled }));
        // Without a name there is nothing that a spawn could collide with.
        match ActorRuntime::spawn_instant(None, member, state.clone()) {
            Ok((actor, _)) => (actor, state),
            Err(error) => unreachable!("an unnamed actor can be spawned: {error}"),
        }
    }
}

impl Actor for Member {
    type Msg = Message;
    type State = SharedState;
    type Arguments = SharedState;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        state: SharedState,
    ) -> Result<SharedState, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(
        &self,
        actor: ActorRef<Message>,
        message: Message,
        state: &mut SharedState,
    ) -> Result<(), ActorProcessingErr> {
        let core = &*self.core;
        match message {
            Message::Change(mut change) => {
                let is_current = lock(state).is_current(change.prior.stamp);
                let looked_up = match is_current {
                    true => Ok(std::mem::take(&mut change.prior.prior)),
                    // Boxed, as it is rare: it would only make each message's future larger.
                    false => Box::pin(look_up_again(core, state, &change.command)).await,
                };
                lock(state).change(core, change, looked_up);
            }
            Message::Look(look) => look(&lock(state).me.account),
            Message::Settle => lock(state).settle(core),
            Message::Rest => {
                let state = lock(state);
                if state.may_rest(core) && core.directory.rest(state.me.id, &state.me.account, 1) {
                    actor.stop(None);
                    return Ok(());
                }
                core.sweep_later(state.me.id);
            }
        }
        self.load.pending.fetch_sub(1, Ordering::AcqRel);
        Ok(())
    }
}

async fn look_up_again(core: &Core, state: &Mutex<State>, command: &Command) -> Result<Prior, Failure> {
    let (crm_id, member_no, complete_since) = {
        let State { me, recents, .. } = &*lock(state);
        (me.crm_id.clone(), me.member_no.clone(), recents.complete_since())
    };
    core.indexed(complete_since).await?;
    Ok(core.look_up(&crm_id, &member_no, command)?.prior)
}

impl State {
    pub fn account(&self) -> &Account {
        &self.me.account
    }

    /// Whether the actor still knows everything that came after a look-up with this stamp.
    pub fn is_current(&self, stamp: Lsn) -> bool {
        stamp >= self.recents.complete_since()
    }

    /// Lets turns be taken at the account.
    pub fn take<R>(&mut self, core: &Core, turns: impl FnOnce(&mut Turn<'_>) -> R) -> R {
        let result = turns(&mut self.turn(core));
        self.recents.forget_indexed(core.history.applied());
        self.schedule(core, None);
        result
    }

    fn change(&mut self, core: &Core, change: Change, looked_up: Result<Prior, Failure>) {
        let Change { command, reply, .. } = change;
        let outcome = self.take(core, |turn| turn.carry_out(*command, looked_up?));
        // A refusal or a replay also waits: it tells of what the account has become.
        core.release_when_durable(self.me.account.last, Held::Outcome(reply, outcome));
    }

    fn settle(&mut self, core: &Core) {
        self.scheduled = Instant::MAX;
        // Where the log is full the timer tries again; where it has failed the process ends.
        let settled = self.turn(core).settle(core.clock.now());
        let retry = settled.is_err().then(|| core.clock.now().after(SETTLE_RETRY));
        self.schedule(core, retry);
    }

    fn turn<'a>(&'a mut self, core: &'a Core) -> Turn<'a> {
        let State { me, recents, .. } = self;
        Turn { core, crm_id: &me.crm_id, member_no: &me.member_no, account: &mut me.account, recents }
    }

    /// Sees to it that the timer has an entry at or before the account's next due instant.
    fn schedule(&mut self, core: &Core, not_before: Option<Instant>) {
        let Some(due) = self.me.account.next_due() else { return };
        let due = not_before.map_or(due, |earliest| due.max(earliest));
        if due < self.scheduled {
            self.scheduled = due;
            core.timer.push(due, self.me.id);
        }
    }

    /// At rest an account must be all there is of its member: durable, indexed, with nothing to carry.
    fn may_rest(&self, core: &Core) -> bool {
        let account = &self.me.account;
        account.outbox.is_empty()
            && account.last <= core.journal.durable()
            && account.last <= core.history.applied()
    }
}
