//! Accruals by a rule of the tenant: the rule decides points, expiry and freeze, the rest is an accrual like any other.
use crate::ledger::account::Account;
use crate::ledger::accrual::{accrual_time, check_life, made};
use crate::ledger::command::{AccrueByRule, Details};
use crate::ledger::decide::{Decision, Terms};
use crate::ledger::event::{Accrued, AccruedByRule, Event};
use crate::ledger::instant::Instant;
use crate::ledger::points::Total;
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::choice::Scene;
use crate::ledger::rule::{Evaluation, Occasion, Uses, evaluate};

pub(super) fn accrue(
    account: &Account,
    command: &AccrueByRule,
    now: Instant,
    terms: &Terms,
) -> Result<Decision, Refusal> {
    let (event_at, evaluation) = considered(account, command, now, terms)?;
    let points = evaluation.granted()?;
    let accrued = Accrued {
        event_no: command.event_no.clone(),
        fingerprint: command.fingerprint,
        source_type: command.source_type,
        points,
        event_at,
        expire_at: evaluation.expire_at,
        unfreeze_at: evaluation.unfreeze_at,
        amount: command.amount,
        details: details(command, &evaluation),
        order_items: command.order_items.clone(),
        rule: Some(evaluation.rule.reference()),
        paid: Vec::new(),
        active_after: Total::ZERO,
    };
    let accrued = made(account, accrued, now, terms)?;
    Ok(Event::AccruedByRule(AccruedByRule { accrued, grant: Box::new(evaluation.grant) }).into())
}

/// What the rules make of the event, and when it happened. That they grant nothing is no refusal yet.
pub fn considered(
    account: &Account,
    command: &AccrueByRule,
    now: Instant,
    terms: &Terms,
) -> Result<(Instant, Evaluation), Refusal> {
    let event_at = accrual_time(account, command.event_at, now, terms)?;
    let none = Uses::default();
    let uses = account.uses().unwrap_or(&none);
    let tier = account.profile().and_then(|profile| profile.tier.as_deref());
    let evaluation = evaluate(terms, &command.occasion(event_at, tier), uses)?;
    check_life(evaluation.expire_at, evaluation.unfreeze_at)?;
    Ok((event_at, evaluation))
}

impl AccrueByRule {
    pub fn scene(&self, event_at: Instant) -> Scene<'_> {
        let Details { action_scene, store_code, .. } = &self.details;
        let action_scene = action_scene.as_deref().unwrap_or_default();
        let store_code = store_code.as_deref().unwrap_or_default();
        Scene { action_scene, source_type: self.source_type, store_code, event_at }
    }

    fn occasion<'a>(&'a self, event_at: Instant, tier: Option<&'a str>) -> Occasion<'a> {
        Occasion {
            scene: self.scene(event_at),
            rule_id: self.rule_id,
            points: self.points,
            expire_after: self.expire_after,
            freeze_for: self.freeze_for,
            tier,
            amount: self.amount,
            items: &self.items,
        }
    }
}

/// The request's, with what the rule says where it is silent.
pub fn details(command: &AccrueByRule, evaluation: &Evaluation) -> Details {
    let rule = &evaluation.rule.definition;
    let mut details = command.details.clone();
    details.cost_center = details.cost_center.or_else(|| rule.cost_center.clone());
    details.campaign_code = details.campaign_code.or_else(|| rule.campaign_code.clone());
    details
}
