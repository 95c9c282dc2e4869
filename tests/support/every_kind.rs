//! A log in which everything happens that can: each kind of event once at least, in an order that a service could have
//! written. The story of `tests/formats/story.rs`, and behind it what came in with later versions.
use crate::formats::page::{Shape, both};
use crate::formats::story;
use crate::ledger_model::the_rule;
use crate::support::books::{Books, Record, by_rule, reverse};
use eros_points::format::entry::{Entry, MemberEntry, TenantEntry};
use eros_points::ledger::command::Command;
use eros_points::ledger::event::{Event, ProfileSet};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::Amount;
use eros_points::ledger::rule::{Rule, Rulebook};
use eros_points::ledger::tenant::{RuleSet, Settings, TenantEvent};
use std::collections::BTreeSet;
use std::sync::Arc;

const TENANT: &str = "10080";

/// From LSN 1 on.
pub fn entries() -> Vec<Entry> {
    let mut all = story::entries();
    let mut books = story::told();
    let rule = RuleSet { rule_id: 1, version: 1, definition: the_rule() };
    tenants(&mut all, &mut books, TenantEvent::RuleSet(Box::new(rule)));
    let settings = Settings { refund_grace_days: Some(3), ..Settings::default() };
    tenants(&mut all, &mut books, TenantEvent::SettingsSet(settings));
    let (created_at, updated_at) = (books.now, books.now);
    let rule = Rule { rule_id: 1, version: 1, created_at, updated_at, definition: the_rule() };
    books.terms.rulebook = Arc::new(Rulebook::new([Arc::new(rule)]));

    let known = books.log.len();
    books.does("ann", Command::AccrueByRule(by_rule("BR", Amount(20_000_000))));
    books.does("ann", reverse("BRR", "BR", true, None));
    books.does("ann", Command::SetProfile(ProfileSet { tier: Some("gold".into()), sealed: None }));
    all.extend(books.log[known..].iter().map(|record| members(record, record.event.as_ref().clone())));
    let last = books.log.last().expect("a record").clone();
    let erased = Record { lsn: last.lsn.next(), ..last };
    all.push(members(&erased, Event::PersonalDataErased));
    books.log.push(erased);
    tenants(&mut all, &mut books, TenantEvent::RuleRemoved { rule_id: 1 });
    all
}

fn members(record: &Record, event: Event) -> Entry {
    let member_no = record.member.clone();
    Entry::Member(MemberEntry { crm_id: story::tenant(&member_no), member_no, at: record.at, event })
}

/// A record that is no member's: in the books another one stands for it.
fn tenants(all: &mut Vec<Entry>, books: &mut Books, event: TenantEvent) {
    all.push(Entry::Tenant(TenantEntry { crm_id: TENANT.into(), at: books.now, event }));
    let stands_for_it = Record { lsn: Lsn(books.log.len() as u64 + 1), ..books.log[0].clone() };
    books.log.push(stands_for_it);
}

/// The kind of a record, by its name in `wal/README.md`.
pub fn kind(entry: &Entry) -> String {
    let shown = match entry {
        Entry::Member(entry) => format!("{:?}", entry.event),
        Entry::Tenant(entry) => format!("{:?}", entry.event),
        Entry::Service(entry) => format!("{entry:?}"),
    };
    shown.chars().take_while(|c| c.is_alphanumeric()).collect()
}

#[test]
fn every_kind_that_the_page_lists_is_there() {
    let page = both();
    let listed: BTreeSet<String> = ["Event", "TenantEvent", "ServiceEntry"]
        .into_iter()
        .flat_map(|name| match &page.types[name] {
            Shape::Enum(variants) => variants.iter().map(|variant| variant.name.clone()),
            other => panic!("{name} is {other:?}"),
        })
        .collect();
    let happened: BTreeSet<String> = entries().iter().map(kind).collect();
    assert!(listed.len() >= 20, "{listed:?}");
    assert_eq!(happened, listed);
}
