use super::With;
use crate::support::books::{Books, accrue, by_rule, reverse, send, spend};
use eros_points::ledger::apply;
use eros_points::ledger::command::Command;
use eros_points::ledger::event::ProfileSet;
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::Amount;
use eros_points::ledger::refusal::Refusal;

#[test]
fn a_lot_born_expired_is_accrued_then_expired_in_two_records() {
    let mut books = Books::new();
    books.does("m", accrue("A", 20.0).ago(&books, Span::days(200)).expiring(Span::days(180)));
    books.check_sums("m", (20.0, 0.0, 20.0, 0.0, 0.0));
    assert_eq!(books.log.len(), 2);
    assert_eq!(books.log[1].event.due(), Some(books.log[0].at), "it fell due when it was accrued");
}

#[test]
fn a_lot_that_would_expire_before_or_when_it_unfreezes_is_refused() {
    let mut books = Books::new();
    for (freeze, outcome) in [(23, "done"), (24, "40001"), (25, "40001")] {
        let accrual = accrue(&format!("A{freeze}"), 1.0).expiring(Span::days(1)).frozen(Span::hours(freeze));
        if outcome == "done" {
            books.does("m", accrual);
        } else {
            books.is_refused("m", accrual, outcome);
        }
    }
}

#[test]
fn an_event_more_than_24_hours_ahead_is_refused_to_the_millisecond() {
    let mut books = Books::new();
    let mut ahead = accrue("A", 1.0);
    ahead.event_at = Some(Instant(books.now.0 + Span::hours(24).0 + 1));
    books.is_refused("m", ahead.clone(), "40001");
    let should = "must not lie more than 24 h in the future".to_owned();
    let refused = books.change("m", &ahead.clone().into());
    assert_eq!(refused, Err(Refusal::Invalid { field: "event_at".into(), should }));
    ahead.event_at = Some(Instant(books.now.0 + Span::hours(24).0));
    books.does("m", ahead);
}

#[test]
fn boundaries_are_to_the_millisecond_and_the_later_state_wins() {
    let mut books = Books::new();
    books.does("m", accrue("A", 5.0).frozen(Span::hours(1)).expiring(Span::hours(2)));
    books.pass(Span(Span::hours(1).0 - 1));
    books.check_sums("m", (5.0, 0.0, 0.0, 5.0, 0.0));
    books.pass(Span(1));
    books.check_sums("m", (5.0, 0.0, 0.0, 0.0, 5.0));
    books.pass(Span(Span::hours(1).0 - 1));
    books.check_sums("m", (5.0, 0.0, 0.0, 0.0, 5.0));
    books.pass(Span(1));
    books.check_sums("m", (5.0, 0.0, 5.0, 0.0, 0.0));
}

#[test]
fn the_same_key_and_content_is_a_replay_other_content_a_conflict_and_a_refusal_takes_no_key() {
    let mut books = Books::new();
    books.is_refused("m", spend("S", 5.0), "42201");
    books.does("m", accrue("A", 10.0)).is_replayed("m", accrue("A", 10.0));
    books.is_refused("m", accrue("A", 11.0), "40901").is_refused("m", spend("A", 10.0), "40901");
    books.does("m", spend("S", 5.0)).is_replayed("m", spend("S", 5.0));
    books.does("other", accrue("A", 11.0));
    books.check_sums("m", (10.0, 5.0, 0.0, 0.0, 5.0));
}

#[test]
fn spends_by_expiry_then_age_and_all_or_nothing() {
    let mut books = Books::new();
    books.does("m", accrue("never", 10.0)).does("m", accrue("late", 10.0).expiring(Span::days(9)));
    books.does("m", accrue("soon", 10.0).expiring(Span::days(1))).does("m", accrue("never2", 10.0));
    books.is_refused("m", spend("S", 40.0001), "42201");
    books.does("m", spend("S", 35.0));
    let held: Vec<(u64, i64)> =
        books.account("m").lots.iter().map(|l| (l.kind.id.lsn.0, l.remaining.0)).collect();
    assert_eq!(held, [(4, 50_000)], "all but half of the youngest that never expires");
}

#[test]
fn a_lot_born_expired_pays_no_debt() {
    for ago in [Span::days(2), Span::days(1)] {
        let mut books = Books::new();
        books.does("m", accrue("A", 10.0)).does("m", spend("S", 10.0));
        books.does("m", reverse("R", "A", true, None));
        books.does("m", accrue("B", 5.0).ago(&books, ago).expiring(Span::days(1)));
        books.check_sums("m", (5.0, 10.0, 5.0, 0.0, -10.0));
    }
}

#[test]
fn where_accruals_open_no_member_something_else_must_have() {
    let mut books = Books::new();
    books.terms.accrual_opens_members = false;
    books.is_refused("m", accrue("A", 1.0), "40405");
    books.is_refused("m", by_rule("B", Amount(1_000_000)), "40405");
    let profile = Command::SetProfile(ProfileSet { tier: None, sealed: None });
    books.does("m", profile).does("m", accrue("A", 1.0)).does("m", accrue("B", 1.0));
    // A transfer is no accrual.
    books.does("m", send("T", "n", 1.0)).does("n", accrue("A", 1.0));
}

#[test]
fn an_account_counts_the_records_that_members_see_from_the_first_on() {
    let mut books = Books::new();
    let start = books.now;
    books.does("m", Command::SetProfile(ProfileSet { tier: None, sealed: None }));
    assert_eq!((books.account("m").records, books.account("m").first_record), (0, Lsn::ZERO));
    books.pass(Span::hours(1));
    books.does("m", accrue("A", 3.0)).does("m", spend("S", 1.0));
    books.pass(Span::hours(1));
    books.carries = false;
    books.does("m", send("T", "n", 1.0));
    books.pass(Span::hours(1));
    books.carry();
    let account = books.account("m");
    assert_eq!((account.records, account.first_record, account.last), (3, Lsn(2), Lsn(6)));
    let hour = |n| start.after(Span::hours(n));
    assert_eq!((account.created_at, account.updated_at, account.clock), (hour(1), hour(2), hour(3)));
}

#[test]
fn a_record_that_an_account_holds_changes_nothing_a_second_time() {
    let mut books = Books::new();
    books.does("m", accrue("A", 3.0)).does("m", spend("S", 1.0));
    let log = books.log.clone();
    let account = books.account("m");
    let before = account.clone();
    for record in log {
        apply(account, record.lsn, record.at, &record.event);
        assert_eq!(*account, before);
    }
}

#[test]
fn at_the_bound_of_open_lots_no_further_accrual_is_taken() {
    let mut books = Books::new();
    books.terms.open_lots_max = 3;
    for n in 0..3 {
        books.does("m", accrue(&format!("A{n}"), 1.0));
    }
    books.is_refused("m", accrue("A3", 1.0), "42207");
    books.does("m", spend("S", 1.0)).does("m", accrue("A3", 1.0));
}
