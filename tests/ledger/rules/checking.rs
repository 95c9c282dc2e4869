//! Whether a rule can work is checked without the edge: of each number the last that is taken and the first that is not.
use super::*;
use eros_points::ledger::rule::definition::{
    Earn, Expiry, Factor, Line, Most, Multiplier, Rate, Weekdays, Worth,
};
use eros_points::limits::{RULE_LINES_MAX, RULE_MULTIPLIERS_MAX, RULE_TEXT_BYTES_MAX};

fn definition() -> Definition {
    written(&body(json!({})), SHANGHAI).unwrap()
}

/// The field that a definition is refused for; none where it is taken.
fn refused(change: impl FnOnce(&mut Definition)) -> Option<String> {
    let mut definition = definition();
    change(&mut definition);
    match definition.check() {
        Ok(()) => None,
        Err(Refusal::Invalid { field, .. }) => Some(field.into_owned()),
        Err(other) => panic!("{other:?}"),
    }
}

/// Numbers that are taken, numbers that are refused.
#[track_caller]
fn bounds<T: Copy + std::fmt::Debug>(
    field: &str,
    right: &[T],
    wrong: &[T],
    set: impl Fn(&mut Definition, T),
) {
    for number in right {
        assert_eq!(refused(|definition| set(definition, *number)), None, "{field} {number:?}");
    }
    for number in wrong {
        let named = refused(|definition| set(definition, *number));
        assert_eq!(named.as_deref(), Some(field), "{number:?}");
    }
}

const POINTS: ([Points; 2], [Points; 3]) =
    ([Points(10_000), Points::REQUEST_MAX], [Points(0), Points(-1), Points(Points::REQUEST_MAX.0 + 1)]);
const AMOUNTS: ([Amount; 2], [Amount; 3]) =
    ([Amount(1), Amount::MAX], [Amount(0), Amount(-1), Amount(Amount::MAX.0 + 1)]);

fn line(worth: Worth) -> Line {
    Line { sku: Vec::new(), category: Vec::new(), worth }
}

fn multiplier(factor: i64) -> Multiplier {
    Multiplier { tier: None, weekdays: None, from: None, to: None, factor: Factor(factor) }
}

#[test]
fn points_have_their_bounds_wherever_a_rule_names_them() {
    let (right, wrong) = (&POINTS.0, &POINTS.1);
    bounds("earn.fixed", right, wrong, |d, points| d.earn = Earn::Fixed(points));
    bounds("limits.per_event", right, wrong, |d, points| d.limits.per_event = Some(points));
    bounds("limits.points.day", right, wrong, |d, points| d.limits.day.points = Some(points));
    bounds("limits.points.ever", right, wrong, |d, points| d.limits.ever.points = Some(points));
    bounds("earn.per_amount.points", right, wrong, |d, points| {
        d.earn = Earn::PerAmount { rate: Rate { points, amount: Amount(1) }, min_amount: Amount(0) };
    });
    bounds("earn.per_item[0].points", right, wrong, |d, points| {
        d.earn = Earn::PerItem(vec![line(Worth::PerPiece(points))]);
    });
}

#[test]
fn amounts_times_factors_and_the_scale_have_theirs() {
    let (right, wrong) = (&AMOUNTS.0, &AMOUNTS.1);
    let rate = |amount| Rate { points: Points(1), amount };
    bounds("earn.per_amount.amount", right, wrong, |d, amount| {
        d.earn = Earn::PerAmount { rate: rate(amount), min_amount: Amount(0) };
    });
    bounds("earn.per_item[0].per_amount.amount", right, wrong, |d, amount| {
        d.earn = Earn::PerItem(vec![line(Worth::PerAmount(rate(amount)))]);
    });
    let most = |times| Most { points: None, times: Some(times) };
    bounds("limits.times.week", &[1, u64::MAX], &[0], |d, times| d.limits.week = most(times));
    let (right, wrong) = ([1, Factor::MAX.0], [0, -1, Factor::MAX.0 + 1]);
    bounds("multipliers[0].factor", &right, &wrong, |d, factor| d.multipliers = vec![multiplier(factor)]);
    bounds("scale", &[0, 4], &[5], |d, scale| d.scale = scale);
    let lines = |count| Earn::PerItem(vec![line(Worth::PerPiece(Points(1))); count]);
    let (right, wrong) = ([1, RULE_LINES_MAX], [0, RULE_LINES_MAX + 1]);
    bounds("earn.per_item", &right, &wrong, |d, count| d.earn = lines(count));
    let (right, wrong) = ([0, RULE_MULTIPLIERS_MAX], [RULE_MULTIPLIERS_MAX + 1]);
    bounds("multipliers", &right, &wrong, |d, count| d.multipliers = vec![multiplier(1); count]);
}

#[test]
fn points_must_outlive_their_freeze_and_a_span_of_time_must_have_one() {
    let from = Instant(1_000);
    let (right, wrong) = ([1_001], [1_000, 999]);
    bounds("valid_to", &right, &wrong, |d, to| (d.valid_from, d.valid_to) = (Some(from), Some(Instant(to))));
    bounds("expiry.at", &right, &wrong, |d, at| {
        (d.valid_from, d.expiry) = (Some(from), Some(Expiry::At(Instant(at))));
    });
    bounds("multipliers[0].to", &right, &wrong, |d, to| {
        d.multipliers = vec![Multiplier { from: Some(from), to: Some(Instant(to)), ..multiplier(1) }];
    });
    bounds("freeze_hours", &[0, 47], &[48, 49], |d, hours| {
        (d.expiry, d.freeze_hours) = (Some(Expiry::Days(2)), Some(hours));
    });
}

#[test]
fn all_texts_together_have_a_bound_and_each_counts_for_one_byte_more() {
    // Name and scene are there in any case.
    let left = RULE_TEXT_BYTES_MAX - "r".len() - 1 - "order_pay".len() - 1;
    let text = |bytes: usize| "x".repeat(bytes);
    let (right, wrong) = ([left - 1], [left, left + 1]);
    bounds("store_codes", &right, &wrong, |d, bytes| d.store_codes = vec![text(bytes)]);
    bounds("cost_center", &right, &wrong, |d, bytes| d.cost_center = Some(text(bytes)));
    bounds("campaign_code", &right, &wrong, |d, bytes| d.campaign_code = Some(text(bytes)));
    bounds("multipliers[0].tier", &right, &wrong, |d, bytes| {
        d.multipliers = vec![Multiplier { tier: Some(text(bytes)), ..multiplier(1) }];
    });
    let lines =
        |sku, category| Earn::PerItem(vec![Line { sku, category, worth: Worth::PerPiece(Points(1)) }]);
    bounds("earn.per_item[0].sku", &right, &wrong, |d, bytes| d.earn = lines(vec![text(bytes)], vec![]));
    bounds("earn.per_item[0].category", &right, &wrong, |d, bytes| d.earn = lines(vec![], vec![text(bytes)]));
    bounds("store_codes", &[left / 2], &[left / 2 + 1], |d, many| d.store_codes = vec![text(1); many]);
    // The one that passes it is named, not the longest.
    let named = refused(|d| (d.store_codes, d.cost_center) = (vec![text(left - 1)], Some(String::new())));
    assert_eq!(named.as_deref(), Some("cost_center"));
}

#[test]
fn a_set_of_days_is_what_was_named_however_often() {
    let days = |named: &[u32]| Weekdays::of(named.iter().copied()).days().collect::<Vec<u32>>();
    assert_eq!(days(&[6, 6]), [6]);
    assert_eq!(days(&[7, 1, 7, 3, 7]), [1, 3, 7]);
    assert_eq!(days(&[0, 8, 32]), [0; 0], "no such days");
}
