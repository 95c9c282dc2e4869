//! `inspect`: log records as JSON lines, for people and for jq.
use crate::cli::log_of;
use crate::config::Settings;
use crate::format::entry::{Entry, ServiceEntry, TenantEntry};
use crate::format::scan::LogRecord;
use crate::format::segment::Hash;
use crate::http::time::format;
use crate::ledger::lsn::Lsn;
use crate::store::disk::RealDisk;
use crate::store::folder::Folder;
use crate::store::recovery::{CheckedSegment, Mode, read_log, replay};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{BufWriter, ErrorKind, Write};

pub fn run(settings: &Settings, from: u64, member: Option<&str>, tenant: Option<&str>) -> anyhow::Result<()> {
    let folder = Folder::at(&settings.data_dir);
    let log_id = log_of(&folder)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let before = Lsn(from.saturating_sub(1));
    let mut reader_gone = false;
    let visit = |record: LogRecord<'_>| {
        let Some(line) = line(&record, member, tenant, settings.zone)? else { return Ok(()) };
        writeln!(out, "{line}").map_err(|error| {
            reader_gone = error.kind() == ErrorKind::BrokenPipe;
            format!("writing it failed: {error}")
        })
    };
    let read = replay(&RealDisk, &folder, log_id, before, Mode::LookOnly, visit, |_| {});
    // `inspect | head` has seen enough.
    if reader_gone {
        return Ok(());
    }
    if let Some(torn) = read?.torn {
        eprintln!("warning: {torn}");
    }
    match out.flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The segments, oldest first: the last line's `hash` is the newest there is.
pub fn segments(settings: &Settings) -> anyhow::Result<()> {
    let folder = Folder::at(&settings.data_dir);
    let log_id = log_of(&folder)?;
    let take = |segment: CheckedSegment| -> anyhow::Result<()> {
        let records: Vec<u64> = segment.records().map(|record| record.lsn.0).collect();
        let hash = |hash: Hash| (hash != Hash::default()).then(|| blake3::Hash::from(hash).to_string());
        let line = json!({
            "segment": segment.path().display().to_string(),
            "first_lsn": records.first(),
            "last_lsn": records.last(),
            "hash_before": hash(segment.hashes.0),
            "hash": hash(segment.hashes.1),
            "chain_holds": segment.links.iter().all(|link| link.holds),
        });
        println!("{line}");
        Ok(())
    };
    read_log(&RealDisk, &folder, log_id, Lsn::ZERO, Mode::Verify, take, |_| {})?;
    Ok(())
}

/// A record's line; none where it is not asked for.
fn line(
    record: &LogRecord<'_>,
    member: Option<&str>,
    tenant: Option<&str>,
    zone: Tz,
) -> Result<Option<Value>, String> {
    let entry = match Entry::decode(record.payload).map_err(|error| error.to_string())? {
        Entry::Member(entry) => entry,
        Entry::Tenant(TenantEntry { crm_id, at, event }) => {
            if member.is_some() || tenant.is_some_and(|tenant| tenant != crm_id) {
                return Ok(None);
            }
            let (event, content) = named(&event)?;
            return Ok(Some(json!({
                "lsn": record.lsn.0,
                "partition": record.partition,
                "crm_id": crm_id,
                "at": format(at, zone),
                "at_ms": at.0,
                "event": event,
                "content": content,
            })));
        }
        Entry::Service(_) if member.is_some() || tenant.is_some() => return Ok(None),
        Entry::Service(ServiceEntry::ZoneSet { zone }) => {
            let (lsn, partition) = (record.lsn.0, record.partition);
            return Ok(Some(
                json!({"lsn": lsn, "partition": partition, "event": "ZoneSet", "content": {"zone": zone}}),
            ));
        }
    };
    let wanted = |wanted: Option<&str>, found: &str| wanted.is_none_or(|wanted| wanted == found);
    if !wanted(member, &entry.member_no) || !wanted(tenant, &entry.crm_id) {
        return Ok(None);
    }
    let (event, content) = named(&entry.event)?;
    Ok(Some(json!({
        "lsn": record.lsn.0,
        "partition": record.partition,
        "crm_id": entry.crm_id,
        "member_no": entry.member_no,
        "at": format(entry.at, zone),
        "at_ms": entry.at.0,
        "event": event,
        "key": entry.event.key().map(|key| key.number().to_owned()),
        "content": content,
    })))
}

/// An event's name and what it holds. Points and amounts are texts, instants milliseconds since 1970.
fn named(event: &impl Serialize) -> Result<(String, Value), String> {
    match serde_json::to_value(event).map_err(|error| error.to_string())? {
        // One that holds nothing.
        Value::String(name) => Ok((name, Value::Null)),
        Value::Object(tagged) => tagged.into_iter().next().ok_or_else(|| "an event without a name".into()),
        other => Err(format!("an event without a name: {other}")),
    }
}
