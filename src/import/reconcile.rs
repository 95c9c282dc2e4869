//! The old system's balances against those that the ledger has come to.
use super::books::{Books, Who};
use super::file::Source;
use super::plan::Plan;
use super::row::{Balances, MemberRow, Row, RowContent};
use super::steps::row_at;
use super::writing::Output;
use super::{Job, Phase, Show};
use crate::ledger::account::Account;
use crate::ledger::instant::Instant;
use crate::ledger::points::Total;
use crate::ledger::project;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub line: u64,
    pub crm_id: String,
    pub member_no: String,
    pub field: &'static str,
    pub old: Total,
    pub here: Total,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Members whose balances agree in all that the file gives.
    pub agree: u64,
    pub differences: Vec<Difference>,
    /// Members with later records: they can't be told as of that moment any more.
    pub moved_on: u64,
    /// Members of whom the file gives no balance.
    pub without: u64,
}

pub fn run<O: Output>(
    books: &mut Books<'_, O>,
    plan: &Plan,
    source: &Source,
    job: &Job,
    show: &mut Show<'_>,
) -> anyhow::Result<Reconciled> {
    let mut reconciled = Reconciled::default();
    let all = plan.members.len() as u64;
    for (done, place) in (0..).zip(&plan.members) {
        show(Phase::Finishing, done, all);
        if plan.is_refused(place.line) {
            continue;
        }
        let Row { crm_id, member_no, content } = row_at(books, source, job, *place)?;
        let RowContent::Member(row) = content else { continue };
        let MemberRow { old, .. } = *row;
        let who = Who { crm_id, member_no };
        let terms = books.base.terms(&who.crm_id);
        let account = books.account(&who)?;
        if old == Balances::default() {
            reconciled.without += 1;
        } else if account.clock > job.as_of {
            reconciled.moved_on += 1;
        } else {
            let found = differences(&old, &project(account, job.as_of, &terms), job.as_of);
            reconciled.agree += u64::from(found.is_empty());
            reconciled.differences.extend(found.into_iter().map(|(field, old, here)| {
                let Who { crm_id, member_no } = who.clone();
                Difference { line: place.line, crm_id, member_no, field, old, here }
            }));
        }
    }
    show(Phase::Finishing, all, all);
    Ok(reconciled)
}

fn differences(old: &Balances, account: &Account, now: Instant) -> Vec<(&'static str, Total, Total)> {
    let pairs = [
        ("total_points", old.total, account.total),
        ("active_points", old.active, account.active(now)),
        ("freeze_points", old.freeze, account.lots.frozen(now)),
        ("expired_points", old.expired, account.expired),
        ("used_points", old.used, account.used),
    ];
    let differs = |(field, old, here): (&'static str, Option<Total>, Total)| {
        old.filter(|old| *old != here).map(|old| (field, old, here))
    };
    pairs.into_iter().filter_map(differs).collect()
}
