//! `inspect`: log records as JSON lines, for people and for jq.
use crate::config::Settings;
use crate::format::entry::{Entry, ServiceEntry};
use crate::http::time::format;
use crate::ledger::lsn::Lsn;
use crate::store::disk::RealDisk;
use crate::store::folder::Folder;
use crate::store::recovery::{Mode, replay};
use anyhow::Context;
use serde_json::{Value, json};
use std::io::{BufWriter, Write};

pub fn run(settings: &Settings, from: u64, member: Option<&str>, tenant: Option<&str>) -> anyhow::Result<()> {
    let folder = Folder::at(&settings.data_dir);
    let log_id = folder
        .log_id(&RealDisk)?
        .context("there is no log in this data folder; hint: --data-dir names it")?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let before = Lsn(from.saturating_sub(1));
    let end = replay(
        &RealDisk,
        &folder,
        log_id,
        before,
        Mode::LookOnly,
        |record| {
            let entry = Entry::decode(record.payload).map_err(|error| error.to_string())?;
            let line = match &entry {
                Entry::Member(entry) => {
                    let other_member = member.is_some_and(|member| member != entry.member_no);
                    if other_member || tenant.is_some_and(|tenant| tenant != entry.crm_id) {
                        return Ok(());
                    }
                    let (kind, event) = named(&format!("{:?}", entry.event));
                    json!({
                        "lsn": record.lsn.0,
                        "partition": record.partition,
                        "crm_id": entry.crm_id,
                        "member_no": entry.member_no,
                        "at": format(entry.at, settings.zone),
                        "at_ms": entry.at.0,
                        "event": kind,
                        "key": entry.event.key().map(|key| key.number().to_owned()),
                        "content": event,
                    })
                }
                Entry::Service(_) if member.is_some() || tenant.is_some() => return Ok(()),
                Entry::Service(ServiceEntry::ZoneSet { zone }) => {
                    json!({"lsn": record.lsn.0, "partition": record.partition, "event": "ZoneSet", "content": zone})
                }
            };
            writeln!(out, "{line}").map_err(|error| error.to_string())
        },
        |_| {},
    )?;
    out.flush()?;
    if let Some(torn) = end.torn {
        eprintln!("warning: {torn}");
    }
    Ok(())
}

/// An event's name and what it holds, from its debug form: complete by construction.
fn named(debug: &str) -> (String, Value) {
    let (name, rest) = debug.split_once('(').unwrap_or((debug, ""));
    (name.to_owned(), Value::from(rest.strip_suffix(')').unwrap_or(rest)))
}
