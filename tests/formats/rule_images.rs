//! What rules leave in snapshots: the page alone reads a tenant with rules and an account that has used some.
use super::page::both;
use super::{bytes, rule_samples};
use eros_points::format::codec;
use eros_points::format::entry::Entry;
use eros_points::ledger::account::Account;
use eros_points::ledger::apply;
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::tenant::Tenant;

/// All samples of rules, recorded one after the other.
fn recorded() -> (Tenant, Account) {
    let (mut tenant, mut account) = (Tenant::default(), Account::default());
    for (lsn, (_, entry)) in (1..).map(Lsn).zip(rule_samples::all()) {
        match entry {
            Entry::Tenant(entry) => tenant.apply(lsn, entry.at, &entry.event),
            // A reversal needs the accrual that it is of; that the models try.
            Entry::Member(entry) if entry.event.accrual_reversed().is_none() => {
                apply(&mut account, lsn, Instant(0), &entry.event);
            }
            _ => {}
        }
    }
    (tenant, account)
}

#[test]
fn the_page_alone_reads_a_tenant_with_rules() {
    let (tenant, _) = recorded();
    assert_eq!(tenant.rules.len(), 7);
    let shown = bytes::shown(&both(), "Tenant", &codec::encode(&tenant));
    assert_eq!(shown.as_deref(), Ok(format!("{tenant:?}").as_str()));
    assert_eq!(codec::decode::<Tenant>(&codec::encode(&tenant)).unwrap(), tenant);
}

#[test]
fn the_page_alone_reads_an_account_that_has_used_rules() {
    let (_, mut account) = recorded();
    let uses = &mut account.more.as_mut().expect("uses").uses;
    let next = eros_points::ledger::rule::Counted { day: 19_159, ..rule_samples::counted() };
    uses.add(7, next, eros_points::ledger::points::Points(5));
    let shown = bytes::shown(&both(), "Account", &codec::encode(&account));
    assert_eq!(shown.as_deref(), Ok(format!("{account:?}").as_str()));
    assert_eq!(codec::decode::<Account>(&codec::encode(&account)).unwrap(), account);
}
