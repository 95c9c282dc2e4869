//! Accounts, commands and logs to measure with; all made by the ledger itself.
use eros_points::format::entry::encode_member;
use eros_points::format::frame::{FrameKind, frame_header, push_record};
use eros_points::format::segment::Chain;
use eros_points::ledger::account::Account;
use eros_points::ledger::command::{
    Accrue, AccrueByRule, Command, Details, ReverseAccrual, SourceType, Spend,
};
use eros_points::ledger::event::{Event, ForeignLot, ProfileSet, Received};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::{Amount, Points, Total};
use eros_points::ledger::rule::definition::{Earn, Expiry, Factor, Limits, Most, Multiplier, Rate, Rounding};
use eros_points::ledger::rule::{Definition, Rule, Rulebook};
use eros_points::ledger::{Decision, Known, Prior, Terms, apply, decide};
use eros_points::limits::PARTITIONS;
use std::sync::Arc;

pub const TENANT: &str = "10080";
const MEMBERS: u64 = 5_000;
pub const NOW: Instant = Instant(1_700_000_000_000);
pub const LOG_ID: u128 = 0x5eed;
const ORIGIN: &str = "EACH2022061520280000000000000000";

/// Records of one frame: what a group commit gathers under load.
const FRAME_RECORDS: usize = 64;

pub fn member(number: u64) -> String {
    format!("ec_18165fd7455_{number:09}")
}

fn details() -> Details {
    Details {
        action_scene: Some("order_pay".into()),
        store_code: Some("ec_mall".into()),
        cost_center: Some("cost_center001".into()),
        campaign_code: None,
        operator: Some("小程序".into()),
        event_desc: Some("用户购买了100元酸奶".into()),
    }
}

fn event_no(number: u64) -> String {
    format!("EACH202206152028{number:016}")
}

fn accrue(event_no: String) -> Accrue {
    Accrue {
        event_no,
        fingerprint: [7; 16],
        source_type: SourceType::Order,
        points: Points::whole(20),
        event_at: None,
        expire_after: Some(Span::days(180)),
        freeze_for: None,
        amount: None,
        details: details(),
        order_items: None,
    }
}

fn spend_as(event_no: String, points: Points) -> Command {
    Command::Spend(Spend { event_no, fingerprint: [7; 16], points, event_at: None, details: details() })
}

fn reverse(event_no: String, origin_event_no: String) -> Command {
    Command::ReverseAccrual(ReverseAccrual {
        event_no,
        fingerprint: [7; 16],
        origin_event_no,
        allow_negative: true,
        event_at: None,
        points: None,
        refund_amount: None,
        order_pay_amount: None,
        refund_info: None,
    })
}

pub fn accrual() -> Command {
    accrue(event_no(1)).into()
}

pub fn spend(points: Points) -> Command {
    spend_as(event_no(1), points)
}

/// Of the accrual that every [`account`] begins with.
pub fn reversal() -> Command {
    reverse(event_no(1), ORIGIN.into())
}

pub fn origin() -> Prior {
    let first = decided(&Account::default(), &accrue(ORIGIN.into()).into(), &Prior::default());
    Prior { origin: first.map(|event| known(Lsn(1), event)), ..Prior::default() }
}

fn known(lsn: Lsn, event: Event) -> Known {
    Known { lsn, at: NOW, event: Arc::new(event), standing: Default::default() }
}

fn decided(account: &Account, command: &Command, prior: &Prior) -> Option<Event> {
    match decide(account, command.clone(), prior, NOW, &Terms::default()) {
        Ok(Decision::Record(event)) => Some(Event::clone(&event)),
        _ => None,
    }
}

/// With so many lots of 20 points; the first record's lies in the middle of them.
pub fn account(lots: usize) -> Account {
    let mut account = Account::default();
    let first = decided(&account, &accrue(ORIGIN.into()).into(), &Prior::default()).expect("an accrual");
    apply(&mut account, Lsn(1), NOW, &first);
    let others = lots.saturating_sub(1);
    let brought = |number: usize| ForeignLot {
        points: Points::whole(20),
        source: Lsn(1),
        expire_at: Some(NOW.after(Span::days(if number < others / 2 { 90 } else { 270 }))),
    };
    let received = Event::Received(Received {
        from: member(2),
        transfer_no: "T-1".into(),
        offer: Lsn(1),
        points: Points::whole(20 * i64::try_from(others).expect("few lots")),
        lots: (0..others).map(brought).collect(),
        paid: Vec::new(),
        active_after: Total::ZERO,
    });
    apply(&mut account, Lsn(2), NOW, &received);
    assert_eq!(account.lots.len(), lots);
    account
}

/// What the account can spend, divided by `by`.
pub fn held(account: &Account, by: i128) -> Points {
    Points(i64::try_from(account.active(NOW).0 / by).expect("points of one request"))
}

pub fn gold_account() -> Account {
    let mut account = account(3);
    let gold: Event = Event::ProfileSet(ProfileSet { tier: Some("gold".into()), sealed: None });
    apply(&mut account, Lsn(3), NOW, &gold);
    account
}

pub fn accrual_by_rule() -> Command {
    Command::AccrueByRule(AccrueByRule {
        event_no: event_no(1),
        fingerprint: [7; 16],
        source_type: SourceType::Order,
        details: details(),
        rule_id: None,
        points: None,
        event_at: None,
        expire_after: None,
        freeze_for: None,
        amount: Some(Amount(61_990_000)),
        items: Vec::new(),
        order_items: None,
    })
}

/// So many rules, of which the last one is for the store of [`accrual_by_rule`].
pub fn terms_with_rules(count: u64) -> Terms {
    let rule = |rule_id| {
        let store_code = if rule_id == count { "ec_mall".to_owned() } else { format!("store {rule_id}") };
        let definition = definition(store_code);
        Arc::new(Rule { rule_id, version: 1, created_at: NOW, updated_at: NOW, definition })
    };
    Terms {
        zone: chrono_tz::Asia::Shanghai,
        rulebook: Arc::new(Rulebook::new((1..=count).map(rule))),
        ..Terms::default()
    }
}

fn definition(store_code: String) -> Definition {
    let times = |tier: Option<&str>, factor| Multiplier {
        tier: tier.map(str::to_owned),
        weekdays: None,
        from: None,
        to: None,
        factor: Factor(factor),
    };
    Definition {
        name: "order points".into(),
        action_scene: "order_pay".into(),
        source_type: SourceType::Order,
        enabled: true,
        priority: 0,
        valid_from: None,
        valid_to: None,
        store_codes: vec![store_code],
        earn: Earn::PerAmount {
            rate: Rate { points: Points::whole(1), amount: Amount(5_000_000) },
            min_amount: Amount(0),
        },
        multipliers: vec![times(Some("gold"), 20_000), times(None, 15_000)],
        rounding: Rounding::HalfUp,
        scale: 1,
        limits: Limits {
            day: Most { points: Some(Points::whole(500)), times: Some(20) },
            ..Limits::default()
        },
        expiry: Some(Expiry::Days(180)),
        freeze_hours: Some(48),
        cost_center: None,
        campaign_code: None,
    }
}

/// SplitMix64's last step: any number gives one that looks random.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The payloads of so many records, from the first on: 14 accruals in 20 of random members, 5 spends and a reversal. Where
/// there is nothing to spend or to reverse it is an accrual, too.
pub fn log(records: u64) -> Vec<Vec<u8>> {
    let mut accounts = vec![Account::default(); MEMBERS as usize];
    let mut last_accruals: Vec<Option<Known>> = vec![None; MEMBERS as usize];
    let mut payloads = Vec::new();
    for number in 1..=records {
        let (lsn, random) = (Lsn(number), mix(number));
        let place = (random % MEMBERS) as usize;
        let account = &mut accounts[place];
        let event = match random >> 32 {
            kind if kind % 20 < 5 => {
                decided(account, &spend_as(event_no(number), Points::whole(15)), &Prior::default())
            }
            kind if kind % 20 == 5 => last_accruals[place].take().and_then(|origin| {
                let command = reverse(event_no(number), event_no(origin.lsn.0));
                decided(account, &command, &Prior { origin: Some(origin), ..Prior::default() })
            }),
            _ => None,
        };
        let accrual = || decided(account, &accrue(event_no(number)).into(), &Prior::default());
        let event = event.or_else(accrual).expect("an accrual is never refused");
        payloads.push(encode_member(TENANT, &member(place as u64), NOW, &event));
        apply(account, lsn, NOW, &event);
        if event.accrual().is_some() {
            last_accruals[place] = Some(known(lsn, event));
        }
    }
    payloads
}

/// The payload of a frame that holds these records from the log's first on.
pub fn payload(records: &[Vec<u8>]) -> Vec<u8> {
    payload_from(0, records)
}

fn payload_from(first: usize, records: &[Vec<u8>]) -> Vec<u8> {
    let (mut payload, partitions) = (Vec::new(), usize::from(PARTITIONS));
    for (number, record) in (first..).zip(records) {
        let partition = (number % partitions) as u16;
        push_record(&mut payload, partition, (number / partitions) as u64 + 1, record);
    }
    payload
}

/// The frames of a segment that holds these records from the log's first on.
pub fn segment(records: &[Vec<u8>]) -> Vec<u8> {
    let (mut segment, mut chain) = (Vec::new(), Chain::default());
    for (number, records) in records.chunks(FRAME_RECORDS).enumerate() {
        let payload = payload_from(number * FRAME_RECORDS, records);
        let count = records.len() as u32;
        segment.extend_from_slice(&frame_header(LOG_ID, &mut chain, FrameKind::Batch, count, &payload));
        segment.extend_from_slice(&payload);
    }
    segment
}
