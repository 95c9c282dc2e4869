use super::*;

#[test]
fn per_event_cuts_each_event_alone() {
    let mut member = Member::under(&[json!({"limits": {"per_event": 4}})]);
    member.check(&[(NOON, "4"), (NOON, "4")]);
}

#[test]
fn near_a_cap_the_grant_is_cut_and_then_nothing_is_left() {
    let mut member = Member::under(&[json!({"limits": {"points": {"day": 25}}})]);
    member.check(&[(NOON, "10"), (NOON, "10"), (NOON, "5"), (NOON, "42206 points.day")]);
}

#[test]
fn days_weeks_and_months_are_the_tenants() {
    let rows: &[(&str, &[(&str, &str)])] = &[
        (
            "day",
            &[
                ("2022-06-15 23:59:59", "10"),
                ("2022-06-15 00:00:00", "42206"),
                ("2022-06-16 00:00:00", "10"),
                // 08:00 of the same day, though another one in UTC.
                ("2022-06-16T15:59:59Z", "42206"),
            ],
        ),
        (
            "week",
            &[
                ("2022-06-13 00:00:00", "10"),
                ("2022-06-19 23:59:59", "42206"),
                ("2022-06-20 00:00:00", "10"),
                ("2022-06-26 23:59:59", "42206"),
            ],
        ),
        // A week that a year's end cuts in two is one.
        (
            "week",
            &[("2021-12-27 00:00:00", "10"), ("2022-01-02 23:59:59", "42206"), ("2022-01-03 00:00:00", "10")],
        ),
        (
            "month",
            &[
                ("2022-06-30 23:59:59", "10"),
                ("2022-06-01 00:00:00", "42206"),
                ("2022-07-01 00:00:00", "10"),
                ("2023-07-01 00:00:00", "10"),
            ],
        ),
        (
            "ever",
            &[
                ("2022-06-15 12:00:00", "10"),
                ("2035-01-01 00:00:00", "42206"),
                ("1999-01-01 00:00:00", "42206"),
            ],
        ),
    ];
    for (period, rows) in rows {
        for (kind, limit) in [("points", 10), ("times", 1)] {
            let mut member = Member::under(&[json!({"limits": {kind: {*period: limit}}})]);
            let used_up = format!("42206 {kind}.{period}");
            for (n, (time, expected)) in rows.iter().enumerate() {
                let expected = if *expected == "42206" { used_up.as_str() } else { expected };
                assert_eq!(member.earns(&at(time)), expected, "{kind} a {period}, row {n}: {time}");
            }
        }
    }
}

#[test]
fn an_earlier_event_counts_against_the_period_before_and_a_later_one_against_its_own() {
    let mut member = Member::under(&[json!({"limits": {"points": {"day": 15}}})]);
    member.check(&[
        ("2022-06-15 12:00:00", "10"),
        ("2022-06-14 12:00:00", "10"),
        ("2022-06-14 13:00:00", "5"),
        ("2022-06-14 14:00:00", "42206 points.day"),
        ("2022-06-15 12:00:00", "5"),
        // Ahead of the others: its own, and from now on the latest.
        ("2022-06-16 12:00:00", "10"),
        ("2022-06-15 13:00:00", "42206 points.day"),
        // The 14th is no longer kept: what is earlier than the 15th counts against the 15th.
        ("2022-06-14 12:00:00", "42206 points.day"),
        ("1990-01-01 12:00:00", "42206 points.day"),
        ("2022-06-16 12:00:00", "5"),
    ]);
}

#[test]
fn a_day_without_events_does_not_make_the_one_before_it_forgotten() {
    let mut member = Member::under(&[json!({"limits": {"times": {"day": 1}}})]);
    member.check(&[
        ("2022-06-10 12:00:00", "10"),
        ("2022-06-15 12:00:00", "10"),
        ("2022-06-10 13:00:00", "42206 times.day"),
        // Between the two that are kept: a day of its own, in the place of the earlier.
        ("2022-06-12 12:00:00", "10"),
        ("2022-06-10 12:00:00", "42206 times.day"),
        ("2022-06-13 12:00:00", "10"),
        ("2022-06-12 12:00:00", "42206 times.day"),
        ("2022-06-15 12:00:00", "42206 times.day"),
    ]);
}

/// An event of a day no longer kept counts against a later one: so a single day may get more than its cap, at the cost
/// of another. Together they never do.
#[test]
fn no_order_of_dates_grants_more_than_the_caps_of_all_days_together() {
    let mut random = crate::support::random::Random::new(7);
    for _ in 0..200 {
        let mut member = Member::under(&[json!({"limits": {"times": {"day": 2}}})]);
        let granted = (0..100).filter(|_| {
            let day = 1 + random.below(9);
            member.earns(&at(&format!("2022-06-{day:02} 12:00:00"))) == "10"
        });
        let granted = granted.count();
        assert!((4..=18).contains(&granted), "{granted} grants in 9 days of 2");
    }
}

#[test]
fn every_cap_cuts_in_turn_and_all_of_them_count() {
    let limits = json!({"per_event": 9, "points": {"day": 12, "week": 20, "month": 25, "ever": 30}, "times": {"ever": 6}});
    let mut member = Member::under(&[json!({"limits": limits})]);
    member.check(&[
        ("2022-06-13 12:00:00", "9"),
        ("2022-06-13 12:00:00", "3"),
        ("2022-06-14 12:00:00", "8"),
        ("2022-06-15 12:00:00", "42206 points.week"),
        ("2022-06-20 12:00:00", "5"),
        ("2022-06-27 12:00:00", "42206 points.month"),
        ("2022-07-04 12:00:00", "5"),
        ("2022-08-01 12:00:00", "42206 points.ever"),
    ]);
}

#[test]
fn times_run_out_whatever_the_points() {
    let mut member = Member::under(&[json!({"limits": {"points": {"day": 1000}, "times": {"day": 2}}})]);
    member.check(&[(NOON, "10"), (NOON, "10"), (NOON, "42206 times.day")]);
}

#[test]
fn a_rule_that_grants_nothing_says_so_before_any_cap() {
    let rule = json!({"earn": {"per_amount": {"points": 1, "amount": 5}}, "limits": {"times": {"ever": 1}}});
    let mut member = Member::under(&[rule]);
    assert_eq!(member.earns(&paid("1")), "42205");
    assert_eq!(member.earns(&paid("100")), "20");
    assert_eq!(member.earns(&paid("100")), "42206 times.ever");
    assert_eq!(member.earns(&paid("1")), "42205");
    let nothing = member.grant(&paid("1")).unwrap().grant.trace.reckoning.unwrap();
    assert_eq!(nothing.used_up(), None, "no cap is to blame");
}

#[test]
fn caps_follow_the_rule_across_its_versions_and_no_other_rule() {
    let mut member = Member::under(&[
        json!({"limits": {"points": {"ever": 15}}}),
        json!({"limits": {"points": {"ever": 15}}}),
    ]);
    let by = |rule_id| Ask { rule_id: Some(rule_id), ..ask() };
    assert_eq!(member.earns(&by(1)), "10");
    let next = |about: Value, version: u32| {
        let definition = written(&body(about), SHANGHAI).unwrap();
        let (created_at, updated_at) = (Instant(0), Instant(0));
        Arc::new(Rule { rule_id: 1, version, created_at, updated_at, definition })
    };
    let second = member.book.rulebook.rule(2).unwrap().clone();
    let raised = next(json!({"earn": {"fixed": 7}, "limits": {"points": {"ever": 20}}}), 2);
    member.book = under(SHANGHAI, Rulebook::new([raised, second.clone()]));
    assert_eq!(member.earns(&by(1)), "7");
    assert_eq!(member.earns(&by(1)), "3");
    // Lowered below what was had: nothing is left, and nothing is taken back.
    member.book =
        under(SHANGHAI, Rulebook::new([next(json!({"limits": {"points": {"ever": 5}}}), 3), second]));
    assert_eq!(member.earns(&by(1)), "42206 points.ever");
    assert_eq!(member.earns(&by(2)), "10");
}

#[test]
fn what_was_earned_before_a_rule_had_caps_counts_once_it_has() {
    let mut member = Member::under(&[json!({})]);
    assert_eq!(member.earns(&ask()), "10");
    member.book = rulebook(SHANGHAI, &[json!({"limits": {"times": {"day": 1}}})]);
    assert_eq!(member.earns(&ask()), "42206 times.day");
}

#[test]
fn a_reversal_gives_points_back_to_the_cap_and_the_time_when_it_is_whole() {
    let limits = json!({"points": {"day": 15}, "times": {"day": 2}});
    let mut member = Member::under(&[json!({"limits": limits})]);
    let first = member.grant(&ask()).unwrap();
    assert_eq!(member.earns(&ask()), "5");
    assert_eq!(member.earns(&ask()), "42206 points.day");
    member.reverses(&first, "4", false);
    assert_eq!(member.earns(&ask()), "42206 times.day");
    member.reverses(&first, "6", true);
    assert_eq!(member.earns(&ask()), "10");
    assert_eq!(member.earns(&ask()), "42206 points.day");
}

#[test]
fn points_come_back_to_the_periods_that_they_counted_in() {
    let limits = json!({"points": {"day": 10, "ever": 20}});
    let mut member = Member::under(&[json!({"limits": limits})]);
    let yesterday = member.grant(&at("2022-06-14 12:00:00")).unwrap();
    member.check(&[("2022-06-15 12:00:00", "10"), ("2022-06-15 12:00:00", "42206 points.day")]);
    member.reverses(&yesterday, "10", true);
    member.check(&[
        // Not today's, but yesterday's.
        ("2022-06-15 13:00:00", "42206 points.day"),
        ("2022-06-14 13:00:00", "10"),
        ("2022-06-14 13:00:00", "42206 points.day"),
    ]);
}

#[test]
fn of_a_day_no_longer_kept_only_what_is_kept_gets_its_points_back() {
    let mut member = Member::under(&[json!({"limits": {"points": {"day": 10, "month": 40}}})]);
    let old = member.grant(&at("2022-06-12 12:00:00")).unwrap();
    member.check(&[("2022-06-14 12:00:00", "10"), ("2022-06-15 12:00:00", "10")]);
    member.reverses(&old, "10", true);
    member.check(&[
        ("2022-06-14 12:00:00", "42206 points.day"),
        ("2022-06-16 12:00:00", "10"),
        // 10 of 40 came back to the month.
        ("2022-06-17 12:00:00", "10"),
        ("2022-06-18 12:00:00", "42206 points.month"),
    ]);
}

#[test]
fn what_is_kept_of_a_member_and_of_a_grant_is_small_and_comes_back_from_its_bytes() {
    use eros_points::format::codec::{decode, encode};
    let rule = json!({
        "multipliers": [{"factor": 2}, {"factor": 1.5}], "expiry": {"days": 180}, "freeze_hours": 48,
        "limits": {"per_event": 1000, "points": {"day": 2000, "month": 20000}, "times": {"day": 10}},
    });
    let mut member = Member::under(&[rule]);
    let evaluation = member.grant(&at("2022-06-14 12:00:00")).unwrap();
    let grant = encode(&evaluation.grant);
    assert!(grant.len() <= 80, "{} bytes a grant", grant.len());
    assert_eq!(decode::<eros_points::ledger::rule::Grant>(&grant).unwrap(), evaluation.grant);
    member.check(&[(NOON, "30")]);
    let uses = encode(&member.uses);
    assert!(uses.len() <= 60, "{} bytes a rule and member", uses.len());
    assert_eq!(decode::<Uses>(&uses).unwrap(), member.uses);
    let definition = &member.book.rulebook.rules()[0].definition;
    assert_eq!(&decode::<Definition>(&encode(definition)).unwrap(), definition);
}
