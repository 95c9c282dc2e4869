//! `import`: members, lots and past events of another system.
use crate::cli::progress::Shown;
use crate::clock::{Clock, SystemClock, monotonic};
use crate::config::Settings;
use crate::http::time;
use crate::import::{self, Format, Job, Phase, Reconciled, Report};
use crate::ledger::Terms;
use crate::ledger::instant::Instant;
use crate::store::disk::RealDisk;
use crate::store::journal::{JournalOptions, SyncPolicy};
use anyhow::{Context, bail, ensure};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file: rows of kind member, lot and event, as docs/IMPORT.md says
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What the file is, where its ending (.csv, .ndjson, .jsonl) does not say so
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// The tenant of rows that name none
    #[arg(long, value_name = "CRM_ID")]
    tenant: Option<String>,
    /// The moment that the old balances are of [default: now]
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// Import the rest where some rows are refused
    #[arg(long)]
    skip_refused: bool,
    /// Check every row and compare the balances, and import nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<()> {
    let started = monotonic();
    let (skip_refused, dry_run) = (arguments.skip_refused, arguments.dry_run);
    let job = job(settings, arguments)?;
    let mut shown = Shown::new("importing");
    let report = import::run(&job, &mut |phase, done, all| show(&mut shown, phase, done, all))?;
    shown.finish();
    tell(&report, skip_refused, started.elapsed());
    if !report.refused.is_empty() && !skip_refused {
        bail!(
            "{} rows are refused: nothing was imported\n\
             hint: mend them, or import the rest with --skip-refused",
            report.refused.len()
        );
    }
    reconciled(&report.reconciled)?;
    if dry_run {
        println!("nothing was imported: this was a dry run");
    }
    Ok(())
}

fn job(settings: &Settings, arguments: Arguments) -> anyhow::Result<Job> {
    let now = SystemClock::new(settings.clock_jump_max).now();
    let as_of = match &arguments.as_of {
        Some(text) => as_of(text, settings, now)?,
        None => now,
    };
    Ok(Job {
        data_dir: settings.data_dir.clone(),
        disk: RealDisk::shared(),
        file: arguments.file,
        format: arguments.format,
        tenant: arguments.tenant,
        as_of,
        terms: Terms { zone: settings.zone, ..settings.terms.clone() },
        skip_refused: arguments.skip_refused,
        dry_run: arguments.dry_run,
        journal: JournalOptions {
            segment_bytes: settings.segment_bytes,
            min_free_bytes: settings.min_free_bytes,
            sync: SyncPolicy::Always,
            ..JournalOptions::default()
        },
        history_cache_bytes: settings.history_cache_bytes,
    })
}

fn as_of(text: &str, settings: &Settings, now: Instant) -> anyhow::Result<Instant> {
    let at = time::parse(text, settings.zone).with_context(|| format!("--as-of: {}", time::SHOULD))?;
    ensure!(at <= now, "--as-of: must not lie in the future");
    Ok(at)
}

fn show(shown: &mut Shown, phase: Phase, done: u64, all: u64) {
    let (what, unit) = match phase {
        Phase::Opening => ("opening the data folder", "segments"),
        Phase::Reading => ("reading the file", "bytes"),
        Phase::Checking => ("checking", "rows"),
        Phase::Writing => ("importing", "rows"),
        Phase::Finishing => ("finishing", "members"),
        Phase::Indexing => ("indexing", "segments"),
    };
    shown.count(what, unit, done, all);
}

fn tell(report: &Report, skip_refused: bool, took: Duration) {
    for refused in &report.refused {
        println!("refused: line {}: {}", refused.line, refused.why);
    }
    let counts = report.counts;
    println!(
        "rows: {}, of them {} members, {} lots, {} events; {} refused",
        counts.rows,
        counts.members,
        counts.lots,
        counts.events,
        report.refused.len()
    );
    if !report.written {
        return;
    }
    let rest = if report.refused.is_empty() || !skip_refused { "" } else { " (the rest of them)" };
    println!(
        "imported: {} lots and events{rest}, {} were there already",
        report.imported, report.there_already
    );
    println!("profiles: {} set, {} stay as they were", report.profiles_set, report.profiles_kept);
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    println!(
        "records: {} written, through record {}; {} rows a second",
        report.records,
        report.last,
        counts.rows.saturating_mul(1_000) / millis
    );
}

/// Tells of every difference, which is an error.
fn reconciled(reconciled: &Reconciled) -> anyhow::Result<()> {
    let Reconciled { agree, differences, moved_on, without } = reconciled;
    for difference in differences {
        println!(
            "DIFFERENCE: line {}, member {} of {}: {} was {}, and is {} here",
            difference.line,
            difference.member_no,
            difference.crm_id,
            difference.field,
            difference.old,
            difference.here
        );
    }
    println!(
        "balances: {agree} members agree, {} differences; {without} without old balances, {moved_on} have later records",
        differences.len()
    );
    if differences.is_empty() { Ok(()) } else { bail!("{} balances are not the old ones", differences.len()) }
}
