//! Transfers: offers, acceptance, return, and sending at once. Each function is about one of the two accounts.
use crate::ledger::account::{Account, OpenOffer};
use crate::ledger::accrual::payments;
use crate::ledger::command::{AcceptOffer, Credit, Transfer};
use crate::ledger::decide::{Decision, Known, Terms};
use crate::ledger::event::{
    Event, OfferAccepted, OfferReturned, Offered, Received, ReturnReason, Sent, TransferStatus,
};
use crate::ledger::give_back::plan;
use crate::ledger::instant::Instant;
use crate::ledger::lot::{Lot, Taken};
use crate::ledger::points::{Points, Total};
use crate::ledger::refusal::Refusal;
use crate::ledger::spend::{enough, few_enough, from_lots, in_spending_order};

/// First from the lots that outlive the window, then from the others; open no longer than the shortest-lived of them.
pub(super) fn offer(
    account: &Account,
    command: &Transfer,
    now: Instant,
    terms: &Terms,
) -> Result<Decision, Refusal> {
    enough(account, command.points, now)?;
    let window_end = now.after(terms.offer_window);
    let outlives = |lot: &&Lot| lot.kind.expire_at.is_none_or(|at| at > window_end);
    let active = || account.lots.iter().filter(|lot| lot.active(now));
    let (mut taken, short) = from_lots(active().filter(outlives), command.points);
    let (rest, _) = from_lots(active().filter(|lot| !outlives(lot)), short);
    taken.extend(rest);
    few_enough(taken.len(), "points")?;
    let deadline = taken.iter().filter_map(|part| part.lot.expire_at).fold(window_end, Instant::min);
    Ok(Event::Offered(Offered {
        transfer_no: command.transfer_no.clone(),
        fingerprint: command.fingerprint,
        to: command.to.clone(),
        points: command.points,
        taken,
        deadline,
        active_after: account.active(now) - command.points.into(),
    })
    .into())
}

pub(super) fn send(account: &Account, command: &Transfer, now: Instant) -> Result<Decision, Refusal> {
    let taken = in_spending_order(account, command.points, now)?;
    Ok(Event::Sent(Sent {
        transfer_no: command.transfer_no.clone(),
        fingerprint: command.fingerprint,
        to: command.to.clone(),
        points: command.points,
        taken,
        active_after: account.active(now) - command.points.into(),
    })
    .into())
}

/// At the sender. `known` is the offer or direct transfer by its number, where it is past.
pub(super) fn accept(
    account: &Account,
    command: &AcceptOffer,
    known: Option<&Known>,
) -> Result<Decision, Refusal> {
    if let Some(offer) = account.offer(&command.transfer_no) {
        if offer.to != command.to {
            return Err(Refusal::NoSuchTransfer);
        }
        let transfer_no = offer.transfer_no.clone();
        return Ok(Event::OfferAccepted(OfferAccepted { transfer_no, offer: offer.lsn }).into());
    }
    let known =
        known.filter(|known| known.event.sent_to() == Some(&command.to)).ok_or(Refusal::NoSuchTransfer)?;
    match status(known) {
        TransferStatus::Accepted => Ok(Decision::Replay(known.clone())),
        closed => Err(Refusal::TransferClosed { status: closed.name() }),
    }
}

/// At the sender, by the sender.
pub(super) fn cancel(
    account: &Account,
    transfer_no: &str,
    known: Option<&Known>,
    now: Instant,
    terms: &Terms,
) -> Result<Decision, Refusal> {
    if let Some(offer) = account.offer(transfer_no) {
        return Ok(returned(account, offer, ReturnReason::Cancelled, now, terms).into());
    }
    let known = known.ok_or(Refusal::NoSuchTransfer)?;
    match status(known) {
        TransferStatus::Cancelled => Ok(Decision::Replay(known.clone())),
        closed => Err(Refusal::TransferClosed { status: closed.name() }),
    }
}

/// How a transfer stands that is no open offer of its sender. A direct one was the receiver's from the start.
pub fn status(known: &Known) -> TransferStatus {
    match known.event.as_ref() {
        Event::Sent(_) => TransferStatus::Accepted,
        _ => known.standing.closed.unwrap_or(TransferStatus::Open),
    }
}

/// The offer's points go back to their lots, at `due`.
pub(super) fn returned(
    account: &Account,
    offer: &OpenOffer,
    reason: ReturnReason,
    due: Instant,
    terms: &Terms,
) -> Event {
    let back: Vec<Taken> = offer.taken.iter().rev().copied().collect();
    let (steps, active_after) = plan(account, &back, due, terms);
    Event::OfferReturned(OfferReturned {
        transfer_no: offer.transfer_no.clone(),
        offer: offer.lsn,
        to: offer.to.clone(),
        reason,
        due,
        points: offer.points,
        steps,
        active_after,
    })
}

/// At the receiver; never refused, and once for each sender and number. Lots that expired on the way are taken too.
pub(super) fn receive(account: &Account, credit: &Credit, known: Option<&Known>, now: Instant) -> Decision {
    if let Some(known) = known {
        return Decision::Replay(known.clone());
    }
    let mut debts = account.debts.clone();
    let mut paid = Vec::new();
    let mut fresh = Total::ZERO;
    for (place, lot) in (0..).zip(&credit.lots) {
        if lot.expire_at.is_some_and(|at| at <= now) {
            continue;
        }
        fresh += lot.points;
        for payment in payments(&debts, lot.points) {
            reduce(&mut debts, payment.points);
            paid.push((place, payment));
        }
    }
    Event::Received(Received {
        from: credit.from.clone(),
        transfer_no: credit.transfer_no.clone(),
        offer: credit.offer,
        points: credit.lots.iter().map(|lot| lot.points).sum(),
        lots: credit.lots.clone(),
        paid,
        active_after: account.active(now) + fresh,
    })
    .into()
}

/// Pays the oldest debt.
fn reduce(debts: &mut Vec<crate::ledger::account::Debt>, points: Points) {
    if let Some(oldest) = debts.first_mut() {
        oldest.points -= points;
        if oldest.points.is_zero() {
            debts.remove(0);
        }
    }
}
