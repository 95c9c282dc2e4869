//! Events into accounts: no rule, no refusal, no question asked. Live traffic, replay and the verifier share it.
use crate::ledger::account::{Account, Debt, Elsewhere, OpenOffer, Outgoing, on_their_way};
use crate::ledger::event::{
    AccrualReversed, Accrued, AccruedByRule, Event, ForeignLot, GrantReversed, LotExpired, LotUnfrozen,
    OfferAccepted, OfferReturned, Offered, Payment, ProfileSet, Received, Restore, Sent, SpendReversed,
    Spent,
};
use crate::ledger::instant::Instant;
use crate::ledger::lot::{Lot, LotId, LotKind, Taken};
use crate::ledger::lsn::Lsn;
use crate::ledger::profile::Profile;
use std::fmt::Debug;

/// Makes `event`, recorded at `at` under `lsn`, part of the account. One that the account already holds is skipped.
pub fn apply<T: AsRef<str> + Debug>(account: &mut Account, lsn: Lsn, at: Instant, event: &Event<T>) {
    if lsn <= account.last {
        return;
    }
    match event {
        Event::Accrued(e) => accrued(account, lsn, e),
        Event::Spent(e) => spent(account, e),
        Event::AccrualReversed(e) => accrual_reversed(account, e),
        Event::SpendReversed(e) => spend_reversed(account, lsn, e),
        Event::Offered(e) => offered(account, lsn, e),
        Event::Sent(e) => sent(account, lsn, e),
        Event::OfferAccepted(e) => offer_accepted(account, e),
        Event::OfferReturned(e) => offer_returned(account, lsn, e),
        Event::Received(e) => received(account, lsn, e),
        Event::OutboxCleared(e) => account.outbox.retain(|out| out.offer != e.offer),
        Event::LotExpired(e) => lot_expired(account, e),
        Event::LotUnfrozen(e) => lot_unfrozen(account, e),
        Event::ProfileSet(e) => profile_set(account, at, e),
        Event::PersonalDataErased => personal_data_erased(account, at),
        Event::AccruedByRule(e) => accrued_by_rule(account, lsn, e),
        Event::GrantReversed(e) => grant_reversed(account, e),
    }
    account.last = lsn;
    account.clock = account.clock.max(event.due().unwrap_or(at));
    if event.record_type().is_some() {
        if account.records == 0 {
            account.first_record = lsn;
            account.created_at = at;
        }
        account.records += 1;
        account.updated_at = account.updated_at.max(at);
    }
    debug_assert_eq!(account.check(), Ok(()), "after {lsn}: {event:?}");
}

fn accrued<T>(account: &mut Account, lsn: Lsn, e: &Accrued<T>) {
    let id = LotId { lsn, place: 0 };
    let kind = LotKind { id, accrual: lsn, source: lsn, expire_at: e.expire_at, graced: false };
    account.total += e.points;
    account.lots.insert(Lot { kind, remaining: e.points, unfreeze_at: e.unfreeze_at });
    pay_all(account, kind, &e.paid);
}

fn accrued_by_rule<T>(account: &mut Account, lsn: Lsn, e: &AccruedByRule<T>) {
    accrued(account, lsn, &e.accrued);
    if let (Some(rule), Some(counted)) = (e.accrued.rule, e.grant.counted) {
        account.more.get_or_insert_default().uses.add(rule.rule_id, counted, e.accrued.points);
    }
}

fn spent<T>(account: &mut Account, e: &Spent<T>) {
    account.used += e.points;
    take_all(account, &e.taken);
}

fn accrual_reversed<T>(account: &mut Account, e: &AccrualReversed<T>) {
    account.total -= e.points;
    account.expired -= e.expired;
    take_all(account, &e.own);
    take_all(account, &e.elsewhere);
    let remembered = e.elsewhere.iter().map(|taken| Elsewhere { accrual: e.origin, taken: *taken });
    account.elsewhere.extend(remembered);
    if e.debt.is_positive() {
        account.debts.push(Debt { accrual: e.origin, points: e.debt });
    }
}

fn grant_reversed<T>(account: &mut Account, e: &GrantReversed<T>) {
    accrual_reversed(account, &e.reversed);
    let uses = &mut account.more.get_or_insert_default().uses;
    uses.give_back(e.back.rule_id, e.back.counted, e.reversed.points, e.back.whole);
}

fn spend_reversed<T>(account: &mut Account, lsn: Lsn, e: &SpendReversed<T>) {
    account.used -= e.points;
    e.steps.iter().for_each(|step| restore(account, lsn, step));
}

fn offered<T: AsRef<str>>(account: &mut Account, lsn: Lsn, e: &Offered<T>) {
    account.used += e.points;
    take_all(account, &e.taken);
    account.offers.push(OpenOffer {
        lsn,
        transfer_no: e.transfer_no.as_ref().into(),
        to: e.to.as_ref().into(),
        points: e.points,
        taken: e.taken.clone(),
        deadline: e.deadline,
    });
}

fn sent<T: AsRef<str>>(account: &mut Account, lsn: Lsn, e: &Sent<T>) {
    account.used += e.points;
    take_all(account, &e.taken);
    let lots = on_their_way(&e.taken);
    account.outbox.push(Outgoing {
        offer: lsn,
        transfer_no: e.transfer_no.as_ref().into(),
        to: e.to.as_ref().into(),
        lots,
    });
}

fn offer_accepted<T>(account: &mut Account, e: &OfferAccepted<T>) {
    let Some(offer) = close(account, e.offer) else { return };
    let lots = on_their_way(&offer.taken);
    account.outbox.push(Outgoing { offer: offer.lsn, transfer_no: offer.transfer_no, to: offer.to, lots });
}

fn offer_returned<T>(account: &mut Account, lsn: Lsn, e: &OfferReturned<T>) {
    close(account, e.offer);
    account.used -= e.points;
    e.steps.iter().for_each(|step| restore(account, lsn, step));
}

fn received<T>(account: &mut Account, lsn: Lsn, e: &Received<T>) {
    account.total += e.points;
    let kinds: Vec<LotKind> = (0..).zip(&e.lots).map(|(place, lot)| foreign(lsn, place, lot)).collect();
    for (kind, lot) in kinds.iter().zip(&e.lots) {
        account.lots.insert(Lot { kind: *kind, remaining: lot.points, unfreeze_at: None });
    }
    for (place, payment) in &e.paid {
        pay_all(account, kinds[*place as usize], std::slice::from_ref(payment));
    }
}

fn lot_expired(account: &mut Account, e: &LotExpired) {
    account.expired += e.points;
    account.lots.take(&Taken { lot: e.lot, points: e.points });
}

fn lot_unfrozen(account: &mut Account, e: &LotUnfrozen) {
    pay_all(account, e.lot, &e.paid);
}

fn profile_set(account: &mut Account, at: Instant, e: &ProfileSet) {
    let profile = &mut account.more.get_or_insert_default().profile;
    let created_at = profile.as_ref().map_or(at, |before| before.created_at);
    let (tier, sealed) = (e.tier.clone(), e.sealed.clone());
    *profile = Some(Profile { tier, sealed, created_at, updated_at: at });
}

fn personal_data_erased(account: &mut Account, at: Instant) {
    if let Some(profile) = account.more.as_mut().and_then(|more| more.profile.as_mut()) {
        profile.sealed = None;
        profile.updated_at = at;
    }
}

/// One step of points coming back. The planner of give-backs runs the same steps on a scratch account.
pub(super) fn restore(account: &mut Account, record: Lsn, step: &Restore) {
    match *step {
        Restore::Debt(Payment { accrual, points }) => account.pay_debt(accrual, points),
        Restore::MakeGood { accrual, lot, points } => {
            account.forget_elsewhere(accrual, lot.resolved(record), Some(points));
        }
        Restore::Forget { accrual, lot } => account.forget_elsewhere(accrual, lot.resolved(record), None),
        Restore::Lot(taken) | Restore::Grace(taken) => account.lots.put(&resolved(taken, record)),
        Restore::Pay { accrual, taken } => pay(account, accrual, resolved(taken, record)),
    }
}

fn resolved(taken: Taken, record: Lsn) -> Taken {
    Taken { lot: taken.lot.resolved(record), ..taken }
}

/// A lot pays debt: from then on the debt counts as taken from that lot.
fn pay(account: &mut Account, accrual: Lsn, taken: Taken) {
    account.lots.take(&taken);
    account.pay_debt(accrual, taken.points);
    account.elsewhere.push(Elsewhere { accrual, taken });
}

fn pay_all(account: &mut Account, lot: LotKind, payments: &[Payment]) {
    for payment in payments {
        pay(account, payment.accrual, Taken { lot, points: payment.points });
    }
}

fn take_all(account: &mut Account, taken: &[Taken]) {
    taken.iter().for_each(|part| account.lots.take(part));
}

fn close(account: &mut Account, offer: Lsn) -> Option<OpenOffer> {
    let place = account.offers.iter().position(|open| open.lsn == offer)?;
    Some(account.offers.remove(place))
}

/// The receiver's lot for one that a transfer brought.
fn foreign(lsn: Lsn, place: u32, lot: &ForeignLot) -> LotKind {
    LotKind {
        id: LotId { lsn, place },
        accrual: lsn,
        source: lot.source,
        expire_at: lot.expire_at,
        graced: false,
    }
}
