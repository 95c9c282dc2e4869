//! From an event to a grant: which rule, how many points, until when, against which caps, and why.
use crate::ledger::Terms;
use crate::ledger::calendar::{Periods, weekday};
use crate::ledger::instant::{Instant, Span};
use crate::ledger::points::{Amount, Points};
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::caps::{Counted, Uses};
use crate::ledger::rule::choice::{Rule, Rulebook, Scene, Unfit};
use crate::ledger::rule::earn::Item;
use crate::ledger::rule::trace::{PassedOver, Trace};
use bincode::{Decode, Encode};
use serde::Serialize;
use std::sync::Arc;

/// The event that a grant is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    pub scene: Scene<'a>,
    /// That rule and no other.
    pub rule_id: Option<u64>,
    /// So many, whatever the rule earns and caps.
    pub points: Option<Points>,
    /// These two win over the rule's; a freeze of 0 too.
    pub expire_after: Option<Span>,
    pub freeze_for: Option<Span>,
    pub tier: Option<&'a str>,
    pub amount: Option<Amount>,
    pub items: &'a [Item],
}

/// What the log keeps beside the points and the rule.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Grant {
    /// None: the request named the points, and no cap counts them.
    pub counted: Option<Counted>,
    pub trace: Trace,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    pub rule: Arc<Rule>,
    /// May be none at all: see [`Evaluation::granted`].
    pub points: Points,
    pub expire_at: Option<Instant>,
    pub unfreeze_at: Option<Instant>,
    pub grant: Grant,
}

/// In the log no more of those that were passed over than this.
const PASSED_OVER_MAX: usize = 8;

/// What the rules make of an event. Refuses where none fits, or where the event can't be reckoned with.
pub fn evaluate(terms: &Terms, occasion: &Occasion<'_>, uses: &Uses) -> Result<Evaluation, Refusal> {
    let mut passed_over = Vec::new();
    let rule = choose(&terms.rulebook, occasion, &mut passed_over)?;
    let (definition, event_at) = (&rule.definition, occasion.scene.event_at);
    let (expire_at, expiry) = definition.expire_at(occasion, terms)?;
    let (unfreeze_at, freeze) = definition.unfreeze_at(occasion);
    let mut trace = Trace { passed_over, reckoning: None, expiry, freeze };
    let (points, counted) = match occasion.points {
        Some(points) => (points, None),
        None => {
            let mut reckoning = definition.reckon(occasion, weekday(event_at, terms.zone))?;
            let counted = uses.counted(rule.rule_id, Periods::of(event_at, terms.zone));
            reckoning.caps = definition.limits.caps(rule.rule_id, uses, counted);
            let points = reckoning.granted();
            trace.reckoning = Some(reckoning);
            (points, Some(counted))
        }
    };
    if points > Points::REQUEST_MAX {
        let should = format!("earns more than 100,000,000,000 points by rule {}", rule.rule_id);
        return Err(Refusal::Invalid { field: definition.earn.grows_with().into(), should });
    }
    Ok(Evaluation { rule: rule.clone(), points, expire_at, unfreeze_at, grant: Grant { counted, trace } })
}

/// The first rule in order that fits.
fn choose<'a>(
    rulebook: &'a Rulebook,
    occasion: &Occasion<'_>,
    passed_over: &mut Vec<PassedOver>,
) -> Result<&'a Arc<Rule>, Refusal> {
    let mut last = None;
    for (rule, unfit) in rulebook.looked_at(occasion.rule_id, &occasion.scene) {
        let Some(why) = unfit else { return Ok(rule) };
        last = Some(why);
        let near = rule.definition.source_type == occasion.scene.source_type
            && rule.definition.action_scene == occasion.scene.action_scene;
        if near && passed_over.len() < PASSED_OVER_MAX {
            passed_over.push(PassedOver { rule: rule.reference(), why });
        }
    }
    let why = match (occasion.rule_id, last) {
        (Some(rule_id), Some(why)) => format!("rule {rule_id} {}", Unfit::words(why)),
        (Some(rule_id), None) => format!("there is no rule {rule_id}"),
        (None, _) => {
            "no enabled rule is for this action_scene, event_type, store_code and event_at".to_owned()
        }
    };
    Err(Refusal::NoRuleFits { why })
}

impl Evaluation {
    /// The points, or why there are none.
    pub fn granted(&self) -> Result<Points, Refusal> {
        let rule_id = self.rule.rule_id;
        match &self.grant.trace.reckoning {
            _ if self.points.is_positive() => Ok(self.points),
            Some(reckoning) if reckoning.rounded.is_positive() => {
                Err(Refusal::CapUsedUp { rule_id, cap: reckoning.used_up().map_or("", |cap| cap.name()) })
            }
            _ => Err(Refusal::GrantsNothing { rule_id }),
        }
    }
}
