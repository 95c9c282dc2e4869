//! Which lots a record moved points out of or into, as `/history` and the feed show them.
use super::With;
use crate::support::books::{Books, accrue, cancel, give_back, offer, points, reverse, send, spend};
use eros_points::ledger::event::{Event, Payment, Restore, SpendReversed};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::lot::{LotId, LotKind, Taken};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::moved::{Moved, Until};
use eros_points::ledger::points::{Points, Total};

fn entry(source: u64, amount: f64, until: Until) -> Moved {
    Moved { source: Lsn(source), points: points(amount), until }
}

/// What the newest record of a member moved.
fn moved(books: &Books, member: &str) -> Option<Vec<Moved>> {
    books.log.iter().rev().find(|record| record.member == member).expect("a record").event.moved()
}

/// A lot of 10 that lives for a day, and one of 10 that never expires: records 1 and 2.
fn two_lots() -> (Books, Until, Until) {
    let mut books = Books::new();
    let soon = Until::At(Some(books.now.after(Span::days(1))));
    books.does("m", accrue("A", 10.0).expiring(Span::days(1))).does("m", accrue("B", 10.0));
    (books, soon, Until::At(None))
}

#[test]
fn an_accrual_moves_none_and_what_leaves_is_told_lot_by_lot_in_the_order_taken() {
    let (mut books, soon, never) = two_lots();
    assert_eq!(moved(&books, "m"), None);
    for change in [spend("S", 13.0), send("T", "n", 13.0)] {
        let (mut books, ..) = two_lots();
        books.carries = false;
        books.does("m", change);
        assert_eq!(moved(&books, "m"), Some(vec![entry(1, 10.0, soon), entry(2, 3.0, never)]));
    }
    // An offer takes first from what outlives its window.
    books.does("m", offer("O", "n", 13.0));
    assert_eq!(moved(&books, "m"), Some(vec![entry(2, 10.0, never), entry(1, 3.0, soon)]));
}

#[test]
fn what_comes_back_and_what_arrives_is_told_with_where_it_lies_now() {
    let (mut books, soon, never) = two_lots();
    books.does("m", spend("S", 13.0)).does("m", give_back("G", "S", Some(5.0)));
    assert_eq!(moved(&books, "m"), Some(vec![entry(2, 3.0, never), entry(1, 2.0, soon)]));
    let (mut books, ..) = two_lots();
    books.does("m", offer("O", "n", 13.0)).does("m", cancel("O"));
    assert_eq!(moved(&books, "m"), Some(vec![entry(1, 3.0, soon), entry(2, 10.0, never)]));
    books.does("m", send("T", "n", 13.0));
    assert_eq!(moved(&books, "n"), Some(vec![entry(1, 10.0, soon), entry(2, 3.0, never)]));
    // The receiver's points keep the accrual that issued them.
    books.does("n", spend("S", 11.0));
    assert_eq!(moved(&books, "n"), Some(vec![entry(1, 10.0, soon), entry(2, 1.0, never)]));
}

#[test]
fn a_lot_that_expires_moves_what_it_held_and_bookkeeping_moves_nothing() {
    let (mut books, soon, _) = two_lots();
    books.does("m", send("T", "n", 4.0));
    assert_eq!(moved(&books, "m"), None, "the note that it has arrived");
    books.pass(Span::days(1));
    assert_eq!(moved(&books, "m"), Some(vec![entry(1, 6.0, soon)]));
}

#[test]
fn a_reversal_tells_its_own_lot_then_what_had_expired_then_others_and_no_debt() {
    let (mut books, soon, never) = two_lots();
    books.does("m", reverse("R", "A", false, Some(4.0)));
    assert_eq!(moved(&books, "m"), Some(vec![entry(1, 4.0, soon)]), "nothing had expired");
    books.does("m", spend("S", 2.0));
    books.pass(Span::days(1));
    books.does("m", reverse("Q", "A", true, None));
    assert_eq!(moved(&books, "m"), Some(vec![entry(1, 4.0, Until::AsIssued), entry(2, 2.0, never)]));
    books.does("m", spend("U", 8.0)).does("m", reverse("P", "B", true, None));
    assert_eq!(moved(&books, "m"), Some(vec![]), "all of it is debt");
}

#[test]
fn what_comes_back_to_one_lot_in_several_steps_is_one_entry_at_the_place_of_the_first() {
    let kind = |lsn: u64| LotKind {
        id: LotId { lsn: Lsn(lsn), place: 0 },
        accrual: Lsn(lsn),
        source: Lsn(lsn),
        expire_at: Some(Instant(5)),
        graced: false,
    };
    let taken = |lsn: u64, amount: f64| Taken { lot: kind(lsn), points: points(amount) };
    let (accrual, lot) = (Lsn(9), kind(1).id);
    let steps = vec![
        Restore::Debt(Payment { accrual, points: points(1.0) }),
        Restore::MakeGood { accrual, lot, points: points(3.0) },
        Restore::Lot(taken(1, 3.0)),
        Restore::Forget { accrual, lot },
        Restore::Grace(taken(2, 2.0)),
        Restore::Lot(taken(1, 4.0)),
        Restore::Pay { accrual, taken: taken(1, 5.0) },
    ];
    let event = Event::SpendReversed(SpendReversed {
        event_no: "G".into(),
        fingerprint: [0; 16],
        origin_event_no: "S".into(),
        origin: Lsn(3),
        points: points(10.0),
        event_at: Instant(0),
        steps,
        active_after: Total::ZERO,
    });
    let until = Until::At(Some(Instant(5)));
    assert_eq!(event.moved(), Some(vec![entry(1, 7.0, until), entry(2, 2.0, until)]));
    assert_eq!(entry(1, 7.0, until).points, Points(70_000));
}
