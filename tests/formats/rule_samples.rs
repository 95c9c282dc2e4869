//! Entries of rules, in every variant, each with all that it can hold and with as little as it can hold.
use super::samples::{accrual_reversed_bare, accrued_bare, member, tenant};
use eros_points::format::entry::Entry;
use eros_points::ledger::calendar::Stretch;
use eros_points::ledger::command::SourceType;
use eros_points::ledger::event::{Accrued, AccruedByRule, Event, GivenBack, GrantReversed, RuleRef};
use eros_points::ledger::instant::Instant;
use eros_points::ledger::points::{Amount, Points, Total};
use eros_points::ledger::rule::choice::Unfit;
use eros_points::ledger::rule::definition::*;
use eros_points::ledger::rule::trace::{Applied, Cap, PassedOver, Reckoning, Source};
use eros_points::ledger::rule::{Counted, Definition, Grant, Trace};
use eros_points::ledger::tenant::{RuleSet, TenantEvent};

const RULE: RuleRef = RuleRef { rule_id: 7, version: 2 };

/// Each with a name of its own.
pub fn all() -> Vec<(&'static str, Entry)> {
    let set = |rule_id, version, definition| {
        tenant(TenantEvent::RuleSet(Box::new(RuleSet { rule_id, version, definition })))
    };
    let per_amount = Earn::PerAmount {
        rate: Rate { points: Points(10_000), amount: Amount(5_000_000) },
        min_amount: Amount(1),
    };
    vec![
        ("rule set, full", set(u64::MAX, u32::MAX, full())),
        ("rule set, bare", set(1, 1, bare())),
        (
            "rule set, per amount",
            set(2, 1, Definition { earn: per_amount, ..of_expiry(Expiry::Days(180), Rounding::HalfUp) }),
        ),
        ("rule set, end of day", set(3, 1, of_end(Stretch::Day))),
        ("rule set, end of month", set(4, 1, of_end(Stretch::Month))),
        ("rule set, end of quarter", set(5, 1, of_end(Stretch::Quarter))),
        ("rule set, end of year", set(6, 1, of_end(Stretch::Year))),
        ("rule removed", tenant(TenantEvent::RuleRemoved { rule_id: 300 })),
        ("accrued by rule, full", by_rule(Some(counted()), full_trace())),
        ("accrued by rule, bare", by_rule(None, bare_trace(Source::Request, Source::Tenant))),
        ("accrued by rule, nothing left out of nothing", by_rule(Some(counted()), empty_reckoning())),
        ("grant reversed, whole", reversed(true)),
        ("grant reversed, in part", reversed(false)),
    ]
}

/// Every field filled.
pub fn full() -> Definition {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let rate = Rate { points: Points(5_000), amount: Amount(1_000_000_000_000_000_000) };
    Definition {
        name: "积分".into(),
        action_scene: "order_pay".into(),
        source_type: SourceType::Order,
        enabled: true,
        priority: -1_000_000_000,
        valid_from: Some(Instant(-1)),
        valid_to: Some(Instant(1_655_265_600_000)),
        store_codes: texts(&["mall", "mini"]),
        earn: Earn::PerItem(vec![
            Line { sku: texts(&["A1"]), category: texts(&["wine", ""]), worth: Worth::PerPiece(Points(1)) },
            Line { sku: Vec::new(), category: texts(&["tea"]), worth: Worth::Nothing },
            Line { sku: Vec::new(), category: Vec::new(), worth: Worth::PerAmount(rate) },
        ]),
        multipliers: vec![
            Multiplier {
                tier: Some("gold".into()),
                weekdays: Some(Weekdays::of([1, 6, 7])),
                from: Some(Instant(1)),
                to: Some(Instant(2)),
                factor: Factor(15_000),
            },
            Multiplier { tier: None, weekdays: None, from: None, to: None, factor: Factor(10_000_000) },
        ],
        rounding: Rounding::Ceil,
        scale: 4,
        limits: Limits {
            per_event: Some(Points(10_000_000)),
            day: Most { points: Some(Points(1)), times: Some(1) },
            week: Most { points: Some(Points(2)), times: None },
            month: Most { points: None, times: Some(u64::MAX) },
            ever: Most::default(),
        },
        expiry: Some(Expiry::At(Instant(i64::MAX))),
        freeze_hours: Some(87_600),
        cost_center: Some("cc".into()),
        campaign_code: Some("618".into()),
    }
}

pub fn bare() -> Definition {
    Definition {
        name: String::new(),
        action_scene: String::new(),
        source_type: SourceType::Event,
        enabled: false,
        priority: 0,
        valid_from: None,
        valid_to: None,
        store_codes: Vec::new(),
        earn: Earn::Fixed(Points(100_000)),
        multipliers: Vec::new(),
        rounding: Rounding::Floor,
        scale: 0,
        limits: Limits::default(),
        expiry: None,
        freeze_hours: None,
        cost_center: None,
        campaign_code: None,
    }
}

fn of_expiry(expiry: Expiry, rounding: Rounding) -> Definition {
    Definition { expiry: Some(expiry), rounding, ..bare() }
}

fn of_end(stretch: Stretch) -> Definition {
    of_expiry(Expiry::EndOf { stretch, plus: 36_500 }, Rounding::Floor)
}

pub fn counted() -> Counted {
    Counted { day: 19_158, week: -1, month: 24_269 }
}

fn full_trace() -> Trace {
    let passed = |why| PassedOver { rule: RULE, why };
    let all = [Unfit::Disabled, Unfit::Scene, Unfit::Type, Unfit::Store, Unfit::NotYet, Unfit::NoLonger];
    let (limit, used) = (Points(2_000), Total(i128::MAX));
    let caps = vec![
        Cap::PerEvent { limit },
        Cap::Points { period: Period::Day, limit, used },
        Cap::Times { period: Period::Week, limit: 10, used: u64::MAX },
        Cap::Points { period: Period::Month, limit, used: Total(-1) },
        Cap::Times { period: Period::Ever, limit: 1, used: 0 },
    ];
    let reckoning = Reckoning {
        base: Points(333_333),
        multipliers: vec![
            Applied { place: 0, factor: Factor(20_000) },
            Applied { place: 251, factor: Factor(1) },
        ],
        product: Points(i64::MAX),
        rounding: Rounding::HalfUp,
        scale: 2,
        rounded: Points(1_000_000),
        caps,
    };
    Trace {
        passed_over: all.map(passed).to_vec(),
        reckoning: Some(reckoning),
        expiry: Source::Rule,
        freeze: Source::Nobody,
    }
}

fn bare_trace(expiry: Source, freeze: Source) -> Trace {
    Trace { passed_over: Vec::new(), reckoning: None, expiry, freeze }
}

fn empty_reckoning() -> Trace {
    let reckoning = Reckoning {
        base: Points::ZERO,
        multipliers: Vec::new(),
        product: Points::ZERO,
        rounding: Rounding::Floor,
        scale: 0,
        rounded: Points::ZERO,
        caps: Vec::new(),
    };
    Trace { reckoning: Some(reckoning), ..bare_trace(Source::Nobody, Source::Rule) }
}

fn by_rule(counted: Option<Counted>, trace: Trace) -> Entry {
    let accrued = Accrued { rule: Some(RULE), ..accrued_bare() };
    member(Event::AccruedByRule(AccruedByRule { accrued, grant: Box::new(Grant { counted, trace }) }))
}

fn reversed(whole: bool) -> Entry {
    let back = GivenBack { rule_id: 7, counted: counted(), whole };
    member(Event::GrantReversed(GrantReversed { reversed: accrual_reversed_bare(), back }))
}
