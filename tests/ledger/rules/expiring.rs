use super::*;

fn life(zone: Tz, rule: Value, ask: &Ask) -> (Option<String>, Option<String>) {
    let evaluation = evaluated(&rulebook(zone, &[rule]), ask, &Uses::default()).unwrap();
    let shown = |at: Option<Instant>| at.map(|at| time::format(at, zone));
    (shown(evaluation.expire_at), shown(evaluation.unfreeze_at))
}

#[track_caller]
fn expires(zone: Tz, expiry: Value, event_at: &str, expected: &str) {
    let (expire_at, _) = life(zone, json!({"expiry": expiry}), &at(event_at));
    assert_eq!(expire_at.as_deref(), Some(expected), "{expiry} from {event_at} in {zone}");
}

#[test]
fn days_are_of_24_hours() {
    expires(SHANGHAI, json!({"days": 180}), "2022-06-16 10:10:00", "2022-12-13 10:10:00");
    // Clocks go forward in between.
    expires(Tz::America__New_York, json!({"days": 1}), "2024-03-09 12:00:00", "2024-03-10 13:00:00");
}

#[test]
fn end_of_is_the_first_instant_after_the_period_and_as_many_further_ones() {
    let rows: &[(&str, u32, &str, &str)] = &[
        ("day", 0, "2022-06-15 00:00:00", "2022-06-16 00:00:00"),
        ("day", 0, "2022-06-15 23:59:59", "2022-06-16 00:00:00"),
        ("day", 30, "2022-06-15 12:00:00", "2022-07-16 00:00:00"),
        ("month", 0, "2022-06-30 23:59:59", "2022-07-01 00:00:00"),
        ("month", 0, "2022-07-01 00:00:00", "2022-08-01 00:00:00"),
        ("month", 1, "2022-01-31 12:00:00", "2022-03-01 00:00:00"),
        ("month", 12, "2024-02-29 12:00:00", "2025-03-01 00:00:00"),
        ("quarter", 0, "2022-06-15 12:00:00", "2022-07-01 00:00:00"),
        ("quarter", 0, "2022-12-31 23:59:59", "2023-01-01 00:00:00"),
        ("quarter", 2, "2022-08-15 12:00:00", "2023-04-01 00:00:00"),
        ("year", 0, "2022-06-15 12:00:00", "2023-01-01 00:00:00"),
        ("year", 1, "2022-12-31 23:59:59", "2024-01-01 00:00:00"),
        ("year", 100, "2022-06-15 12:00:00", "2123-01-01 00:00:00"),
    ];
    for (stretch, plus, event_at, expected) in rows {
        expires(SHANGHAI, json!({"end_of": stretch, "plus": plus}), event_at, expected);
    }
    expires(SHANGHAI, json!({"end_of": "year"}), NOON, "2023-01-01 00:00:00");
    // The tenant's calendar: in UTC it is still May.
    expires(SHANGHAI, json!({"end_of": "month"}), "2022-05-31T16:00:00Z", "2022-07-01 00:00:00");
}

#[test]
fn a_midnight_that_the_zone_skips_or_has_twice_is_the_first_instant_of_the_day() {
    // Santiago goes from 24:00 to 01:00; Havana goes back from 01:00 to 00:00; Samoa left a day out.
    expires(Tz::America__Santiago, json!({"end_of": "day"}), "2022-09-10 12:00:00", "2022-09-11 01:00:00");
    expires(Tz::Pacific__Apia, json!({"end_of": "day"}), "2011-12-29 12:00:00", "2011-12-31 00:00:00");
    let twice = rulebook(Tz::America__Havana, &[json!({"expiry": {"end_of": "day"}})]);
    let evaluation = evaluated(&twice, &at("2022-11-05 12:00:00"), &Uses::default()).unwrap();
    assert_eq!(evaluation.expire_at, Some(instant("2022-11-06T00:00:00-04:00", Tz::UTC)));
}

#[test]
fn at_is_that_instant_and_must_be_after_the_event() {
    let rule = json!({"expiry": {"at": "2022-07-01 00:00:00"}});
    expires(SHANGHAI, json!({"at": "2022-07-01 00:00:00"}), "2022-06-30 23:59:59", "2022-07-01 00:00:00");
    earns(rule.clone(), &at("2022-07-01 00:00:00"), "40001 event_at");
    earns(rule.clone(), &at("2022-07-02 00:00:00"), "40001 event_at");
    // Where the request says how long they live, the rule's is not asked.
    earns(rule, &Ask { expire_after: Some(Span::days(1)), ..at("2022-07-02 00:00:00") }, "10");
}

#[test]
fn none_is_the_tenants_default() {
    let expire_at = |default_expire| {
        let terms = Terms { default_expire, ..rulebook(SHANGHAI, &[json!({})]) };
        evaluated(&terms, &ask(), &Uses::default()).unwrap().expire_at
    };
    assert_eq!(expire_at(None), None);
    assert_eq!(expire_at(Some(Span::days(1))), Some(instant("2022-06-16 12:00:00", SHANGHAI)));
}

#[test]
fn days_are_lengthened_to_the_end_of_the_day_where_the_tenant_wants_that_and_an_instant_is_not() {
    let rows = [
        (json!({"days": 1}), "2022-06-17 00:00:00"),
        (json!({"end_of": "month"}), "2022-07-01 00:00:00"),
        (json!({"at": "2022-06-20 10:00:00"}), "2022-06-20 10:00:00"),
    ];
    for (expiry, expected) in rows {
        let terms = Terms { expire_at_day_end: true, ..rulebook(SHANGHAI, &[json!({"expiry": expiry})]) };
        let expire_at = evaluated(&terms, &ask(), &Uses::default()).unwrap().expire_at;
        assert_eq!(expire_at, Some(instant(expected, SHANGHAI)), "{expiry}");
    }
}

#[test]
fn what_the_request_says_of_expiry_and_freeze_wins_over_the_rule() {
    let rule = json!({"expiry": {"days": 10}, "freeze_hours": 48});
    let (ten_days, two_days) = ("2022-06-25 12:00:00", "2022-06-17 12:00:00");
    let rows = [
        (None, None, ten_days, Some(two_days)),
        (Some(20), None, "2022-07-05 12:00:00", Some(two_days)),
        (None, Some(1), ten_days, Some("2022-06-15 13:00:00")),
        // A freeze of 0 is none, and wins all the same.
        (None, Some(0), ten_days, None),
    ];
    for (days, hours, expire, unfreeze) in rows {
        let ask = Ask { expire_after: days.map(Span::days), freeze_for: hours.map(Span::hours), ..ask() };
        let (expire_at, unfreeze_at) = life(SHANGHAI, rule.clone(), &ask);
        assert_eq!((expire_at.as_deref(), unfreeze_at.as_deref()), (Some(expire), unfreeze), "{ask:?}");
    }
    assert_eq!(life(SHANGHAI, json!({"freeze_hours": 0}), &ask()), (None, None));
}
