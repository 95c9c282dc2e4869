use super::*;

#[test]
fn the_highest_priority_wins_then_the_lowest_id() {
    let book = rulebook(
        SHANGHAI,
        &[
            json!({"earn": {"fixed": 1}, "priority": -5}),
            json!({"earn": {"fixed": 2}, "priority": 7}),
            json!({"earn": {"fixed": 3}, "priority": 7}),
            json!({"earn": {"fixed": 4}}),
        ],
    );
    assert_eq!(earned(&book, &ask()), "2");
    let order: Vec<u64> = book.rulebook.rules().iter().map(|rule| rule.rule_id).collect();
    assert_eq!(order, [2, 3, 4, 1]);
}

#[test]
fn only_a_rule_that_is_enabled_and_fits_scene_type_store_and_time_is_taken() {
    let rows: &[(Value, Ask, &str)] = &[
        (json!({}), ask(), "10"),
        (json!({"enabled": false}), ask(), "40401"),
        (json!({"action_scene": "login"}), ask(), "40401"),
        (json!({"event_type": "event"}), ask(), "40401"),
        (json!({"event_type": "event"}), Ask { source_type: SourceType::Event, ..ask() }, "10"),
        (json!({}), Ask { source_type: SourceType::Event, ..ask() }, "40401"),
        (json!({"store_codes": []}), ask(), "10"),
        (json!({"store_codes": ["mini", "mall"]}), ask(), "10"),
        (json!({"store_codes": ["mini"]}), ask(), "40401"),
        (json!({"store_codes": ["MALL"]}), ask(), "40401"),
        (json!({"valid_from": NOON}), ask(), "10"),
        (json!({"valid_from": "2022-06-15 12:00:01"}), ask(), "40401"),
        (json!({"valid_to": "2022-06-15 12:00:01"}), ask(), "10"),
        (json!({"valid_to": NOON}), ask(), "40401"),
        (json!({"valid_from": "2022-06-15T04:00:00Z"}), ask(), "10"),
    ];
    for (rule, ask, expected) in rows {
        earns(rule.clone(), ask, expected);
        // With its id it must fit as well.
        earns(rule.clone(), &Ask { rule_id: Some(1), ..ask.clone() }, expected);
    }
}

#[test]
fn what_does_not_fit_gives_way_to_the_next() {
    let rules = [
        json!({"earn": {"fixed": 1}, "priority": 9, "enabled": false}),
        json!({"earn": {"fixed": 2}, "priority": 8, "store_codes": ["mini"]}),
        json!({"earn": {"fixed": 3}, "priority": 7, "valid_to": "2022-06-01 00:00:00"}),
        json!({"earn": {"fixed": 4}, "priority": 6}),
        json!({"earn": {"fixed": 5}}),
    ];
    let book = rulebook(SHANGHAI, &rules);
    assert_eq!(earned(&book, &ask()), "4");
    assert_eq!(earned(&book, &Ask { store: "mini", ..ask() }), "2");
    assert_eq!(earned(&book, &at("2022-05-31 23:59:59")), "3", "by event_at, not by now");
}

#[test]
fn a_rule_that_is_named_is_taken_or_none() {
    let book =
        rulebook(SHANGHAI, &[json!({"earn": {"fixed": 1}, "priority": 9}), json!({"earn": {"fixed": 2}})]);
    let named = |rule_id| Ask { rule_id: Some(rule_id), ..ask() };
    assert_eq!(earned(&book, &named(2)), "2");
    assert_eq!(earned(&book, &named(3)), "40401");
    assert_eq!(earned(&book, &Ask { store: "x", scene: "login", ..named(2) }), "40401");
    assert_eq!(earned(&Terms::default(), &ask()), "40401");
}

#[test]
fn the_trace_names_those_of_the_scene_that_were_passed_over() {
    let rules = [
        json!({"priority": 9, "enabled": false}),
        json!({"priority": 8, "action_scene": "login"}),
        json!({"priority": 7, "valid_from": "2023-01-01 00:00:00"}),
        json!({}),
        json!({"priority": -1, "enabled": false}),
    ];
    let evaluation = evaluated(&rulebook(SHANGHAI, &rules), &ask(), &Uses::default()).unwrap();
    let passed: Vec<String> = evaluation
        .grant
        .trace
        .passed_over
        .iter()
        .map(|p| format!("{} {:?}", p.rule.rule_id, p.why))
        .collect();
    assert_eq!(passed, ["1 Disabled", "3 NotYet"]);
    assert_eq!(evaluation.rule.rule_id, 4);
}

#[test]
fn a_rule_that_is_named_and_does_not_fit_is_refused_in_words_that_say_why() {
    let rows = [
        (json!({"enabled": false}), "rule 1 is not enabled"),
        (json!({"action_scene": "login"}), "rule 1 is for another action_scene"),
        (json!({"event_type": "event"}), "rule 1 is for another event_type"),
        (json!({"store_codes": ["mini"]}), "rule 1 is not for this store_code"),
        (json!({"valid_from": "2023-01-01 00:00:00"}), "rule 1 does not hold yet at event_at"),
        (json!({"valid_to": "2022-01-01 00:00:00"}), "rule 1 holds no longer at event_at"),
    ];
    let why = |rules: &[Value], rule_id| match evaluated(
        &rulebook(SHANGHAI, rules),
        &Ask { rule_id, ..ask() },
        &Uses::default(),
    ) {
        Err(Refusal::NoRuleFits { why }) => why,
        other => panic!("{other:?}"),
    };
    for (rule, expected) in rows {
        assert_eq!(why(std::slice::from_ref(&rule), Some(1)), expected, "{rule}");
        let unnamed = why(&[rule], None);
        assert_eq!(unnamed, "no enabled rule is for this action_scene, event_type, store_code and event_at");
    }
    assert_eq!(why(&[json!({})], Some(2)), "there is no rule 2");
}

#[test]
fn of_those_that_were_passed_over_the_trace_names_the_first_eight() {
    let mut rules = vec![json!({"enabled": false, "priority": 1}); 10];
    rules.push(json!({}));
    let evaluation = evaluated(&rulebook(SHANGHAI, &rules), &ask(), &Uses::default()).unwrap();
    let passed: Vec<u64> = evaluation.grant.trace.passed_over.iter().map(|p| p.rule.rule_id).collect();
    assert_eq!(passed, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(evaluation.rule.rule_id, 11);
}
