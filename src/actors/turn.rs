//! A member's turn: a command against its account, settled, decided, recorded. Its actor takes one after the other. A turn
//! now and then, or of a batch, is taken where the account lies, at rest or with an actor that nothing is on its way to,
//! under the lock that also guards the hand-over. Nothing here waits.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::directory::{Idle, MemberId};
use crate::actors::member::Outcome;
use crate::actors::recents::Recents;
use crate::ledger::account::{Account, Outgoing};
use crate::ledger::command::Command;
use crate::ledger::event::Event;
use crate::ledger::instant::{Instant, Span};
use crate::ledger::lsn::Lsn;
use crate::ledger::{Decision, Known, Prior, decide};
use crate::limits::{BUSY_WITHIN, CROWDED_WITHIN};
use crate::store::journal::Class;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Lots that an account may have to be unpacked for a single turn: about what a message to an actor costs.
const LOTS_UNPACKED_MAX: usize = 64;
/// Lots that an unpacked account may have for anything to be done where it lies: it may go over all of them, and members of its
/// shard wait meanwhile, some tens of microseconds.
pub const LOTS_IN_PLACE_MAX: usize = 4_096;

/// Until when a member's last change must have been for a turn to be taken where its account lies.
#[derive(Clone, Copy)]
pub struct QuietSince {
    at_rest: Instant,
    awake: Instant,
}

impl QuietSince {
    /// Whenever it was: for what comes in bulk.
    pub const EVER: QuietSince = QuietSince { at_rest: Instant::MAX, awake: Instant::MAX };

    /// For what comes by itself.
    pub fn at(now: Instant) -> QuietSince {
        let ago = |span: Span| Instant(now.0 - span.0);
        QuietSince { at_rest: ago(BUSY_WITHIN), awake: ago(CROWDED_WITHIN) }
    }
}

pub struct Turn<'a> {
    pub core: &'a Core,
    pub crm_id: &'a str,
    pub member_no: &'a str,
    pub account: &'a mut Account,
    pub recents: &'a mut Recents,
}

impl Core {
    /// Lets `turns` be taken at a member's account where it lies, and tells the last record that what came of them rests
    /// on. None where it is an actor's: messages are on their way to it, or the member has changed since `quiet_since` and so
    /// is busy, or the index, when it was asked, lacked some of the member's records, or there is so much of it that it
    /// should stay unpacked, or others would wait.
    pub fn turns_in_place<R>(
        &self,
        id: MemberId,
        stamp: Lsn,
        quiet_since: QuietSince,
        turns: impl FnOnce(&mut Turn<'_>) -> R,
    ) -> Option<(R, Lsn)> {
        let taken = self.directory.with_idle(id, |idle| match idle {
            Idle::Awake(state) => {
                let account = state.account();
                let busy = account.clock > quiet_since.awake;
                if busy || account.lots.len() > LOTS_IN_PLACE_MAX || !state.is_current(stamp) {
                    return (false, None);
                }
                let result = state.take(self, turns);
                (true, Some((result, state.account().last)))
            }
            Idle::Resting(crm_id, member_no, account) => {
                let busy = account.clock > quiet_since.at_rest;
                if busy || stamp < account.last || account.lots.len() > LOTS_UNPACKED_MAX {
                    return (false, None);
                }
                let (before, scheduled) = (account.last, account.next_due().unwrap_or(Instant::MAX));
                let mut recents = Recents::new(account.last);
                let result =
                    turns(&mut Turn { core: self, crm_id, member_no, account, recents: &mut recents });
                self.fresh.keep(id, recents);
                if let Some(due) = account.next_due().filter(|due| *due < scheduled) {
                    self.timer.push(due, id);
                }
                (account.last > before, Some((result, account.last)))
            }
        });
        // A member that can't be read is a broken one: its actor says so, and the process ends.
        taken.ok()??
    }
}

impl Turn<'_> {
    /// What `command` comes to. `looked_up` has seen the index at least at `recents.complete_since()`. Nothing may be told
    /// of it before the account's last record is durable.
    pub fn carry_out(&mut self, command: Command, looked_up: Prior) -> Result<Outcome, Failure> {
        let now = self.core.clock.now();
        self.settle(now)?;
        // Only now: what has just fallen due is part of the origin's past, too.
        let prior = self.recents.complete(looked_up, command.key().as_ref(), command.origin_key().as_ref());
        let prior =
            prior.map_err(|error| Failure::Fault(format!("a record just made does not decode: {error}")))?;
        let now = now.max(self.account.clock);
        let account = &*self.account;
        let class = if command.refusable() { Class::Refusable } else { Class::Mandatory };
        let decided = catch_unwind(AssertUnwindSafe(|| {
            self.core.tenants.with_terms(self.crm_id, |terms| decide(account, command, &prior, now, terms))
        }));
        let Ok(decision) = decided else {
            return Err(Failure::Fault(format!("deciding a change of member {} panicked", self.member_no)));
        };
        match decision? {
            Decision::Record(event) => self.record_new(now, event, class),
            Decision::Replay(record) => {
                let outgoing = Outgoing::of(record.lsn, &record.event).map(Box::new);
                Ok(Outcome::Done { record, replayed: true, outgoing })
            }
            Decision::Nothing => Ok(Outcome::Nothing),
        }
    }

    fn record_new(&mut self, at: Instant, event: Arc<Event>, class: Class) -> Result<Outcome, Failure> {
        let recorded = self.core.record(self.crm_id, self.member_no, self.account, at, &event, class)?;
        let lsn = recorded.lsn;
        self.recents.push(recorded, &event);
        let outgoing = match event.as_ref() {
            Event::OfferAccepted(e) => self.account.outgoing(&e.transfer_no).cloned(),
            Event::Sent(_) => Outgoing::of(lsn, &event),
            _ => None,
        };
        // An accrual may be born expired, points may come back to a lot that has expired: time has the last word.
        // If there is no space for it now, the timer will do it; if the log is closed, the next start.
        match self.settle(at) {
            Ok(()) | Err(Failure::Full | Failure::NotReady) => {}
            Err(failure) => return Err(failure),
        }
        let outgoing = outgoing.map(Box::new);
        let record = Known { lsn, at, event, standing: Default::default() };
        Ok(Outcome::Done { record, replayed: false, outgoing })
    }

    pub fn settle(&mut self, now: Instant) -> Result<(), Failure> {
        let Turn { core, crm_id, member_no, account, recents } = self;
        core.settle(crm_id, member_no, account, now, |recorded, event| recents.push(recorded, event))
    }
}
