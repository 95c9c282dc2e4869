//! Entries of every variant, each with all that it can hold and with as little as it can hold.
use super::rule_samples;
use eros_points::format::entry::{Entry, MemberEntry, ServiceEntry, TenantEntry};
use eros_points::ledger::command::{Details, SourceType};
use eros_points::ledger::event::*;
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lot::{LotId, LotKind, Taken};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::{Amount, Points, Total};
use eros_points::ledger::profile::Sealed;
use eros_points::ledger::tenant::{Settings, TenantEvent};

const FINGERPRINT: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 248, 249, 250, 251, 252, 253, 254, 255];
const NOON: Instant = Instant(1_655_265_600_000);

/// Each with a name of its own.
pub fn all() -> Vec<(&'static str, Entry)> {
    of_version_1().into_iter().chain(of_version_2()).chain(rule_samples::all()).collect()
}

/// A member's entry.
pub fn member(event: Event) -> Entry {
    let (crm_id, member_no) = ("10080".to_owned(), "ec_18165fd7455_JGhyfyLmX".to_owned());
    Entry::Member(MemberEntry { crm_id, member_no, at: NOON, event })
}

/// A tenant's entry.
pub fn tenant(event: TenantEvent) -> Entry {
    Entry::Tenant(TenantEntry { crm_id: "10080".into(), at: NOON, event })
}

pub fn of_version_1() -> Vec<(&'static str, Entry)> {
    let mut all = vec![
        ("zone set", Entry::Service(ServiceEntry::ZoneSet { zone: "Asia/Shanghai".into() })),
        ("zone set to nothing", Entry::Service(ServiceEntry::ZoneSet { zone: String::new() })),
    ];
    for (name, event) in events() {
        let (crm_id, member_no) = ("10080".to_owned(), "ec_18165fd7455_JGhyfyLmX".to_owned());
        all.push((name, Entry::Member(MemberEntry { crm_id, member_no, at: NOON, event })));
    }
    let event = Event::OutboxCleared(OutboxCleared { transfer_no: "T".into(), offer: Lsn(7) });
    let (crm_id, member_no) = ("10080".to_owned(), "m".to_owned());
    all.push((
        "the page's example",
        Entry::Member(MemberEntry { crm_id, member_no, at: Instant(-3), event }),
    ));
    all
}

pub fn of_version_2() -> Vec<(&'static str, Entry)> {
    let bytes = (0..300_u16).map(|n| n as u8).collect();
    let sealed = Sealed { slot: 70_000, nonce: std::array::from_fn(|n| n as u8), bytes };
    let settings = Settings {
        accrual_opens_members: Some(false),
        time_zone: Some("Asia/Tokyo".into()),
        default_expire_days: Some(365),
        expire_at_day_end: Some(true),
        refund_grace_days: Some(0),
        offer_window_hours: Some(87_600),
        future_tolerance_hours: Some(251),
    };
    vec![
        (
            "profile set, full",
            member(Event::ProfileSet(ProfileSet { tier: Some("金卡".into()), sealed: Some(sealed) })),
        ),
        ("profile set, bare", member(Event::ProfileSet(ProfileSet { tier: None, sealed: None }))),
        ("personal data erased", member(Event::PersonalDataErased)),
        ("settings set, full", tenant(TenantEvent::SettingsSet(settings))),
        ("settings set, bare", tenant(TenantEvent::SettingsSet(Settings::default()))),
    ]
}

fn events() -> Vec<(&'static str, Event)> {
    let (taken, payments) = (vec![taken(7, true), taken(u64::MAX, false)], vec![payment(3), payment(66_000)]);
    vec![
        ("accrued, full", Event::Accrued(accrued(payments.clone()))),
        ("accrued, bare", Event::Accrued(accrued_bare())),
        ("spent, full", spent(details(), taken.clone(), 987_654_321)),
        ("spent, bare", spent(Details::default(), Vec::new(), 0)),
        ("accrual reversed, full", Event::AccrualReversed(accrual_reversed(&taken))),
        ("accrual reversed, bare", Event::AccrualReversed(accrual_reversed_bare())),
        ("spend reversed, full", spend_reversed(steps())),
        ("spend reversed, bare", spend_reversed(Vec::new())),
        ("offered, full", offered(taken.clone())),
        ("offered, bare", offered(Vec::new())),
        ("sent, full", sent(taken)),
        ("sent, bare", sent(Vec::new())),
        (
            "offer accepted",
            Event::OfferAccepted(OfferAccepted { transfer_no: "积分-1".into(), offer: Lsn(251) }),
        ),
        ("offer lapsed", returned(ReturnReason::Lapsed, steps())),
        ("offer cancelled", returned(ReturnReason::Cancelled, Vec::new())),
        (
            "received, full",
            received(vec![foreign(Some(NOON)), foreign(None)], vec![(0, payment(9)), (70_000, payment(10))]),
        ),
        ("received, bare", received(Vec::new(), Vec::new())),
        (
            "outbox cleared",
            Event::OutboxCleared(OutboxCleared { transfer_no: "T-1".into(), offer: Lsn(65_536) }),
        ),
        (
            "lot expired, of grace",
            Event::LotExpired(LotExpired { lot: lot(5, true), points: Points(1), due: NOON }),
        ),
        ("lot expired", Event::LotExpired(LotExpired { lot: lot(5, false), points: Points(1), due: NOON })),
        (
            "lot unfrozen, full",
            Event::LotUnfrozen(LotUnfrozen { lot: lot(5, false), paid: payments, due: NOON }),
        ),
        (
            "lot unfrozen, bare",
            Event::LotUnfrozen(LotUnfrozen { lot: lot(5, true), paid: Vec::new(), due: NOON }),
        ),
    ]
}

fn lot(lsn: u64, graced: bool) -> LotKind {
    LotKind {
        id: LotId { lsn: Lsn(lsn), place: 2 },
        accrual: Lsn(250),
        source: Lsn(251),
        expire_at: graced.then_some(Instant(i64::MAX)),
        graced,
    }
}

fn taken(lsn: u64, graced: bool) -> Taken {
    Taken { lot: lot(lsn, graced), points: Points(125_000) }
}

fn payment(accrual: u64) -> Payment {
    Payment { accrual: Lsn(accrual), points: Points(30_000) }
}

fn foreign(expire_at: Option<Instant>) -> ForeignLot {
    ForeignLot { points: Points(i64::MAX), source: Lsn(4_294_967_296), expire_at }
}

fn details() -> Details {
    Details {
        action_scene: Some("scene".into()),
        store_code: Some("ec_mall".into()),
        cost_center: Some(String::new()),
        campaign_code: Some("c".repeat(251)),
        operator: Some("\u{0}\n\"'\\".into()),
        event_desc: Some("下单送积分 🎁".into()),
    }
}

fn steps() -> Vec<Restore> {
    let (accrual, lot) = (Lsn(3), LotId { lsn: Lsn(4), place: 1 });
    vec![
        Restore::Debt(payment(3)),
        Restore::MakeGood { accrual, lot, points: Points(5) },
        Restore::Forget { accrual, lot },
        Restore::Lot(taken(7, false)),
        Restore::Grace(taken(0, true)),
        Restore::Pay { accrual, taken: taken(8, false) },
    ]
}

fn accrued(paid: Vec<Payment>) -> Accrued {
    Accrued {
        event_no: "ORDER_SYN_LOYALTY_ES202206151530230001".into(),
        fingerprint: FINGERPRINT,
        source_type: SourceType::Order,
        points: Points(200_000),
        event_at: Instant(1_655_258_400_000),
        expire_at: Some(Instant(1_670_810_400_000)),
        unfreeze_at: Some(Instant(1_655_344_800_000)),
        amount: Some(Amount(199_990_000)),
        details: details(),
        order_items: Some(r#"{"order_sn":"A","pay_amount":199.99,"item_list":[]}"#.into()),
        rule: Some(RuleRef { rule_id: u64::MAX, version: u32::MAX }),
        paid,
        active_after: Total(i128::MAX),
    }
}

pub fn accrued_bare() -> Accrued {
    Accrued {
        event_no: "E".into(),
        fingerprint: [0; 16],
        source_type: SourceType::Event,
        points: Points(1),
        event_at: Instant(i64::MIN),
        expire_at: None,
        unfreeze_at: None,
        amount: None,
        details: Details::default(),
        order_items: None,
        rule: None,
        paid: Vec::new(),
        active_after: Total(i128::MIN),
    }
}

fn spent(details: Details, taken: Vec<Taken>, active_after: i128) -> Event {
    Event::Spent(Spent {
        event_no: "S-1".into(),
        fingerprint: FINGERPRINT,
        points: Points(100_000),
        event_at: NOON,
        details,
        taken,
        active_after: Total(active_after),
    })
}

fn accrual_reversed(taken: &[Taken]) -> AccrualReversed {
    AccrualReversed {
        event_no: "R-1".into(),
        fingerprint: FINGERPRINT,
        origin_event_no: "E-1".into(),
        origin: Lsn(65_535),
        points: Points(1_000_000),
        event_at: NOON,
        refunded: Some(Amount(12_500_000)),
        refund_info: Some(r#"{"refund_amount":"12.50"}"#.into()),
        own: taken.to_vec(),
        expired: Points(124),
        elsewhere: taken[..1].to_vec(),
        debt: Points(125),
        active_after: Total(-126),
    }
}

pub fn accrual_reversed_bare() -> AccrualReversed {
    AccrualReversed {
        refunded: None,
        refund_info: None,
        own: Vec::new(),
        expired: Points::ZERO,
        elsewhere: Vec::new(),
        debt: Points::ZERO,
        ..accrual_reversed(&[taken(1, false)])
    }
}

fn spend_reversed(steps: Vec<Restore>) -> Event {
    Event::SpendReversed(SpendReversed {
        event_no: "G-1".into(),
        fingerprint: FINGERPRINT,
        origin_event_no: "S-1".into(),
        origin: Lsn(65_536),
        points: Points(32_767),
        event_at: NOON,
        steps,
        active_after: Total(-1),
    })
}

fn offered(taken: Vec<Taken>) -> Event {
    Event::Offered(Offered {
        transfer_no: "T-1".into(),
        fingerprint: FINGERPRINT,
        to: "bob".into(),
        points: Points(32_768),
        taken,
        deadline: Instant(1_655_352_000_000),
        active_after: Total(1 << 64),
    })
}

fn sent(taken: Vec<Taken>) -> Event {
    Event::Sent(Sent {
        transfer_no: "T-2".into(),
        fingerprint: FINGERPRINT,
        to: "cy".into(),
        points: Points(2_147_483_648),
        taken,
        active_after: Total(-(1 << 64)),
    })
}

fn returned(reason: ReturnReason, steps: Vec<Restore>) -> Event {
    Event::OfferReturned(OfferReturned {
        transfer_no: "T-1".into(),
        offer: Lsn(4_294_967_295),
        to: "bob".into(),
        reason,
        due: NOON,
        points: Points(-1),
        steps,
        active_after: Total(125),
    })
}

fn received(lots: Vec<ForeignLot>, paid: Vec<(u32, Payment)>) -> Event {
    Event::Received(Received {
        from: "ann".into(),
        transfer_no: "T-1".into(),
        offer: Lsn(9_007_199_254_740_991),
        points: Points(i64::MIN),
        lots,
        paid,
        active_after: Total(126),
    })
}
