//! A member's profile: set as a whole, erased for good, no record that members see.
use crate::support::books::{Books, Done, by_rule};
use eros_points::ledger::command::Command;
use eros_points::ledger::event::ProfileSet;
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::points::Amount;
use eros_points::ledger::profile::{Profile, Sealed};
use eros_points::ledger::rule::definition::{Factor, Multiplier};
use eros_points::ledger::rule::{Definition, Rule, Rulebook};
use std::sync::Arc;

fn sealed() -> Option<Sealed> {
    Some(Sealed { slot: 7, nonce: [9; 24], bytes: vec![1, 2, 3] })
}

fn set(tier: Option<&str>, sealed: Option<Sealed>) -> Command {
    Command::SetProfile(ProfileSet { tier: tier.map(str::to_owned), sealed })
}

fn profile(books: &mut Books) -> Profile {
    books.account("m").profile().expect("a profile").clone()
}

#[test]
fn a_profile_is_replaced_whole_and_keeps_when_it_was_made() {
    let mut books = Books::new();
    let made = books.now;
    books.does("m", set(Some("gold"), sealed()));
    let first = profile(&mut books);
    let tier = Some("gold".to_owned());
    assert_eq!(first, Profile { tier, sealed: sealed(), created_at: made, updated_at: made });
    books.pass(Span::hours(1));
    books.does("m", set(None, None));
    let second = Profile { tier: None, sealed: None, created_at: made, updated_at: books.now };
    assert_eq!(profile(&mut books), second);
    let account = books.account("m");
    assert_eq!((account.records, account.created_at), (0, Instant(0)), "members see no record of it");
}

#[test]
fn what_is_erased_is_what_was_sealed_and_only_once() {
    let mut books = Books::new();
    let nothing = |books: &mut Books| {
        let records = books.log.len();
        assert_eq!(books.change("m", &Command::ErasePersonalData), Ok(Done::Nothing));
        assert_eq!(books.log.len(), records);
    };
    nothing(&mut books);
    books.does("m", set(Some("gold"), None));
    nothing(&mut books);
    books.does("m", set(Some("gold"), sealed()));
    let made = profile(&mut books).created_at;
    books.pass(Span::hours(1));
    books.does("m", Command::ErasePersonalData);
    let tier = Some("gold".to_owned());
    let erased = Profile { tier, sealed: None, created_at: made, updated_at: books.now };
    assert_eq!(profile(&mut books), erased, "the tier tells nobody who it is");
    nothing(&mut books);
}

#[test]
fn a_rule_multiplies_by_the_tier_of_the_profile() {
    let gold = Multiplier {
        tier: Some("gold".into()),
        weekdays: None,
        from: None,
        to: None,
        factor: Factor(2 * Factor::UNIT),
    };
    let definition = Definition { multipliers: vec![gold], ..crate::ledger_model::the_rule() };
    let mut books = Books::new();
    let (created_at, updated_at) = (books.now, books.now);
    let rule = Rule { rule_id: 1, version: 1, created_at, updated_at, definition };
    books.terms.rulebook = Arc::new(Rulebook::new([Arc::new(rule)]));
    let ten = |event_no: &str| by_rule(event_no, Amount(10_000_000));
    books.does("m", ten("A")).does("m", set(Some("gold"), None)).does("m", ten("B"));
    books.check_sums("m", (30.0, 0.0, 0.0, 0.0, 30.0));
}
