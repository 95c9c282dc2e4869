//! Spending: active lots only, earliest expiry first, all or nothing.
use crate::ledger::account::Account;
use crate::ledger::command::Spend;
use crate::ledger::decide::{Decision, Terms, event_time};
use crate::ledger::event::{Event, Spent};
use crate::ledger::instant::Instant;
use crate::ledger::lot::{Lot, Taken};
use crate::ledger::points::{Points, Total};
use crate::ledger::refusal::Refusal;
use crate::limits::LOTS_PER_RECORD_MAX;

pub(super) fn spend(
    account: &Account,
    command: Spend,
    now: Instant,
    terms: &Terms,
) -> Result<Decision, Refusal> {
    let event_at = event_time(command.event_at, now, terms)?;
    let taken = in_spending_order(account, command.points, now)?;
    Ok(Event::Spent(Spent {
        event_no: command.event_no,
        fingerprint: command.fingerprint,
        points: command.points,
        event_at,
        details: command.details,
        taken,
        active_after: account.active(now) - command.points.into(),
    })
    .into())
}

/// Exactly `points` from the active lots in spending order, or a refusal.
pub(super) fn in_spending_order(
    account: &Account,
    points: Points,
    now: Instant,
) -> Result<Vec<Taken>, Refusal> {
    enough(account, points, now)?;
    let (taken, _) = from_lots(account.lots.iter().filter(|lot| lot.active(now)), points);
    few_enough(taken.len(), "points")?;
    Ok(taken)
}

/// Refuses what would take from more lots than one record may; `field` says how many points were asked for.
pub(super) fn few_enough(lots: usize, field: &'static str) -> Result<(), Refusal> {
    if lots <= LOTS_PER_RECORD_MAX {
        return Ok(());
    }
    let should = "would take from more than 100,000 lots; ask for less at once".to_owned();
    Err(Refusal::Invalid { field: field.into(), should })
}

const _: () = assert!(LOTS_PER_RECORD_MAX == 100_000, "the refusal's words say so");

/// Refuses where the account can't spend so much. Debt can't hide behind lots: while there is one, no active lot
/// holds anything.
pub(super) fn enough(account: &Account, points: Points, now: Instant) -> Result<(), Refusal> {
    let active = account.active(now);
    if active < Total::from(points) {
        return Err(Refusal::NotEnough { active, asked: points });
    }
    Ok(())
}

/// Up to `points` from `lots`, one after the other; also what they lacked.
pub(super) fn from_lots<'a>(lots: impl Iterator<Item = &'a Lot>, points: Points) -> (Vec<Taken>, Points) {
    let mut short = points;
    let mut taken = Vec::new();
    for lot in lots {
        if short.is_zero() {
            break;
        }
        let part = lot.remaining.min(short);
        short -= part;
        taken.push(Taken { lot: lot.kind, points: part });
    }
    (taken, short)
}
