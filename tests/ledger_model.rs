//! Random commands against the naive model: the same answers, the same five sums, after every step. Among the commands
//! the accounts are rebuilt from the log ("reopen") or from a packed image and the log after it, and transfers are cut
//! off between any two of their steps ("crash") and carried on later.
use crate::support::books::{
    Books, Done, Outcome, accept, accrue, by_rule, cancel, give_back, offer, reverse, send, spend,
};
use crate::support::model::{Model, Said};
use eros_points::format::codec;
use eros_points::format::entry::{Entry, MemberEntry};
use eros_points::ledger::account::Account;
use eros_points::ledger::command::{Accrue, AccrueByRule, Command, ReverseAccrual, ReverseSpend, SourceType};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::points::{Amount, Points};
use eros_points::ledger::refusal::Refusal;
use eros_points::ledger::rule::definition::{Earn, Expiry, Limits, Most, Rate, Rounding};
use eros_points::ledger::rule::{Definition, Rule, Rulebook};
use eros_points::ledger::{apply, project};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

pub const MEMBERS: [&str; 3] = ["ann", "bob", "cy"];

/// The members' names, as many as are wanted.
pub fn name(member: usize) -> &'static str {
    static MORE: LazyLock<Vec<String>> =
        LazyLock::new(|| (MEMBERS.len()..1_000).map(|n| format!("member-{n}")).collect());
    MEMBERS.get(member).copied().unwrap_or_else(|| &MORE[member - MEMBERS.len()])
}
const HOUR: i64 = 3_600_000;

#[derive(Clone, Debug)]
pub enum Step {
    Accrue { member: usize, key: u8, points: i64, ago: i64, expire: Option<i64>, freeze: Option<i64> },
    ByRule { member: usize, key: u8, points: i64, ago: i64 },
    Spend { member: usize, key: u8, points: i64 },
    Reverse { member: usize, key: u8, origin: u8, allow: bool, points: Option<i64> },
    GiveBack { member: usize, key: u8, origin: u8, points: Option<i64> },
    Transfer { member: usize, to: usize, key: u8, points: i64, direct: bool },
    Accept { from: usize, to: usize, key: u8 },
    Cancel { member: usize, key: u8 },
    Pass { hours: i64, millis: i64 },
    Reopen,
    Crash,
}

pub fn step() -> impl Strategy<Value = Step> {
    let member = 0..MEMBERS.len();
    let points = prop_oneof![1..30_i64, Just(100_000), 1..1_000_000_i64];
    let part = prop::option::of(points.clone());
    let hours = |most: i64| prop::option::weighted(0.4, 1..most);
    prop_oneof![
        6 => (member.clone(), any::<u8>(), points.clone(), prop_oneof![4 => Just(0), 1 => 0..60_i64], hours(60), hours(30))
            .prop_map(|(member, key, points, ago, expire, freeze)| Step::Accrue {
                member, key: key % 24, points, ago: ago * HOUR,
                expire: expire.map(|h| h * HOUR), freeze: freeze.map(|h| h * HOUR),
            }),
        3 => (member.clone(), any::<u8>(), points.clone(), prop_oneof![3 => Just(0), 2 => -20..90_i64])
            .prop_map(|(member, key, points, ago)| Step::ByRule { member, key: key % 24, points, ago: ago * HOUR }),
        5 => (member.clone(), any::<u8>(), points.clone())
            .prop_map(|(member, key, points)| Step::Spend { member, key: 24 + key % 24, points }),
        4 => (member.clone(), any::<u8>(), any::<u8>(), any::<bool>(), part.clone())
            .prop_map(|(member, key, origin, allow, points)| Step::Reverse {
                member, key: 48 + key % 24, origin: origin % 26, allow, points,
            }),
        4 => (member.clone(), any::<u8>(), any::<u8>(), part)
            .prop_map(|(member, key, origin, points)| Step::GiveBack {
                member, key: 72 + key % 24, origin: 23 + origin % 25, points,
            }),
        4 => (member.clone(), 1..MEMBERS.len(), any::<u8>(), points, any::<bool>())
            .prop_map(|(member, by, key, points, direct)| Step::Transfer {
                member, to: (member + by) % MEMBERS.len(), key: key % 12, points, direct,
            }),
        3 => (member.clone(), member.clone(), any::<u8>())
            .prop_map(|(from, to, key)| Step::Accept { from, to, key: key % 12 }),
        1 => (member, any::<u8>()).prop_map(|(member, key)| Step::Cancel { member, key: key % 12 }),
        4 => (0..30_i64, prop_oneof![4 => Just(0), 1 => -1..2_i64]).prop_map(|(hours, millis)| Step::Pass { hours, millis }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

fn said(outcome: &Outcome) -> Said {
    match outcome {
        Ok(Done::Recorded(_) | Done::Nothing) => Said::New,
        Ok(Done::Replayed(_)) => Said::Again,
        Err(Refusal::Invalid { .. }) => Said::No(40001),
        Err(Refusal::NoSuchMember) => Said::No(40405),
        Err(Refusal::MobileTaken) => Said::No(40902),
        Err(Refusal::NoSuchAccrual | Refusal::NoSuchSpend) => Said::No(40402),
        Err(Refusal::NoSuchTransfer) => Said::No(40403),
        Err(Refusal::KeyReused) => Said::No(40901),
        Err(Refusal::NotEnough { .. }) => Said::No(42201),
        Err(Refusal::WouldGoNegative { .. }) => Said::No(42202),
        Err(Refusal::MoreThanLeft { .. } | Refusal::MoreThanPaid) => Said::No(42203),
        Err(Refusal::TransferClosed { .. }) => Said::No(42204),
        Err(Refusal::TooManyLots) => Said::No(42207),
        Err(Refusal::NoSuchRule | Refusal::NoRuleFits { .. }) => Said::No(40401),
        Err(Refusal::GrantsNothing { .. }) => Said::No(42205),
        Err(Refusal::CapUsedUp { .. }) => Said::No(42206),
    }
}

/// The command for the ledger, with the content that the model takes for it.
pub fn command(step: &Step, now: i64) -> Option<(usize, Command)> {
    let exact = |points: i64| Points(points);
    Some(match step {
        Step::Accrue { member, key, points, ago, expire, freeze } => {
            let accrual = Accrue {
                points: exact(*points),
                event_at: Some(Instant(now - ago)),
                expire_after: expire.map(Span),
                freeze_for: freeze.map(Span),
                fingerprint: fingerprint(&("accrue", points, now - ago, expire, freeze)),
                ..accrue(&format!("e{key}"), 1.0)
            };
            (*member, accrual.into())
        }
        Step::ByRule { member, key, points, ago } => {
            let accrual = AccrueByRule {
                event_at: Some(Instant(now - ago)),
                fingerprint: fingerprint(&("by rule", points, now - ago)),
                // A point for each unit of money.
                ..by_rule(&format!("e{key}"), Amount(points * 100))
            };
            (*member, accrual.into())
        }
        Step::Spend { member, key, points } => {
            let Command::Spend(mut command) = spend(&format!("e{key}"), 1.0) else { return None };
            (command.points, command.fingerprint) = (exact(*points), fingerprint(&("spend", points)));
            (*member, Command::Spend(command))
        }
        Step::Reverse { member, key, origin, allow, points } => {
            let command = ReverseAccrual {
                points: points.map(exact),
                fingerprint: fingerprint(&("reverse", origin, allow, points)),
                ..reverse(&format!("e{key}"), &format!("e{origin}"), *allow, None)
            };
            (*member, command.into())
        }
        Step::GiveBack { member, key, origin, points } => {
            let Command::ReverseSpend(command) = give_back(&format!("e{key}"), &format!("e{origin}"), None)
            else {
                return None;
            };
            let fingerprint = fingerprint(&("give back", origin, points));
            (
                *member,
                Command::ReverseSpend(ReverseSpend { points: points.map(exact), fingerprint, ..command }),
            )
        }
        Step::Transfer { member, to, key, points, direct } => {
            let (no, to) = (format!("t{key}"), name(*to));
            let fingerprint = fingerprint(&("transfer", to, points, direct));
            let transfer = match if *direct { send(&no, to, 1.0) } else { offer(&no, to, 1.0) } {
                Command::SendDirect(mut transfer) | Command::Offer(mut transfer) => {
                    (transfer.points, transfer.fingerprint) = (exact(*points), fingerprint);
                    transfer
                }
                _ => return None,
            };
            (*member, if *direct { Command::SendDirect(transfer) } else { Command::Offer(transfer) })
        }
        Step::Accept { from, to, key } => (*from, accept(&format!("t{key}"), name(*to))),
        Step::Cancel { member, key } => (*member, cancel(&format!("t{key}"))),
        Step::Pass { .. } | Step::Reopen | Step::Crash => return None,
    })
}

fn fingerprint(content: &impl std::fmt::Debug) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&blake3::hash(format!("{content:?}").as_bytes()).as_bytes()[..16]);
    out
}

pub fn ask(model: &mut Model, step: &Step) -> Said {
    let now = model.now;
    ask_later(model, step, now)
}

/// The same of a step whose command was made at `now`, which may be a while ago.
pub fn ask_later(model: &mut Model, step: &Step, now: i64) -> Said {
    match step {
        Step::Accrue { member, key, points, ago, expire, freeze } => {
            model.accrue(name(*member), &format!("e{key}"), *points, now - ago, *expire, *freeze)
        }
        Step::ByRule { member, key, points, ago } => {
            model.accrue_by_rule(name(*member), &format!("e{key}"), *points, now - ago)
        }
        Step::Spend { member, key, points } => model.spend(name(*member), &format!("e{key}"), *points),
        Step::Reverse { member, key, origin, allow, points } => {
            model.reverse(name(*member), &format!("e{key}"), &format!("e{origin}"), *allow, *points)
        }
        Step::GiveBack { member, key, origin, points } => {
            model.give_back(name(*member), &format!("e{key}"), &format!("e{origin}"), *points)
        }
        Step::Transfer { member, to, key, points, direct } => {
            model.transfer(name(*member), &format!("t{key}"), name(*to), *points, *direct)
        }
        Step::Accept { from, to, key } => model.accept(name(*from), &format!("t{key}"), name(*to)),
        Step::Cancel { member, key } => model.cancel(name(*member), &format!("t{key}")),
        Step::Pass { .. } | Step::Reopen | Step::Crash => Said::New,
    }
}

/// Accounts from the log alone, by way of its bytes; half of it through a packed image.
fn reopened(books: &Books) -> Books {
    let mut fresh = Books::new();
    (fresh.now, fresh.terms) = (books.now, books.terms.clone());
    for (n, record) in books.log.iter().enumerate() {
        let entry = MemberEntry {
            crm_id: "10080".into(),
            member_no: record.member.clone(),
            at: record.at,
            event: (*record.event).clone(),
        };
        let Ok(Entry::Member(entry)) = Entry::decode(&Entry::Member(entry).encode()) else {
            panic!("not an entry")
        };
        let account = fresh.account(&record.member);
        apply(account, record.lsn, entry.at, &entry.event);
        if n == books.log.len() / 2 {
            *account = codec::decode::<Account>(&codec::encode(account)).expect("a packed account");
        }
        fresh.log.push(record.clone());
    }
    for (member, account) in books.accounts.iter().filter(|(_, account)| account.records > 0) {
        assert_eq!(account, &fresh.accounts[member], "replay of {member} drifted");
    }
    fresh
}

/// The one rule that the model knows.
pub fn the_rule() -> Definition {
    let most = |points, times| Most { points, times };
    Definition {
        name: "all of it".into(),
        action_scene: "order_pay".into(),
        source_type: SourceType::Order,
        enabled: true,
        priority: 0,
        valid_from: None,
        valid_to: None,
        store_codes: Vec::new(),
        earn: Earn::PerAmount {
            rate: Rate { points: Points::whole(1), amount: Amount(1_000_000) },
            min_amount: Amount(0),
        },
        multipliers: Vec::new(),
        rounding: Rounding::Floor,
        scale: 4,
        limits: Limits {
            per_event: Some(Points::whole(50)),
            day: most(Some(Points::whole(60)), Some(4)),
            ever: most(Some(Points::whole(400)), None),
            ..Limits::default()
        },
        expiry: Some(Expiry::Days(2)),
        freeze_hours: None,
        cost_center: None,
        campaign_code: None,
    }
}

fn run(steps: Vec<Step>) {
    let mut books = Books::new();
    let (created_at, updated_at) = (books.now, books.now);
    let rule = Rule { rule_id: 1, version: 1, created_at, updated_at, definition: the_rule() };
    books.terms.zone = chrono_tz::Asia::Shanghai;
    books.terms.rulebook = Arc::new(Rulebook::new([Arc::new(rule)]));
    let mut model = Model::at(books.now.0);
    for step in steps {
        match &step {
            Step::Pass { hours, millis } => {
                model.now += (hours * HOUR + millis).max(0);
                let then = Instant(model.now);
                for member in MEMBERS {
                    let terms = books.terms.clone();
                    let projected = project(books.account(member), then, &terms);
                    books.now = then;
                    books.settle(member);
                    let settled = books.account(member).clone();
                    assert_eq!(projected.active(then), settled.active(then), "projection of {member}");
                    assert_eq!((projected.expired, projected.used), (settled.expired, settled.used));
                }
            }
            Step::Reopen => books = reopened(&books),
            Step::Crash => {
                // Half of a transfer: carried but not noted, then all is read again from the log and carried on.
                books.carries = false;
                let outgoing: Vec<_> = books
                    .accounts
                    .iter()
                    .flat_map(|(m, a)| a.outbox.iter().map(|o| (m.clone(), o.clone())))
                    .collect();
                for (from, out) in outgoing {
                    books.deliver(&from, &out);
                }
                books = reopened(&books);
                books.carry();
                books.carries = true;
            }
            _ => {
                let Some((member, command)) = command(&step, model.now) else { continue };
                // Some transfers are cut off after their first half, as a crash would.
                let cut =
                    matches!(&step, Step::Transfer { key, .. } | Step::Accept { key, .. } if key % 3 == 0);
                books.carries = !cut;
                let outcome = books.change(MEMBERS[member], &command);
                let expected = ask(&mut model, &step);
                assert_eq!(said(&outcome), expected, "{step:?}: {outcome:?}");
                if cut {
                    books.check_conservation();
                    books = reopened(&books);
                    books.carry();
                    books.carries = true;
                }
            }
        }
        for member in MEMBERS {
            books.settle(member);
            assert_eq!(books.sums(member), model.sums(member), "{member} after {step:?}");
        }
        books.check_conservation();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(400), max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_agree_with_the_naive_model(steps in prop::collection::vec(step(), 1..80)) {
        run(steps);
    }
}

/// `PROPTEST_CASES` asks for more.
pub fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}
