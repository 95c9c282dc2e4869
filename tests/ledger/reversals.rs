use super::{With, with_the_rule};
use crate::support::books::{Books, accrue, by_rule, give_back, offer, points, refund, reverse, send, spend};
use eros_points::ledger::command::AccrueByRule;
use eros_points::ledger::event::{Event, Key};
use eros_points::ledger::instant::Span;
use eros_points::ledger::points::Amount;

fn reversed(books: &Books, event_no: &str) -> i64 {
    match &*books.find("m", &Key::Event(event_no)).expect("a record").event {
        Event::AccrualReversed(e) => e.points.0,
        Event::GrantReversed(e) => e.reversed.points.0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn parts_by_refund_add_up_to_the_whole() {
    let mut books = Books::new();
    let mut order = accrue("A", 10.0);
    order.amount = Some(Amount(3_000_000));
    books.does("m", order);
    for (n, share) in [(1, 33_333), (2, 33_334), (3, 33_333)] {
        books.does("m", refund(&format!("R{n}"), "A", 1, None));
        assert_eq!(reversed(&books, &format!("R{n}")), share, "part {n}");
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

#[test]
fn just_what_is_left_can_be_named_and_not_a_ten_thousandth_more() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0)).does("m", reverse("R", "A", false, Some(4.0)));
    books.is_refused("m", reverse("Q", "A", false, Some(6.0001)), "42203");
    books.does("m", reverse("Q", "A", false, Some(6.0)));
    books.is_refused("m", reverse("P", "A", false, Some(0.0001)), "42203");
    books.check_sums("m", (0.0, 0.0, 0.0, 0.0, 0.0));
}

/// What the reversal told of an accrual's caps: whether the accrual no longer counts as a time.
fn gave_back(books: &Books, event_no: &str) -> Option<bool> {
    let reversal = books.find("m", &Key::Event(event_no)).expect("the reversal");
    match &*reversal.event {
        Event::GrantReversed(e) => {
            let accrual = books.find("m", &Key::Event(&e.reversed.origin_event_no)).expect("the accrual");
            assert_eq!(Some(e.back.counted), accrual.event.grant().and_then(|grant| grant.counted));
            assert_eq!(e.back.rule_id, 1);
            Some(e.back.whole)
        }
        _ => None,
    }
}

#[test]
fn a_reversal_gives_its_rules_caps_back_what_it_took_and_the_time_with_the_last_of_it() {
    let mut books = with_the_rule();
    let ten = |event_no: &str| by_rule(event_no, Amount(10_000_000));
    for event_no in ["A", "B", "C", "D"] {
        books.does("m", ten(event_no));
    }
    books.is_refused("m", ten("E"), "42206");
    books.does("m", reverse("R1", "A", false, Some(4.0)));
    assert_eq!(gave_back(&books, "R1"), Some(false));
    books.is_refused("m", ten("E"), "42206");
    books.does("m", reverse("R2", "A", false, None));
    assert_eq!(gave_back(&books, "R2"), Some(true));
    books.does("m", ten("E")).is_refused("m", ten("F"), "42206");
    // All at once.
    books.does("m", reverse("R3", "B", false, None));
    assert_eq!(gave_back(&books, "R3"), Some(true));
    books.does("m", ten("F")).is_refused("m", ten("G"), "42206");
    // A refund that comes to nothing, when nothing is left, gives no second time back.
    books.does("m", refund("R4", "A", 0, None));
    assert_eq!((reversed(&books, "R4"), gave_back(&books, "R4")), (0, Some(false)));
    books.is_refused("m", ten("G"), "42206");
}

#[test]
fn what_no_cap_counted_is_given_back_to_none() {
    let mut books = with_the_rule();
    let named = AccrueByRule { points: Some(points(5.0)), ..by_rule("A", Amount(10_000_000)) };
    books.does("m", named).does("m", accrue("B", 5.0));
    books.does("m", reverse("R", "A", false, None)).does("m", reverse("Q", "B", false, None));
    assert_eq!(["R", "Q"].map(|event_no| gave_back(&books, event_no)), [None, None]);
}
