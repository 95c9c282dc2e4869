use super::With;
use crate::support::books::{Books, accrue, offer, reverse, spend};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::{Terms, project};

#[test]
fn what_fell_due_while_nobody_looked_is_recorded_as_of_when_it_was_due() {
    let mut books = Books::new();
    let start = books.now;
    books
        .does("m", accrue("A", 10.0).expiring(Span::days(1)))
        .does("m", accrue("B", 10.0).expiring(Span::days(2)));
    books.does("m", offer("T", "n", 3.0));
    books.now = start.after(Span::days(400));
    books.settle("m");
    let due: Vec<Option<Instant>> = books.log[3..].iter().map(|record| record.event.due()).collect();
    let day = |n| Some(start.after(Span::days(n)));
    assert_eq!(due, [day(1), day(1), day(2)], "lapse, then expiry, in time order");
    assert!(books.log[3..].iter().all(|record| record.at == books.now));
    books.check_sums("m", (20.0, 0.0, 20.0, 0.0, 0.0));
}

#[test]
fn unfreezing_pays_debt_before_anything_expires_at_the_same_instant() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0)).does("m", spend("S", 10.0));
    books.does("m", accrue("frozen", 6.0).frozen(Span::hours(5))).does("m", reverse("R", "A", true, None));
    books.check_sums("m", (6.0, 10.0, 0.0, 6.0, -10.0));
    books.pass(Span::hours(5));
    books.check_sums("m", (6.0, 10.0, 0.0, 0.0, -4.0));
}

#[test]
fn the_clock_stepping_back_never_makes_an_expired_lot_active_again() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0).expiring(Span::days(1)));
    books.pass(Span::days(1));
    books.now = books.now.after(Span(-Span::hours(12).0));
    books.check_sums("m", (10.0, 0.0, 10.0, 0.0, 0.0));
    books.does("m", accrue("B", 1.0));
    assert!(books.log[2].at >= books.log[1].at, "the account's time goes on");
}

#[test]
fn a_projection_shows_what_settling_will_record() {
    let mut books = Books::new();
    books
        .does("m", accrue("A", 10.0).expiring(Span::days(1)))
        .does("m", accrue("B", 5.0))
        .does("m", offer("T", "n", 12.0));
    for hours in [0, 1, 24, 25, 48] {
        let then = books.now.after(Span::hours(hours));
        let projected = project(books.account("m"), then, &Terms::default());
        let mut settled = Books::new();
        settled.accounts = books.accounts.clone();
        settled.log = books.log.clone();
        settled.now = then;
        settled.settle("m");
        let sums = |a: &eros_points::ledger::account::Account| {
            (a.total, a.used, a.expired, a.active(then), a.lots.frozen(then))
        };
        assert_eq!(sums(&projected), sums(settled.account("m")), "after {hours} h");
    }
}

#[test]
fn what_expires_soon_is_what_is_active_now_and_will_not_be_then() {
    let mut books = Books::new();
    books
        .does("m", accrue("soon", 1.0).expiring(Span::days(2)))
        .does("m", accrue("at the end", 2.0).expiring(Span::days(3)))
        .does("m", accrue("later", 4.0).expiring(Span::days(4)))
        .does("m", accrue("never", 8.0));
    let now = books.now;
    let within = |books: &mut Books, days| books.account("m").expiring_within(Span::days(days), now).0;
    assert_eq!([1, 2, 3, 4].map(|days| within(&mut books, days)), [0, 10_000, 30_000, 70_000]);
}

#[test]
fn the_next_thing_to_fall_due_is_the_earliest_of_expiry_lapse_and_where_there_is_debt_unfreezing() {
    let mut books = Books::new();
    let start = books.now;
    let due = |books: &mut Books| books.account("m").next_due().map(|at| at.0 - start.0);
    let hours = |n| Some(Span::hours(n).0);
    assert_eq!(due(&mut books), None);
    books.does("m", accrue("A", 10.0));
    assert_eq!(due(&mut books), None, "it never expires");
    books.does("m", accrue("B", 10.0).expiring(Span::hours(40)));
    assert_eq!(due(&mut books), hours(40));
    books.does("m", offer("T", "n", 5.0)).does("m", offer("U", "n", 5.0));
    assert_eq!(due(&mut books), hours(24));
    books.does("m", accrue("F", 1.0).frozen(Span::hours(2)).expiring(Span::hours(30)));
    assert_eq!(due(&mut books), hours(24), "without debt unfreezing needs no record");
    books.does("m", spend("S", 10.0)).does("m", reverse("R", "A", true, None));
    assert_eq!(due(&mut books), hours(2));
    // Time never goes back behind the account's own.
    books.account("m").clock = start.after(Span::hours(3));
    assert_eq!(due(&mut books), hours(3));
}
