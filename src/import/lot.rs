//! A lot as it stands: an accrual, and what was used and taken back of it since.
use super::columns;
use super::row::{Reading, RowContent, accrual, recorded_at};
use crate::http::content::Content;
use crate::http::error::WireError;
use crate::http::fields::{Fields, KEY_BYTES_MAX, invalid};
use crate::ledger::command::{Accrue, Details, ReverseAccrual, Spend};
use crate::ledger::instant::Instant;
use crate::ledger::points::Points;
use chrono_tz::Tz;

#[derive(Clone, Debug)]
pub struct LotRow {
    pub at: Instant,
    pub accrue: Accrue,
    /// What was taken back of it.
    pub reversed: Points,
    /// What was spent of it, and when it first could be.
    pub used: Points,
    pub used_at: Instant,
}

pub fn lot(fields: &Fields<'_>, reading: &Reading<'_>, zone: Tz) -> Result<(String, RowContent), WireError> {
    fields.only(columns::LOT)?;
    let at = recorded_at(fields, reading, zone)?;
    let mut with_type = fields.clone();
    with_type.set_default("event_type", "\"event\"");
    let (member_no, accrue, _) = accrual(&with_type, at, zone)?;
    let points = accrue.points;
    let part = |name| fields.points_or_zero(name);
    let (expired, reversed) = (part("expired")?.unwrap_or_default(), part("reversed")?.unwrap_or_default());
    let remaining = match part("remaining")? {
        Some(remaining) => remaining,
        None => Points((points - expired - reversed).0.max(0)),
    };
    let used = points - remaining - expired - reversed;
    if used < Points::ZERO {
        return Err(invalid("remaining", "must not be more than points less expired and reversed").into());
    }
    let event_at = accrue.event_at.unwrap_or(at);
    let expire_at = accrue.expire_after.map(|life| event_at.after(life));
    if expired.is_positive() && expire_at.is_none_or(|expire_at| expire_at > reading.as_of) {
        return Err(invalid("expired", "must be 0 before expire_time").into());
    }
    let active_at = accrue.freeze_for.map_or(at, |frozen| at.max(event_at.after(frozen)));
    if used.is_positive() && active_at > reading.as_of {
        return Err(invalid("remaining", "must be all of it (less reversed) while the lot is frozen").into());
    }
    let changed_at = if used.is_positive() { active_at } else { at };
    let gone = expire_at.is_some_and(|expire_at| expire_at <= changed_at);
    if gone && (used.is_positive() || reversed.is_positive()) {
        return Err(
            invalid("remaining", "can't be less where the lot had expired before it was active").into()
        );
    }
    let lot = LotRow { at, accrue, reversed, used, used_at: active_at };
    Ok((member_no, RowContent::Lot(Box::new(lot))))
}

/// The spend that stands for what was used of a lot. No request has this content.
pub fn used_spend(member_no: &str, lot: &LotRow) -> Spend {
    let mut content = Content::of("import/used", member_no);
    content.field_number("points", Some(lot.used.0));
    let details = Details { event_desc: Some("used before the import".into()), ..Default::default() };
    Spend {
        event_no: used_key(&lot.accrue.event_no),
        fingerprint: content.fingerprint(),
        points: lot.used,
        event_at: Some(lot.used_at),
        details,
    }
}

/// The reversal that stands for what was taken back of a lot.
pub fn reversal(member_no: &str, lot: &LotRow) -> ReverseAccrual {
    let mut content = Content::of("import/reversed", member_no);
    content.field_number("points", Some(lot.reversed.0));
    ReverseAccrual {
        event_no: reversed_key(&lot.accrue.event_no),
        fingerprint: content.fingerprint(),
        origin_event_no: lot.accrue.event_no.clone(),
        allow_negative: false,
        event_at: Some(lot.at),
        points: Some(lot.reversed),
        refund_amount: None,
        order_pay_amount: None,
        refund_info: None,
    }
}

/// The number of the spend that stands for what was used of a lot before.
pub fn used_key(event_no: &str) -> String {
    derived("used", event_no)
}

pub fn reversed_key(event_no: &str) -> String {
    derived("reversed", event_no)
}

fn derived(what: &str, event_no: &str) -> String {
    let key = format!("{what}:{event_no}");
    if key.len() <= KEY_BYTES_MAX { key } else { format!("{what}:{}", blake3::hash(event_no.as_bytes())) }
}
