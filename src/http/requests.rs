//! Bodies into commands, one function a route.
use crate::actors::personal::Personal;
use crate::http::content::Content;
use crate::http::error::WireError;
use crate::http::fields::{Fields, TEXT_BYTES_MAX, amount, check_name, invalid, required};
use crate::http::rules::order::items;
use crate::ledger::command::{
    Accrue, AccrueByRule, Command, Details, ReverseAccrual, ReverseSpend, SourceType, Spend, Transfer,
};
use crate::ledger::instant::Span;
use crate::ledger::points::Amount;
use crate::ledger::refusal::Refusal;
use crate::limits::{ATTRIBUTES_BYTES_MAX, MOBILE_BYTES_MAX, PAGE_MAX, TIER_BYTES_MAX};
use chrono_tz::Tz;
use serde_json::{Map, Value};

/// A change and whose it is.
pub type Change = (String, Command);

/// Reads a change's body, whose times without an offset are in this zone.
pub type Reader = fn(&Fields<'_>, Tz) -> Result<Change, WireError>;

/// The reader of the route of this path, where that is a change of one member, or from one.
pub fn reader(path: &str) -> Option<Reader> {
    Some(match path {
        "produce/direct" => accrue,
        "produce/by_rule" => accrue_by_rule,
        "consume/direct" => spend,
        "reverse/produce" => reverse_accrual,
        "reverse/consume" => reverse_spend,
        "transfer" => |fields, _| offer(fields),
        "transfer/direct" => |fields, _| send_direct(fields),
        _ => return None,
    })
}

const EXPIRE_DAYS: (i64, i64) = (1, 36_500);
const FREEZE_HOURS: (i64, i64) = (0, 87_600);

pub fn accrue(fields: &Fields<'_>, zone: Tz) -> Result<Change, WireError> {
    let event_no = required("event_no", fields.key("event_no")?)?;
    let member_no = required("member_no", fields.member("member_no")?)?;
    let source_type = source_type(required("event_type", fields.text("event_type")?)?)?;
    let points = required("points", fields.points("points")?)?;
    let details = details(fields)?;
    let event_at = fields.time("event_at", zone)?;
    let expire_days = fields.integer("expire_days", EXPIRE_DAYS.0, EXPIRE_DAYS.1)?;
    let freeze_hours = fields.integer("freeze_hours", FREEZE_HOURS.0, FREEZE_HOURS.1)?;
    let order = fields.object("order_info")?;
    let amount = order.as_ref().map(|(_, order)| check_order("order_info", order)).transpose()?;

    let mut content = Content::of("produce/direct", &member_no);
    content.field_text("event_type", Some(source_type.name()));
    content.field_number("points", Some(points.0));
    content.field_number("event_at", event_at.map(|at| at.0));
    content.field_number("expire_days", expire_days);
    content.field_number("freeze_hours", freeze_hours);
    add_details(&mut content, &details);
    content.field_object("order_info", order.as_ref().map(|(_, order)| order));
    let command = Command::Accrue(Accrue {
        event_no,
        fingerprint: content.fingerprint(),
        source_type,
        points,
        event_at,
        expire_after: expire_days.map(Span::days),
        freeze_for: freeze_hours.filter(|hours| *hours > 0).map(Span::hours),
        amount,
        details,
        order_items: order.map(|(text, _)| text),
    });
    Ok((member_no, command))
}

pub fn accrue_by_rule(fields: &Fields<'_>, zone: Tz) -> Result<Change, WireError> {
    required("event_no", fields.key("event_no")?)?;
    let (member_no, command) = by_rule(fields, zone)?;
    Ok((member_no, Command::AccrueByRule(command)))
}

/// The same without its key: `/rules/preview` needs none.
pub fn by_rule(fields: &Fields<'_>, zone: Tz) -> Result<(String, AccrueByRule), WireError> {
    let event_no = fields.key("event_no")?.unwrap_or_default();
    let member_no = required("member_no", fields.member("member_no")?)?;
    let source_type = source_type(required("event_type", fields.text("event_type")?)?)?;
    let details = details(fields)?;
    filled("action_scene", &details.action_scene)?;
    filled("store_code", &details.store_code)?;
    filled("operator", &details.operator)?;
    filled("event_desc", &details.event_desc)?;
    let rule_id = fields.integer("rule_id", 1, PAGE_MAX.cast_signed())?;
    let points = fields.points("points")?;
    let event_at = fields.time("event_at", zone)?;
    let expire_days = fields.integer("expire_days", EXPIRE_DAYS.0, EXPIRE_DAYS.1)?;
    let freeze_hours = fields.integer("freeze_hours", FREEZE_HOURS.0, FREEZE_HOURS.1)?;
    let order = fields.object("order_items")?;
    if source_type == SourceType::Order && order.is_none() {
        return Err(invalid("order_items", "is required where event_type is order, and not empty").into());
    }
    let amount = order.as_ref().map(|(_, order)| check_order("order_items", order)).transpose()?;
    let items = order.as_ref().map(|(_, order)| items(order)).transpose()?;

    let mut content = Content::of("produce/by_rule", &member_no);
    content.field_text("event_type", Some(source_type.name()));
    content.field_number("rule_id", rule_id);
    content.field_number("points", points.map(|points| points.0));
    content.field_number("event_at", event_at.map(|at| at.0));
    content.field_number("expire_days", expire_days);
    content.field_number("freeze_hours", freeze_hours);
    add_details(&mut content, &details);
    content.field_object("order_items", order.as_ref().map(|(_, order)| order));
    let command = AccrueByRule {
        event_no,
        fingerprint: content.fingerprint(),
        source_type,
        details,
        rule_id: rule_id.map(i64::unsigned_abs),
        points,
        event_at,
        expire_after: expire_days.map(Span::days),
        freeze_for: freeze_hours.map(Span::hours),
        amount,
        items: items.unwrap_or_default(),
        order_items: order.map(|(text, _)| text),
    };
    Ok((member_no, command))
}

/// A text that must be there and say something.
fn filled(field: &'static str, text: &Option<String>) -> Result<(), Refusal> {
    match text.as_deref() {
        None => Err(invalid(field, "is required")),
        Some("") => Err(invalid(field, "must not be empty")),
        Some(_) => Ok(()),
    }
}

pub fn spend(fields: &Fields<'_>, zone: Tz) -> Result<Change, WireError> {
    let event_no = required("event_no", fields.key("event_no")?)?;
    let member_no = required("member_no", fields.member("member_no")?)?;
    let points = required("points", fields.points("points")?)?;
    let event_at = fields.time("event_at", zone)?;
    let details = details(fields)?;
    let mut content = Content::of("consume/direct", &member_no);
    content.field_number("points", Some(points.0));
    content.field_number("event_at", event_at.map(|at| at.0));
    add_details(&mut content, &details);
    let fingerprint = content.fingerprint();
    Ok((member_no, Command::Spend(Spend { event_no, fingerprint, points, event_at, details })))
}

pub fn reverse_accrual(fields: &Fields<'_>, zone: Tz) -> Result<Change, WireError> {
    let event_no = required("event_no", fields.key("event_no")?)?;
    let member_no = required("member_no", fields.member("member_no")?)?;
    let origin_event_no = required("origin_event_no", fields.key("origin_event_no")?)?;
    let allow_negative = required("allow_negative", fields.bool("allow_negative")?)?;
    let points = fields.points("reverse_points")?;
    let event_at = fields.time("event_at", zone)?;
    let refund = fields.object("refund_info")?;
    let part = |field, name: &str| amount(field, refund.as_ref().and_then(|(_, refund)| refund.get(name)));
    let refund_amount = part("refund_info.refund_amount", "refund_amount")?;
    let order_pay_amount = part("refund_info.order_pay_amount", "order_pay_amount")?;

    let mut content = Content::of("reverse/produce", &member_no);
    content.field_text("origin_event_no", Some(&origin_event_no));
    content.field_bool("allow_negative", allow_negative);
    content.field_number("reverse_points", points.map(|points| points.0));
    content.field_number("event_at", event_at.map(|at| at.0));
    content.field_object("refund_info", refund.as_ref().map(|(_, refund)| refund));
    let command = Command::ReverseAccrual(ReverseAccrual {
        event_no,
        fingerprint: content.fingerprint(),
        origin_event_no,
        allow_negative,
        event_at,
        points,
        refund_amount,
        order_pay_amount,
        refund_info: refund.map(|(text, _)| text),
    });
    Ok((member_no, command))
}

pub fn reverse_spend(fields: &Fields<'_>, zone: Tz) -> Result<Change, WireError> {
    let event_no = required("event_no", fields.key("event_no")?)?;
    let member_no = required("member_no", fields.member("member_no")?)?;
    let origin_event_no = required("origin_event_no", fields.key("origin_event_no")?)?;
    let points = fields.points("reverse_points")?;
    let event_at = fields.time("event_at", zone)?;
    let mut content = Content::of("reverse/consume", &member_no);
    content.field_text("origin_event_no", Some(&origin_event_no));
    content.field_number("reverse_points", points.map(|points| points.0));
    content.field_number("event_at", event_at.map(|at| at.0));
    let fingerprint = content.fingerprint();
    let command = ReverseSpend { event_no, fingerprint, origin_event_no, event_at, points };
    Ok((member_no, Command::ReverseSpend(command)))
}

/// `/transfer`: what is offered, by whom.
pub fn offer(fields: &Fields<'_>) -> Result<Change, WireError> {
    let trans_type = required("trans_type", fields.text("trans_type")?)?;
    if !["by_points", "by_poins", "by_by_poins"].contains(&trans_type.as_str()) {
        return Err(invalid("trans_type", "must be by_points").into());
    }
    let (from, transfer) = transfer(fields, "transfer")?;
    Ok((from, Command::Offer(transfer)))
}

pub fn send_direct(fields: &Fields<'_>) -> Result<Change, WireError> {
    let (from, transfer) = transfer(fields, "transfer/direct")?;
    Ok((from, Command::SendDirect(transfer)))
}

fn transfer(fields: &Fields<'_>, operation: &str) -> Result<(String, Transfer), WireError> {
    let transfer_no = required("transfer_no", fields.key("transfer_no")?)?;
    let from = required("from_user", fields.member("from_user")?)?;
    let to = required("to_user", fields.member("to_user")?)?;
    let points = required("points", fields.points("points")?)?;
    if from == to {
        return Err(invalid("to_user", "must be another member than from_user").into());
    }
    let mut content = Content::of(operation, &from);
    content.field_text("to_user", Some(&to));
    content.field_number("points", Some(points.0));
    let fingerprint = content.fingerprint();
    Ok((from, Transfer { transfer_no, fingerprint, to, points }))
}

/// `/accept`: the receiver, the number and, where needed, the sender.
pub struct Accept {
    pub member_no: String,
    pub transfer_no: String,
    pub from_user: Option<String>,
}

pub fn accept(fields: &Fields<'_>) -> Result<Accept, WireError> {
    let transfer_no = required("transfer_no", fields.key("transfer_no")?)?;
    let (member_no, to_user) = (fields.member("member_no")?, fields.member("to_user")?);
    if member_no.is_some() && to_user.is_some() && member_no != to_user {
        return Err(invalid("to_user", "must be the same as member_no, where both are given").into());
    }
    let member_no = required("member_no", member_no.or(to_user))?;
    Ok(Accept { member_no, transfer_no, from_user: fields.member("from_user")? })
}

/// `/transfer/cancel`: the sender and the number.
pub fn cancel(fields: &Fields<'_>) -> Result<(String, String), WireError> {
    let transfer_no = required("transfer_no", fields.key("transfer_no")?)?;
    let member_no = required("member_no", fields.member("member_no")?)?;
    Ok((member_no, transfer_no))
}

fn source_type(text: String) -> Result<SourceType, Refusal> {
    match text.as_str() {
        "order" => Ok(SourceType::Order),
        "event" => Ok(SourceType::Event),
        _ => Err(invalid("event_type", "must be order or event")),
    }
}

fn details(fields: &Fields<'_>) -> Result<Details, Refusal> {
    Ok(Details {
        action_scene: fields.text("action_scene")?,
        store_code: fields.text("store_code")?,
        cost_center: fields.text("cost_center")?,
        campaign_code: fields.text("campaign_code")?,
        operator: fields.text("operator")?,
        event_desc: fields.text("event_desc")?,
    })
}

fn add_details(content: &mut Content, details: &Details) {
    content.field_text("action_scene", details.action_scene.as_deref());
    content.field_text("store_code", details.store_code.as_deref());
    content.field_text("cost_center", details.cost_center.as_deref());
    content.field_text("campaign_code", details.campaign_code.as_deref());
    content.field_text("operator", details.operator.as_deref());
    content.field_text("event_desc", details.event_desc.as_deref());
}

/// An order's required fields, named as `field`'s; answers what was paid.
fn check_order(field: &str, order: &Map<String, Value>) -> Result<Amount, Refusal> {
    let given = |name: &str| order.get(name).filter(|value| !value.is_null());
    let path = |name: &str| format!("{field}.{name}");
    match given("order_sn") {
        Some(Value::String(text)) if !text.is_empty() && text.len() <= TEXT_BYTES_MAX => {}
        Some(Value::String(_)) => {
            return Err(invalid(path("order_sn"), format!("must have 1 to {TEXT_BYTES_MAX} bytes")));
        }
        Some(_) => return Err(invalid(path("order_sn"), "must be a string")),
        None => return Err(invalid(path("order_sn"), "is required")),
    }
    let paid = amount(path("pay_amount"), order.get("pay_amount"))?;
    let paid = paid.ok_or_else(|| invalid(path("pay_amount"), "is required"))?;
    match given("item_list") {
        Some(Value::Array(items)) if items.iter().all(Value::is_object) => Ok(paid),
        Some(_) => Err(invalid(path("item_list"), "must be an array of objects")),
        None => Err(invalid(path("item_list"), "is required")),
    }
}

/// A member's profile: its tier, and what would tell who it is.
pub fn profile(fields: &Fields<'_>) -> Result<(Option<String>, Personal), Refusal> {
    let tier = fields.text("tier")?.map(|tier| check_name("tier", tier, TIER_BYTES_MAX)).transpose()?;
    let mobile = fields.text("mobile")?.map(|mobile| check_name("mobile", mobile, MOBILE_BYTES_MAX));
    let attributes = fields.object("attributes")?.map(|(text, _)| text);
    if attributes.as_ref().is_some_and(|text| text.len() > ATTRIBUTES_BYTES_MAX) {
        return Err(invalid("attributes", format!("must have at most {ATTRIBUTES_BYTES_MAX} bytes")));
    }
    Ok((tier, Personal { mobile: mobile.transpose()?, name: fields.text("name")?, attributes }))
}

/// A member named in a query.
pub fn member_of_query(text: &str) -> Result<String, Refusal> {
    check_name("member_no", text, crate::limits::MEMBER_BYTES_MAX)
}
