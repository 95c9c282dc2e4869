//! What each kind of record tells of itself: the type that members see, its key, its content, and to whom it went.
use super::{With, with_the_rule};
use crate::ledger_model::the_rule;
use crate::support::books::{
    Books, accept, accrue, by_rule, cancel, give_back, offer, refund, reverse, send, spend,
};
use eros_points::ledger::Known;
use eros_points::ledger::calendar::Stretch;
use eros_points::ledger::command::{Command, Details, SourceType};
use eros_points::ledger::event::{Event, Key, ProfileSet, RecordType, Sequel, TransferStatus};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::points::{Amount, Points};
use eros_points::ledger::profile::Sealed;
use eros_points::ledger::refusal::Refusal;
use eros_points::ledger::rule::definition::{Period, Rounding};
use eros_points::ledger::rule::trace::Source;
use eros_points::ledger::transfer::status;

fn detailed(details: Details) -> (Command, Command) {
    let Command::Spend(spend) = spend("S", 1.0) else { panic!("a spend") };
    let mut accrual = accrue("A", 10.0);
    accrual.details = details.clone();
    (accrual.into(), Command::Spend(eros_points::ledger::command::Spend { details, ..spend }))
}

/// A record of every kind there is, by what members do and by time.
fn every_kind() -> Books {
    let mut books = with_the_rule();
    let (accrual, spent) = detailed(Details { operator: Some("clerk".into()), ..Details::default() });
    books.does("m", accrual).does("m", spent);
    books.does("m", by_rule("B", Amount(10_000_000))).does("m", reverse("R", "A", false, Some(1.0)));
    books.does("m", reverse("Q", "B", false, Some(1.0))).does("m", give_back("G", "S", None));
    books.does("m", offer("O", "n", 1.0)).does("m", accept("O", "n"));
    books.does("m", offer("P", "n", 1.0)).does("m", cancel("P")).does("m", send("T", "n", 1.0));
    let sealed = Some(Sealed { slot: 1, nonce: [0; 24], bytes: vec![1] });
    books.does("m", Command::SetProfile(ProfileSet { tier: None, sealed }));
    books.does("m", Command::ErasePersonalData);
    // What is frozen and has debt to pay; what expires.
    books.does("o", accrue("A", 5.0)).does("o", spend("S", 5.0)).does("o", reverse("R", "A", true, None));
    books.does("o", accrue("F", 7.0).frozen(Span::hours(1)).expiring(Span::hours(2)));
    books.pass(Span::hours(1));
    books.pass(Span::hours(1));
    books
}

#[test]
fn each_kind_has_its_type_and_its_key_in_a_name_space_of_its_own() {
    let told: Vec<String> = every_kind()
        .log
        .iter()
        .map(|record| {
            let kind = record.event.record_type().map_or("-", RecordType::name);
            let key = record.event.key().map(|key| format!("{} {}", key.space(), key.number()));
            format!("{} {kind} {}", record.member, key.unwrap_or("-".into()))
        })
        .collect();
    let expected = [
        "m produce 1 A",
        "m consume 1 S",
        "m produce 1 B",
        "m reverse_produce 1 R",
        "m reverse_produce 1 Q",
        "m reverse_consume 1 G",
        "m transfer 2 O",
        "m - -",
        "n accept 3 O",
        "m - -",
        "m transfer 2 P",
        "m transfer_return 4 P",
        "m transfer 2 T",
        "n accept 3 T",
        "m - -",
        "m - -",
        "m - -",
        "o produce 1 A",
        "o consume 1 S",
        "o reverse_produce 1 R",
        "o produce 1 F",
        "o - -",
        "o expired -",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_is_left_is_told_by_all_that_members_see_but_expiry_and_what_time_does_tells_when_it_was_due() {
    let books = every_kind();
    for record in &books.log {
        let seen = record.event.record_type().is_some_and(|kind| kind != RecordType::Expired);
        assert_eq!(record.event.active_after().is_some(), seen, "{:?}", record.event);
    }
    let due: Vec<Instant> = books.log.iter().filter_map(|record| record.event.due()).collect();
    let hours = |n: i64| books.now.after(Span::hours(n - 2));
    assert_eq!(due, [hours(0), hours(1), hours(2)], "the offer taken back, the lot unfrozen, its expiry");
}

#[test]
fn what_a_request_said_of_itself_the_record_of_it_tells() {
    let books = every_kind();
    let operators: Vec<Option<&str>> = books
        .log
        .iter()
        .filter_map(|record| record.event.details())
        .map(|details| details.operator.as_deref())
        .collect();
    // Two accruals and a spend of m, three changes of o.
    assert_eq!(operators, [Some("clerk"), Some("clerk"), None, None, None, None]);
    let scenes = books.log.iter().filter_map(|record| record.event.details()?.action_scene.as_deref());
    assert_eq!(scenes.collect::<Vec<_>>(), ["order_pay"], "the accrual by a rule");
}

#[test]
fn an_accrual_by_a_rule_is_an_accrual_and_its_reversal_a_reversal() {
    let books = every_kind();
    let events = || books.log.iter().map(|record| &*record.event);
    let accruals: Vec<&str> = events().filter_map(Event::accrual).map(|e| &*e.event_no).collect();
    assert_eq!(accruals, ["A", "B", "A", "F"]);
    let owned = events().filter_map(|event| event.clone().into_accrual());
    assert_eq!(owned.map(|e| e.event_no).collect::<Vec<_>>(), accruals);
    let reversals = events().filter_map(Event::accrual_reversed).map(|e| &*e.event_no);
    assert_eq!(reversals.collect::<Vec<_>>(), ["R", "Q", "R"]);
    let granted = events().filter_map(|event| Some((event.grant()?, event.accrual()?)));
    assert_eq!(granted.map(|(_, e)| &*e.event_no).collect::<Vec<_>>(), ["B"]);
    let receivers: Vec<&str> = events().filter_map(Event::sent_to).collect();
    assert_eq!(receivers, ["n"; 3], "two offers and a direct transfer");
}

#[test]
fn each_change_again_is_a_replay_and_under_its_key_with_other_content_a_conflict() {
    let changes: [(Command, Command); 8] = [
        (accrue("A", 10.0).into(), accrue("A", 11.0).into()),
        (by_rule("B", Amount(9_000_000)).into(), by_rule("B", Amount(8_000_000)).into()),
        (spend("S", 5.0), spend("S", 4.0)),
        (reverse("R", "A", true, Some(1.0)).into(), reverse("R", "A", true, Some(2.0)).into()),
        (reverse("Q", "B", true, Some(1.0)).into(), reverse("Q", "B", false, Some(1.0)).into()),
        (give_back("G", "S", Some(1.0)), give_back("G", "S", Some(2.0))),
        (offer("O", "n", 1.0), offer("O", "n", 2.0)),
        (send("T", "n", 1.0), send("T", "x", 1.0)),
    ];
    let mut books = with_the_rule();
    for (change, _) in &changes {
        books.does("m", change.clone());
    }
    for (change, other) in changes {
        books.is_replayed("m", change).is_refused("m", other, "40901");
    }
    // An offer under the number of a direct transfer is another operation, whatever its content.
    books.is_refused("m", refund("S", "A", 1, Some(1)), "40901");
}

#[test]
fn a_command_that_concerns_its_own_account_alone_says_so_and_what_is_owed_is_never_turned_away() {
    let mut books = Books::new();
    books.carries = false;
    books.does("m", accrue("A", 10.0)).does("m", send("T", "n", 1.0));
    let out = books.account("m").outbox[0].clone();
    let credit = eros_points::ledger::command::Credit {
        from: "m".into(),
        transfer_no: "T".into(),
        offer: out.offer,
        lots: out.lots,
    };
    let profile = ProfileSet { tier: None, sealed: None };
    let rows: [(Command, bool, bool); 12] = [
        (accrue("A", 1.0).into(), true, true),
        (by_rule("A", Amount(1)).into(), true, true),
        (spend("A", 1.0), true, true),
        (reverse("A", "B", true, None).into(), true, true),
        (give_back("A", "B", None), true, true),
        (offer("T", "n", 1.0), false, true),
        (send("T", "n", 1.0), false, true),
        (accept("T", "n"), false, true),
        (cancel("T"), false, true),
        (Command::SetProfile(profile), false, true),
        (Command::Receive(credit), true, false),
        (Command::ClearOutbox { transfer_no: "T".into() }, false, false),
    ];
    for (command, own, refusable) in rows {
        assert_eq!((command.is_own(), command.refusable()), (own, refusable), "{command:?}");
    }
}

fn known(books: &Books, key: Key<'_>) -> Known {
    books.find("m", &key).expect("a record")
}

#[test]
fn a_record_stands_as_the_records_after_it_left_it() {
    let mut books = Books::new();
    let start = books.now;
    let hour = |n| start.after(Span::hours(n));
    let mut order = accrue("A", 100.0).expiring(Span::hours(9));
    order.amount = Some(Amount(100_000_000));
    books.does("m", order).does("m", spend("S", 30.0));
    let standing = |books: &Books, key| known(books, key).standing;
    assert_eq!(standing(&books, Key::Event("A")), Default::default());
    books.pass(Span::hours(1));
    books.does("m", refund("R", "A", 10, None)).does("m", reverse("Q", "A", false, Some(5.0)));
    let accrual = standing(&books, Key::Event("A"));
    assert_eq!((accrual.reversed, accrual.reversed_by_refunds), (Points::whole(15), Points::whole(10)));
    assert_eq!((accrual.refunded, accrual.updated_at), (Amount(10_000_000), Some(hour(1))));
    books.does("m", refund("P", "A", 1, None)).does("m", give_back("G", "S", Some(2.0)));
    let accrual = standing(&books, Key::Event("A"));
    assert_eq!((accrual.refunded, accrual.reversed_by_refunds), (Amount(11_000_000), Points::whole(11)));
    books.pass(Span::hours(1));
    books.does("m", give_back("H", "S", Some(3.0)));
    let spent = standing(&books, Key::Event("S"));
    assert_eq!((spent.given_back, spent.updated_at), (Points::whole(5), Some(hour(2))));
    books.pass(Span::hours(7));
    let expired = |books: &Books| {
        let standing = standing(books, Key::Event("A"));
        (standing.expired_left, standing.expired_lots.len())
    };
    assert_eq!(expired(&books), (Points::whole(59), 1), "100 - 16 - 30 + 5");
    assert_eq!(standing(&books, Key::Event("A")).updated_at, Some(hour(1)), "time alone does not update it");
    // It takes points after that, and they expire at once: one lot all the same.
    books.does("m", give_back("I", "S", Some(1.0)));
    assert_eq!(expired(&books), (Points::whole(60), 1));
    books.does("m", reverse("X", "A", false, Some(20.0)));
    assert_eq!(expired(&books), (Points::whole(40), 1));
}

#[test]
fn a_sequel_counts_once_whoever_tells_it_again() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0)).does("m", reverse("R", "A", false, Some(4.0)));
    let mut known = known(&books, Key::Event("A"));
    let (lsn, at) = (known.standing.through, books.now);
    let before = known.standing.clone();
    let again = Sequel::Reversed { points: Points(1), expired: Points(1), refunded: None, at };
    known.standing.follow(lsn, &again);
    assert_eq!(known.standing, before);
    known.standing.follow(lsn.next(), &again);
    assert_eq!((known.standing.reversed, known.standing.through), (Points(40_001), lsn.next()));
}

#[test]
fn a_transfer_stands_as_it_was_closed_and_a_direct_one_is_the_receivers_from_the_start() {
    let mut books = Books::new();
    books.does("m", accrue("A", 10.0)).does("m", send("T", "n", 1.0));
    for number in ["O", "P", "Q"] {
        books.does("m", offer(number, "n", 1.0));
    }
    let stands = |books: &Books, number| status(&known(books, Key::Transfer(number))).name();
    assert_eq!(stands(&books, "O"), "open");
    books.does("m", accept("O", "n")).does("m", cancel("P"));
    books.pass(Span::hours(24));
    assert_eq!(
        ["T", "O", "P", "Q"].map(|number| stands(&books, number)),
        ["accepted", "accepted", "cancelled", "returned"]
    );
    // The moment at which it lapsed, or was cancelled.
    let closed = |number| known(&books, Key::Transfer(number)).standing.updated_at;
    let start = Instant(books.now.0 - Span::hours(24).0);
    assert_eq!(["P", "Q"].map(closed), [Some(start), Some(books.now)]);
    let late = books.change("m", &accept("Q", "n"));
    assert_eq!(late, Err(Refusal::TransferClosed { status: "returned" }));
}

#[test]
fn names_on_the_wire_are_these() {
    let types = RecordType::ALL.map(RecordType::name);
    let expected = [
        "produce",
        "consume",
        "transfer",
        "accept",
        "expired",
        "reverse_produce",
        "reverse_consume",
        "transfer_return",
    ];
    assert_eq!(types, expected);
    assert_eq!(RecordType::ALL.map(|kind| RecordType::from_name(kind.name())), RecordType::ALL.map(Some));
    assert_eq!(RecordType::from_name("Produce"), None);
    let statuses = TransferStatus::ALL.map(TransferStatus::name);
    assert_eq!(statuses, ["open", "accepted", "returned", "cancelled"]);
    assert_eq!([SourceType::Order, SourceType::Event].map(SourceType::name), ["order", "event"]);
    assert_eq!(Stretch::ALL.map(Stretch::name), ["day", "month", "quarter", "year"]);
    assert_eq!(Rounding::ALL.map(Rounding::name), ["floor", "half_up", "ceil"]);
    let sources = [Source::Nobody, Source::Request, Source::Rule, Source::Tenant].map(Source::name);
    assert_eq!(sources, [None, Some("request"), Some("rule"), Some("tenant")]);
    let caps = [Period::Day, Period::Week, Period::Month, Period::Ever].map(Period::names);
    let names = ["day", "week", "month", "ever"];
    for ((points, times), name) in caps.iter().zip(names) {
        assert_eq!((*points, *times), (&*format!("points.{name}"), &*format!("times.{name}")));
    }
}

/// As the log is printed, and as whoever follows it gets it: nothing that a reader could take for a binary float.
#[test]
fn for_people_a_record_is_json_with_exact_numbers_as_texts() {
    let mut books = Books::new();
    let mut order = accrue("A", 12.5).expiring(Span::days(1));
    (order.amount, order.fingerprint) = (Some(Amount(99_990_000)), [0xab; 16]);
    books.does("m", order).does("m", spend("S", 0.5));
    let json = |n: usize| serde_json::to_value(&*books.log[n].event).expect("json");
    let accrued = &json(0)["Accrued"];
    let shown = [&accrued["points"], &accrued["amount"], &accrued["fingerprint"], &accrued["active_after"]];
    assert_eq!(shown, ["12.5", "99.99", "ab".repeat(16).as_str(), "12.5"]);
    assert_eq!(accrued["event_at"], books.now.0);
    let taken = &json(1)["Spent"]["taken"][0];
    assert_eq!((&taken["lot"]["id"], &taken["points"]), (&"1-0".into(), &"0.5".into()));
    let definition = the_rule();
    let shown = serde_json::to_value(&definition).expect("json");
    assert_eq!(shown["limits"]["per_event"], "50");
}
