//! A rule as JSON: every field, so that what is left out of a body shows its default. It may be sent back as it is.
use crate::http::json::Json;
use crate::http::time::format;
use crate::ledger::instant::Instant;
use crate::ledger::rule::Rule;
use crate::ledger::rule::definition::{Definition, Earn, Expiry, Limits, Line, Multiplier, Rate, Worth};
use chrono_tz::Tz;

/// A rule as an answer of its own.
pub fn rule_bytes(rule: &Rule, zone: Tz) -> Vec<u8> {
    let mut json = Json::new();
    write_rule(&mut json, rule, zone);
    json.into_bytes()
}

pub(in crate::http) fn write_rule(json: &mut Json, rule: &Rule, zone: Tz) {
    json.open(b'{');
    json.field_plain("rule_id", Some(rule.rule_id));
    json.field_plain("version", Some(rule.version));
    write_definition(json, &rule.definition, zone);
    json.field_string("create_time", Some(&format(rule.created_at, zone)));
    json.field_string("update_time", Some(&format(rule.updated_at, zone)));
    json.close(b'}');
}

fn write_definition(json: &mut Json, rule: &Definition, zone: Tz) {
    json.field_string("name", Some(&rule.name));
    json.field_string("action_scene", Some(&rule.action_scene));
    json.field_string("event_type", Some(rule.source_type.name()));
    json.field_plain("enabled", Some(rule.enabled));
    json.field_plain("priority", Some(rule.priority));
    field_time(json, "valid_from", rule.valid_from, zone);
    field_time(json, "valid_to", rule.valid_to, zone);
    field_texts(json, "store_codes", &rule.store_codes);
    write_earn(json.name("earn"), &rule.earn);
    json.name("multipliers").open(b'[');
    for multiplier in &rule.multipliers {
        write_multiplier(json.element(), multiplier, zone);
    }
    json.close(b']');
    json.field_string("rounding", Some(rule.rounding.name()));
    json.field_plain("scale", Some(rule.scale));
    write_limits(json.name("limits"), &rule.limits);
    write_expiry(json, rule.expiry, zone);
    json.field_plain("freeze_hours", rule.freeze_hours);
    json.field_string("cost_center", rule.cost_center.as_deref());
    json.field_string("campaign_code", rule.campaign_code.as_deref());
}

fn write_earn(json: &mut Json, earn: &Earn) {
    json.open(b'{');
    match earn {
        Earn::Fixed(points) => json.field_plain("fixed", Some(points)),
        Earn::PerAmount { rate, min_amount } => {
            json.name("per_amount").open(b'{');
            field_rate(json, rate);
            json.field_plain("min_amount", Some(min_amount));
            json.close(b'}');
        }
        Earn::PerItem(lines) => {
            json.name("per_item").open(b'[');
            lines.iter().for_each(|line| write_line(json.element(), line));
            json.close(b']');
        }
    }
    json.close(b'}');
}

fn write_line(json: &mut Json, line: &Line) {
    json.open(b'{');
    for (name, list) in [("sku", &line.sku), ("category", &line.category)] {
        if !list.is_empty() {
            field_texts(json, name, list);
        }
    }
    match &line.worth {
        Worth::PerPiece(points) => json.field_plain("points", Some(points)),
        Worth::PerAmount(rate) => {
            json.name("per_amount").open(b'{');
            field_rate(json, rate);
            json.close(b'}');
        }
        Worth::Nothing => json.field_plain("exclude", Some(true)),
    }
    json.close(b'}');
}

fn field_rate(json: &mut Json, rate: &Rate) {
    json.field_plain("points", Some(rate.points));
    json.field_plain("amount", Some(rate.amount));
}

fn write_multiplier(json: &mut Json, multiplier: &Multiplier, zone: Tz) {
    json.open(b'{');
    write_conditions(json, multiplier, zone);
    json.close(b'}');
}

/// A multiplier's fields.
pub(in crate::http) fn write_conditions(json: &mut Json, multiplier: &Multiplier, zone: Tz) {
    if let Some(tier) = &multiplier.tier {
        json.field_string("tier", Some(tier));
    }
    if let Some(days) = multiplier.weekdays {
        json.name("weekdays").open(b'[');
        days.days().for_each(|day| json.element().plain(day));
        json.close(b']');
    }
    for (name, at) in [("from", multiplier.from), ("to", multiplier.to)] {
        if at.is_some() {
            field_time(json, name, at, zone);
        }
    }
    json.field_plain("factor", Some(multiplier.factor));
}

fn write_limits(json: &mut Json, limits: &Limits) {
    let Limits { per_event, day, week, month, ever } = limits;
    json.open(b'{').field_plain("per_event", *per_event);
    let periods = [("day", day), ("week", week), ("month", month), ("ever", ever)];
    json.name("points").open(b'{');
    periods.iter().for_each(|(name, most)| json.field_plain(name, most.points));
    json.close(b'}').name("times").open(b'{');
    periods.iter().for_each(|(name, most)| json.field_plain(name, most.times));
    json.close(b'}').close(b'}');
}

fn write_expiry(json: &mut Json, expiry: Option<Expiry>, zone: Tz) {
    json.name("expiry");
    let Some(expiry) = expiry else { return json.null() };
    json.open(b'{');
    match expiry {
        Expiry::Days(days) => json.field_plain("days", Some(days)),
        Expiry::EndOf { stretch, plus } => {
            json.field_string("end_of", Some(stretch.name()));
            json.field_plain("plus", Some(plus));
        }
        Expiry::At(at) => field_time(json, "at", Some(at), zone),
    }
    json.close(b'}');
}

fn field_time(json: &mut Json, name: &str, at: Option<Instant>, zone: Tz) {
    json.field_string(name, at.map(|at| format(at, zone)).as_deref());
}

fn field_texts(json: &mut Json, name: &str, texts: &[String]) {
    json.name(name).open(b'[');
    texts.iter().for_each(|text| json.element().string(text));
    json.close(b']');
}
