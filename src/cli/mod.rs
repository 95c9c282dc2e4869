//! The commands of the binary.
mod backup;
mod descriptors;
mod health;
pub mod huge_pages;
mod import;
mod inspect;
mod keygen;
mod keys;
mod progress;
mod rebuild;
mod serve;
mod supervisor;
mod tenant_books;
pub mod verify;
mod workers;

use crate::config::{self, Flags};
use crate::store::disk::RealDisk;
use crate::store::folder::Folder;
use crate::telemetry;
use anyhow::Context;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A loyalty-points ledger: every member an actor, every change in a log, every answer durable.
#[derive(Debug, Parser)]
#[command(name = "eros-points", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Recover, then serve until SIGTERM or SIGINT (this is what no command does)
    Serve,
    /// Check every record, checksum, balance and snapshot; changes nothing, exits 0 only if all holds
    Verify {
        /// Hold the history index against the log, too; takes as long as a rebuild, and the folder's lock
        #[arg(long)]
        history: bool,
        /// A hash that was kept elsewhere, as /metrics and `inspect --segments` tell it: must be in the log
        #[arg(long, value_name = "HASH@LSN")]
        expect_hash: Option<verify::Kept>,
        /// Where the archived segments lie, if not in wal/archive
        #[arg(long, value_name = "FOLDER")]
        archive: Option<PathBuf>,
    },
    /// Print log records as JSON lines
    Inspect {
        /// The first record to print
        #[arg(long, value_name = "LSN", default_value_t = 1)]
        from: u64,
        /// Only this member's records
        #[arg(long, value_name = "MEMBER_NO")]
        member: Option<String>,
        /// Only this tenant's records
        #[arg(long, value_name = "CRM_ID")]
        tenant: Option<String>,
        /// Print no records but the segments, each with the hash of the log before it and at its end
        #[arg(long, conflicts_with_all = ["from", "member", "tenant"])]
        segments: bool,
    },
    /// Make the history index anew from the log
    Rebuild,
    /// Ask the service at --listen whether it takes requests; exits 0 only if it does
    Health,
    /// Make an API key: prints it, once, and then the entry for the keys file
    Keygen(keygen::Wanted),
    /// Bring members, lots and past events of another system over, from CSV or NDJSON; safe to run again
    Import(import::Arguments),
    /// Copy log and snapshots into a folder, while the service runs; a second time only what is new
    Backup {
        /// The backup's folder: a new one, or one that an earlier backup made
        #[arg(value_name = "DEST")]
        folder: PathBuf,
        /// Hold what is there already against its hash, not its length alone
        #[arg(long)]
        verify: bool,
    },
    /// Put a backup back into a data folder that holds no log
    Restore {
        /// The backup's folder
        #[arg(value_name = "SRC")]
        folder: PathBuf,
    },
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve);
    if let Command::Keygen(wanted) = command {
        // It asks for no settings, and works where they are wrong.
        return ended(keygen::run(&wanted));
    }
    let mut logs_json = false;
    let done = config::load(&arguments.flags).and_then(|settings| {
        telemetry::start(&settings.log, settings.logs_json)?;
        logs_json = settings.logs_json;
        match command {
            Command::Serve => serve::run(settings),
            Command::Verify { history, expect_hash, archive } => {
                verify::run(&settings, history, expect_hash, archive)
            }
            Command::Inspect { segments: true, .. } => inspect::segments(&settings),
            Command::Inspect { from, member, tenant, .. } => {
                inspect::run(&settings, from, member.as_deref(), tenant.as_deref())
            }
            Command::Rebuild => rebuild::run(&settings),
            Command::Health => health::run(&settings),
            Command::Keygen(wanted) => keygen::run(&wanted),
            Command::Import(arguments) => import::run(&settings, arguments),
            Command::Backup { folder, verify } => backup::take(&settings, &folder, verify),
            Command::Restore { folder } => backup::restore(&settings, &folder),
        }
    });
    if let (true, Err(error)) = (logs_json, &done) {
        tracing::error!("{error:#}");
        return ExitCode::FAILURE;
    }
    ended(done)
}

/// The log that a data folder is for; a command that reads needs one.
fn log_of(folder: &Folder) -> anyhow::Result<u128> {
    let wal = folder.wal.display();
    let none = || format!("there is no log in this data folder: {wal}; hint: --data-dir names it");
    folder.log_id(&RealDisk)?.with_context(none)
}

fn ended(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
