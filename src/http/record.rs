//! A record as JSON: the same shape in `/history` and in every change's answer.
use crate::actors::answer::{Answer, RecordView};
use crate::http::json::Json;
use crate::http::stream::{FieldWriter, Row};
use crate::http::time::{Times, format};
use crate::ledger::event::{AccruedByRule, Event, GrantReversed, RuleRef};
use crate::ledger::instant::Instant;
use crate::ledger::points::{Amount, Points};
use chrono_tz::Tz;

/// What differs from one type of record to another; what does not apply is none.
#[derive(Default)]
struct Parts<'a> {
    event_no: Option<&'a str>,
    origin_event_no: Option<&'a str>,
    from_transfer_no: Option<&'a str>,
    source_type: Option<&'a str>,
    reverse_status: u8,
    amount: Option<Amount>,
    points: Points,
    event_at: Option<Instant>,
    expire_at: Option<Instant>,
    unfreeze_at: Option<Instant>,
    order_items: Option<&'a str>,
    rule: Option<RuleRef>,
}

/// The names of a record's fields in their order (`rule_version` is there only where a rule granted the points), and of the
/// one that is there only where it was asked for.
pub const COLUMNS: [&str; 25] = [
    "auto_id",
    "crm_id",
    "member_no",
    "event_no",
    "origin_event_no",
    "from_transfer_no",
    "action_scene",
    "event_type",
    "source_type",
    "reverse_status",
    "amount",
    "points",
    "event_at",
    "expire_time",
    "unfreeze_time",
    "store_code",
    "cost_center",
    "campaign_code",
    "operator",
    "event_desc",
    "order_items",
    "rule_id",
    "rule_version",
    "create_time",
    "update_time",
];
const LOTS: &str = "lots";
const RULE_VERSION: &str = "rule_version";

pub fn columns(lots: bool) -> Vec<&'static str> {
    COLUMNS.into_iter().chain(lots.then_some(LOTS)).collect()
}

/// A record as a line of a stream.
pub struct RecordRow<'a> {
    pub record: &'a RecordView,
    pub zone: Tz,
    /// The lots were asked for.
    pub lots: bool,
}

impl Row for RecordRow<'_> {
    fn write(&self, out: &mut impl FieldWriter) {
        write_fields(out, self.record, self.zone, &mut Times::default());
        match lots_text(self.record, self.zone) {
            Some(lots) => out.field_raw(LOTS, Some(&lots)),
            None if self.lots => out.lacks(LOTS),
            None => {}
        }
    }
}

/// The answer to a change: the record, and what the member can spend right after it.
pub fn write_answer(json: &mut Json, answer: &Answer, times: &mut Times) {
    json.open(b'{');
    write_whole(json, &answer.record, answer.zone, times);
    json.field_plain("active_points", answer.record.event.active_after());
    json.close(b'}');
}

pub fn write_record(json: &mut Json, record: &RecordView, zone: Tz, times: &mut Times) {
    json.open(b'{');
    write_whole(json, record, zone, times);
    json.close(b'}');
}

fn write_whole(json: &mut Json, record: &RecordView, zone: Tz, times: &mut Times) {
    write_fields(json, record, zone, times);
    if let Some(lots) = lots_text(record, zone) {
        json.field_raw(LOTS, Some(&lots));
    }
}

/// The lots that it moved, as JSON text.
fn lots_text(record: &RecordView, zone: Tz) -> Option<String> {
    let lots = record.lots.as_ref()?;
    let mut json = Json::new();
    json.open(b'[');
    for lot in lots {
        json.element().open(b'{');
        json.field_string("origin_event_no", lot.origin_event_no.as_deref());
        json.field_plain("points", Some(lot.points));
        json.field_string("expire_time", lot.expire_at.map(|at| format(at, zone)).as_deref());
        json.close(b'}');
    }
    json.close(b']');
    String::from_utf8(json.into_bytes()).ok()
}

fn write_fields(json: &mut impl FieldWriter, record: &RecordView, zone: Tz, times: &mut Times) {
    let event = &*record.event;
    let parts = parts(event, record);
    let details = event.details();
    let detail = |pick: fn(&crate::ledger::command::Details) -> &Option<String>| {
        details.and_then(|d| pick(d).as_deref())
    };
    json.field_plain("auto_id", Some(record.lsn));
    json.field_string("crm_id", Some(&record.crm_id));
    json.field_string("member_no", Some(&record.member_no));
    json.field_string("event_no", parts.event_no);
    json.field_string("origin_event_no", parts.origin_event_no);
    json.field_string("from_transfer_no", parts.from_transfer_no);
    json.field_string("action_scene", detail(|d| &d.action_scene));
    json.field_string("event_type", event.record_type().map(crate::ledger::event::RecordType::name));
    json.field_string("source_type", parts.source_type);
    json.field_plain("reverse_status", Some(parts.reverse_status));
    json.field_plain("amount", parts.amount);
    json.field_plain("points", Some(parts.points));
    json.field_string("event_at", parts.event_at.map(|at| times.show(at, zone)));
    json.field_string("expire_time", parts.expire_at.map(|at| times.show(at, zone)));
    json.field_string("unfreeze_time", parts.unfreeze_at.map(|at| times.show(at, zone)));
    json.field_string("store_code", detail(|d| &d.store_code));
    json.field_string("cost_center", detail(|d| &d.cost_center));
    json.field_string("campaign_code", detail(|d| &d.campaign_code));
    json.field_string("operator", detail(|d| &d.operator));
    json.field_string("event_desc", detail(|d| &d.event_desc));
    json.field_raw("order_items", parts.order_items);
    json.field_plain("rule_id", parts.rule.map(|rule| rule.rule_id));
    match event.grant().and(parts.rule) {
        Some(rule) => json.field_plain(RULE_VERSION, Some(rule.version)),
        None => json.lacks(RULE_VERSION),
    }
    json.field_string("create_time", Some(times.show(event.due().unwrap_or(record.at), zone)));
    json.field_string("update_time", Some(times.show(record.standing.updated_at.unwrap_or(record.at), zone)));
}

fn parts<'a>(event: &'a Event, record: &'a RecordView) -> Parts<'a> {
    let standing = &record.standing;
    let none = Parts { event_no: event.key().map(|key| key.number()), ..Parts::default() };
    match event {
        Event::Accrued(e) | Event::AccruedByRule(AccruedByRule { accrued: e, .. }) => Parts {
            source_type: Some(e.source_type.name()),
            reverse_status: status(standing.reversed, e.points),
            amount: e.amount,
            points: e.points,
            event_at: Some(e.event_at),
            expire_at: e.expire_at,
            unfreeze_at: e.unfreeze_at,
            order_items: e.order_items.as_deref(),
            rule: e.rule,
            ..none
        },
        Event::Spent(e) => Parts {
            reverse_status: status(standing.given_back, e.points),
            points: e.points,
            event_at: Some(e.event_at),
            ..none
        },
        Event::AccrualReversed(e) | Event::GrantReversed(GrantReversed { reversed: e, .. }) => Parts {
            origin_event_no: Some(&e.origin_event_no),
            points: e.points,
            event_at: Some(e.event_at),
            ..none
        },
        Event::SpendReversed(e) => Parts {
            origin_event_no: Some(&e.origin_event_no),
            points: e.points,
            event_at: Some(e.event_at),
            ..none
        },
        Event::Offered(e) => Parts { points: e.points, ..none },
        Event::Sent(e) => Parts { points: e.points, ..none },
        Event::OfferReturned(e) => Parts { points: e.points, ..none },
        Event::Received(e) => Parts {
            from_transfer_no: Some(&e.transfer_no),
            points: e.points,
            expire_at: e.lots.iter().filter_map(|lot| lot.expire_at).min(),
            ..none
        },
        Event::LotExpired(e) => Parts {
            origin_event_no: record.origin_event_no.as_deref(),
            points: e.points,
            expire_at: e.lot.expire_at,
            ..none
        },
        Event::OfferAccepted(_)
        | Event::OutboxCleared(_)
        | Event::LotUnfrozen(_)
        | Event::ProfileSet(_)
        | Event::PersonalDataErased => none,
    }
}

/// 0: nothing of it was reversed; 1: a part; 2: all.
fn status(reversed: Points, points: Points) -> u8 {
    debug_assert!(reversed <= points);
    match reversed {
        none if none.is_zero() => 0,
        part if part < points => 1,
        _ => 2,
    }
}
