//! What is told at each scrape: counters of requests, and what the service and its parts say of themselves.
use crate::actors::core::Core;
use crate::actors::directory::Census;
use crate::actors::readiness::Standing;
use crate::actors::scans::gauge::{Gauged, Tally};
use crate::actors::service::Service;
use crate::http::metrics::families::Families;
use crate::http::metrics::requests::Requests;
use crate::ledger::points::Points;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub struct Exposition {
    pub service: Arc<Service>,
    pub requests: Arc<Requests>,
}

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exposition")
    }
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        of_process(&mut families, &self.service)?;
        of_requests(&mut families, &self.requests)?;
        match self.service.seen() {
            None => Ok(()),
            Some(core) => {
                of_log(&mut families, core)?;
                of_snapshots(&mut families, core)?;
                of_members(&mut families, core)?;
                of_index(&mut families, core)?;
                of_points(&mut families, core.vitals.gauged().as_deref())
            }
        }
    }
}

fn of_process(families: &mut Families<'_>, service: &Service) -> fmt::Result {
    families.gauges("build_info", "Always 1, with the version that runs", |mut family| {
        family.gauge(&[("version", env!("CARGO_PKG_VERSION"))], 1_u64)
    })?;
    let now = service.standing();
    families.gauge("uptime_seconds", "Since the process began", service.recovery().uptime().as_secs_f64())?;
    families.gauge("ready", "1 while requests are taken", u64::from(now.standing == Standing::Ready))?;
    families.gauges("stage", "1 for the stage that the service is in, 0 for the others", |mut family| {
        Standing::ALL.iter().try_for_each(|standing| {
            family.gauge(&[("stage", standing.name())], u64::from(*standing == now.standing))
        })
    })?;
    families.gauge(
        "recovery_done",
        "Of the last stage of recovery: bytes, segments or members done",
        now.done,
    )?;
    families.gauge(
        "recovery_all",
        "Of the last stage of recovery: bytes, segments or members in all",
        now.all,
    )?;
    let took = service.recovery().took().as_secs_f64();
    families.gauge(
        "recovery_seconds",
        "How long the last start took until it was ready, or takes so far",
        took,
    )
}

fn of_requests(families: &mut Families<'_>, requests: &Requests) -> fmt::Result {
    let mut routes: Vec<_> = requests.routes().collect();
    routes.sort_unstable_by_key(|route| (&route.path, route.method));
    families.counters("http_requests", "Requests answered", |mut family| {
        for route in &routes {
            for (status, code, count) in route.answers() {
                let (status, code) = (status.to_string(), code.to_string());
                let labels =
                    [("route", &*route.path), ("method", route.method), ("status", &status), ("code", &code)];
                family.counter(&labels, count)?;
            }
        }
        Ok(())
    })?;
    families.histograms(
        "http_request_duration_seconds",
        "Until the answer's head was ready",
        |mut family| {
            routes.iter().try_for_each(|route| {
                family.seconds(&[("route", &route.path), ("method", route.method)], &route.took.seen())
            })
        },
    )?;
    let in_flight = requests.in_flight.load(Ordering::Relaxed) as u64;
    families.gauge("http_requests_in_flight", "Requests being answered, of every route", in_flight)?;
    let abandoned = requests.abandoned.load(Ordering::Relaxed);
    families.counter("http_requests_abandoned", "Requests whose client left before the answer", abandoned)
}

fn of_log(families: &mut Families<'_>, core: &Core) -> fmt::Result {
    let stats = core.journal.stats();
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    families.counter("wal_bytes", "Bytes written to the log", read(&stats.bytes))?;
    families.counter("wal_records", "Records written to the log", read(&stats.records))?;
    families.counter(
        "wal_frames",
        "Frames written to the log, marks of idling included",
        read(&stats.frames),
    )?;
    families.counter("wal_syncs", "Syncs of the log", read(&stats.syncs))?;
    families.histograms("wal_group_records", "Records of one group commit", |mut family| {
        family.amounts(&[], &stats.group_records.seen())
    })?;
    families.histograms("wal_sync_duration_seconds", "One sync of the log", |mut family| {
        family.seconds(&[], &stats.sync_nanos.seen())
    })?;
    families.gauge("wal_durable_lsn", "The last record on stable storage", core.journal.durable().0)?;
    families.gauge("wal_last_lsn", "The last record, durable or not", core.journal.last_assigned().0)?;
    families.gauges(
        "wal_hash_info",
        "Always 1, with the hash of the log through its last durable batch",
        |mut family| {
            core.journal.hashed().map_or(Ok(()), |(lsn, hash)| {
                let (hash, lsn) = (blake3::Hash::from(hash).to_string(), lsn.to_string());
                family.gauge(&[("hash", &hash), ("lsn", &lsn)], 1_u64)
            })
        },
    )?;
    families.gauge(
        "wal_full",
        "1 while changes are turned away for want of space",
        u64::from(core.journal.is_full()),
    )?;
    families.gauge("disk_free_bytes", "Free on the log's disk", read(&stats.disk_free_bytes))
}

fn of_snapshots(families: &mut Families<'_>, core: &Core) -> fmt::Result {
    let snapshots = &core.vitals.snapshots;
    let newest = snapshots.newest();
    families.counter("snapshots", "Snapshots taken", snapshots.taken.load(Ordering::Relaxed))?;
    let failed = snapshots.failed.load(Ordering::Relaxed);
    families.counter("snapshot_failures", "Snapshots that failed", failed)?;
    let age = newest.map(|taken| (core.clock.now().0 - taken.created_at.0).max(0) as f64 / 1e3);
    families.gauge_if_known("snapshot_age_seconds", "Since the newest snapshot was begun", age)?;
    families.gauge_if_known(
        "snapshot_size_bytes",
        "Of the newest snapshot",
        newest.map(|taken| taken.bytes),
    )?;
    families.gauge_if_known(
        "snapshot_lsn",
        "The record that the newest snapshot begins at",
        newest.map(|taken| taken.noted.0),
    )?;
    let took = newest.and_then(|taken| taken.took).map(|took| took.as_secs_f64());
    families.gauge_if_known("snapshot_duration_seconds", "How long the last one took", took)
}

fn of_members(families: &mut Families<'_>, core: &Core) -> fmt::Result {
    let census = core.directory.census();
    families.gauges("members", "Members, by where they are", |mut family| {
        let resting = census.members - census.awake - census.on_disk;
        family.gauge(&[("state", "awake")], census.awake as u64)?;
        family.gauge(&[("state", "resting")], resting as u64)?;
        family.gauge(&[("state", "on_disk")], census.on_disk as u64)
    })?;
    of_resting(families, &census)?;
    let mailboxes = core.directory.mailboxes();
    families.gauge("mailbox_waiting", "Messages handed to members and not yet handled", mailboxes.waiting)?;
    families.gauge(
        "mailbox_longest",
        "Messages that wait for the member with the most",
        u64::from(mailboxes.longest),
    )?;
    let in_flight = core.in_flight.load(Ordering::Relaxed) as u64;
    families.gauge("requests_in_flight", "Requests of tenants being worked on", in_flight)?;
    families.counters(
        "requests_shed",
        "Requests turned away with 50303, by what there was too much of",
        |mut family| {
            let reasons = core.vitals.shed.by_reason();
            reasons.iter().try_for_each(|(reason, count)| family.counter(&[("reason", reason)], *count))
        },
    )?;
    families.gauge("timer_entries", "Instants that time waits for", core.timer.len() as u64)
}

/// What members at rest take, in memory and out of it.
fn of_resting(families: &mut Families<'_>, census: &Census) -> fmt::Result {
    let memory_bytes = census.memory_bytes as u64;
    families.gauge("resting_memory_bytes", "Taken by members at rest in memory", memory_bytes)?;
    families.gauge("resting_disk_bytes", "Taken by members at rest out of memory", census.disk_bytes)?;
    families.counter("resting_pages_read", "Pages of members at rest read", census.pages_read)?;
    families.counter("resting_pages_written", "Pages of members at rest written", census.pages_written)?;
    families.counter(
        "resting_write_failures",
        "Pages that could not be written: their members stay in memory",
        census.write_failures,
    )
}

/// Points of each tenant as they were last added up.
fn of_points(families: &mut Families<'_>, gauged: Option<&Gauged>) -> fmt::Result {
    let tenants = gauged.map(|gauged| &gauged.tenants[..]).unwrap_or_default();
    families.gauges("tenant_members", "Members of a tenant that have a record", |mut family| {
        tenants.iter().try_for_each(|(crm_id, tally)| family.gauge(&[("crm_id", crm_id)], tally.members))
    })?;
    families.gauges("tenant_points", "Points of all members of a tenant, by their state", |mut family| {
        tenants.iter().try_for_each(|(crm_id, tally)| {
            by_state(tally).iter().try_for_each(|(state, points)| {
                family.gauge(&[("crm_id", crm_id), ("state", state)], *points)
            })
        })
    })?;
    let shown = gauged.map(|gauged| gauged.tenants.len() as u64);
    families.gauge_if_known("tally_tenants", "Tenants whose points are shown", shown)?;
    let left_out = gauged.map(|gauged| gauged.left_out as u64);
    families.gauge_if_known(
        "tally_tenants_left_out",
        "Further tenants, which have fewer members",
        left_out,
    )?;
    let age = gauged.map(|gauged| gauged.ended.elapsed().as_secs_f64());
    families.gauge_if_known("tally_age_seconds", "Since points were last added up", age)?;
    let took = gauged.map(|gauged| gauged.took.as_secs_f64());
    families.gauge_if_known("tally_duration_seconds", "How long adding them up took", took)
}

fn by_state(tally: &Tally) -> [(&'static str, f64); 7] {
    let Tally { members: _, active, frozen, expired, used, total, debt, offered } = tally;
    let states = [
        ("active", active),
        ("frozen", frozen),
        ("expired", expired),
        ("used", used),
        ("total", total),
        ("debt", debt),
        ("offered", offered),
    ];
    states.map(|(state, points)| (state, points.0 as f64 / Points::UNIT as f64))
}

fn of_index(families: &mut Families<'_>, core: &Core) -> fmt::Result {
    let applied = core.history.applied().0;
    let lag = core.journal.durable().0.saturating_sub(applied);
    families.gauge("index_applied_lsn", "The last record that the index shows", applied)?;
    families.gauge("index_lag_records", "Durable records that the index does not show yet", lag)?;
    let waiters = core.indexed.waiting() as u64;
    families.gauge("index_waiting_requests", "Requests that wait for the index", waiters)?;
    families.gauge_if_known("index_size_bytes", "The index on disk", core.history.size_bytes())
}
