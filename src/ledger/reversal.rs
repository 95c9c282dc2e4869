//! Reversing an accrual: an order was returned.
use crate::ledger::account::Account;
use crate::ledger::command::ReverseAccrual;
use crate::ledger::decide::{Decision, Known, Terms, event_time};
use crate::ledger::event::{AccrualReversed, Accrued, Event, GivenBack, GrantReversed, Standing};
use crate::ledger::instant::Instant;
use crate::ledger::lot::Taken;
use crate::ledger::points::{Amount, Points, Total, share_half_up};
use crate::ledger::refusal::Refusal;
use crate::ledger::spend::{few_enough, from_lots};

pub(super) fn reverse(
    account: &Account,
    command: &ReverseAccrual,
    origin: Option<&Known>,
    now: Instant,
    terms: &Terms,
) -> Result<Decision, Refusal> {
    let event_at = event_time(command.event_at, now, terms)?;
    let (origin, accrued) = accrual_of(origin).ok_or(Refusal::NoSuchAccrual)?;
    let (points, refunded) = how_many(command, accrued, &origin.standing)?;

    let mine = account.lots.iter().filter(|lot| lot.kind.accrual == origin.lsn && !lot.kind.expired(now));
    let (own, short) = from_lots(mine, points);
    let expired = origin.standing.expired_left.min(short);
    let others = account.lots.iter().filter(|lot| lot.kind.accrual != origin.lsn && lot.active(now));
    let (elsewhere, debt) = from_lots(others, short - expired);
    if debt.is_positive() && !command.allow_negative {
        return Err(Refusal::WouldGoNegative { short: debt });
    }
    few_enough(own.len() + elsewhere.len(), "reverse_points")?;
    let spendable = |part: &&Taken| account.lot(part.lot.id).is_some_and(|lot| lot.active(now));
    let lost: Total = own.iter().filter(spendable).chain(&elsewhere).map(|part| part.points).sum();
    let reversed = AccrualReversed {
        event_no: command.event_no.clone(),
        fingerprint: command.fingerprint,
        origin_event_no: command.origin_event_no.clone(),
        origin: origin.lsn,
        points,
        event_at,
        refunded,
        refund_info: command.refund_info.clone(),
        expired,
        debt,
        active_after: account.active(now) - lost - debt.into(),
        own,
        elsewhere,
    };
    // By this reversal: one of 0 points may follow when nothing is left.
    let whole = points.is_positive() && origin.standing.reversed + points == accrued.points;
    Ok(match back(origin, accrued, whole) {
        Some(back) => Event::GrantReversed(GrantReversed { reversed, back }),
        None => Event::AccrualReversed(reversed),
    }
    .into())
}

/// What goes back to a rule's caps; none where nothing counted against them.
fn back(origin: &Known, accrued: &Accrued, whole: bool) -> Option<GivenBack> {
    let (rule, counted) = (accrued.rule?, origin.event.grant()?.counted?);
    Some(GivenBack { rule_id: rule.rule_id, counted, whole })
}

fn accrual_of(origin: Option<&Known>) -> Option<(&Known, &Accrued)> {
    let known = origin?;
    Some((known, known.event.accrual()?))
}

/// How many points to take, and the refund that says so, if one does.
fn how_many(
    command: &ReverseAccrual,
    origin: &Accrued,
    standing: &Standing,
) -> Result<(Points, Option<Amount>), Refusal> {
    let left = origin.points - standing.reversed;
    if let Some(asked) = command.points {
        return if asked > left { Err(Refusal::MoreThanLeft { left, asked }) } else { Ok((asked, None)) };
    }
    let Some(refund) = command.refund_amount else {
        let nothing = Refusal::MoreThanLeft { left, asked: left };
        return if left.is_zero() { Err(nothing) } else { Ok((left, None)) };
    };
    let known_paid =
        [origin.amount, command.order_pay_amount].into_iter().flatten().find(|amount| amount.0 > 0);
    let Some(paid) = known_paid else {
        let should = "must be the positive amount paid, which the origin does not tell".to_owned();
        return Err(Refusal::Invalid { field: "refund_info.order_pay_amount".into(), should });
    };
    let refunded = Amount(standing.refunded.0.saturating_add(refund.0));
    if refunded > paid {
        return Err(Refusal::MoreThanPaid);
    }
    // Of the whole refunded so far, less what refunds took before: so the parts add up to the whole.
    let share = share_half_up(origin.points, refunded, paid) - standing.reversed_by_refunds;
    Ok((share.clamp(Points::ZERO, left), Some(refund)))
}
