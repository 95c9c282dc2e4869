//! The worked examples of the ledger's rules, to the letter.
use super::With;
use crate::support::books::{Books, accept, accrue, give_back, offer, reverse, spend};
use eros_points::ledger::instant::Span;

#[test]
fn example_1_spends_earliest_expiry_first_and_gives_back_to_the_lot_taken_last_first() {
    let mut books = Books::new();
    books.does("m", accrue("A", 30.0).expiring(Span::days(1)));
    books.pass(Span::hours(1));
    books.does("m", accrue("B", 20.0)).does("m", spend("S", 35.0));
    books.check_sums("m", (50.0, 35.0, 0.0, 0.0, 15.0));
    books.does("m", give_back("G", "S", Some(10.0)));
    books.check_sums("m", (50.0, 25.0, 0.0, 0.0, 25.0));
    let held: Vec<i64> = books.account("m").lots.iter().map(|lot| lot.remaining.0).collect();
    assert_eq!(held, [50_000, 200_000], "5 to the second lot, 5 to the first");
}

#[test]
fn example_2_unfreezes_with_no_call_in_between() {
    let mut books = Books::new();
    books.does("m", accrue("A", 100.0).frozen(Span::hours(48)));
    books.check_sums("m", (100.0, 0.0, 0.0, 100.0, 0.0));
    books.is_refused("m", spend("S", 1.0), "42201");
    books.now = books.now.after(Span::hours(48));
    books.check_sums("m", (100.0, 0.0, 0.0, 0.0, 100.0));
}

#[test]
fn example_3_reverses_into_debt_that_the_next_accrual_pays() {
    let mut books = Books::new();
    books.does("m", accrue("A", 100.0)).does("m", spend("S", 60.0)).does("m", accrue("B", 10.0));
    books.is_refused("m", reverse("R", "A", false, None), "42202");
    books.does("m", reverse("R", "A", true, None));
    books.check_sums("m", (10.0, 60.0, 0.0, 0.0, -50.0));
    books.does("m", accrue("C", 80.0));
    books.check_sums("m", (90.0, 60.0, 0.0, 0.0, 30.0));
}

#[test]
fn example_4_a_transfer_keeps_the_expiry() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.5).expiring(Span::days(9))).does("m", offer("T", "n", 4.25));
    books.does("m", accept("T", "n"));
    books.check_sums("m", (10.5, 4.25, 0.0, 0.0, 6.25));
    books.check_sums("n", (4.25, 0.0, 0.0, 0.0, 4.25));
    let expiry = |books: &mut Books, member| books.account(member).lots[0].kind.expire_at;
    assert_eq!(expiry(&mut books, "m"), expiry(&mut books, "n"));
}

#[test]
fn example_5_takes_from_what_expired_before_it_makes_debt() {
    let mut books = Books::new();
    books.does("m", accrue("A", 100.0).expiring(Span::days(1))).does("m", spend("S", 30.0));
    books.pass(Span::days(1));
    books.check_sums("m", (100.0, 30.0, 70.0, 0.0, 0.0));
    books.does("m", reverse("R", "A", true, Some(80.0)));
    books.check_sums("m", (20.0, 30.0, 0.0, 0.0, -10.0));
}

#[test]
fn example_6_a_give_back_first_makes_good_what_was_taken_elsewhere() {
    let mut books = Books::new();
    books.does("m", accrue("A", 100.0).expiring(Span::days(1))).does("m", accrue("B", 60.0));
    books.does("m", spend("S", 60.0));
    books.pass(Span::days(1));
    books.does("m", reverse("R", "A", false, None));
    books.check_sums("m", (60.0, 60.0, 0.0, 0.0, 0.0));
    books.does("m", give_back("G", "S", None));
    books.check_sums("m", (60.0, 0.0, 0.0, 0.0, 60.0));
}
