use super::With;
use crate::support::books::{Books, accept, accrue, cancel, offer, reverse, send, spend};
use eros_points::ledger::account::Outgoing;
use eros_points::ledger::event::{Event, Key};
use eros_points::ledger::instant::Span;

#[test]
fn an_offer_takes_first_from_what_outlives_its_window_and_ends_with_the_shortest_lived() {
    let mut books = Books::new();
    books
        .does("m", accrue("short", 10.0).expiring(Span::hours(5)))
        .does("m", accrue("long", 10.0).expiring(Span::days(2)));
    books.does("m", offer("T", "n", 8.0));
    let start = books.now;
    assert_eq!(books.account("m").offers[0].deadline, start.after(Span::hours(24)));
    books.does("m", offer("U", "n", 7.0));
    assert_eq!(
        books.account("m").offers[1].deadline,
        start.after(Span::hours(5)),
        "points never expire in flight"
    );
    books.pass(Span::hours(5));
    books.check_sums("m", (20.0, 8.0, 10.0, 0.0, 2.0));
}

#[test]
fn accept_cancel_and_lapse_race_and_one_wins() {
    let mut books = Books::new();
    books.does("m", accrue("A", 30.0));
    for (n, member) in [("T1", "n"), ("T2", "n"), ("T3", "n")] {
        books.does("m", offer(n, member, 10.0));
    }
    books.does("m", accept("T1", "n")).does("m", cancel("T2"));
    books.is_refused("m", accept("T2", "n"), "42204").is_refused("m", cancel("T1"), "42204");
    books.is_replayed("m", accept("T1", "n")).is_replayed("m", cancel("T2"));
    books.is_refused("m", accept("T3", "stranger"), "40403").is_refused("m", cancel("T9"), "40403");
    books.pass(Span::hours(24));
    books.is_refused("m", accept("T1", "stranger"), "40403");
    books.is_refused("m", accept("T3", "n"), "42204").is_refused("m", cancel("T3"), "42204");
    books.check_sums("m", (30.0, 10.0, 0.0, 0.0, 20.0));
    books.check_sums("n", (10.0, 0.0, 0.0, 0.0, 10.0));
}

#[test]
fn a_direct_transfer_is_delivered_once_however_often_it_is_carried() {
    let mut books = Books::new();
    books.carries = false;
    books.does("m", accrue("A", 10.0)).does("m", send("T", "n", 4.0));
    let out: Outgoing = books.account("m").outbox[0].clone();
    books.check_conservation();
    for _ in 0..3 {
        books.deliver("m", &out);
        books.check_conservation();
    }
    books.note_back("m", &out);
    books.note_back("m", &out);
    books.deliver("m", &out);
    books.check_sums("n", (4.0, 0.0, 0.0, 0.0, 4.0));
    assert!(books.account("m").outbox.is_empty());
    books.is_replayed("m", send("T", "n", 4.0)).is_refused("m", send("T", "n", 5.0), "40901");
}

#[test]
fn what_is_under_way_together_arrives_in_any_order_and_is_noted_one_by_one() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut books = Books::new();
        books.carries = false;
        books.does("m", accrue("A", 10.0)).does("m", send("T1", "n", 1.0));
        books.does("m", send("T2", "n", 2.0)).does("m", send("T3", "o", 3.0));
        let outbox: Vec<Outgoing> = books.account("m").outbox.clone().into_iter().collect();
        let mut left = outbox.clone();
        for place in order {
            books.deliver("m", &outbox[place]);
            books.note_back("m", &outbox[place]);
            left.retain(|out| *out != outbox[place]);
            assert!(books.account("m").outbox.iter().eq(&left), "after {place} of {order:?}");
        }
        books.check_conservation();
        books.check_sums("n", (3.0, 0.0, 0.0, 0.0, 3.0));
        books.check_sums("o", (3.0, 0.0, 0.0, 0.0, 3.0));
    }
}

#[test]
fn a_credit_that_arrives_after_its_expiry_is_taken_then_expired() {
    let mut books = Books::new();
    books.carries = false;
    books.does("m", accrue("A", 10.0).expiring(Span::days(1))).does("m", send("T", "n", 4.0));
    books.pass(Span::days(2));
    books.carry();
    books.check_sums("n", (4.0, 0.0, 4.0, 0.0, 0.0));
    books.check_sums("m", (10.0, 4.0, 6.0, 0.0, 0.0));
}

#[test]
fn transfers_need_active_points() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0).frozen(Span::hours(1)));
    books.is_refused("m", offer("T", "n", 1.0), "42201").is_refused("m", send("T", "n", 1.0), "42201");
    books.pass(Span::hours(1));
    books.does("m", offer("T", "n", 9.0)).is_refused("m", spend("S", 1.0001), "42201");
}

#[test]
fn offers_return_before_what_they_came_from_expires_at_the_same_instant() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0).expiring(Span::hours(3))).does("m", offer("T", "n", 10.0));
    books.pass(Span::hours(3));
    books.check_sums("m", (10.0, 0.0, 10.0, 0.0, 0.0));
}

#[test]
fn what_a_record_brings_its_receiver_is_what_the_outbox_holds() {
    let mut books = Books::new();
    books.carries = false;
    for command in [accrue("A", 100.0).into(), send("T", "bob", 30.0), offer("O", "bob", 10.0)] {
        books.change("ann", &command).expect("done");
    }
    // The sender decides; the receiver has nothing yet.
    books.change("ann", &accept("O", "bob")).expect("done");
    let brought = |lsn: usize| Outgoing::of(books.log[lsn].lsn, &books.log[lsn].event);
    assert_eq!(brought(0), None, "an accrual brings nobody anything");
    let outbox = books.accounts["ann"].outbox.clone();
    assert_eq!(outbox, [1, 2].map(|lsn| brought(lsn).expect("lots on their way")));
}

#[test]
fn lots_that_arrive_pay_the_receivers_debts_oldest_first_each_with_what_it_holds() {
    let mut books = Books::new();
    for (accrual, held, spent) in [("A", 6.0, "S"), ("B", 4.0, "T")] {
        books.does("n", accrue(accrual, held)).does("n", spend(spent, held));
    }
    books.does("n", reverse("R", "A", true, None)).does("n", reverse("Q", "B", true, None));
    for event_no in ["C", "D", "E"] {
        books.does("m", accrue(event_no, 5.0));
    }
    books.does("m", send("T", "n", 15.0));
    let key = Key::Incoming { from: "m", transfer_no: "T" };
    let received = books.find("n", &key).expect("the receipt");
    let Event::Received(e) = &*received.event else { panic!("{received:?}") };
    let paid: Vec<(u32, u64, i64)> =
        e.paid.iter().map(|(place, payment)| (*place, payment.accrual.0, payment.points.0)).collect();
    assert_eq!(paid, [(0, 1, 50_000), (1, 1, 10_000), (1, 3, 40_000)], "by lots 0 and 1; 2 is left");
    books.check_sums("n", (15.0, 10.0, 0.0, 0.0, 5.0));
}
