//! Accounts at a moment: what time makes of what is recorded, and what a member's records make of its past.
use crate::history::{History, HistoryError};
use crate::ledger::account::Account;
use crate::ledger::event::Event;
use crate::ledger::instant::Instant;
use crate::ledger::lot::LotId;
use crate::ledger::lsn::Lsn;
use crate::ledger::{Terms, apply, project_noting};
use std::sync::Arc;

/// An account at a moment.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// `last` and `records` are as recorded.
    pub account: Account,
    /// The lots of which something has expired by the moment and not yet on record.
    pub expired: Vec<LotId>,
    pub moment: Instant,
}

impl AccountView {
    /// What time makes of `recorded` by `moment`; what fell due before `now` would be recorded now.
    pub fn of(recorded: &Account, moment: Instant, now: Instant, terms: &Terms) -> AccountView {
        let mut expired = Vec::new();
        let mut updated_at = recorded.updated_at;
        let projected = project_noting(recorded, moment, terms, |event| {
            if let Event::LotExpired(event) = event {
                expired.push(event.lot.id);
            }
            if event.record_type().is_some() {
                updated_at = updated_at.max(event.due().unwrap_or(now).max(now));
            }
        });
        let Account { last, records, .. } = *recorded;
        let moment = moment.max(projected.clock);
        AccountView { account: Account { last, records, updated_at, ..projected }, expired, moment }
    }
}

/// An account to be seen as of a moment that was asked for.
pub struct AsOf {
    pub crm_id: String,
    pub member_no: String,
    pub recorded: Account,
    pub moment: Instant,
    pub now: Instant,
    pub terms: Arc<Terms>,
}

impl AsOf {
    /// Whether something has happened to the account since, so that only its records can tell.
    pub fn is_past(&self) -> bool {
        self.moment < self.recorded.clock
    }

    pub fn seen(&self, history: &dyn History) -> Result<AccountView, HistoryError> {
        let rebuilt = if self.is_past() { Some(self.rebuilt(history)?) } else { None };
        let account = rebuilt.as_ref().unwrap_or(&self.recorded);
        let mut seen = AccountView::of(account, self.moment, self.now.min(self.moment), &self.terms);
        // What fell due by then may have been recorded later.
        seen.account.updated_at = seen.account.updated_at.min(self.moment);
        Ok(seen)
    }

    /// The account as its records up to the moment have made it.
    fn rebuilt(&self, history: &dyn History) -> Result<Account, HistoryError> {
        let mut account = Account::default();
        let mut after = Some(Lsn::ZERO);
        while let Some(from) = after {
            let span = (from, self.recorded.last);
            after = history.past(&self.crm_id, &self.member_no, span, self.moment, &mut |lsn, entry| {
                apply(&mut account, lsn, entry.at, &entry.event);
            })?;
        }
        Ok(account)
    }
}
