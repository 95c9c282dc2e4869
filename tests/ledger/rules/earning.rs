use super::*;

#[test]
fn fixed_is_the_same_for_every_event() {
    earns(json!({"earn": {"fixed": 10}}), &paid("0"), "10");
    earns(json!({"earn": {"fixed": "0.5"}, "scale": 1}), &paid("99"), "0.5");
}

#[test]
fn per_amount_is_the_amount_over_amount_times_points_and_nothing_below_min_amount() {
    let rows: &[(Value, &str, &str)] = &[
        (json!({"points": 1, "amount": 5, "min_amount": 0}), "100", "20"),
        (json!({"points": 1, "amount": 5}), "104.99", "20"),
        (json!({"points": 3, "amount": 5}), "104.99", "62"),
        (json!({"points": 1, "amount": 5}), "0", "42205"),
        (json!({"points": 1, "amount": 5}), "4.999999", "42205"),
        (json!({"points": 1, "amount": 5, "min_amount": 50}), "50", "10"),
        (json!({"points": 1, "amount": 5, "min_amount": 50}), "49.999999", "42205"),
        // A third is no decimal: 3 x 100 / 3 is 100 all the same.
        (json!({"points": 3, "amount": 3}), "100", "100"),
        (json!({"points": "0.0001", "amount": "0.000001"}), "1000000000000", "100000000000000000000"),
    ];
    for (earn, amount, expected) in rows {
        let expected = if expected.len() > 20 { "40001 order_items.pay_amount" } else { expected };
        earns(json!({"earn": {"per_amount": earn}}), &paid(amount), expected);
    }
}

#[test]
fn per_item_takes_the_first_line_that_fits_each_item() {
    let lines = json!([
        {"sku": ["A1", "A2"], "points": 5},
        {"category": ["wine"], "exclude": true},
        {"sku": ["B1"], "category": ["tea"], "points": 7},
        {"per_amount": {"points": 1, "amount": 10}},
    ]);
    let rows: &[(Value, &str)] = &[
        (json!([]), "42205"),
        (json!([{"sku": "A1"}]), "5"),
        (json!([{"sku": "A2", "quantity": 3, "category": "wine"}]), "15"),
        (json!([{"sku": "A1", "quantity": 1.5}]), "7"),
        (json!([{"sku": "A1", "quantity": "2"}]), "10"),
        (json!([{"sku": "A1", "quantity": 0}]), "42205"),
        (json!([{"sku": "X", "category": "wine", "price": 1000}]), "42205"),
        (json!([{"sku": "B1", "category": "tea"}]), "7"),
        // In one of the lists only: the last line takes it.
        (json!([{"sku": "B1", "category": "cake", "price": 20}]), "2"),
        (json!([{"price": 25, "quantity": 2}]), "5"),
        (json!([{"price": "12.5", "quantity": 2}]), "2"),
        (json!([{"price": 9}, {"price": 1}]), "1"),
        (json!([{"price": 5}, {"sku": "A1", "quantity": 2}, {"category": "wine"}, {"price": 5}]), "11"),
        (
            json!([{"sku": "A1", "price": null}, {"sku": "Z", "price": null}]),
            "40001 order_items.item_list[1].price",
        ),
        (json!([{}]), "40001 order_items.item_list[0].price"),
        (
            json!([{"sku": "A1"}, {"category": "wine"}, {"quantity": 1}]),
            "40001 order_items.item_list[2].price",
        ),
        (json!([{"sku": 5}]), "40001 order_items.item_list[0].sku"),
        (json!([{"category": ["wine"]}]), "40001 order_items.item_list[0].category"),
        (json!([{"sku": "A1", "price": "dear"}]), "40001 order_items.item_list[0].price"),
        (json!([{"sku": "A1", "price": -1}]), "40001 order_items.item_list[0].price"),
        (json!([{"sku": "A1", "quantity": -1}]), "40001 order_items.item_list[0].quantity"),
        (json!([{"sku": "A1", "quantity": 0.0000001}]), "40001 order_items.item_list[0].quantity"),
        (json!([{"sku": "A1", "quantity": true}]), "40001 order_items.item_list[0].quantity"),
        (json!([{"price": 1e12, "quantity": 1e9}]), "40001 order_items.item_list"),
    ];
    for (items, expected) in rows {
        let ask = Ask { order: json!({"pay_amount": 1, "item_list": items}), ..ask() };
        earns(json!({"earn": {"per_item": lines}}), &ask, expected);
    }
}

#[test]
fn an_item_that_no_line_fits_earns_nothing() {
    let ask = Ask { order: json!({"pay_amount": 1, "item_list": [{"sku": "B"}, {"sku": "A"}]}), ..ask() };
    earns(json!({"earn": {"per_item": [{"sku": ["A"], "points": 5}]}}), &ask, "5");
}

#[test]
fn every_multiplier_that_fits_multiplies_the_others() {
    let gold = json!({"tier": "gold", "factor": 2});
    let weekend = json!({"weekdays": [6, 7], "factor": 1.5});
    let day = json!({"from": "2022-06-18 00:00:00", "to": "2022-06-19 00:00:00", "factor": 3});
    let both = json!({"tier": "gold", "weekdays": [3], "factor": 10});
    let rule = json!({"multipliers": [gold, weekend, day, both]});
    let rows: &[(&str, Option<&'static str>, &str)] = &[
        ("2022-06-15 12:00:00", None, "10"),
        ("2022-06-15 12:00:00", Some("silver"), "10"),
        ("2022-06-15 12:00:00", Some("Gold"), "10"),
        // Wednesday: gold, and gold on Wednesdays.
        ("2022-06-15 12:00:00", Some("gold"), "200"),
        ("2022-06-16 12:00:00", Some("gold"), "20"),
        // Friday to Monday; the day runs from its first instant up to, not including, its last.
        ("2022-06-17 23:59:59", None, "10"),
        ("2022-06-18 00:00:00", None, "45"),
        ("2022-06-18 23:59:59", Some("gold"), "90"),
        ("2022-06-19 00:00:00", None, "15"),
        ("2022-06-19 23:59:59", None, "15"),
        ("2022-06-20 00:00:00", None, "10"),
        // By the tenant's calendar, not by UTC's: there it is still Friday.
        ("2022-06-17T16:30:00Z", None, "45"),
    ];
    for (time, tier, expected) in rows {
        earns(rule.clone(), &Ask { tier: *tier, ..at(time) }, expected);
    }
    earns(json!({"multipliers": [{"factor": 1.1}, {"factor": 0.5}]}), &ask(), "5");
}

#[test]
fn rounds_once_at_the_end_at_the_scale() {
    let rows: &[(&str, u8, &str, &str)] = &[
        ("floor", 0, "9.99", "3"),
        ("half_up", 0, "9.99", "3"),
        ("ceil", 0, "9.99", "4"),
        ("half_up", 0, "10.5", "4"),
        ("half_up", 0, "10.499999", "3"),
        ("floor", 4, "10", "3.3333"),
        ("half_up", 4, "20", "6.6667"),
        ("ceil", 2, "10", "3.34"),
        ("floor", 1, "20", "6.6"),
        ("ceil", 0, "9", "3"),
        ("ceil", 0, "0.000001", "1"),
        ("floor", 4, "0.000001", "42205"),
    ];
    for (rounding, scale, amount, expected) in rows {
        let earn = json!({"per_amount": {"points": 1, "amount": 3}});
        earns(json!({"earn": earn, "rounding": rounding, "scale": scale}), &paid(amount), expected);
    }
    // 10 / 3 x 3: a third that was cut before the factor would give 9.
    let earn = json!({"per_amount": {"points": 1, "amount": 3}});
    earns(json!({"earn": earn, "multipliers": [{"factor": 3}]}), &paid("10"), "10");
    // The default is floor at 0.
    earns(json!({"earn": earn}), &paid("11.99"), "3");
}

#[test]
fn nothing_above_100_000_000_000_points_is_granted_unless_a_cap_cuts_it() {
    let fixed = json!({"earn": {"fixed": 100000000000_u64}, "multipliers": [{"factor": 2}]});
    earns(fixed.clone(), &ask(), "40001 rule_id");
    let mut capped = fixed;
    capped["limits"] = json!({"per_event": 1000});
    earns(capped, &ask(), "1000");
    earns(json!({"earn": {"fixed": 100000000000_u64}}), &ask(), "100000000000");
    let many: Vec<Value> = (0..32).map(|_| json!({"factor": "999.9999"})).collect();
    earns(json!({"multipliers": many}), &ask(), "40001 rule_id");
    // Absurd in the middle, sober at the end: still exact.
    let mut there_and_back = vec![json!({"factor": "1000"}); 16];
    there_and_back.extend(vec![json!({"factor": "0.001"}); 16]);
    earns(json!({"multipliers": there_and_back}), &ask(), "10");
}

#[test]
fn points_that_the_request_names_are_granted_as_they_are() {
    let rule = json!({
        "earn": {"per_amount": {"points": 1, "amount": 5, "min_amount": 1000}}, "scale": 0,
        "multipliers": [{"factor": 2}], "limits": {"per_event": 1, "points": {"ever": 1}, "times": {"ever": 1}},
        "expiry": {"days": 1},
    });
    let mut member = Member::under(&[rule]);
    let named = Ask { points: Some(Points(123_456)), ..ask() };
    for _ in 0..2 {
        let evaluation = member.grant(&named).unwrap();
        assert_eq!(evaluation.points, Points(123_456));
        assert_eq!(evaluation.expire_at, Some(instant("2022-06-16 12:00:00", SHANGHAI)));
        assert!(evaluation.grant.counted.is_none() && evaluation.grant.trace.reckoning.is_none());
    }
    assert!(member.uses.is_empty(), "no cap counts them");
    assert_eq!(member.earns(&paid("1000")), "1");
    assert!(!member.uses.is_empty(), "that one counts");
}

#[test]
fn the_trace_tells_each_step() {
    let rule = json!({
        "earn": {"per_amount": {"points": 1, "amount": 3}}, "rounding": "half_up", "scale": 1,
        "multipliers": [{"tier": "gold", "factor": 2}, {"weekdays": [7], "factor": 5}, {"factor": 1.5}],
        "limits": {"per_event": 20, "points": {"day": 12}, "times": {"month": 4}},
    });
    let mut member = Member::under(&[rule]);
    let gold = Ask { tier: Some("gold"), ..paid("5") };
    assert_eq!(member.earns(&gold), "5");
    let evaluation = member.grant(&Ask { tier: Some("gold"), ..paid("10") }).unwrap();
    let reckoning = evaluation.grant.trace.reckoning.clone().unwrap();
    assert_eq!((reckoning.base, reckoning.product), (Points(33_333), Points(100_000)));
    let applied: Vec<(u32, i64)> = reckoning.multipliers.iter().map(|m| (m.place, m.factor.0)).collect();
    assert_eq!(applied, [(0, 20_000), (2, 15_000)]);
    assert_eq!(reckoning.rounded, Points(100_000));
    let left: Vec<(&str, Option<Points>, Option<u64>)> =
        reckoning.caps.iter().map(|cap| (cap.name(), cap.points_left(), cap.times_left())).collect();
    let expected = [
        ("per_event", Some(Points(200_000)), None),
        ("points.day", Some(Points(70_000)), None),
        ("times.month", None, Some(3)),
    ];
    assert_eq!(left, expected);
    assert_eq!(evaluation.points, Points(70_000));
}

/// What a third can't be in 28 digits (decision 0008): three thirds are a whole point, and a decimal says 0.
#[test]
fn three_thirds_are_one_where_a_decimal_has_lost_the_last_digit() {
    let third = rust_decimal::Decimal::ONE / rust_decimal::Decimal::from(3);
    assert_eq!((third + third + third).floor(), rust_decimal::Decimal::ZERO);
    let line = |sku: &str| json!({"sku": [sku], "per_amount": {"points": 1, "amount": 3}});
    let lines = json!([line("a"), line("b"), line("c")]);
    let item = |sku: &str| json!({"sku": sku, "price": 1});
    let order = json!({"pay_amount": 3, "item_list": [item("a"), item("b"), item("c")]});
    earns(json!({"earn": {"per_item": lines}}), &Ask { order, ..ask() }, "1");
}
