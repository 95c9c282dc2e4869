//! One record takes from so many lots at most that what it took comes back in one record too.
use crate::support::books::{Books, accrue, give_back, offer, refund, relay, reverse, send, spend};
use eros_points::format::entry::{Entry, MemberEntry};
use eros_points::ledger::account::Account;
use eros_points::ledger::command::Command;
use eros_points::ledger::event::{Event, OfferReturned, Payment, Restore, ReturnReason};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::lot::{Lot, LotId, LotKind, Taken};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::{Points, Total};
use eros_points::ledger::refusal::Refusal;
use eros_points::limits::{LOTS_PER_RECORD_MAX, RECORD_BYTES_MAX};

const MOST: usize = LOTS_PER_RECORD_MAX;
/// So many points lie in [`MOST`] lots of a ten-thousandth each.
const ALL: f64 = 10.0;
const ONE: f64 = 0.0001;

/// Gives the member lots of a ten-thousandth each, as from many transfers.
fn give_lots(books: &mut Books, member: &str, lots: usize, expire_at: Option<Instant>) {
    let account = books.account(member);
    let first = Lsn::MAX.0 - (account.lots.len() + lots) as u64;
    let lot = |n: usize| {
        let lsn = Lsn(first + n as u64);
        let kind =
            LotKind { id: LotId { lsn, place: 0 }, accrual: lsn, source: lsn, expire_at, graced: false };
        Lot { kind, remaining: Points(1), unfreeze_at: None }
    };
    relay(account, |all| {
        all.extend((0..lots).map(lot));
        all.sort_by_key(|lot| lot.kind.spending_key());
    });
    account.total += Total(lots as i128);
    assert_eq!(account.check(), Ok(()));
}

fn with_lots(lots: usize) -> Books {
    let mut books = Books::new();
    give_lots(&mut books, "m", lots, None);
    books
}

#[track_caller]
fn takes_too_many(books: &mut Books, command: impl Into<Command>, named: &str) {
    let (records, before): (usize, Account) = (books.log.len(), books.account("m").clone());
    match books.change("m", &command.into()) {
        Err(Refusal::Invalid { field, should }) => {
            assert_eq!(field, named);
            assert_eq!(should, "would take from more than 100,000 lots; ask for less at once");
        }
        other => panic!("{other:?}"),
    }
    assert!(books.log.len() == records && *books.account("m") == before, "a refusal changes nothing");
}

#[test]
fn a_spend_or_transfer_from_too_many_lots_is_refused_and_one_from_just_as_many_as_may_be_is_not() {
    for change in [spend as fn(&str, f64) -> Command, |no, n| offer(no, "n", n), |no, n| send(no, "n", n)] {
        let mut books = with_lots(MOST + 1);
        takes_too_many(&mut books, change("T", ALL + ONE), "points");
        books.does("m", change("T", ALL));
        books.check_sums("m", (ALL + ONE, ALL, 0.0, 0.0, ONE));
    }
}

#[test]
fn an_offer_counts_the_lots_that_outlive_its_window_and_those_that_do_not_together() {
    let mut books = with_lots(MOST);
    let soon = books.now.after(Span::hours(1));
    give_lots(&mut books, "m", 1, Some(soon));
    takes_too_many(&mut books, offer("T", "n", ALL + ONE), "points");
    books.does("m", offer("T", "n", ALL));
}

#[test]
fn a_reversal_counts_its_own_lots_and_others_together() {
    let mut books = Books::new();
    books.does("m", accrue("A", 2.0 * ALL)).does("m", spend("S", 2.0 * ALL - ONE));
    give_lots(&mut books, "m", MOST, None);
    let too_many = reverse("R", "A", false, Some(ALL + ONE));
    takes_too_many(&mut books, too_many, "reverse_points");
    takes_too_many(&mut books, reverse("R", "A", true, None), "reverse_points");
    books.does("m", reverse("R", "A", false, Some(ALL)));
    books.check_sums("m", (2.0 * ALL, 2.0 * ALL - ONE, 0.0, 0.0, ONE));
}

#[test]
fn a_refund_that_comes_to_points_of_too_many_lots_is_refused_by_the_same_name() {
    let mut books = Books::new();
    books.does("m", accrue("A", 2.0 * ALL)).does("m", spend("S", 2.0 * ALL));
    give_lots(&mut books, "m", MOST + 1, None);
    takes_too_many(&mut books, refund("R", "A", 60, Some(100)), "reverse_points");
    books.does("m", refund("R", "A", 50, Some(100)));
}

#[test]
fn too_few_points_are_told_before_too_many_lots() {
    let mut books = Books::new();
    books.does("m", accrue("A", 20.0)).does("m", spend("S", 20.0));
    give_lots(&mut books, "m", MOST + 1, None);
    books.is_refused("m", spend("T", 11.0), "42201").is_refused("m", offer("T", "n", 11.0), "42201");
    books.is_refused("m", reverse("R", "A", false, None), "42202");
}

#[test]
fn what_was_taken_from_as_many_lots_as_may_be_comes_back_in_one_record() {
    let mut books = with_lots(MOST);
    books.does("m", offer("T", "n", ALL));
    books.pass(Span::days(2));
    books.check_sums("m", (ALL, 0.0, 0.0, 0.0, ALL));
    books.does("m", spend("S", ALL)).does("m", give_back("G", "S", None));
    let steps: Vec<usize> = books
        .log
        .iter()
        .filter_map(|record| match record.event.as_ref() {
            Event::OfferReturned(e) => Some(e.steps.len()),
            Event::SpendReversed(e) => Some(e.steps.len()),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [MOST, MOST]);
}

/// Each lot pays debt of its own accrual, comes back, and pays another's debt: more steps there are not, as long as
/// nothing is remembered as taken elsewhere. All numbers are the widest.
#[test]
fn the_largest_return_of_such_a_record_fits_into_the_log() {
    let (lsn, points) = (Lsn::MAX, Points(i64::MAX));
    let id = LotId { lsn, place: u32::MAX };
    let lot = LotKind { id, accrual: lsn, source: lsn, expire_at: Some(Instant::MAX), graced: true };
    let taken = Taken { lot, points };
    let steps = [
        Restore::Debt(Payment { accrual: lsn, points }),
        Restore::Lot(taken),
        Restore::Pay { accrual: lsn, taken },
    ];
    let event = Event::OfferReturned(OfferReturned {
        transfer_no: "T".repeat(128),
        offer: lsn,
        to: "n".repeat(64),
        reason: ReturnReason::Cancelled,
        due: Instant::MAX,
        points,
        steps: steps.repeat(MOST),
        active_after: Total(i128::MIN),
    });
    let (crm_id, member_no) = ("c".repeat(64), "m".repeat(64));
    let bytes = Entry::Member(MemberEntry { crm_id, member_no, at: Instant::MAX, event }).encode().len();
    assert!(bytes <= RECORD_BYTES_MAX, "{bytes} bytes");
}
