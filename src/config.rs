//! Settings: built-in defaults, then `eros-points.toml`, then `EROS_POINTS_*`, then flags; the later wins.
use crate::ledger::Terms;
use crate::ledger::instant::Span;
use crate::store::journal::SyncPolicy;
use anyhow::{Context, bail};
use chrono_tz::Tz;
use config::{Config, Environment, File, FileFormat};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file read from the working folder where no other is named.
const DEFAULT_FILE: &str = "eros-points.toml";

const DEFAULTS: &str = r#"
listen = "127.0.0.1:21100"
data_dir = "."
time_zone = "Asia/Shanghai"
sync = "always"
snapshot_every = "64MiB"
insecure = false
pin_workers = true
live_actors_max = 100000
in_flight_max = 20000
index_lag_max = 500000
resting_bytes_max = "1GiB"
segment_bytes = "32MiB"
min_free_bytes = "32MiB"
history_cache_bytes = "32MiB"
future_tolerance_hours = 24
offer_window_hours = 24
clock_jump_max_hours = 24
points_gauge_every_seconds = 60
points_gauge_tenants_max = 100
stop_time_max_seconds = 30
compat = "none"
log = "info"
log_format = "human"
"#;

/// What can be set from the command line; the other settings are for file and environment.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// Settings file [default: eros-points.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:21100]; port 0 picks a free one
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Folder that holds wal/ and snapshots/ [default: .]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_dir: Option<String>,
    /// IANA zone of times without an offset [default: Asia/Shanghai]
    #[arg(long, global = true, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// When an answer may leave: always (fdatasync has returned), interval=10ms, off [default: always]
    #[arg(long, global = true, value_name = "POLICY")]
    pub sync: Option<String>,
    /// Log between two snapshots, at least [default: 64MiB]
    #[arg(long, global = true, value_name = "BYTES")]
    pub snapshot_every: Option<String>,
    /// File of API keys, as keygen makes them; read again on SIGHUP [default: none, on loopback addresses only]
    #[arg(long, global = true, value_name = "FILE")]
    pub keys_file: Option<String>,
    /// Answer in another API's codes: neocrm, or none [default: none]
    #[arg(long, global = true, value_name = "API")]
    pub compat: Option<String>,
    /// Serve without keys on an address that is not loopback
    #[arg(long, global = true)]
    pub insecure: bool,
    /// What to log: error, warn, info, debug, trace, or a filter such as eros_points=debug [default: info]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// How log lines look: human, or json (one object a line) [default: human]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,
}

/// As written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: String,
    data_dir: PathBuf,
    time_zone: String,
    sync: String,
    snapshot_every: String,
    keys_file: Option<PathBuf>,
    insecure: bool,
    tenants: Option<Names>,
    rate_limit_per_second: Option<u32>,
    rate_limit_burst: Option<u32>,
    stop_time_max_seconds: u64,
    compat: String,
    pin_workers: bool,
    live_actors_max: usize,
    in_flight_max: usize,
    index_lag_max: u64,
    resting_bytes_max: String,
    segment_bytes: String,
    min_free_bytes: String,
    history_cache_bytes: String,
    default_expire_days: Option<i64>,
    refund_grace_days: Option<i64>,
    future_tolerance_hours: i64,
    offer_window_hours: i64,
    clock_jump_max_hours: i64,
    points_gauge_every_seconds: u64,
    points_gauge_tenants_max: usize,
    log: String,
    log_format: String,
}

/// Checked, with their units.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub zone: Tz,
    pub sync: SyncPolicy,
    pub snapshot_every_bytes: u64,
    pub insecure: bool,
    pub keys_file: Option<PathBuf>,
    /// The tenants that there are; none: whoever is named.
    pub tenants: Option<Vec<String>>,
    /// Requests a second of a tenant, and how many of them at once.
    pub rate_limit: Option<(NonZeroU32, NonZeroU32)>,
    pub stop_time_max: Duration,
    /// Answers bear the codes of the CRM that the API was first written for.
    pub is_neocrm: bool,
    /// The runtime's workers stay on a core each.
    pub pin_workers: bool,
    pub live_actors_max: usize,
    pub in_flight_max: usize,
    pub index_lag_max: u64,
    /// 0: members at rest all stay in memory.
    pub resting_bytes_max: u64,
    pub segment_bytes: u64,
    pub min_free_bytes: u64,
    pub history_cache_bytes: u64,
    pub terms: Terms,
    pub clock_jump_max: Span,
    /// None: points are not added up.
    pub points_gauge_every: Option<Duration>,
    pub points_gauge_tenants_max: usize,
    pub log: String,
    pub logs_json: bool,
}

/// The settings in force.
pub fn load(flags: &Flags) -> anyhow::Result<Settings> {
    let file = match &flags.config {
        Some(path) => File::new(path_text(path)?, FileFormat::Toml).required(true),
        None => File::new(DEFAULT_FILE, FileFormat::Toml).required(false),
    };
    let mut builder = Config::builder()
        .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
        .add_source(file)
        .add_source(Environment::with_prefix("EROS_POINTS").prefix_separator("_"));
    let overrides = [
        ("listen", &flags.listen),
        ("data_dir", &flags.data_dir),
        ("time_zone", &flags.time_zone),
        ("sync", &flags.sync),
        ("snapshot_every", &flags.snapshot_every),
        ("keys_file", &flags.keys_file),
        ("compat", &flags.compat),
        ("log", &flags.log),
        ("log_format", &flags.log_format),
    ];
    for (name, value) in overrides {
        builder = builder.set_override_option(name, value.clone())?;
    }
    if flags.insecure {
        builder = builder.set_override("insecure", true)?;
    }
    let hint = "hint: settings are listed in the README, under \"Settings\"";
    let written: Written = builder.build().and_then(Config::try_deserialize).context(hint)?;
    check(written)
}

fn path_text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("config: the file's path must be UTF-8")
}

fn check(written: Written) -> anyhow::Result<Settings> {
    let listen: SocketAddr = written.listen.parse().with_context(|| {
        format!("listen: {:?} must be an address and a port, such as 127.0.0.1:21100", written.listen)
    })?;
    if !listen.ip().is_loopback() && written.keys_file.is_none() && !written.insecure {
        bail!(
            "listen: {listen} can be reached from other machines, and there are no API keys\n\
             hint: make one with eros-points keygen and name its file with --keys-file, or listen on a loopback \
             address, or say --insecure if something else keeps strangers out"
        );
    }
    let zone = written.time_zone.parse();
    let terms = Terms {
        default_expire: days("default_expire_days", written.default_expire_days, 1)?,
        refund_grace: days("refund_grace_days", written.refund_grace_days, 0)?.filter(|span| span.0 > 0),
        future_tolerance: hours("future_tolerance_hours", written.future_tolerance_hours, 0)?,
        offer_window: hours("offer_window_hours", written.offer_window_hours, 1)?,
        ..Terms::default()
    };
    Ok(Settings {
        listen,
        data_dir: written.data_dir,
        zone: zone.map_err(|_| {
            anyhow::anyhow!("time_zone: {:?} must be an IANA zone such as Asia/Shanghai", written.time_zone)
        })?,
        sync: sync(&written.sync)?,
        snapshot_every_bytes: bytes("snapshot_every", &written.snapshot_every)?,
        insecure: written.insecure,
        keys_file: written.keys_file,
        tenants: written.tenants.map(tenants).transpose()?,
        rate_limit: rate_limit(written.rate_limit_per_second, written.rate_limit_burst)?,
        stop_time_max: seconds("stop_time_max_seconds", written.stop_time_max_seconds)?,
        is_neocrm: one_of("compat", &written.compat, ["none", "neocrm"])? == "neocrm",
        pin_workers: written.pin_workers,
        live_actors_max: positive("live_actors_max", written.live_actors_max)?,
        in_flight_max: positive("in_flight_max", written.in_flight_max)?,
        index_lag_max: written.index_lag_max.max(1),
        resting_bytes_max: bytes_or_none("resting_bytes_max", &written.resting_bytes_max)?,
        segment_bytes: bytes("segment_bytes", &written.segment_bytes)?,
        min_free_bytes: bytes("min_free_bytes", &written.min_free_bytes)?,
        history_cache_bytes: bytes("history_cache_bytes", &written.history_cache_bytes)?,
        terms,
        clock_jump_max: hours("clock_jump_max_hours", written.clock_jump_max_hours, 1)?,
        points_gauge_every: seconds_or_never(
            "points_gauge_every_seconds",
            written.points_gauge_every_seconds,
        )?,
        points_gauge_tenants_max: at_most(
            "points_gauge_tenants_max",
            written.points_gauge_tenants_max,
            10_000,
        )?,
        log: written.log,
        logs_json: one_of("log_format", &written.log_format, ["human", "json"])? == "json",
    })
}

/// Names as a list, or as one text with commas between them, as environments have it.
#[derive(Debug)]
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of names, or names with commas between them")
            }

            fn visit_str<E>(self, text: &str) -> Result<Names, E> {
                Ok(Names(text.split(',').map(|name| name.trim().to_owned()).collect()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = items.next_element()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

fn tenants(names: Names) -> anyhow::Result<Vec<String>> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let is_tenant = |name: &String| (1..=32).contains(&name.len()) && name.bytes().all(allowed);
    match names.0.iter().find(|name| !is_tenant(name)) {
        Some(name) => bail!("tenants: {name:?} must have 1 to 32 letters, digits, _ or -"),
        None if names.0.is_empty() => bail!("tenants: must name one at least; leave it out for any"),
        None => Ok(names.0),
    }
}

fn rate_limit(
    per_second: Option<u32>,
    burst: Option<u32>,
) -> anyhow::Result<Option<(NonZeroU32, NonZeroU32)>> {
    let number = |name: &str, number: u32| {
        NonZeroU32::new(number)
            .with_context(|| format!("{name}: must be at least 1; leave it out for no limit"))
    };
    let Some(per_second) = per_second else {
        if burst.is_some() {
            bail!("rate_limit_burst: says nothing without rate_limit_per_second");
        }
        return Ok(None);
    };
    let burst = burst.unwrap_or(per_second);
    Ok(Some((number("rate_limit_per_second", per_second)?, number("rate_limit_burst", burst)?)))
}

fn seconds(name: &str, number: u64) -> anyhow::Result<Duration> {
    if (1..=3_600).contains(&number) {
        Ok(Duration::from_secs(number))
    } else {
        bail!("{name}: must be 1 to 3600 seconds")
    }
}

fn one_of<'a>(name: &str, text: &'a str, known: [&str; 2]) -> anyhow::Result<&'a str> {
    if known.contains(&text) {
        Ok(text)
    } else {
        bail!("{name}: {text:?} must be {} or {}", known[0], known[1])
    }
}

fn positive(name: &str, number: usize) -> anyhow::Result<usize> {
    if number == 0 { bail!("{name}: must be at least 1") } else { Ok(number) }
}

fn at_most(name: &str, number: usize, most: usize) -> anyhow::Result<usize> {
    if number > most { bail!("{name}: must be at most {most}") } else { Ok(number) }
}

/// 0 stands for never.
fn seconds_or_never(name: &str, number: u64) -> anyhow::Result<Option<Duration>> {
    match number {
        0 => Ok(None),
        1..=86_400 => Ok(Some(Duration::from_secs(number))),
        _ => bail!("{name}: must be 0 (never) to 86400 seconds"),
    }
}

fn days(name: &str, number: Option<i64>, least: i64) -> anyhow::Result<Option<Span>> {
    match number {
        Some(number) if !(least..=36_500).contains(&number) => bail!("{name}: must be {least} to 36500 days"),
        number => Ok(number.map(Span::days)),
    }
}

fn hours(name: &str, number: i64, least: i64) -> anyhow::Result<Span> {
    if (least..=87_600).contains(&number) {
        Ok(Span::hours(number))
    } else {
        bail!("{name}: must be {least} to 87600 hours")
    }
}

fn sync(text: &str) -> anyhow::Result<SyncPolicy> {
    let interval = text
        .strip_prefix("interval=")
        .and_then(|every| every.strip_suffix("ms"))
        .and_then(|ms| ms.parse().ok());
    match (text, interval) {
        ("always", _) => Ok(SyncPolicy::Always),
        ("off", _) => Ok(SyncPolicy::Off),
        (_, Some(1..=60_000)) => Ok(SyncPolicy::Interval(Duration::from_millis(interval.unwrap_or(10)))),
        _ => bail!("sync: {text:?} must be always, off, or interval=Nms with N from 1 to 60000"),
    }
}

/// `64MiB`, `1GiB`, `4KiB`, or plain bytes.
fn bytes(name: &str, text: &str) -> anyhow::Result<u64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("", 0)];
    let found = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?.trim().parse::<u64>().ok()?, shift)));
    match found {
        Some((number, shift)) if number > 0 && number < 1 << 30 || number < 1 << 50 && *shift == 0 => {
            Ok(number << shift)
        }
        _ => bail!("{name}: {text:?} must be a size such as 64MiB, 1GiB or 1048576"),
    }
}

/// The same, or 0.
fn bytes_or_none(name: &str, text: &str) -> anyhow::Result<u64> {
    if text.trim() == "0" { Ok(0) } else { bytes(name, text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_setting_that_is_wrong() {
        let wrong = [
            (Flags { listen: Some("nowhere".into()), ..Flags::default() }, "listen"),
            (Flags { listen: Some("0.0.0.0:1".into()), ..Flags::default() }, "--insecure"),
            (Flags { time_zone: Some("Mars/Olympus".into()), ..Flags::default() }, "time_zone"),
            (Flags { sync: Some("sometimes".into()), ..Flags::default() }, "sync"),
            (Flags { snapshot_every: Some("64 parsecs".into()), ..Flags::default() }, "snapshot_every"),
            (Flags { compat: Some("sap".into()), ..Flags::default() }, "compat"),
            (Flags { log_format: Some("xml".into()), ..Flags::default() }, "log_format"),
            (Flags { config: Some("/nowhere.toml".into()), ..Flags::default() }, "nowhere"),
        ];
        for (flags, word) in wrong {
            let message = format!("{:#}", load(&flags).unwrap_err());
            assert!(message.contains(word), "{message}");
        }
        let open = Flags { listen: Some("0.0.0.0:1".into()), insecure: true, ..Flags::default() };
        assert!(load(&open).is_ok());
        let keyed = Flags {
            listen: Some("0.0.0.0:1".into()),
            keys_file: Some("keys.toml".into()),
            ..Flags::default()
        };
        assert!(load(&keyed).is_ok());
    }

    #[test]
    fn reads_sizes_and_policies() {
        assert_eq!(bytes("x", "64MiB").unwrap(), 64 << 20);
        assert_eq!(bytes("x", "1048576").unwrap(), 1 << 20);
        assert_eq!(sync("interval=10ms").unwrap(), SyncPolicy::Interval(Duration::from_millis(10)));
        assert!(sync("interval=0ms").is_err());
    }
}
