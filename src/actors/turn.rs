//! A member's turn: a command against its account, settled, decided, recorded. Its actor takes one after the other; a
//! batch takes a few where the member lies at rest. Nothing here waits.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::member::Outcome;
use crate::actors::recents::Recents;
use crate::ledger::account::{Account, Outgoing};
use crate::ledger::command::Command;
use crate::ledger::event::Event;
use crate::ledger::instant::Instant;
use crate::ledger::{Decision, Known, Prior, decide};
use crate::store::journal::Class;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub struct Turn<'a> {
    pub core: &'a Core,
    pub crm_id: &'a str,
    pub member_no: &'a str,
    pub account: &'a mut Account,
    pub recents: &'a mut Recents,
}

impl Turn<'_> {
    /// What `command` comes to. `looked_up` has seen the index at least at `recents.complete_since()`. Nothing may be told
    /// of it before the account's last record is durable.
    pub fn carry_out(&mut self, command: &Command, looked_up: Prior) -> Result<Outcome, Failure> {
        let now = self.core.clock.now();
        self.settle(now)?;
        // Only now: what has just fallen due is part of the origin's past, too.
        let prior = self.recents.complete(looked_up, command.key().as_ref(), command.origin_key().as_ref());
        let now = now.max(self.account.clock);
        let (account, terms) = (&*self.account, self.core.tenants.terms(self.crm_id));
        let decided = catch_unwind(AssertUnwindSafe(|| decide(account, command, &prior, now, &terms)));
        let Ok(decision) = decided else {
            return Err(Failure::Fault(format!("deciding panicked: {command:?}")));
        };
        match decision? {
            Decision::Record(event) => {
                let class = if command.refusable() { Class::Refusable } else { Class::Mandatory };
                self.record_new(now, *event, class)
            }
            Decision::Replay(record) => {
                let outgoing = Outgoing::of(record.lsn, &record.event);
                Ok(Outcome::Done { record, replayed: true, outgoing })
            }
            Decision::Nothing => Ok(Outcome::Nothing),
        }
    }

    fn record_new(&mut self, at: Instant, event: Event, class: Class) -> Result<Outcome, Failure> {
        let event = Arc::new(event);
        let lsn = self.core.record(self.crm_id, self.member_no, self.account, at, &event, class)?;
        self.recents.push(lsn, at, event.clone());
        let outgoing = match event.as_ref() {
            Event::OfferAccepted(e) => self.account.outgoing(&e.transfer_no).cloned(),
            Event::Sent(_) => Outgoing::of(lsn, &event),
            _ => None,
        };
        // An accrual may be born expired, points may come back to a lot that has expired: time has the last word.
        // If there is no space for it now, the timer will do it; if the log is closed, the next start.
        match self.settle(self.core.clock.now()) {
            Ok(()) | Err(Failure::Full | Failure::NotReady) => {}
            Err(failure) => return Err(failure),
        }
        let record = Known { lsn, at, event, standing: Default::default() };
        Ok(Outcome::Done { record, replayed: false, outgoing })
    }

    pub fn settle(&mut self, now: Instant) -> Result<(), Failure> {
        let Turn { core, crm_id, member_no, account, recents } = self;
        core.settle(crm_id, member_no, account, now, |lsn, at, event| recents.push(lsn, at, Arc::new(event)))
    }
}
