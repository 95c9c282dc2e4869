//! A row's fields, checked for form as a request's are: the same fields, read by the same code, with the same words.
use super::columns;
use super::lot::{LotRow, lot, reversed_key, used_key};
use crate::actors::personal::Personal;
use crate::http::error::WireError;
use crate::http::fields::{Fields, invalid, required};
use crate::http::requests;
use crate::ledger::command::{AcceptOffer, Accrue, Command};
use crate::ledger::event::Key;
use crate::ledger::instant::{Instant, Span};
use crate::ledger::points::Total;
use crate::ledger::refusal::Refusal;
use chrono_tz::Tz;

#[derive(Clone, Debug)]
pub struct Row {
    pub crm_id: String,
    /// Whose account it is about first: of a transfer the sender's.
    pub member_no: String,
    pub content: RowContent,
}

#[derive(Clone, Debug)]
pub enum RowContent {
    Member(Box<MemberRow>),
    Lot(Box<LotRow>),
    Event(Box<EventRow>),
}

#[derive(Clone, Debug)]
pub struct MemberRow {
    /// Since when it is one.
    pub since: Option<Instant>,
    pub tier: Option<String>,
    pub personal: Personal,
    pub old: Balances,
}

/// What the old system says; none where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balances {
    pub total: Option<Total>,
    pub active: Option<Total>,
    pub freeze: Option<Total>,
    pub expired: Option<Total>,
    pub used: Option<Total>,
}

#[derive(Clone, Debug)]
pub struct EventRow {
    pub at: Instant,
    pub command: Command,
    /// Its expiry is an instant of the row's own, not a number of days.
    pub is_exact: bool,
}

/// What a row is read with.
pub struct Reading<'a> {
    pub tenant: Option<&'a str>,
    pub as_of: Instant,
    pub zone: &'a dyn Fn(&str) -> Tz,
}

/// What the API would say.
pub fn words(error: WireError) -> String {
    match error {
        WireError::BadJson(why) => format!("the row is no JSON object: {why}"),
        other => other.wire().2.replacen("body: ", "", 1),
    }
}

impl Row {
    pub fn parse(json: &[u8], reading: &Reading<'_>) -> Result<Row, String> {
        read(json, reading).map_err(words)
    }

    /// The keys that it takes. Kept short where a number is as long as can be.
    pub fn keys(&self) -> Vec<String> {
        match &self.content {
            RowContent::Member(_) => Vec::new(),
            RowContent::Lot(lot) => {
                let number = &lot.accrue.event_no;
                let mut keys = vec![number.clone()];
                keys.extend(lot.reversed.is_positive().then(|| reversed_key(number)));
                keys.extend(lot.used.is_positive().then(|| used_key(number)));
                keys
            }
            RowContent::Event(event) => match event.command.key() {
                Some(Key::Event(number)) => vec![number.to_owned()],
                _ => Vec::new(),
            },
        }
    }

    /// The transfer number that it takes.
    pub fn transfer_key(&self) -> Option<&str> {
        match &self.content {
            RowContent::Event(event) => match &event.command {
                Command::Offer(c) | Command::SendDirect(c) => Some(&c.transfer_no),
                _ => None,
            },
            _ => None,
        }
    }
}

fn read(json: &[u8], reading: &Reading<'_>) -> Result<Row, WireError> {
    let fields = Fields::parse(json)?;
    let crm_id = crm_id(&fields, reading)?;
    let zone = (reading.zone)(&crm_id);
    let kind = required("kind", fields.text("kind")?)?;
    let (member_no, content) = match kind.as_str() {
        "member" => member(&fields, reading, zone)?,
        "lot" => lot(&fields, reading, zone)?,
        "event" => event(&fields, reading, zone)?,
        _ => return Err(invalid("kind", "must be member, lot or event").into()),
    };
    Ok(Row { crm_id, member_no, content })
}

fn crm_id(fields: &Fields<'_>, reading: &Reading<'_>) -> Result<String, Refusal> {
    let crm_id = fields.text("crm_id")?.or_else(|| reading.tenant.map(str::to_owned));
    let crm_id = required("crm_id", crm_id)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !(1..=32).contains(&crm_id.len()) || !crm_id.bytes().all(allowed) {
        return Err(invalid("crm_id", "must have 1 to 32 letters, digits, _ or -"));
    }
    Ok(crm_id)
}

fn member(fields: &Fields<'_>, reading: &Reading<'_>, zone: Tz) -> Result<(String, RowContent), WireError> {
    fields.only(columns::MEMBER)?;
    let since = fields.time("create_time", zone)?;
    since.map_or(Ok(()), |since| not_later(since, reading))?;
    let member_no = required("member_no", fields.member("member_no")?)?;
    let (tier, personal) = requests::profile(fields)?;
    let old = Balances {
        total: fields.total("total_points")?,
        active: fields.total("active_points")?,
        freeze: fields.total("freeze_points")?,
        expired: fields.total("expired_points")?,
        used: fields.total("used_points")?,
    };
    Ok((member_no, RowContent::Member(Box::new(MemberRow { since, tier, personal, old }))))
}

/// When the row was recorded: not after the moment that the old balances are of.
pub(super) fn recorded_at(fields: &Fields<'_>, reading: &Reading<'_>, zone: Tz) -> Result<Instant, Refusal> {
    let given = match fields.time("create_time", zone)? {
        None => fields.time("event_at", zone)?,
        given => given,
    };
    let at = required("create_time", given)?;
    not_later(at, reading)?;
    Ok(at)
}

fn not_later(at: Instant, reading: &Reading<'_>) -> Result<(), Refusal> {
    if at > reading.as_of {
        let should = "must not be later than the moment that is imported (--as-of, or now)";
        return Err(invalid("create_time", should));
    }
    Ok(())
}

/// `produce/direct`, with `expire_time` and `unfreeze_time` in place of numbers. The request's content is the same where
/// the instants are whole days and hours from `event_at`, as a client's would be.
pub(super) fn accrual(
    fields: &Fields<'_>,
    at: Instant,
    zone: Tz,
) -> Result<(String, Accrue, bool), WireError> {
    let event_at = fields.time("event_at", zone)?.unwrap_or(at);
    let expire = life(fields, "expire_time", "expire_days", event_at, zone)?;
    let freeze = life(fields, "unfreeze_time", "freeze_hours", event_at, zone)?;
    let mut fields = fields.clone();
    for (name, life, unit, most) in
        [("expire_days", expire, Span::days(1), 36_500), ("freeze_hours", freeze, Span::hours(1), 87_600)]
    {
        if let Some(Span(life)) = life
            && life % unit.0 == 0
            && (1..=most).contains(&(life / unit.0))
        {
            fields.set_number(name, life / unit.0);
        }
    }
    let (member_no, command) = requests::accrue(&fields, zone)?;
    let Command::Accrue(mut accrue) = command else {
        return Err(invalid("kind", "can't be an accrual").into());
    };
    accrue.expire_after = expire.or(accrue.expire_after);
    accrue.freeze_for = freeze.or(accrue.freeze_for);
    Ok((member_no, accrue, expire.is_some()))
}

/// From `event_at` to the instant that the row names; none where it names none.
fn life(
    fields: &Fields<'_>,
    name: &'static str,
    number: &'static str,
    event_at: Instant,
    zone: Tz,
) -> Result<Option<Span>, Refusal> {
    let Some(until) = fields.time(name, zone)? else { return Ok(None) };
    if fields.integer(number, 0, 87_600)?.is_some() {
        return Err(invalid(name, format!("must not be given together with {number}")));
    }
    let life = Span(until.0 - event_at.0);
    // Old systems write the moment of the event where nothing is frozen.
    if name == "unfreeze_time" && life.0 <= 0 {
        return Ok(None);
    }
    if life.0 <= 0 {
        return Err(invalid(name, "must be later than event_at"));
    }
    Ok(Some(life))
}

fn event(fields: &Fields<'_>, reading: &Reading<'_>, zone: Tz) -> Result<(String, RowContent), WireError> {
    let operation = required("operation", fields.text("operation")?)?;
    let columns = match operation.as_str() {
        "produce" => columns::PRODUCE,
        "consume" => columns::CONSUME,
        "reverse_produce" => columns::REVERSE_PRODUCE,
        "reverse_consume" => columns::REVERSE_CONSUME,
        "transfer" | "transfer_direct" => columns::TRANSFER,
        "accept" => columns::ACCEPT,
        "transfer_cancel" => columns::CANCEL,
        _ => {
            let should = "must be produce, consume, reverse_produce, reverse_consume, transfer, transfer_direct, accept or transfer_cancel";
            return Err(invalid("operation", should).into());
        }
    };
    fields.only(columns)?;
    let at = recorded_at(fields, reading, zone)?;
    let mut is_exact = false;
    let (member_no, command) = match operation.as_str() {
        "produce" => {
            let (member_no, accrue, exact) = accrual(fields, at, zone)?;
            is_exact = exact;
            (member_no, accrue.into())
        }
        "consume" => requests::spend(fields, zone)?,
        "reverse_produce" => requests::reverse_accrual(fields, zone)?,
        "reverse_consume" => requests::reverse_spend(fields, zone)?,
        "transfer" => {
            let mut fields = fields.clone();
            fields.set_default("trans_type", "\"by_points\"");
            requests::offer(&fields)?
        }
        "transfer_direct" => requests::send_direct(fields)?,
        "accept" => {
            let requests::Accept { member_no, transfer_no, from_user } = requests::accept(fields)?;
            let accept = AcceptOffer { transfer_no, to: member_no };
            (required("from_user", from_user)?, Command::AcceptOffer(accept))
        }
        _ => {
            let (member_no, transfer_no) = requests::cancel(fields)?;
            (member_no, Command::CancelOffer { transfer_no })
        }
    };
    Ok((member_no, RowContent::Event(Box::new(EventRow { at, command, is_exact }))))
}
