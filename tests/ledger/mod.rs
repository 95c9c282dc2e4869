//! The ledger's rules, each as a story: steps, then the five sums.
mod accruals;
mod bounds;
mod calendars;
mod examples;
mod give_backs;
mod invariants;
mod moving;
mod profiles;
mod records;
mod reversals;
mod rules;
mod tenants;
mod time;
mod transfers;

use crate::ledger_model::the_rule;
use crate::support::books::{Books, Done, Outcome};
use eros_points::ledger::command::{Accrue, Command};
use eros_points::ledger::instant::Span;
use eros_points::ledger::refusal::Refusal;
use eros_points::ledger::rule::{Rule, Rulebook};
use std::sync::Arc;

/// Total, used, expired, freeze, active.
pub type Sums = (f64, f64, f64, f64, f64);

impl Books {
    #[track_caller]
    pub fn check_sums(&mut self, member: &str, sums: Sums) {
        let (total, used, expired, freeze, active) = sums;
        let expected = [total, used, expired, freeze, active].map(|n| (n * 10_000.0).round() as i128);
        assert_eq!(self.sums(member), expected, "total, used, expired, freeze, active of {member}");
        self.check_conservation();
    }

    #[track_caller]
    pub fn does(&mut self, member: &str, command: impl Into<Command>) -> &mut Books {
        let outcome = self.change(member, &command.into());
        assert!(matches!(outcome, Ok(Done::Recorded(_))), "{outcome:?}");
        self
    }

    #[track_caller]
    pub fn is_refused(&mut self, member: &str, command: impl Into<Command>, kind: &str) -> &mut Books {
        let before = self.log.len();
        let outcome = self.change(member, &command.into());
        assert_eq!(name(&outcome), kind, "{outcome:?}");
        assert_eq!(self.log.len(), before, "a refusal changes nothing");
        self
    }

    #[track_caller]
    pub fn is_replayed(&mut self, member: &str, command: impl Into<Command>) -> &mut Books {
        let before = self.log.len();
        let outcome = self.change(member, &command.into());
        assert!(matches!(outcome, Ok(Done::Replayed(_))), "{outcome:?}");
        assert_eq!(self.log.len(), before, "a replay changes nothing");
        self
    }
}

/// With the one rule that the model knows.
pub fn with_the_rule() -> Books {
    let mut books = Books::new();
    let (created_at, updated_at) = (books.now, books.now);
    let rule = Rule { rule_id: 1, version: 1, created_at, updated_at, definition: the_rule() };
    books.terms.rulebook = Arc::new(Rulebook::new([Arc::new(rule)]));
    books
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Ok(_) => "done",
        Err(Refusal::Invalid { .. }) => "40001",
        Err(Refusal::NoSuchMember) => "40405",
        Err(Refusal::MobileTaken) => "40902",
        Err(Refusal::NoSuchAccrual | Refusal::NoSuchSpend) => "40402",
        Err(Refusal::NoSuchTransfer) => "40403",
        Err(Refusal::KeyReused) => "40901",
        Err(Refusal::NotEnough { .. }) => "42201",
        Err(Refusal::WouldGoNegative { .. }) => "42202",
        Err(Refusal::MoreThanLeft { .. } | Refusal::MoreThanPaid) => "42203",
        Err(Refusal::TransferClosed { .. }) => "42204",
        Err(Refusal::TooManyLots) => "42207",
        Err(Refusal::NoSuchRule | Refusal::NoRuleFits { .. }) => "40401",
        Err(Refusal::GrantsNothing { .. }) => "42205",
        Err(Refusal::CapUsedUp { .. }) => "42206",
    }
}

/// Readable variations of an accrual.
pub trait With {
    fn expiring(self, span: Span) -> Self;
    fn frozen(self, span: Span) -> Self;
    fn ago(self, books: &Books, span: Span) -> Self;
}

impl With for Accrue {
    fn expiring(mut self, span: Span) -> Accrue {
        self.expire_after = Some(span);
        self
    }
    fn frozen(mut self, span: Span) -> Accrue {
        self.freeze_for = Some(span);
        self
    }
    fn ago(mut self, books: &Books, span: Span) -> Accrue {
        self.event_at = Some(books.now.after(Span(-span.0)));
        self
    }
}
