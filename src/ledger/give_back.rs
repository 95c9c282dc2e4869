//! Points that come back: a spend is given back, or an offer returns.
use crate::ledger::account::Account;
use crate::ledger::accrual::payments;
use crate::ledger::apply::restore;
use crate::ledger::command::ReverseSpend;
use crate::ledger::decide::{Decision, Known, Terms, event_time};
use crate::ledger::event::{Event, Payment, Restore, SpendReversed, Spent};
use crate::ledger::instant::Instant;
use crate::ledger::lot::{LotId, LotKind, Taken};
use crate::ledger::lsn::Lsn;
use crate::ledger::points::{Points, Total};
use crate::ledger::refusal::Refusal;

pub(super) fn reverse(
    account: &Account,
    command: &ReverseSpend,
    origin: Option<&Known>,
    now: Instant,
    terms: &Terms,
) -> Result<Decision, Refusal> {
    let event_at = event_time(command.event_at, now, terms)?;
    let (origin, spent) = spend_of(origin).ok_or(Refusal::NoSuchSpend)?;
    let given_back = origin.standing.given_back;
    let left = spent.points - given_back;
    let points = command.points.unwrap_or(left);
    if points > left || left.is_zero() {
        return Err(Refusal::MoreThanLeft { left, asked: points });
    }
    let back = last_taken_first(&spent.taken, given_back, points);
    let (steps, active_after) = plan(account, &back, now, terms);
    Ok(Event::SpendReversed(SpendReversed {
        event_no: command.event_no.clone(),
        fingerprint: command.fingerprint,
        origin_event_no: command.origin_event_no.clone(),
        origin: origin.lsn,
        points,
        event_at,
        steps,
        active_after,
    })
    .into())
}

fn spend_of(origin: Option<&Known>) -> Option<(&Known, &Spent)> {
    match origin.map(|known| (known, known.event.as_ref())) {
        Some((known, Event::Spent(spent))) => Some((known, spent)),
        _ => None,
    }
}

/// The lots that `points` go back to: the one taken last first, past what was given back before.
fn last_taken_first(taken: &[Taken], mut skip: Points, mut points: Points) -> Vec<Taken> {
    let mut back = Vec::new();
    for part in taken.iter().rev() {
        let skipped = part.points.min(skip);
        skip -= skipped;
        let given = (part.points - skipped).min(points);
        points -= given;
        if given.is_positive() {
            back.push(Taken { lot: part.lot, points: given });
        }
    }
    back
}

/// The steps by which `back` comes home at `now`, and what is active after them.
pub(super) fn plan(account: &Account, back: &[Taken], now: Instant, terms: &Terms) -> (Vec<Restore>, Total) {
    let mut planner = Planner { scratch: account.clone(), steps: Vec::new(), now, terms, graces: 0 };
    for part in back {
        planner.give(*part);
    }
    (planner.steps, planner.scratch.active(now))
}

/// Works out the steps one by one, each on what the ones before have left.
struct Planner<'a> {
    scratch: Account,
    steps: Vec<Restore>,
    now: Instant,
    terms: &'a Terms,
    /// Lots of grace made so far.
    graces: u32,
}

impl Planner<'_> {
    fn step(&mut self, step: Restore) {
        restore(&mut self.scratch, Lsn::ZERO, &step);
        self.steps.push(step);
    }

    /// Gives points back to a lot; what was taken elsewhere for its accrual comes first. The chain of lots taken for
    /// lots taken can be long, so it is walked with a stack of our own.
    fn give(&mut self, back: Taken) {
        let mut stack = vec![back];
        while let Some(Taken { lot, points }) = stack.pop() {
            let points = points - self.pay_own_debt(lot.accrual, points);
            if points.is_zero() {
                continue;
            }
            match self.still_good(lot.accrual) {
                Some(other) => {
                    let part = other.points.min(points);
                    self.step(Restore::MakeGood { accrual: lot.accrual, lot: other.lot.id, points: part });
                    if part < points {
                        stack.push(Taken { lot, points: points - part });
                    }
                    stack.push(Taken { lot: other.lot, points: part });
                }
                None => self.rest(Taken { lot, points }),
            }
        }
    }

    fn pay_own_debt(&mut self, accrual: Lsn, points: Points) -> Points {
        let paid = self.scratch.debt_for(accrual).min(points);
        if paid.is_positive() {
            self.step(Restore::Debt(Payment { accrual, points: paid }));
        }
        paid
    }

    /// The last lot taken for `accrual` that has not expired; expired ones are forgotten on the way.
    fn still_good(&mut self, accrual: Lsn) -> Option<Taken> {
        loop {
            let other = self.scratch.last_elsewhere(accrual)?;
            if !other.lot.expired(self.now) {
                return Some(other);
            }
            self.step(Restore::Forget { accrual, lot: other.lot.id });
        }
    }

    /// What nothing else has a claim on stays in the lot, pays what debt there is, or has expired with it.
    fn rest(&mut self, back: Taken) {
        if !back.lot.expired(self.now) {
            self.step(Restore::Lot(back));
            self.pay_others(back);
            return;
        }
        match self.terms.refund_grace {
            Some(grace) if !back.lot.graced => {
                let id = LotId { lsn: Lsn::ZERO, place: self.graces };
                self.graces += 1;
                let expire_at = Some(self.now.after(grace));
                let back = Taken { lot: LotKind { id, expire_at, graced: true, ..back.lot }, ..back };
                self.step(Restore::Grace(back));
                self.pay_others(back);
            }
            _ => self.step(Restore::Lot(back)),
        }
    }

    fn pay_others(&mut self, back: Taken) {
        for Payment { accrual, points } in payments(&self.scratch.debts, back.points) {
            self.step(Restore::Pay { accrual, taken: Taken { lot: back.lot, points } });
        }
    }
}
