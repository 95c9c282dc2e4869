//! What an account is held against after every record: a sound one passes, and each way to be wrong is told.
use crate::support::books::{points, relay};
use eros_points::ledger::account::{Account, Debt, Elsewhere};
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lot::{Lot, LotId, LotKind, Taken};
use eros_points::ledger::lots::Lots;
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::{Points, Total};

const NOW: Instant = Instant(1_000);

fn lot(lsn: u64, remaining: Points) -> Lot {
    let id = LotId { lsn: Lsn(lsn), place: 0 };
    let kind = LotKind { id, accrual: Lsn(lsn), source: Lsn(lsn), expire_at: None, graced: false };
    Lot { kind, remaining, unfreeze_at: None }
}

/// Two lots of 10 and 20, something spent and something expired.
fn sound() -> Account {
    Account {
        lots: Lots::from_iter([lot(1, points(10.0)), lot(2, points(20.0))]),
        total: points(37.0).into(),
        used: points(4.0).into(),
        expired: points(3.0).into(),
        clock: NOW,
        ..Account::default()
    }
}

/// Debt and one lot, which can't pay it.
fn indebted(lot: Lot) -> Account {
    Account {
        debts: vec![Debt { accrual: Lsn(3), points: points(2.0) }],
        lots: Lots::from_iter([lot]),
        total: (lot.remaining - points(2.0)).into(),
        clock: NOW,
        ..Account::default()
    }
}

#[track_caller]
fn is_sound(account: &Account) {
    assert_eq!(account.check(), Ok(()));
}

#[track_caller]
fn is_told(account: &Account, part: &str) {
    let told = account.check().expect_err(part);
    assert!(told.contains(part), "{told} should say {part}");
}

#[test]
fn total_is_what_is_held_less_debt_and_what_expired_and_was_used() {
    is_sound(&Account::default());
    is_sound(&sound());
    for change in [
        (|account| account.total += Points(1)) as fn(&mut Account),
        |account| account.total -= Points(1),
        |account| account.used += Points(1),
        |account| account.expired += Points(1),
        |account| relay(account, |lots| lots[1].remaining += Points(1)),
    ] {
        let mut account = sound();
        change(&mut account);
        is_told(&account, "total ");
    }
    let mut account = indebted(Lot { unfreeze_at: Some(Instant(5_000)), ..lot(1, points(10.0)) });
    is_sound(&account);
    account.debts[0].points += Points(1);
    is_told(&account, "total ");
}

#[test]
fn lots_stand_in_spending_order_each_once() {
    let mut account = sound();
    relay(&mut account, |lots| lots.swap(0, 1));
    is_told(&account, "out of spending order");
    let mut account = sound();
    relay(&mut account, |lots| lots[1] = Lot { remaining: points(20.0), ..lots[0] });
    is_told(&account, "out of spending order");
    // One that expires comes before those that never do.
    let mut account = sound();
    relay(&mut account, |lots| lots[1].kind.expire_at = Some(Instant(5_000)));
    is_told(&account, "out of spending order");
    relay(&mut account, |lots| lots.swap(0, 1));
    is_sound(&account);
}

#[test]
fn nothing_empty_is_kept() {
    let mut account = sound();
    relay(&mut account, |lots| lots.push(lot(3, Points::ZERO)));
    is_told(&account, "empty");
    let mut account = Account::default();
    account.debts.push(Debt { accrual: Lsn(3), points: Points::ZERO });
    is_told(&account, "empty");
    let memory = |points| Elsewhere { accrual: Lsn(3), taken: Taken { lot: lot(1, points).kind, points } };
    let mut account = sound();
    account.elsewhere.push(memory(Points::ZERO));
    is_told(&account, "empty");
    account.elsewhere[0] = memory(Points(1));
    is_sound(&account);
}

#[test]
fn no_sum_is_negative() {
    let sums = |total: i128, used: i128, expired: i128| Account {
        total: Total(total),
        used: Total(used),
        expired: Total(expired),
        ..Account::default()
    };
    is_sound(&sums(3, 1, 2));
    is_told(&sums(1, -1, 2), "a sum is negative");
    is_told(&sums(1, 2, -1), "a sum is negative");
    let owes = Account { debts: vec![Debt { accrual: Lsn(3), points: Points(1) }], ..sums(-1, 0, 0) };
    is_told(&owes, "a sum is negative");
}

#[test]
fn while_there_is_debt_no_active_lot_holds_anything() {
    let ten = lot(1, points(10.0));
    is_told(&indebted(ten), "while there is debt");
    let unfreezes = |at: i64| indebted(Lot { unfreeze_at: Some(Instant(at)), ..ten });
    is_sound(&unfreezes(NOW.0 + 1));
    // At this very instant: it pays in a record of its own, which may be the next.
    is_sound(&unfreezes(NOW.0));
    is_told(&unfreezes(NOW.0 - 1), "while there is debt");
    // Expired, and the record of that is still to come.
    let mut expired = ten;
    expired.kind.expire_at = Some(NOW);
    is_sound(&indebted(expired));
}
