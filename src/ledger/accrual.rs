//! Accruals: points come into being, as one lot.
use crate::ledger::account::{Account, Debt};
use crate::ledger::command::Accrue;
use crate::ledger::decide::{Decision, Terms, event_time};
use crate::ledger::event::{Accrued, Event, Payment};
use crate::ledger::instant::{Instant, Span};
use crate::ledger::local::day_end;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::{Points, Total};
use crate::ledger::refusal::Refusal;

pub(super) fn accrue(
    account: &Account,
    command: Accrue,
    now: Instant,
    terms: &Terms,
) -> Result<Decision, Refusal> {
    let event_at = accrual_time(account, command.event_at, now, terms)?;
    let expire_at = expiry(command.expire_after.or(terms.default_expire), event_at, terms);
    let accrued = Accrued {
        event_no: command.event_no,
        fingerprint: command.fingerprint,
        source_type: command.source_type,
        points: command.points,
        event_at,
        expire_at,
        unfreeze_at: command.freeze_for.map(|span| event_at.after(span)),
        amount: command.amount,
        details: command.details,
        order_items: command.order_items,
        rule: None,
        paid: Vec::new(),
        active_after: Total::ZERO,
    };
    check_life(accrued.expire_at, accrued.unfreeze_at)?;
    Ok(Event::Accrued(made(account, accrued, now, terms)?).into())
}

/// When an accrual happened; refused where it would open a member and may not.
pub(super) fn accrual_time(
    account: &Account,
    given: Option<Instant>,
    now: Instant,
    terms: &Terms,
) -> Result<Instant, Refusal> {
    if account.last == Lsn::ZERO && !terms.accrual_opens_members {
        return Err(Refusal::NoSuchMember);
    }
    event_time(given, now, terms)
}

/// Refuses points that would expire before or when they unfreeze.
pub(super) fn check_life(expire_at: Option<Instant>, unfreeze_at: Option<Instant>) -> Result<(), Refusal> {
    if let (Some(expire), Some(unfreeze)) = (expire_at, unfreeze_at)
        && expire <= unfreeze
    {
        let should = "must be shorter than the life of the points (expire_days)".to_owned();
        return Err(Refusal::Invalid { field: "freeze_hours".into(), should });
    }
    Ok(())
}

/// The accrual as it will be recorded: with what its lot pays at once, and what is active then.
pub(super) fn made(
    account: &Account,
    accrued: Accrued,
    now: Instant,
    terms: &Terms,
) -> Result<Accrued, Refusal> {
    if account.lots.len() >= terms.open_lots_max {
        return Err(Refusal::TooManyLots);
    }
    let Accrued { points, expire_at, unfreeze_at, .. } = accrued;
    let active = unfreeze_at.is_none_or(|at| at <= now) && expire_at.is_none_or(|at| now < at);
    let paid = if active { payments(&account.debts, points) } else { Vec::new() };
    let mut active_after = account.active(now);
    if active {
        active_after += points;
    }
    Ok(Accrued { paid, active_after, ..accrued })
}

/// When points expire that live for `life` from `event_at`; none: never.
pub(super) fn expiry(life: Option<Span>, event_at: Instant, terms: &Terms) -> Option<Instant> {
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
