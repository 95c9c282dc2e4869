//! Earning rules, each sentence as rows of a table: a rule as its tenant writes it, an event, what comes of it.
mod caps;
mod checking;
mod choosing;
mod earning;
mod expiring;
mod random;
mod writing;

use chrono_tz::Tz;
use eros_points::http::rules::{order, read};
use eros_points::http::time;
use eros_points::ledger::Terms;
use eros_points::ledger::command::SourceType;
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::points::{Amount, Points};
use eros_points::ledger::refusal::Refusal;
use eros_points::ledger::rule::choice::Scene;
use eros_points::ledger::rule::{Definition, Evaluation, Occasion, Rule, Rulebook, Uses, evaluate};
use serde_json::{Value, json};
use std::sync::Arc;

pub const SHANGHAI: Tz = Tz::Asia__Shanghai;
/// A Wednesday.
pub const NOON: &str = "2022-06-15 12:00:00";

/// What a rule can't do without, with what the test is about in its place.
pub fn body(about: Value) -> Value {
    let mut body =
        json!({"name": "r", "action_scene": "order_pay", "event_type": "order", "earn": {"fixed": 10}});
    for (name, value) in about.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

pub fn written(body: &Value, zone: Tz) -> Result<Definition, String> {
    read::definition(body.to_string().as_bytes(), zone).map_err(|error| {
        let (_, code, msg) = error.wire();
        format!("{code} {msg}")
    })
}

/// The terms of a tenant with rules 1, 2, …
pub fn rulebook(zone: Tz, rules: &[Value]) -> Terms {
    let rules = (1..).zip(rules).map(|(rule_id, about)| {
        let definition = written(&body(about.clone()), zone).unwrap();
        Arc::new(Rule { rule_id, version: 1, created_at: Instant(0), updated_at: Instant(0), definition })
    });
    under(zone, Rulebook::new(rules))
}

pub fn under(zone: Tz, rulebook: Rulebook) -> Terms {
    Terms { zone, rulebook: Arc::new(rulebook), ..Terms::default() }
}

/// An event as a test tells it.
#[derive(Clone, Debug)]
pub struct Ask {
    pub scene: &'static str,
    pub source_type: SourceType,
    pub store: &'static str,
    pub at: String,
    pub rule_id: Option<u64>,
    pub points: Option<Points>,
    pub expire_after: Option<Span>,
    pub freeze_for: Option<Span>,
    pub tier: Option<&'static str>,
    pub order: Value,
}

pub fn ask() -> Ask {
    Ask {
        scene: "order_pay",
        source_type: SourceType::Order,
        store: "mall",
        at: NOON.to_owned(),
        rule_id: None,
        points: None,
        expire_after: None,
        freeze_for: None,
        tier: None,
        order: json!({"pay_amount": 100, "item_list": []}),
    }
}

pub fn paid(amount: &str) -> Ask {
    Ask { order: json!({"pay_amount": amount, "item_list": []}), ..ask() }
}

pub fn at(time: &str) -> Ask {
    Ask { at: time.to_owned(), ..ask() }
}

pub fn instant(text: &str, zone: Tz) -> Instant {
    time::parse(text, zone).unwrap_or_else(|| panic!("no time: {text}"))
}

/// What the rules make of it for a member that has used so much.
pub fn evaluated(book: &Terms, ask: &Ask, uses: &Uses) -> Result<Evaluation, Refusal> {
    let order = ask.order.as_object().unwrap();
    let items = order::items(order)?;
    let amount = order.get("pay_amount").map(|paid| {
        let text = paid.as_str().map_or_else(|| paid.to_string(), str::to_owned);
        let units = eros_points::http::decimal::parse(&text, Amount::PLACES, Amount::MAX.0);
        Amount(units.unwrap())
    });
    let occasion = Occasion {
        scene: Scene {
            action_scene: ask.scene,
            source_type: ask.source_type,
            store_code: ask.store,
            event_at: instant(&ask.at, book.zone),
        },
        rule_id: ask.rule_id,
        points: ask.points,
        expire_after: ask.expire_after,
        freeze_for: ask.freeze_for,
        tier: ask.tier,
        amount,
        items: &items,
    };
    evaluate(book, &occasion, uses)
}

/// The points granted, or the code and, of bad input, the field.
pub fn told(outcome: Result<Points, Refusal>) -> String {
    match outcome {
        Ok(points) => points.to_string(),
        Err(Refusal::Invalid { field, .. }) => format!("40001 {field}"),
        Err(Refusal::NoRuleFits { .. }) => "40401".into(),
        Err(Refusal::GrantsNothing { .. }) => "42205".into(),
        Err(Refusal::CapUsedUp { cap, .. }) => format!("42206 {cap}"),
        Err(other) => format!("{other:?}"),
    }
}

pub fn earned(book: &Terms, ask: &Ask) -> String {
    told(evaluated(book, ask, &Uses::default()).and_then(|evaluation| evaluation.granted()))
}

/// One rule, one event, what it grants.
#[track_caller]
pub fn earns(rule: Value, ask: &Ask, expected: &str) {
    let told = earned(&rulebook(SHANGHAI, std::slice::from_ref(&rule)), ask);
    assert_eq!(told, expected, "{rule} of {ask:?}");
}

/// A member under a tenant's rules: what is granted counts.
pub struct Member {
    pub book: Terms,
    pub uses: Uses,
}

impl Member {
    pub fn under(rules: &[Value]) -> Member {
        Member { book: rulebook(SHANGHAI, rules), uses: Uses::default() }
    }

    pub fn earns(&mut self, ask: &Ask) -> String {
        told(self.grant(ask).and_then(|evaluation| evaluation.granted()))
    }

    pub fn grant(&mut self, ask: &Ask) -> Result<Evaluation, Refusal> {
        let evaluation = evaluated(&self.book, ask, &self.uses)?;
        if let (Ok(points), Some(counted)) = (evaluation.granted(), evaluation.grant.counted) {
            self.uses.add(evaluation.rule.rule_id, counted, points);
        }
        Ok(evaluation)
    }

    pub fn reverses(&mut self, evaluation: &Evaluation, points: &str, whole: bool) {
        let units = eros_points::http::decimal::parse(points, 4, i64::MAX).unwrap();
        let counted = evaluation.grant.counted.unwrap();
        self.uses.give_back(evaluation.rule.rule_id, counted, Points(units), whole);
    }

    #[track_caller]
    pub fn check(&mut self, rows: &[(&str, &str)]) {
        for (n, (time, expected)) in rows.iter().enumerate() {
            assert_eq!(self.earns(&at(time)), *expected, "row {n}: at {time}");
        }
    }
}
