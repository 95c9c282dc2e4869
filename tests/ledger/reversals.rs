use super::With;
use crate::support::books::{Books, accrue, give_back, offer, refund, reverse, send, spend};
use eros_points::ledger::event::{Event, Key};
use eros_points::ledger::instant::Span;
use eros_points::ledger::points::Amount;

fn reversed(books: &Books, event_no: &str) -> i64 {
    match &*books.find("m", &Key::Event(event_no)).expect("a record").event {
        Event::AccrualReversed(e) => e.points.0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn parts_by_refund_add_up_to_the_whole() {
    let mut books = Books::new();
    let mut order = accrue("A", 10.0);
    order.amount = Some(Amount(3_000_000));
    books.does("m", order);
    for (n, points) in [(1, 33_333), (2, 33_334), (3, 33_333)] {
        books.does("m", refund(&format!("R{n}"), "A", 1, None));
        assert_eq!(reversed(&books, &format!("R{n}")), points, "part {n}");
    }
    books.is_refused("m", refund("R4", "A", 1, None), "42203");
    books.check_sums("m", (0.0, 0.0, 0.0, 0.0, 0.0));
}

#[test]
fn a_refund_needs_to_know_what_was_paid_and_may_come_to_nothing() {
    let mut books = Books::new();
    books.does("m", accrue("A", 0.0001));
    books.is_refused("m", refund("R", "A", 1, None), "40001").is_refused(
        "m",
        refund("R", "A", 1, Some(0)),
        "40001",
    );
    books.does("m", refund("R", "A", 1, Some(3)));
    assert_eq!(reversed(&books, "R"), 0);
}

#[test]
fn named_points_count_neither_as_refunded_nor_as_taken_by_refunds() {
    let mut books = Books::new();
    books.does("m", accrue("A", 100.0)).does("m", reverse("R1", "A", false, Some(60.0)));
    books.does("m", refund("R2", "A", 30, Some(100)));
    assert_eq!(reversed(&books, "R2"), 300_000);
    books.does("m", refund("R3", "A", 70, Some(100)));
    assert_eq!(reversed(&books, "R3"), 100_000, "never more than is left");
    books.is_refused("m", reverse("R4", "A", false, None), "42203");
}

#[test]
fn takes_own_lot_then_expired_then_other_active_lots_in_spending_order_then_debt() {
    let mut books = Books::new();
    books.does("m", accrue("A", 100.0)).does("m", accrue("frozen", 50.0).frozen(Span::hours(9)));
    books
        .does("m", accrue("late", 10.0).expiring(Span::days(5)))
        .does("m", accrue("soon", 10.0).expiring(Span::days(2)));
    books.does("m", spend("S", 20.0)).does("m", accrue("B", 15.0)).does("m", spend("S2", 95.0));
    books.check_sums("m", (185.0, 115.0, 0.0, 50.0, 20.0));
    books.is_refused("m", reverse("R", "A", false, None), "42202");
    books.does("m", reverse("R", "A", true, None));
    books.check_sums("m", (85.0, 115.0, 0.0, 50.0, -80.0));
    books.pass(Span::hours(9));
    books.check_sums("m", (85.0, 115.0, 0.0, 0.0, -30.0));
}

#[test]
fn a_frozen_lot_of_its_own_is_taken_from() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0).frozen(Span::hours(1))).does("m", reverse("R", "A", false, Some(4.0)));
    books.check_sums("m", (6.0, 0.0, 0.0, 6.0, 0.0));
}

#[test]
fn only_accruals_of_this_member_can_be_reversed() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0)).does("m", spend("S", 1.0)).does("m", send("T", "n", 5.0));
    books.is_refused("m", reverse("R", "S", true, None), "40402").is_refused(
        "m",
        reverse("R", "X", true, None),
        "40402",
    );
    books.is_refused("n", reverse("R", "T", true, None), "40402").is_refused(
        "n",
        reverse("R", "A", true, None),
        "40402",
    );
    books.is_refused("m", give_back("R", "A", None), "40402");
    books.is_refused("m", reverse("R", "A", true, Some(10.0001)), "42203");
}

#[test]
fn debt_is_paid_oldest_first_by_acceptance_give_back_and_returned_offer() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0)).does("m", spend("SA", 10.0)).does("m", accrue("B", 20.0));
    books.does("m", spend("SB", 15.0)).does("m", offer("T", "n", 5.0));
    books.does("m", reverse("RA", "A", true, None)).does("m", reverse("RB", "B", true, None));
    books.check_sums("m", (0.0, 30.0, 0.0, 0.0, -30.0));
    books.does("n", accrue("N", 4.0)).does("n", send("U", "m", 4.0));
    let debts: Vec<(u64, i64)> = books.account("m").debts.iter().map(|d| (d.accrual.0, d.points.0)).collect();
    assert_eq!(debts[0], (1, 60_000), "the debt for A, made first, is paid first");
    books.does("m", give_back("G", "SB", Some(3.0)));
    books.pass(Span::hours(24));
    books.check_sums("m", (4.0, 22.0, 0.0, 0.0, -18.0));
}
