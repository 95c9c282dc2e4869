//! Brings members, lots and past events of another system over. The file's columns, and what each row becomes, are
//! specified in `docs/IMPORT.md`.
//!
//! Offline: it holds the data folder's lock. The whole file is read and carried out on scratch accounts before anything is
//! written. What is written are ordinary records, decided by the ledger itself with the clock of the row, so that
//! history, keys and lots come out as if this ledger had been there. The records are always written in one order, and
//! the log keeps the beginning of them whatever happens: a further run goes on behind it.
mod books;
mod columns;
mod csv;
mod file;
mod lot;
mod open;
mod plan;
mod profiles;
mod reconcile;
mod row;
mod steps;
mod writing;

pub use file::Format;
pub use plan::{Counts, Refused};
pub use reconcile::{Difference, Reconciled};

use crate::ledger::Terms;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::store::disk::Disk;
use crate::store::journal::JournalOptions;
use books::Books;
use file::Source;
use open::Opened;
use plan::Plan;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use steps::Outcome;
use writing::{Dry, Writing};

/// What to import, and how.
pub struct Job {
    pub data_dir: PathBuf,
    pub disk: Arc<dyn Disk>,
    pub file: PathBuf,
    /// None: by the file's ending.
    pub format: Option<Format>,
    /// Of rows that name none.
    pub tenant: Option<String>,
    /// The moment that the old balances are of; no row may be later.
    pub as_of: Instant,
    /// The service's own terms, its zone among them.
    pub terms: Terms,
    /// Import the rest where some rows are refused.
    pub skip_refused: bool,
    /// Check and reconcile, and write nothing.
    pub dry_run: bool,
    pub journal: JournalOptions,
    pub history_cache_bytes: u64,
}

/// What is being done, for whoever waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The data folder, in segments.
    Opening,
    /// The file, in bytes.
    Reading,
    /// Rows, on scratch accounts.
    Checking,
    /// Rows, into the log.
    Writing,
    /// Members, at the end: what has fallen due, profiles, old balances.
    Finishing,
    /// The history index, in segments.
    Indexing,
}

pub type Show<'a> = dyn FnMut(Phase, u64, u64) + 'a;

#[derive(Debug, Default)]
pub struct Report {
    pub counts: Counts,
    pub refused: Vec<Refused>,
    /// Whether anything was to be written: not where rows were refused, nor in a dry run.
    pub written: bool,
    /// Rows of lots and events that were imported now, and that were there already.
    pub imported: u64,
    pub there_already: u64,
    /// Members whose profile was set now, and who had one already.
    pub profiles_set: u64,
    pub profiles_kept: u64,
    /// Records written, and the last one of the log.
    pub records: u64,
    pub last: Lsn,
    pub reconciled: Reconciled,
}

/// Runs an import to its end.
pub fn run(job: &Job, show: &mut Show<'_>) -> anyhow::Result<Report> {
    let source = Source::open(job.disk.clone(), &job.file, job.format)?;
    let mut opened = Opened::open(job, show)?;
    let base = opened.base(&job.terms);
    let mut plan = Plan::read(&source, job, &base, show)?;
    let mut report = Report { counts: plan.counts, last: opened.end.last_lsn(), ..Report::default() };
    let first = opened.end.chain.next_lsn.plus(u64::from(opened.lacks_zone(job.terms.zone)));
    let mut checked = Books::new(&base, Dry::new(first), plan.wanted.clone());
    plan.claim_mobiles(&checked, &source, job, &opened.mobiles()?)?;
    // A row that is left out can be what a later one needed: until no more are refused.
    while check(&mut checked, &mut plan, &source, job, show)? && job.skip_refused {
        checked = Books::new(&base, Dry::new(first), plan.wanted.clone());
    }
    report.refused = plan.refused();
    if !report.refused.is_empty() && !job.skip_refused {
        return Ok(report);
    }
    if job.dry_run {
        checked.advance(job.as_of)?;
        report.reconciled = reconcile::run(&mut checked, &plan, &source, job, show)?;
        return Ok(report);
    }
    drop(checked);
    let writing = Writing::begin(job, &mut opened)?;
    let base = opened.base(&job.terms);
    let mut books = Books::new(&base, writing, plan.wanted.clone());
    write(&mut books, &plan, &source, job, &mut report, show)?;
    books.advance(job.as_of)?;
    profiles::set(&mut books, &plan, &source, job, &opened.keys, &mut report, show)?;
    report.reconciled = reconcile::run(&mut books, &plan, &source, job, show)?;
    let writing = books.into_output();
    (report.records, report.last) = writing.end()?;
    report.written = true;
    opened.index(&job.disk, report.last, show)?;
    Ok(report)
}

/// Carries every row out on scratch accounts; whether any was refused that was not before.
fn check(
    books: &mut Books<'_, Dry>,
    plan: &mut Plan,
    source: &Source,
    job: &Job,
    show: &mut Show<'_>,
) -> anyhow::Result<bool> {
    let mut found = Vec::new();
    let mut new: BTreeSet<u64> = BTreeSet::new();
    let all = plan.steps.len() as u64;
    for (done, step) in (0..).zip(&plan.steps) {
        show(Phase::Checking, done, all);
        if plan.is_refused(step.place.line) || new.contains(&step.place.line) {
            continue;
        }
        if let Outcome::Refused(why) = steps::carry_out(books, source, job, step)? {
            new.insert(step.place.line);
            found.push(Refused { line: step.place.line, why });
        }
    }
    show(Phase::Checking, all, all);
    let any = !found.is_empty();
    found.into_iter().for_each(|refused| plan.refuse(refused.line, refused.why));
    Ok(any)
}

fn write(
    books: &mut Books<'_, Writing>,
    plan: &Plan,
    source: &Source,
    job: &Job,
    report: &mut Report,
    show: &mut Show<'_>,
) -> anyhow::Result<()> {
    let all = plan.steps.len() as u64;
    for (done, step) in (0..).zip(&plan.steps) {
        show(Phase::Writing, done, all);
        if plan.is_refused(step.place.line) {
            continue;
        }
        match steps::carry_out(books, source, job, step)? {
            Outcome::Done if step.is_first() => report.imported += 1,
            Outcome::Before if step.is_first() => report.there_already += 1,
            Outcome::Done | Outcome::Before => {}
            Outcome::Refused(why) => {
                let line = step.place.line;
                anyhow::bail!(
                    "line {line} was found good and is refused now: {why}; has the file changed meanwhile?"
                );
            }
        }
    }
    show(Phase::Writing, all, all);
    Ok(())
}
