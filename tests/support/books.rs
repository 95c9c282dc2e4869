//! Pure accounts in memory, driven as the service drives them: settle, decide, apply, settle, carry what lies in
//! outboxes. The log is a list; look-ups go through it. After every record the account is checked.
use eros_points::ledger::account::{Account, Outgoing};
use eros_points::ledger::command::{
    AcceptOffer, Accrue, AccrueByRule, Command, Credit, Details, ReverseAccrual, ReverseSpend, SourceType,
    Spend, Transfer,
};
use eros_points::ledger::event::{Event, Key};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::lot::Lot;
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::{Amount, Points};
use eros_points::ledger::refusal::Refusal;
use eros_points::ledger::{Decision, Known, Prior, Terms, apply, decide, due};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A record of the log.
#[derive(Clone, Debug)]
pub struct Record {
    pub lsn: Lsn,
    pub member: String,
    pub at: Instant,
    pub event: Arc<Event>,
}

pub struct Books {
    pub now: Instant,
    pub terms: Terms,
    pub accounts: BTreeMap<String, Account>,
    pub log: Vec<Record>,
    /// Whether transfers are carried at once; otherwise they lie in the outbox until [`Books::carry`].
    pub carries: bool,
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Recorded(Lsn),
    Replayed(Lsn),
    Nothing,
}

pub type Outcome = Result<Done, Refusal>;

impl Books {
    pub fn new() -> Books {
        let now = Instant(1_655_258_400_000);
        Books { now, terms: Terms::default(), accounts: BTreeMap::new(), log: Vec::new(), carries: true }
    }

    pub fn account(&mut self, member: &str) -> &mut Account {
        self.accounts.entry(member.to_owned()).or_default()
    }

    /// Lets time pass for everybody.
    pub fn pass(&mut self, span: Span) {
        self.now = self.now.after(span);
        self.settle_all();
    }

    pub fn settle_all(&mut self) {
        let members: Vec<String> = self.accounts.keys().cloned().collect();
        members.iter().for_each(|member| self.settle(member));
    }

    pub fn settle(&mut self, member: &str) {
        while let Some(event) =
            due(self.accounts.entry(member.to_owned()).or_default(), self.now, &self.terms.clone())
        {
            self.record(member, event);
        }
    }

    fn record(&mut self, member: &str, event: Event) -> Lsn {
        let lsn = Lsn(self.log.len() as u64 + 1);
        let account = self.accounts.entry(member.to_owned()).or_default();
        let at = self.now.max(account.clock);
        apply(account, lsn, at, &event);
        assert_eq!(account.check(), Ok(()), "after {event:?}");
        // A return of what lapsed tells those as of when it was due.
        let told = event.active_after().filter(|_| !matches!(event, Event::OfferReturned(_)));
        if let Some(told) = told {
            assert_eq!(told, account.active(at), "what {event:?} tells of the points that are left");
        }
        self.log.push(Record { lsn, member: member.to_owned(), at, event: Arc::new(event) });
        lsn
    }

    /// The record of a member that took `key`, and how it stands.
    pub fn find(&self, member: &str, key: &Key<'_>) -> Option<Known> {
        let mine = || self.log.iter().filter(|record| record.member == member);
        let found = mine().find(|record| record.event.key().as_ref() == Some(key))?;
        let mut known =
            Known { lsn: found.lsn, at: found.at, event: found.event.clone(), standing: Default::default() };
        for record in mine() {
            if let Some((target, sequel)) = record.event.sequel(record.at)
                && target == known.lsn
            {
                known.standing.follow(record.lsn, &sequel);
            }
        }
        Some(known)
    }

    pub fn change(&mut self, member: &str, command: &Command) -> Outcome {
        self.settle(member);
        let prior = Prior {
            known: command.key().and_then(|key| self.find(member, &key)),
            origin: command.origin_key().and_then(|key| self.find(member, &key)),
        };
        let account = self.accounts.entry(member.to_owned()).or_default();
        let decision = decide(account, command.clone(), &prior, self.now, &self.terms)?;
        let done = match decision {
            Decision::Record(event) => Done::Recorded(self.record(member, Event::clone(&event))),
            Decision::Replay(known) => Done::Replayed(known.lsn),
            Decision::Nothing => Done::Nothing,
        };
        self.settle(member);
        if self.carries {
            self.carry();
        }
        Ok(done)
    }

    /// Carries all outboxes, each step of which may have been done before.
    pub fn carry(&mut self) {
        let outboxes: Vec<(String, Outgoing)> = self
            .accounts
            .iter()
            .flat_map(|(from, a)| a.outbox.iter().map(|out| (from.clone(), out.clone())))
            .collect();
        for (from, out) in outboxes {
            self.deliver(&from, &out);
            self.note_back(&from, &out);
        }
    }

    pub fn deliver(&mut self, from: &str, out: &Outgoing) {
        let (offer, transfer_no) = (out.offer, out.transfer_no.clone());
        let credit = Credit { from: from.to_owned(), transfer_no, offer, lots: out.lots.clone() };
        let carries = std::mem::replace(&mut self.carries, false);
        self.change(&out.to, &Command::Receive(credit)).expect("a credit is never refused");
        self.carries = carries;
    }

    pub fn note_back(&mut self, from: &str, out: &Outgoing) {
        let carries = std::mem::replace(&mut self.carries, false);
        let note = Command::ClearOutbox { transfer_no: out.transfer_no.clone() };
        self.change(from, &note).expect("a note is never refused");
        self.carries = carries;
    }

    /// Total, used, expired, freeze, active, in ten-thousandths.
    pub fn sums(&mut self, member: &str) -> [i128; 5] {
        let now = self.now;
        let account = self.account(member);
        let now = now.max(account.clock);
        [account.total, account.used, account.expired, account.lots.frozen(now), account.active(now)]
            .map(|total| total.0)
    }

    /// Sent = accepted + returned + open + in outboxes not yet received.
    pub fn check_conservation(&self) {
        let mut balance = 0;
        for record in &self.log {
            balance += match &*record.event {
                Event::Offered(e) => i128::from(e.points.0),
                Event::Sent(e) => i128::from(e.points.0),
                Event::Received(e) => -i128::from(e.points.0),
                Event::OfferReturned(e) => -i128::from(e.points.0),
                _ => 0,
            };
        }
        let mut open = 0;
        for (from, account) in &self.accounts {
            open += account.offers.iter().map(|offer| i128::from(offer.points.0)).sum::<i128>();
            for out in &account.outbox {
                let arrived =
                    self.find(&out.to, &Key::Incoming { from, transfer_no: &out.transfer_no }).is_some();
                let points: i128 = out.lots.iter().map(|lot| i128::from(lot.points.0)).sum();
                open += if arrived { 0 } else { points };
            }
        }
        assert_eq!(balance, open, "points sent and not accounted for");
    }
}

/// A command's content as the edge would see it: the same for the same arguments.
fn fingerprint(content: &impl std::fmt::Debug) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&blake3::hash(format!("{content:?}").as_bytes()).as_bytes()[..16]);
    out
}

/// Changes an account's lots as no event does.
pub fn relay(account: &mut Account, change: impl FnOnce(&mut Vec<Lot>)) {
    let mut lots = account.lots.iter().copied().collect();
    change(&mut lots);
    account.lots = lots.into_iter().collect();
}

pub fn points(text: f64) -> Points {
    Points((text * 10_000.0).round() as i64)
}

pub fn accrue(event_no: &str, amount: f64) -> Accrue {
    Accrue {
        event_no: event_no.to_owned(),
        fingerprint: fingerprint(&("accrue", amount)),
        source_type: SourceType::Order,
        points: points(amount),
        event_at: None,
        expire_after: None,
        freeze_for: None,
        amount: None,
        details: Default::default(),
        order_items: None,
    }
}

/// An accrual by whichever rule of the scene fits, for an order of so much.
pub fn by_rule(event_no: &str, paid: Amount) -> AccrueByRule {
    let text = |text: &str| Some(text.to_owned());
    AccrueByRule {
        event_no: event_no.to_owned(),
        fingerprint: fingerprint(&("by rule", paid)),
        source_type: SourceType::Order,
        details: Details { action_scene: text("order_pay"), store_code: text("mall"), ..Details::default() },
        rule_id: None,
        points: None,
        event_at: None,
        expire_after: None,
        freeze_for: None,
        amount: Some(paid),
        items: Vec::new(),
        order_items: None,
    }
}

pub fn spend(event_no: &str, amount: f64) -> Command {
    let fingerprint = fingerprint(&("spend", amount));
    let (event_no, points) = (event_no.to_owned(), points(amount));
    Command::Spend(Spend { event_no, fingerprint, points, event_at: None, details: Default::default() })
}

pub fn reverse(event_no: &str, origin: &str, allow_negative: bool, amount: Option<f64>) -> ReverseAccrual {
    ReverseAccrual {
        event_no: event_no.to_owned(),
        fingerprint: fingerprint(&("reverse", origin, allow_negative, amount)),
        origin_event_no: origin.to_owned(),
        allow_negative,
        event_at: None,
        points: amount.map(points),
        refund_amount: None,
        order_pay_amount: None,
        refund_info: None,
    }
}

pub fn refund(event_no: &str, origin: &str, amount: i64, paid: Option<i64>) -> Command {
    Command::ReverseAccrual(ReverseAccrual {
        refund_amount: Some(Amount(amount * 1_000_000)),
        order_pay_amount: paid.map(|paid| Amount(paid * 1_000_000)),
        fingerprint: fingerprint(&("refund", origin, amount, paid)),
        ..reverse(event_no, origin, true, None)
    })
}

pub fn give_back(event_no: &str, origin: &str, amount: Option<f64>) -> Command {
    Command::ReverseSpend(ReverseSpend {
        event_no: event_no.to_owned(),
        fingerprint: fingerprint(&("give back", origin, amount)),
        origin_event_no: origin.to_owned(),
        event_at: None,
        points: amount.map(points),
    })
}

fn transfer(transfer_no: &str, to: &str, amount: f64) -> Transfer {
    let fingerprint = fingerprint(&(to, amount));
    Transfer { transfer_no: transfer_no.to_owned(), fingerprint, to: to.to_owned(), points: points(amount) }
}

pub fn offer(transfer_no: &str, to: &str, amount: f64) -> Command {
    Command::Offer(transfer(transfer_no, to, amount))
}

pub fn send(transfer_no: &str, to: &str, amount: f64) -> Command {
    Command::SendDirect(transfer(transfer_no, to, amount))
}

pub fn accept(transfer_no: &str, to: &str) -> Command {
    Command::AcceptOffer(AcceptOffer { transfer_no: transfer_no.to_owned(), to: to.to_owned() })
}

pub fn cancel(transfer_no: &str) -> Command {
    Command::CancelOffer { transfer_no: transfer_no.to_owned() }
}
