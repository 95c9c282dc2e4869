//! Accruals: points come into being, as one lot.
use crate::ledger::account::{Account, Debt};
use crate::ledger::command::Accrue;
use crate::ledger::decide::{Decision, Terms, event_time};
use crate::ledger::event::{Accrued, Event, Payment};
use crate::ledger::instant::{Instant, Span};
use crate::ledger::local::day_end;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::Points;
use crate::ledger::refusal::Refusal;

pub(super) fn accrue(
    account: &Account,
    command: &Accrue,
    now: Instant,
    terms: &Terms,
) -> Result<Decision, Refusal> {
    if account.last == Lsn::ZERO && !terms.accrual_opens_members {
        return Err(Refusal::NoSuchMember);
    }
    let event_at = event_time(command.event_at, now, terms)?;
    let expire_at = expiry(command.expire_after.or(terms.default_expire), event_at, terms);
    let unfreeze_at = command.freeze_for.map(|span| event_at.after(span));
    if let (Some(expire), Some(unfreeze)) = (expire_at, unfreeze_at)
        && expire <= unfreeze
    {
        let should = "must be shorter than the life of the points (expire_days)".to_owned();
        return Err(Refusal::Invalid { field: "freeze_hours", should });
    }
    if account.lots.len() >= terms.open_lots_max {
        return Err(Refusal::TooManyLots);
    }
    let active = unfreeze_at.is_none_or(|at| at <= now) && expire_at.is_none_or(|at| now < at);
    let paid = if active { payments(&account.debts, command.points) } else { Vec::new() };
    let mut active_after = account.active(now);
    if active {
        active_after += command.points;
    }
    Ok(Event::Accrued(Accrued {
        event_no: command.event_no.clone(),
        fingerprint: command.fingerprint,
        source_type: command.source_type,
        points: command.points,
        event_at,
        expire_at,
        unfreeze_at,
        amount: command.amount,
        details: command.details.clone(),
        order_items: command.order_items.clone(),
        rule: None,
        paid,
        active_after,
    })
    .into())
}

/// When points expire that live for `life` from `event_at`; none: never.
fn expiry(life: Option<Span>, event_at: Instant, terms: &Terms) -> Option<Instant> {
    let at = event_at.after(life?);
    Some(if terms.expire_at_day_end { day_end(at, terms.zone) } else { at })
}

/// The debts that `available` points pay, oldest first.
pub(super) fn payments(debts: &[Debt], mut available: Points) -> Vec<Payment> {
    let mut paid = Vec::new();
    for debt in debts {
        let points = debt.points.min(available);
        if points.is_zero() {
            break;
        }
        available -= points;
        paid.push(Payment { accrual: debt.accrual, points });
    }
    paid
}
