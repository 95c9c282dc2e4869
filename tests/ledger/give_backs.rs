use super::With;
use crate::support::books::{Books, accrue, give_back, offer, points, reverse, spend};
use eros_points::ledger::event::Event;
use eros_points::ledger::instant::Span;
use eros_points::ledger::lot::LotId;
use eros_points::ledger::lsn::Lsn;

#[test]
fn the_two_halves_of_a_refund_may_come_in_either_order() {
    for order in [["R", "G"], ["G", "R"]] {
        let mut books = Books::new();
        books.does("m", accrue("A", 100.0)).does("m", spend("S", 60.0)).does("m", accrue("B", 30.0));
        for step in order {
            match step {
                "R" => books.does("m", reverse("R", "A", true, None)),
                _ => books.does("m", give_back("G", "S", None)),
            };
        }
        books.check_sums("m", (30.0, 0.0, 0.0, 0.0, 30.0));
    }
}

#[test]
fn gives_back_in_parts_and_never_more_than_was_spent() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0)).does("m", spend("S", 10.0)).does("m", give_back("G1", "S", Some(4.0)));
    books.is_refused("m", give_back("G2", "S", Some(6.0001)), "42203");
    books.does("m", give_back("G2", "S", None)).is_refused("m", give_back("G3", "S", None), "42203");
    books.check_sums("m", (10.0, 0.0, 0.0, 0.0, 10.0));
}

#[test]
fn each_part_goes_on_where_the_one_before_it_ended() {
    for parts in
        [&[4.0, 11.0, 15.0][..], &[10.0, 10.0, 10.0], &[15.0, 2.0, 3.0, 10.0], &[29.0, 1.0], &[1.0, 29.0]]
    {
        let mut books = Books::new();
        for accrual in ["A", "B", "C"] {
            books.does("m", accrue(accrual, 10.0));
        }
        books.does("m", spend("S", 30.0));
        let mut back = 0.0;
        for (n, part) in parts.iter().enumerate() {
            books.does("m", give_back(&format!("G{n}"), "S", Some(*part)));
            back += part;
            let held: Vec<(u64, i64)> =
                books.account("m").lots.iter().map(|lot| (lot.kind.id.lsn.0, lot.remaining.0)).collect();
            // The lot taken last is full first.
            let full = [(3, 0.0), (2, 10.0), (1, 20.0)];
            let expected = full.map(|(lsn, before)| (lsn, points((back - before).clamp(0.0, 10.0)).0));
            let expected: Vec<_> = expected.into_iter().rev().filter(|(_, points)| *points > 0).collect();
            assert_eq!(held, expected, "{back} of {parts:?}");
        }
        books.check_sums("m", (30.0, 0.0, 0.0, 0.0, 30.0));
    }
}

#[test]
fn a_lot_that_has_expired_takes_its_points_back_and_expires_them_at_once() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0).expiring(Span::days(1))).does("m", spend("S", 10.0));
    books.pass(Span::days(2));
    books.does("m", give_back("G", "S", None));
    books.check_sums("m", (10.0, 0.0, 10.0, 0.0, 0.0));
    let last = books.log.last().expect("a record");
    assert!(matches!(&*last.event, Event::LotExpired(e) if e.due == books.now), "one record each, due then");
}

#[test]
fn grace_gives_a_new_life_once_and_counts_as_the_origins_own_lot() {
    let mut books = Books::new();
    books.terms.refund_grace = Some(Span::days(3));
    books.does("m", accrue("A", 10.0).expiring(Span::days(1))).does("m", spend("S", 10.0));
    books.pass(Span::days(2));
    books.does("m", give_back("G", "S", None));
    books.check_sums("m", (10.0, 0.0, 0.0, 0.0, 10.0));
    books.does("m", reverse("R", "A", false, Some(4.0))).does("m", spend("S2", 6.0));
    books.pass(Span::days(3));
    books.does("m", give_back("G2", "S2", None));
    books.check_sums("m", (6.0, 0.0, 6.0, 0.0, 0.0));
}

#[test]
fn grace_gives_each_lot_that_expired_a_new_one_of_its_own() {
    let mut books = Books::new();
    books.terms.refund_grace = Some(Span::days(3));
    for accrual in ["A", "B"] {
        books.does("m", accrue(accrual, 10.0).expiring(Span::days(1)));
    }
    books.does("m", spend("S", 20.0));
    books.pass(Span::days(2));
    books.does("m", give_back("G", "S", None));
    let expire_at = Some(books.now.after(Span::days(3)));
    let lots: Vec<_> =
        books.account("m").lots.iter().map(|lot| (lot.kind.id, lot.kind.accrual, lot.remaining.0)).collect();
    let id = |place| LotId { lsn: Lsn(4), place };
    assert_eq!(lots, [(id(0), Lsn(2), 100_000), (id(1), Lsn(1), 100_000)], "the one taken last first");
    assert!(books.account("m").lots.iter().all(|lot| lot.kind.graced && lot.kind.expire_at == expire_at));
    books.check_sums("m", (20.0, 0.0, 0.0, 0.0, 20.0));
}

#[test]
fn debt_paid_by_a_later_lot_counts_as_taken_from_that_lot() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0)).does("m", spend("S", 10.0)).does("m", reverse("R", "A", true, None));
    books.does("m", accrue("B", 25.0));
    books.check_sums("m", (25.0, 10.0, 0.0, 0.0, 15.0));
    books.does("m", give_back("G", "S", None));
    let held: Vec<i64> = books.account("m").lots.iter().map(|lot| lot.remaining.0).collect();
    assert_eq!(held, [250_000], "B has its own again, A nothing");
    assert!(books.account("m").elsewhere.is_empty());
}

#[test]
fn an_expired_lot_taken_elsewhere_is_passed_over_and_no_longer_remembered() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0)).does("m", spend("S", 10.0));
    books.does("m", accrue("B", 10.0).expiring(Span::days(1))).does("m", reverse("R", "A", false, None));
    books.pass(Span::days(1));
    books.does("m", give_back("G", "S", None));
    books.check_sums("m", (10.0, 0.0, 0.0, 0.0, 10.0));
    assert!(books.account("m").elsewhere.is_empty());
}

#[test]
fn a_returned_offer_goes_the_same_way_back() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0)).does("m", offer("T", "n", 10.0)).does("m", accrue("B", 4.0));
    books.does("m", reverse("R", "A", true, None));
    books.check_sums("m", (4.0, 10.0, 0.0, 0.0, -6.0));
    books.pass(Span::hours(24));
    books.check_sums("m", (4.0, 0.0, 0.0, 0.0, 4.0));
}

#[test]
fn points_that_come_back_pay_the_debt_of_their_own_accrual_first() {
    let mut books = Books::new();
    for (accrual, spent) in [("A", "S"), ("B", "T")] {
        books.does("m", accrue(accrual, 10.0)).does("m", spend(spent, 10.0));
    }
    books.does("m", reverse("R", "A", true, None)).does("m", reverse("Q", "B", true, None));
    let debts = |books: &mut Books| -> Vec<u64> {
        books.account("m").debts.iter().map(|debt| debt.accrual.0).collect()
    };
    assert_eq!(debts(&mut books), [1, 3], "one for each accrual, the oldest first");
    books.does("m", give_back("G", "T", None));
    assert_eq!(debts(&mut books), [1], "B's is paid, A's is not");
    books.check_sums("m", (0.0, 10.0, 0.0, 0.0, -10.0));
}

#[test]
fn what_one_lot_gave_for_two_accruals_is_made_good_for_each_alone() {
    let mut books = Books::new();
    for (accrual, spent) in [("A", "S"), ("B", "T")] {
        books.does("m", accrue(accrual, 10.0)).does("m", spend(spent, 10.0));
    }
    books.does("m", accrue("X", 20.0));
    books.does("m", reverse("R", "A", false, None)).does("m", reverse("Q", "B", false, None));
    let remembered = |books: &mut Books| -> Vec<(u64, i64)> {
        books.account("m").elsewhere.iter().map(|e| (e.accrual.0, e.taken.points.0)).collect()
    };
    assert_eq!(remembered(&mut books), [(1, 100_000), (3, 100_000)], "both of the one lot");
    books.does("m", give_back("G", "S", Some(4.0)));
    assert_eq!(remembered(&mut books), [(1, 60_000), (3, 100_000)]);
    books.does("m", give_back("H", "S", None));
    assert_eq!(remembered(&mut books), [(3, 100_000)]);
    books.check_sums("m", (20.0, 10.0, 0.0, 0.0, 10.0));
}
