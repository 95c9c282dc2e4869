//! What time alone has made true. Due instants are taken in time order; at one instant first unfreezing, then lapsing
//! offers, then expiry.
use crate::ledger::account::Account;
use crate::ledger::accrual::payments;
use crate::ledger::apply::apply;
use crate::ledger::decide::Terms;
use crate::ledger::event::{Event, LotExpired, LotUnfrozen, ReturnReason};
use crate::ledger::instant::Instant;
use crate::ledger::transfer::returned;

/// The first thing that fell due by `now` and is not recorded yet. Record it, apply it and ask again.
pub fn due(account: &Account, now: Instant, terms: &Terms) -> Option<Event> {
    let now = now.max(account.clock);
    if account.next_due()? > now {
        return None;
    }
    let unfreeze = unfrozen(account);
    let lapse = lapsed(account);
    let expiry = expired(account);
    let when = |thing: Option<Instant>| thing.unwrap_or(Instant::MAX);
    let first =
        when(unfreeze.as_ref().map(|u| u.due)).min(when(lapse)).min(when(expiry.as_ref().map(|e| e.due)));
    if first > now {
        return None;
    }
    if let Some(event) = unfreeze.filter(|u| u.due == first) {
        return Some(Event::LotUnfrozen(event));
    }
    if lapse == Some(first) {
        let offer = account.offers.iter().min_by_key(|offer| (offer.deadline, offer.lsn))?;
        return Some(returned(account, offer, ReturnReason::Lapsed, first, terms));
    }
    expiry.map(Event::LotExpired)
}

/// The next lot to unfreeze, where there is debt for it to pay and it does not expire first.
fn unfrozen(account: &Account) -> Option<LotUnfrozen> {
    let lots = account.lots_that_will_pay();
    let instants = lots.filter_map(|lot| lot.unfreeze_at.map(|at| (at.max(account.clock), lot)));
    let (due, lot) =
        instants.filter(|(at, lot)| lot.active(*at)).min_by_key(|(at, lot)| (*at, lot.kind.id))?;
    let paid = payments(&account.debts, lot.remaining);
    Some(LotUnfrozen { lot: lot.kind, paid, due })
}

fn lapsed(account: &Account) -> Option<Instant> {
    account.offers.iter().map(|offer| offer.deadline.max(account.clock)).min()
}

fn expired(account: &Account) -> Option<LotExpired> {
    let lot = account.lots.front()?;
    let due = lot.kind.expire_at?.max(account.clock);
    Some(LotExpired { lot: lot.kind, points: lot.remaining, due })
}

/// The account as it will be at `now` once time's changes are recorded: what reads show, without a write.
pub fn project(account: &Account, now: Instant, terms: &Terms) -> Account {
    project_noting(account, now, terms, |_| {})
}

/// The same, showing `note` each change on the way.
pub fn project_noting(
    account: &Account,
    now: Instant,
    terms: &Terms,
    mut note: impl FnMut(&Event),
) -> Account {
    let mut settled = account.clone();
    while let Some(event) = due(&settled, now, terms) {
        note(&event);
        let next = settled.last.next();
        apply(&mut settled, next, now, &event);
    }
    settled
}
