//! The records that the index is filled with: which they are follows from their number.
use crate::TENANT;
use crate::common::mix;
use eros_points::format::entry::encode_member;
use eros_points::ledger::command::{Details, SourceType};
use eros_points::ledger::event::{Accrued, Event, Sent, SpendReversed, Spent};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::lot::{LotId, LotKind, Taken};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::{Points, Total};

const FIRST: Instant = Instant(1_700_000_000_000);

pub fn member(lsn: u64, members: u64) -> String {
    format!("ec_18165fd7455_{:09}", mix(lsn) % members)
}

pub fn event_no(lsn: u64) -> String {
    format!("EACH202206{:020}", mix(!lsn))
}

pub fn store(lsn: u64) -> String {
    format!("ec_mall_{:03}", mix(lsn ^ 0x77) % 200)
}

pub fn at(lsn: u64) -> Instant {
    Instant(FIRST.0 + lsn.cast_signed())
}

/// The log's record `lsn`: seven accruals in ten, a tenth of them frozen; spends, give-backs of spends, transfers.
pub fn record(lsn: u64, members: u64) -> Vec<u8> {
    let random = mix(lsn ^ 0x5555);
    let points = Points::whole((random % 1_000).cast_signed());
    let details = Details {
        action_scene: Some(format!("order_pay_{}", random % 10)),
        store_code: Some(store(lsn)),
        cost_center: Some(format!("cost_center{:03}", (random >> 8) % 40)),
        campaign_code: Some(format!("CMP2026{:02}", (random >> 16) % 5)),
        operator: Some("小程序".into()),
        event_desc: Some("用户购买了100元酸奶".into()),
    };
    let mut fingerprint = [0; 16];
    fingerprint[..8].copy_from_slice(&random.to_le_bytes());
    fingerprint[8..].copy_from_slice(&mix(random).to_le_bytes());
    let origin = Lsn(1 + random % lsn);
    let id = LotId { lsn: origin, place: 0 };
    let lot = LotKind { id, accrual: origin, source: origin, expire_at: Some(at(lsn)), graced: false };
    let (now, event_no) = (at(lsn), event_no(lsn));
    let active_after = Total(i128::from(random % 1_000_000));
    let event = match (random >> 24) % 20 {
        0..14 => Event::Accrued(Accrued {
            event_no,
            fingerprint,
            source_type: SourceType::Order,
            points,
            event_at: now,
            expire_at: Some(now.after(Span::days(180))),
            unfreeze_at: ((random >> 32).is_multiple_of(10)).then(|| now.after(Span::hours(24))),
            amount: None,
            details,
            order_items: None,
            rule: None,
            paid: Vec::new(),
            active_after,
        }),
        14..18 => Event::Spent(Spent {
            event_no,
            fingerprint,
            points,
            event_at: now,
            details,
            taken: vec![Taken { lot, points }],
            active_after,
        }),
        18 => Event::SpendReversed(SpendReversed {
            event_no,
            fingerprint,
            origin_event_no: self::event_no(origin.0),
            origin,
            points,
            event_at: now,
            steps: Vec::new(),
            active_after,
        }),
        _ => Event::Sent(Sent {
            transfer_no: event_no,
            fingerprint,
            to: member(random, members),
            points,
            taken: vec![Taken { lot, points }],
            active_after,
        }),
    };
    encode_member(TENANT, &member(lsn, members), now, &event)
}
