//! What is a tenant's own: settings over the service's, rules by their ids, and nothing twice.
use crate::ledger_model::the_rule;
use eros_points::ledger::Terms;
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::rule::Definition;
use eros_points::ledger::tenant::{RuleSet, Settings, Tenant, TenantEvent};

fn service() -> Terms {
    Terms {
        zone: chrono_tz::Asia::Shanghai,
        accrual_opens_members: true,
        default_expire: Some(Span::days(30)),
        expire_at_day_end: false,
        future_tolerance: Span::hours(5),
        offer_window: Span::hours(6),
        refund_grace: Some(Span::days(7)),
        open_lots_max: 8,
        ..Terms::default()
    }
}

fn full() -> Settings {
    Settings {
        accrual_opens_members: Some(false),
        time_zone: Some("Asia/Tokyo".into()),
        default_expire_days: Some(365),
        expire_at_day_end: Some(true),
        refund_grace_days: Some(3),
        offer_window_hours: Some(48),
        future_tolerance_hours: Some(1),
    }
}

fn rule(rule_id: u64, version: u32, name: &str) -> TenantEvent {
    let definition = Definition { name: name.to_owned(), ..the_rule() };
    TenantEvent::RuleSet(Box::new(RuleSet { rule_id, version, definition }))
}

/// A tenant after these events, recorded as 1, 2, … a second apart.
fn after(events: &[TenantEvent]) -> Tenant {
    let mut tenant = Tenant::default();
    for (n, event) in (1..).zip(events) {
        tenant.apply(Lsn(n), Instant(n as i64 * 1_000), event);
    }
    tenant
}

#[test]
fn what_a_tenant_sets_wins_over_the_services_and_what_it_does_not_set_is_the_services() {
    assert_eq!(Settings::default().terms(&service()), service());
    let set = Terms {
        zone: chrono_tz::Asia::Tokyo,
        accrual_opens_members: false,
        default_expire: Some(Span::days(365)),
        expire_at_day_end: true,
        future_tolerance: Span::hours(1),
        offer_window: Span::hours(48),
        refund_grace: Some(Span::days(3)),
        ..service()
    };
    assert_eq!(full().terms(&service()), set);
}

#[test]
fn no_days_are_never_and_no_grace_and_one_day_is_a_day() {
    let terms = |days| {
        let (default_expire_days, refund_grace_days) = (Some(days), Some(days));
        Settings { default_expire_days, refund_grace_days, ..Settings::default() }.terms(&service())
    };
    assert_eq!((terms(0).default_expire, terms(0).refund_grace), (None, None));
    assert_eq!((terms(1).default_expire, terms(1).refund_grace), (Some(Span::days(1)), Some(Span::days(1))));
}

#[test]
fn a_zone_that_this_build_lacks_counts_as_not_set() {
    let settings = Settings { time_zone: Some("Mars/Olympus".into()), ..Settings::default() };
    assert_eq!(settings.zone(), None);
    assert_eq!(settings.terms(&service()).zone, service().zone);
    assert_eq!(full().zone(), Some(chrono_tz::Asia::Tokyo));
    assert_eq!(Settings::default().zone(), None);
}

#[test]
fn settings_are_replaced_whole_and_each_change_of_zone_is_remembered_with_its_record() {
    let tokyo = full();
    let later = Settings { offer_window_hours: None, ..full() };
    let events = [tokyo, later.clone(), Settings::default(), later].map(TenantEvent::SettingsSet);
    let tenant = after(&events[..2]);
    assert_eq!(tenant.settings.offer_window_hours, None);
    assert_eq!((tenant.last, tenant.settings_at), (Lsn(2), Some(Instant(2_000))));
    let zone = || Some("Asia/Tokyo".to_owned());
    assert_eq!(tenant.zones, [(Lsn(1), zone())], "the second did not change it");
    assert_eq!(after(&events).zones, [(Lsn(1), zone()), (Lsn(3), None), (Lsn(4), zone())]);
}

#[test]
fn a_record_that_it_holds_changes_nothing_a_second_time() {
    let mut tenant = after(&[rule(1, 1, "first"), rule(1, 2, "second")]);
    let before = tenant.clone();
    tenant.apply(Lsn(2), Instant(9_000), &TenantEvent::RuleRemoved { rule_id: 1 });
    tenant.apply(Lsn(1), Instant(9_000), &rule(1, 1, "first"));
    assert_eq!(tenant, before);
    tenant.apply(Lsn(3), Instant(9_000), &TenantEvent::RuleRemoved { rule_id: 1 });
    assert!(tenant.rules.is_empty());
}

#[test]
fn rules_are_found_by_id_keep_the_time_they_were_made_at_and_no_id_is_given_again() {
    let tenant = after(&[rule(2, 1, "two"), rule(1, 1, "one"), rule(3, 1, "three"), rule(2, 2, "two again")]);
    let ids: Vec<u64> = tenant.rules.iter().map(|rule| rule.rule_id).collect();
    assert_eq!(ids, [1, 2, 3]);
    let two = tenant.rule(2).expect("rule 2");
    assert_eq!((two.version, two.definition.name.as_str()), (2, "two again"));
    assert_eq!((two.created_at, two.updated_at), (Instant(1_000), Instant(4_000)));
    assert_eq!(tenant.rule(4), None);
    let mut tenant = tenant;
    tenant.apply(Lsn(5), Instant(5_000), &TenantEvent::RuleRemoved { rule_id: 3 });
    assert_eq!((tenant.rule(3), tenant.last_rule_id), (None, 3));
    assert!(tenant.rule(1).is_some() && tenant.rule(2).is_some());
}

#[test]
fn its_terms_hold_its_rules() {
    let tenant = after(&[rule(2, 1, "two"), rule(1, 1, "one"), TenantEvent::SettingsSet(full())]);
    let terms = tenant.terms(&service());
    assert_eq!(terms, Terms { rulebook: terms.rulebook.clone(), ..full().terms(&service()) });
    let ids: Vec<u64> = terms.rulebook.rules().iter().map(|rule| rule.rule_id).collect();
    assert_eq!(ids, [1, 2]);
}
