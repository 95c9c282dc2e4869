//! What an event would earn, and why, as JSON.
use crate::actors::answer::Preview;
use crate::http::error::WireError;
use crate::http::json::Json;
use crate::http::time::format;
use crate::ledger::by_rule::details;
use crate::ledger::command::AccrueByRule;
use crate::ledger::instant::Instant;
use crate::ledger::points::Points;
use crate::ledger::rule::trace::{Cap, Reckoning, Source};
use crate::ledger::rule::{Evaluation, Rule};
use chrono_tz::Tz;

/// `would_answer` is what `produce/by_rule` would: an event that earns nothing is no error here, since the trace tells why.
pub(in crate::http) fn write_preview(json: &mut Json, command: &AccrueByRule, preview: &Preview) {
    let zone = preview.terms.zone;
    let (evaluation, granted) = match &preview.outcome {
        Ok((_, evaluation)) => (Some(evaluation), evaluation.granted()),
        Err(refusal) => (None, Err(refusal.clone())),
    };
    let time = |at: Option<Instant>| at.map(|at| format(at, zone));
    let details = evaluation.map(|evaluation| details(command, evaluation));
    json.open(b'{');
    json.field_plain("points", Some(granted.as_ref().copied().unwrap_or(Points::ZERO)));
    json.field_plain("rule_id", evaluation.map(|e| e.rule.rule_id));
    json.field_plain("version", evaluation.map(|e| e.rule.version));
    json.field_string("event_at", time(Some(preview.event_at)).as_deref());
    json.field_string("expire_time", time(evaluation.and_then(|e| e.expire_at)).as_deref());
    json.field_string("unfreeze_time", time(evaluation.and_then(|e| e.unfreeze_at)).as_deref());
    json.field_string("cost_center", details.as_ref().and_then(|d| d.cost_center.as_deref()));
    json.field_string("campaign_code", details.as_ref().and_then(|d| d.campaign_code.as_deref()));
    let (code, msg) = match granted {
        Ok(_) => (0, "OK".to_owned()),
        Err(refusal) => {
            let (_, code, msg) = WireError::from(refusal).wire();
            (code, msg)
        }
    };
    json.name("would_answer").open(b'{').field_plain("code", Some(code));
    json.field_string("msg", Some(&msg));
    json.close(b'}');
    write_trace(json.name("trace"), command, preview, evaluation, zone);
    json.close(b'}');
}

fn write_trace(
    json: &mut Json,
    command: &AccrueByRule,
    preview: &Preview,
    evaluation: Option<&Evaluation>,
    zone: Tz,
) {
    json.open(b'{').name("rules").open(b'[');
    let scene = command.scene(preview.event_at);
    for (rule, unfit) in preview.terms.rulebook.looked_at(command.rule_id, &scene) {
        let taken = evaluation.is_some_and(|evaluation| evaluation.rule.rule_id == rule.rule_id);
        json.element().open(b'{').field_plain("rule_id", Some(rule.rule_id));
        json.field_plain("version", Some(rule.version));
        json.field_string("name", Some(&rule.definition.name));
        json.field_plain("fits", Some(unfit.is_none()));
        json.field_plain("taken", Some(taken));
        json.field_string("why_not", unfit.map(|unfit| unfit.words()));
        json.close(b'}');
    }
    json.close(b']');
    let source = |pick: fn(&Evaluation) -> Source| evaluation.and_then(|e| pick(e).name());
    let points_from = evaluation.map(|e| if e.grant.trace.reckoning.is_some() { "rule" } else { "request" });
    json.field_string("points_from", points_from);
    json.field_string("expiry_from", source(|e| e.grant.trace.expiry));
    json.field_string("freeze_from", source(|e| e.grant.trace.freeze));
    json.name("reckoning");
    match evaluation.and_then(|e| Some((&*e.rule, e.grant.trace.reckoning.as_ref()?))) {
        Some((rule, reckoning)) => write_reckoning(json, rule, reckoning, zone),
        None => json.null(),
    }
    json.close(b'}');
}

fn write_reckoning(json: &mut Json, rule: &Rule, reckoning: &Reckoning, zone: Tz) {
    json.open(b'{').field_plain("base", Some(reckoning.base));
    json.name("multipliers").open(b'[');
    for (place, multiplier) in (0..).zip(&rule.definition.multipliers) {
        let fits = reckoning.multipliers.iter().any(|applied| applied.place == place);
        json.element().open(b'{').field_plain("place", Some(place));
        crate::http::rules::write::write_conditions(json, multiplier, zone);
        json.field_plain("fits", Some(fits));
        json.close(b'}');
    }
    json.close(b']');
    json.field_plain("product", Some(reckoning.product));
    json.field_string("rounding", Some(reckoning.rounding.name()));
    json.field_plain("scale", Some(reckoning.scale));
    json.field_plain("rounded", Some(reckoning.rounded));
    json.name("limits").open(b'[');
    let mut points = reckoning.rounded;
    for cap in &reckoning.caps {
        points = cap.lets_through(points);
        write_cap(json.element(), cap, points);
    }
    json.close(b']').close(b'}');
}

/// A cap, what of it was used and left before this event, and the points that it lets through.
fn write_cap(json: &mut Json, cap: &Cap, points: Points) {
    json.open(b'{').field_string("limit", Some(cap.name()));
    match cap {
        Cap::PerEvent { limit } => json.field_plain("most", Some(limit)),
        Cap::Points { limit, used, .. } => {
            json.field_plain("most", Some(limit));
            json.field_plain("used", Some(used));
            json.field_plain("left", cap.points_left());
        }
        Cap::Times { limit, used, .. } => {
            json.field_plain("most", Some(limit));
            json.field_plain("used", Some(used));
            json.field_plain("left", cap.times_left());
        }
    }
    json.field_plain("points", Some(points));
    json.close(b'}');
}
