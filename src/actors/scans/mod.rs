//! Reads of a whole tenant: every member as of one record and by the clock of one instant, whatever changes meanwhile.
pub mod balances;
mod cuts;
pub mod expiring;
pub mod gauge;
pub mod liability;
mod walk;

pub use cuts::Cuts;

use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::ledger::account::Account;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::{Terms, project};
use crate::pace::Pace;
use cuts::Cut;
use std::sync::{Arc, Weak};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, watch};
use walk::walk;

/// Such a read pauses as long as it works: half of one core's time.
const PAUSES: u32 = 1;

/// A read of a whole tenant that has begun. What it tells is durable.
pub struct Scan {
    core: Arc<Core>,
    crm_id: String,
    terms: Arc<Terms>,
    cut: Arc<Cut>,
    /// The instant that every member is shown at.
    pub now: Instant,
    runtime: Handle,
    /// True when it must end.
    stopping: watch::Receiver<bool>,
    /// Dead when nobody waits for it any more.
    wanted: Option<Weak<()>>,
    _place: OwnedSemaphorePermit,
}

impl Scan {
    /// Begins one, where a place is free.
    pub async fn begin(
        core: &Arc<Core>,
        crm_id: &str,
        stopping: watch::Receiver<bool>,
    ) -> Result<Scan, Failure> {
        let place = core.scans.clone().try_acquire_owned();
        let place = place.map_err(|_| core.shed(&core.vitals.shed.scans))?;
        let cut = core.journal.at_last_assigned(|last| core.cuts.begin(crm_id, last));
        let scan = Scan {
            core: core.clone(),
            crm_id: crm_id.to_owned(),
            terms: core.tenants.terms(crm_id),
            cut,
            now: core.clock.now(),
            runtime: Handle::current(),
            stopping,
            wanted: None,
            _place: place,
        };
        core.durable(scan.cut.at).await?;
        Ok(scan)
    }

    /// Runs `read` beside the workers that answer requests; it ends early when nobody waits for it any more.
    pub async fn aside<T: Send + 'static>(
        mut self,
        read: impl FnOnce(&Scan) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let waiting = Arc::new(());
        self.wanted = Some(Arc::downgrade(&waiting));
        let task = tokio::task::spawn_blocking(move || read(&self));
        let done = task.await.unwrap_or_else(|error| Err(Failure::Fault(error.to_string())));
        drop(waiting);
        done
    }

    /// Gives each member that has a record to `visit`, with the instant that it is shown at.
    fn members<E: From<Failure>>(
        &self,
        mut visit: impl FnMut(&str, Account, Instant) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(tenant) = self.core.directory.tenant_id(&self.crm_id) else { return Ok(()) };
        let passed = |shard| {
            self.cut.passed_to(shard);
            let unwanted = self.wanted.as_ref().is_some_and(|wanted| wanted.strong_count() == 0);
            if unwanted || *self.stopping.borrow() { Err(E::from(Failure::NotReady)) } else { Ok(()) }
        };
        walk(&self.core, &self.runtime, Some(tenant), Pace::new(PAUSES), passed, |_, member_no, seen| {
            let account = self.cut.account_of(member_no, seen)?;
            if account.last == Lsn::ZERO {
                return Ok(());
            }
            let account = shown_at(account, self.now, || self.terms.clone());
            let now = self.now.max(account.clock);
            visit(member_no, account, now)
        })
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.core.cuts.end(&self.cut);
    }
}

/// The account as it is at `now` once what fell due is taken into account.
fn shown_at(account: Account, now: Instant, terms: impl FnOnce() -> Arc<Terms>) -> Account {
    match account.next_due() {
        Some(due) if due <= now.max(account.clock) => project(&account, now, &terms()),
        _ => account,
    }
}
