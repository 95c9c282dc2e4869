//! Commands into events: what an account answers to a request. Looks and never changes.
use crate::ledger::account::Account;
use crate::ledger::command::{Command, Fingerprint};
use crate::ledger::event::{Event, OutboxCleared, Standing};
use crate::ledger::instant::{Instant, Span};
use crate::ledger::lsn::Lsn;
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::Rulebook;
use crate::ledger::{accrual, by_rule, give_back, reversal, spend, transfer};
use chrono_tz::Tz;
use std::sync::Arc;

/// An earlier record of the account, and how it stands now.
#[derive(Clone, Debug)]
pub struct Known {
    pub lsn: Lsn,
    pub at: Instant,
    pub event: Arc<Event>,
    pub standing: Standing,
}

/// What the account itself no longer holds, looked up for this command.
#[derive(Clone, Debug, Default)]
pub struct Prior {
    /// The record that bears the command's key (of `AcceptOffer` and `CancelOffer`: the offer).
    pub known: Option<Known>,
    /// The record that bears `origin_event_no`.
    pub origin: Option<Known>,
}

/// The settings that rules read: the service's, with what the tenant has set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The tenant's zone.
    pub zone: Tz,
    /// Whether an accrual may be a member's first change.
    pub accrual_opens_members: bool,
    /// For accruals that name no expiry; none: they never expire.
    pub default_expire: Option<Span>,
    /// Whether points live on to the end of the day, in the tenant's zone, that they would expire in.
    pub expire_at_day_end: bool,
    /// How far `event_at` may lie ahead.
    pub future_tolerance: Span,
    /// How long an offer stays open at most.
    pub offer_window: Span,
    /// How long points live that come back to an expired lot; none: they expire at once.
    pub refund_grace: Option<Span>,
    pub open_lots_max: usize,
    /// The tenant's rules.
    pub rulebook: Arc<Rulebook>,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            zone: Tz::UTC,
            accrual_opens_members: true,
            default_expire: None,
            expire_at_day_end: false,
            future_tolerance: Span::hours(24),
            offer_window: Span::hours(24),
            refund_grace: None,
            open_lots_max: crate::limits::OPEN_LOTS_MAX,
            rulebook: Arc::default(),
        }
    }
}

#[derive(Clone, Debug)]
pub enum Decision {
    /// Something new, to be recorded.
    Record(Arc<Event>),
    /// It is done already: the record that did it (of `AcceptOffer`: the offer; of `CancelOffer`: likewise).
    Replay(Known),
    /// There is nothing to do.
    Nothing,
}

impl From<Event> for Decision {
    fn from(event: Event) -> Decision {
        Decision::Record(Arc::new(event))
    }
}

/// What `command` does to the account at `now`. The account must be settled: `due(account, now)` is none.
pub fn decide(
    account: &Account,
    command: Command,
    prior: &Prior,
    now: Instant,
    terms: &Terms,
) -> Result<Decision, Refusal> {
    let now = now.max(account.clock);
    if let (Some(fingerprint), Some(known)) = (command.fingerprint(), &prior.known) {
        return if known.event.fingerprint() == Some(fingerprint) {
            Ok(Decision::Replay(known.clone()))
        } else {
            Err(Refusal::KeyReused)
        };
    }
    match command {
        Command::Accrue(c) => accrual::accrue(account, c, now, terms),
        Command::AccrueByRule(c) => by_rule::accrue(account, &c, now, terms),
        Command::Spend(c) => spend::spend(account, c, now, terms),
        Command::ReverseAccrual(c) => reversal::reverse(account, &c, prior.origin.as_ref(), now, terms),
        Command::ReverseSpend(c) => give_back::reverse(account, &c, prior.origin.as_ref(), now, terms),
        Command::Offer(c) => transfer::offer(account, &c, now, terms),
        Command::SendDirect(c) => transfer::send(account, &c, now),
        Command::AcceptOffer(c) => transfer::accept(account, &c, prior.known.as_ref()),
        Command::CancelOffer { transfer_no } => {
            transfer::cancel(account, &transfer_no, prior.known.as_ref(), now, terms)
        }
        Command::Receive(c) => Ok(transfer::receive(account, &c, prior.known.as_ref(), now)),
        Command::ClearOutbox { transfer_no } => Ok(match account.outgoing(&transfer_no) {
            Some(out) => Event::OutboxCleared(OutboxCleared { transfer_no, offer: out.offer }).into(),
            None => Decision::Nothing,
        }),
        Command::SetProfile(c) => Ok(Event::ProfileSet(c).into()),
        Command::ErasePersonalData => Ok(match account.profile() {
            Some(profile) if profile.sealed.is_some() => Event::PersonalDataErased.into(),
            _ => Decision::Nothing,
        }),
    }
}

impl Command {
    /// The content that its key stands for, where it has a key of the client's.
    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        match self {
            Command::Accrue(c) => Some(&c.fingerprint),
            Command::AccrueByRule(c) => Some(&c.fingerprint),
            Command::Spend(c) => Some(&c.fingerprint),
            Command::ReverseAccrual(c) => Some(&c.fingerprint),
            Command::ReverseSpend(c) => Some(&c.fingerprint),
            Command::Offer(c) | Command::SendDirect(c) => Some(&c.fingerprint),
            _ => None,
        }
    }
}

/// When the event happened, by the request or else now; refused where it lies too far ahead.
pub(super) fn event_time(given: Option<Instant>, now: Instant, terms: &Terms) -> Result<Instant, Refusal> {
    let at = given.unwrap_or(now);
    if at > now.after(terms.future_tolerance) {
        let hours = terms.future_tolerance.0 / Span::hours(1).0;
        return Err(Refusal::Invalid {
            field: "event_at".into(),
            should: format!("must not lie more than {hours} h in the future"),
        });
    }
    Ok(at)
}
