//! The story that the data folder in `tests/fixtures/v1/folder/` tells: every event, every way back of points, and at the
//! end accounts with something in every field. Written once; kept so that it can be read.
use crate::ledger::With;
use crate::support::books::{
    Books, Record, accept, accrue, cancel, give_back, offer, refund, reverse, send, spend,
};
use eros_points::format::entry::{Entry, MemberEntry, ServiceEntry};
use eros_points::ledger::command::{Accrue, Command, Details, ReverseAccrual, SourceType, Spend};
use eros_points::ledger::event::{Event, OutboxCleared, RuleRef};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::Amount;
use std::sync::Arc;

/// When the story ends.
pub const END: Instant = Instant(1_655_258_400_000 + 2 * 86_400_000);

/// Total, used, expired, freeze and active at the end, in ten-thousandths, worked out by hand.
pub const SUMS: [(&str, &str, [i128; 5]); 7] = [
    ("10080", "ann", [117_0000, 67_0000, 0, 7_0000, 43_0000]),
    ("10080", "bob", [60_0000, 3_0000, 0, 0, 57_0000]),
    ("10080", "cy", [9_0000, 0, 0, 0, 9_0000]),
    ("20090", "dan", [10_0000, 5_0000, 0, 0, 5_0000]),
    ("20090", "eve", [100_0000, 30_0000, 0, 0, 70_0000]),
    ("20090", "fay", [0, 5_0000, 0, 0, -5_0000]),
    ("20090", "gil", [4_0000, 0, 4_0000, 0, 0]),
];

pub fn tenant(member: &str) -> String {
    let found = SUMS.iter().find(|(_, name, _)| *name == member);
    found.expect("a member of the story").0.to_owned()
}

/// The records, from LSN 1 on.
pub fn entries() -> Vec<Entry> {
    let entry = |record: &Record| match record.member.as_str() {
        "" => Entry::Service(ServiceEntry::ZoneSet { zone: "Asia/Shanghai".into() }),
        member => Entry::Member(MemberEntry {
            crm_id: tenant(member),
            member_no: member.to_owned(),
            at: record.at,
            event: record.event.as_ref().clone(),
        }),
    };
    told().log.iter().map(entry).collect()
}

pub fn told() -> Books {
    let mut books = Books::new();
    // The first record is the service's: it stands for the zone.
    let nothing = Event::OutboxCleared(OutboxCleared { transfer_no: String::new(), offer: Lsn::ZERO });
    books.log.push(Record { lsn: Lsn(1), member: String::new(), at: books.now, event: Arc::new(nothing) });
    first_day(&mut books);
    books.pass(Span::days(1));
    second_day(&mut books);
    books.pass(Span::days(1));
    third_day(&mut books);
    books
}

fn first_day(books: &mut Books) {
    let day = Span::days(1);
    let order = Accrue {
        amount: Some(Amount(199_990_000)),
        order_items: Some(r#"{"order_sn":"A","pay_amount":199.99,"item_list":[]}"#.into()),
        details: details(),
        ..accrue("A", 100.0)
    };
    let gift = Accrue { source_type: SourceType::Event, ..accrue("B", 50.0) };
    books.does("ann", order).does("ann", gift.expiring(Span::days(10)).frozen(day));
    books.does("ann", spend("S", 60.0)).does("ann", reverse("R", "A", true, None));

    books.does("cy", accrue("A", 10.0)).does("cy", spend("S", 10.0));
    books.does("cy", reverse("R", "A", true, None)).does("cy", give_back("G", "S", None));
    books.does("cy", accrue("K", 9.0).expiring(day)).does("cy", spend("KS", 9.0));

    books.does("dan", accrue("A", 10.0)).does("dan", spend("S", 10.0));
    books.does("dan", accrue("B", 10.0).expiring(day)).does("dan", reverse("R", "A", false, None));
    books.does("dan", accrue("E", 8.0).expiring(day));

    books.does("eve", accrue("A", 100.0)).does("eve", spend("SA", 100.0));
    books.does("eve", accrue("B", 30.0)).does("eve", spend("SB", 30.0));
    books.does("eve", reverse("R", "B", true, None)).does("eve", give_back("GA", "SA", None));

    books.does("bob", accrue("A", 3.0)).does("bob", spend("S", 3.0));
    books.does("bob", reverse("R", "A", true, None));
    books.does("gil", accrue("A", 4.0).expiring(day));
}

fn second_day(books: &mut Books) {
    books.terms.refund_grace = Some(Span::days(3));
    books.does("cy", give_back("KG", "KS", None));
    books.terms.refund_grace = None;
    books.does("dan", give_back("G", "S", None)).does("dan", reverse("RE", "E", false, None));

    books.does("ann", accrue("C", 30.0)).does("ann", give_back("G", "S", None));
    books.does("ann", Accrue { amount: Some(Amount(100_000_000)), ..accrue("P", 40.0) });
    let Command::ReverseAccrual(part) = refund("RP", "P", 25, None) else { panic!("a refund is a reversal") };
    books.does("ann", ReverseAccrual { refund_info: Some(r#"{"refund_amount":25}"#.into()), ..part });

    books.does("ann", offer("T1", "bob", 20.0)).does("ann", accept("T1", "bob"));
    books.does("ann", offer("T2", "bob", 5.0)).does("ann", cancel("T2"));
    books.does("ann", offer("T3", "bob", 5.0)).does("ann", send("T4", "bob", 40.0));
}

fn third_day(books: &mut Books) {
    let Command::Spend(detailed) = spend("DS", 5.0) else { panic!("a spend") };
    books.does("dan", accrue("D", 5.0)).does("dan", Command::Spend(Spend { details: details(), ..detailed }));
    books.does("dan", reverse("DR", "D", true, None));
    books.does("fay", accrue("A", 5.0)).does("fay", spend("S", 5.0));
    books.does("fay", reverse("R", "A", true, None));

    books.does("ann", offer("T5", "cy", 5.0));
    books.carries = false;
    books.does("ann", send("T6", "bob", 2.0));
    books.does("ann", accrue("F", 7.0).frozen(Span::days(2)));
    // No rule works points out yet; the log has room for its name.
    let last = books.log.last_mut().expect("a record");
    let Event::Accrued(mut accrued) = last.event.as_ref().clone() else { panic!("an accrual") };
    accrued.rule = Some(RuleRef { rule_id: 7, version: 2 });
    last.event = Arc::new(Event::Accrued(accrued));
}

fn details() -> Details {
    let text = |text: &str| Some(text.to_owned());
    Details {
        action_scene: text("order_pay"),
        store_code: text("ec_mall"),
        cost_center: text("cc-1"),
        campaign_code: text("618"),
        operator: text("system"),
        event_desc: text("下单送积分"),
    }
}

#[test]
fn the_story_ends_as_worked_out_by_hand() {
    let mut books = told();
    assert_eq!(books.now, END);
    for (_, member, sums) in SUMS {
        assert_eq!(books.sums(member), sums, "total, used, expired, freeze, active of {member}");
    }
    let ann = books.account("ann").clone();
    assert_eq!((ann.offers.len(), ann.outbox.len(), ann.lots.len()), (1, 1, 3));
    assert_eq!(books.account("eve").elsewhere.len(), 1);
    assert_eq!(books.account("fay").debts.len(), 1);
    assert!(books.account("cy").lots[0].kind.graced);
}
