//! What a row becomes: one step, or two where what was used of a frozen lot comes when it is active.
use super::Job;
use super::books::{Books, Changed, Who};
use super::file::{Place, Source};
use super::lot::{LotRow, reversal, used_spend};
use super::row::{EventRow, Reading, Row, RowContent};
use super::writing::Output;
use crate::ledger::Terms;
use crate::ledger::command::Command;
use crate::ledger::event::{Event, Key, Spent};
use crate::ledger::instant::Instant;
use crate::ledger::lot::Taken;
use crate::ledger::lsn::Lsn;
use anyhow::{Context, anyhow};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    pub at: Instant,
    pub place: Place,
    pub part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Row,
    /// What was used of a lot that was frozen at first.
    UsedLater,
}

impl Step {
    pub fn is_first(&self) -> bool {
        self.part == Part::Row
    }
}

pub enum Outcome {
    Done,
    /// It was there already.
    Before,
    Refused(String),
}

/// The row at a place, which was found good before.
pub fn row_at<O: Output>(
    books: &Books<'_, O>,
    source: &Source,
    job: &Job,
    place: Place,
) -> anyhow::Result<Row> {
    let zone = |crm_id: &str| books.base.terms(crm_id).zone;
    let reading = Reading { tenant: job.tenant.as_deref(), as_of: job.as_of, zone: &zone };
    let row = source.read(place)?.and_then(|json| Row::parse(&json, &reading));
    row.map_err(|why| anyhow!("line {}: {why}", place.line)).context("has the file changed meanwhile?")
}

pub fn carry_out<O: Output>(
    books: &mut Books<'_, O>,
    source: &Source,
    job: &Job,
    step: &Step,
) -> anyhow::Result<Outcome> {
    let Row { crm_id, member_no, content } = row_at(books, source, job, step.place)?;
    let who = Who { crm_id, member_no };
    let terms = books.base.terms(&who.crm_id);
    books.advance(step.at)?;
    match content {
        RowContent::Member(_) => Ok(Outcome::Before),
        RowContent::Lot(lot) if step.part == Part::Row => accrue(books, &who, &lot, &terms),
        RowContent::Lot(lot) => use_later(books, &who, &lot, &terms),
        RowContent::Event(event) => replay(books, &who, &event, &terms),
    }
}

/// A lot comes as it stands: its expiry is the row's, whatever the tenant has set.
fn accrue<O: Output>(
    books: &mut Books<'_, O>,
    who: &Who,
    lot: &LotRow,
    terms: &Terms,
) -> anyhow::Result<Outcome> {
    let as_it_stands = Terms { default_expire: None, expire_at_day_end: false, ..terms.clone() };
    let command = Command::Accrue(lot.accrue.clone());
    let (accrual, mut outcome) = match books.change(who, lot.at, &command, &as_it_stands)? {
        Changed::New(lsn) => (lsn, Outcome::Done),
        Changed::Before(lsn) => (lsn, Outcome::Before),
        Changed::Refused(why) => return Ok(Outcome::Refused(why)),
        Changed::Nothing => return Ok(Outcome::Before),
    };
    if lot.reversed.is_positive() {
        let command = reversal(&who.member_no, lot).into();
        match books.change(who, lot.at, &command, terms)? {
            Changed::New(_) => outcome = Outcome::Done,
            Changed::Before(_) | Changed::Nothing => {}
            Changed::Refused(why) => return Ok(Outcome::Refused(format!("reversed: {why}"))),
        }
    }
    if lot.used.is_positive() && lot.used_at == lot.at {
        return Ok(match use_up(books, who, lot, accrual, terms)? {
            Outcome::Before => outcome,
            other => other,
        });
    }
    Ok(outcome)
}

fn use_later<O: Output>(
    books: &mut Books<'_, O>,
    who: &Who,
    lot: &LotRow,
    terms: &Terms,
) -> anyhow::Result<Outcome> {
    match books.find(who, Key::Event(&lot.accrue.event_no))? {
        Some(accrual) => use_up(books, who, lot, accrual.lsn, terms),
        None => Ok(Outcome::Refused("its accrual is not there".into())),
    }
}

/// What was used of a lot: a spend that takes from this lot, whatever the order of spending.
fn use_up<O: Output>(
    books: &mut Books<'_, O>,
    who: &Who,
    lot: &LotRow,
    accrual: Lsn,
    terms: &Terms,
) -> anyhow::Result<Outcome> {
    let spend = used_spend(&who.member_no, lot);
    if let Some(known) = books.find(who, Key::Event(&spend.event_no))? {
        return Ok(if known.event.fingerprint() == Some(&spend.fingerprint) {
            Outcome::Before
        } else {
            Outcome::Refused("remaining: another part of this lot was imported as used before".into())
        });
    }
    let at = lot.used_at;
    books.settle(who, at, terms)?;
    let account = books.account(who)?;
    if at < account.clock {
        return Ok(Outcome::Refused(
            "the member has later records already; what is past can't be put before them".into(),
        ));
    }
    let found = account.lots.iter().find(|found| found.kind.id.lsn == accrual && found.active(at));
    let Some(kind) = found.filter(|found| found.remaining >= lot.used).map(|found| found.kind) else {
        let why = "remaining: so much of this lot can't have been used before: it has paid debt, or other rows took from it";
        return Ok(Outcome::Refused(why.into()));
    };
    let active_after = account.active(at) - lot.used.into();
    let spent = Spent {
        event_no: spend.event_no,
        fingerprint: spend.fingerprint,
        points: spend.points,
        event_at: at,
        details: spend.details,
        taken: vec![Taken { lot: kind, points: lot.used }],
        active_after,
    };
    books.record(who, at, Event::Spent(spent))?;
    Ok(Outcome::Done)
}

fn replay<O: Output>(
    books: &mut Books<'_, O>,
    who: &Who,
    event: &EventRow,
    terms: &Terms,
) -> anyhow::Result<Outcome> {
    let EventRow { at, command, is_exact } = event;
    let exact = Terms { expire_at_day_end: false, ..terms.clone() };
    let terms = if *is_exact { &exact } else { terms };
    let (transfer_no, to) = match command {
        Command::SendDirect(c) => (Some(&c.transfer_no), Some(&c.to)),
        Command::AcceptOffer(c) => (Some(&c.transfer_no), Some(&c.to)),
        _ => (None, None),
    };
    if let Some(to) = to {
        let receiver = Who { crm_id: who.crm_id.clone(), member_no: to.clone() };
        if !books.may_receive(&receiver, *at)? && !books.is_sent(who, command)? {
            let why = "the receiver has later records already; what is past can't be put before them";
            return Ok(Outcome::Refused(why.into()));
        }
    }
    let outcome = match books.change(who, *at, command, terms)? {
        Changed::New(_) => Outcome::Done,
        Changed::Before(_) | Changed::Nothing => Outcome::Before,
        Changed::Refused(why) => return Ok(Outcome::Refused(why)),
    };
    if let Some(transfer_no) = transfer_no {
        books.deliver(who, transfer_no, *at, terms)?;
    }
    Ok(outcome)
}
