//! The rows of the tables: what users may ask, what answers it, and what is wanted.
use super::common::figures::Figure;

pub struct Row {
    /// What is measured, in a user's words.
    pub what: &'static str,
    /// What it must reach, and what is aimed at; empty where nothing was set.
    pub must: &'static str,
    pub aim: &'static str,
    pub bench: &'static str,
    /// With the figures as `{name:decimals}`.
    pub measured: &'static str,
}

const fn row(
    what: &'static str,
    (must, aim): (&'static str, &'static str),
    bench: &'static str,
    measured: &'static str,
) -> Row {
    Row { what, must, aim, bench, measured }
}

const NOTHING_SET: (&str, &str) = ("", "");

/// In the order in which a newcomer would ask. One whose figures are not there is left out.
pub const ROWS: [Row; 26] = [
    row(
        "accruals over HTTP, each durable when it is answered: 256 connections, 10,000 members",
        NOTHING_SET,
        "http",
        "{produce/10000/rate:0} a second; p50 {produce/10000/p50:1} ms, p99 {produce/10000/p99:1} ms, p99.9 {produce/10000/p99.9:1} ms",
    ),
    row(
        "accruals next to a bare axum server in the same run: same requests, answers of the same length, nothing done",
        ("0.60", "0.80"),
        "http",
        "**{produce/10000/ratio:2}** of its {produce/10000/bare_rate:0} a second; {produce/10000/cpu:1} us of processor time a request against {produce/10000/bare_cpu:1}",
    ),
    row(
        "for comparison, bare axum with an actor for each member and the same log, and no ledger, keys or index: next to bare axum alone",
        NOTHING_SET,
        "http",
        "{floor/10000/ratio:2} of its rate; {floor/10000/cpu:1} us of processor time a request, the service beside it {floor/10000/service_cpu:1}",
    ),
    row(
        "accruals next to bare axum, 100,000 members busy at once",
        ("0.50", "0.70"),
        "http",
        "**{produce/100000/ratio:2}** of its rate; {produce/100000/rate:0} a second, p99 {produce/100000/p99:1} ms",
    ),
    row(
        "accruals next to bare axum, members at rest, some asked far more often than others (Zipf, 0.99)",
        ("0.45", "0.65"),
        "http",
        "**{zipf/ratio:2}** of its rate; {zipf/rate:0} a second, p99 {zipf/p99:1} ms, over {zipf/members:0} members",
    ),
    row(
        "a mix next to bare axum: 50 % accruals, 20 % spends, 5 % transfers, 5 % reversals, 20 % balances",
        ("0.55", "0.75"),
        "http",
        "**{mix/ratio:2}** of its rate; {mix/rate:0} a second, p99 {mix/p99:1} ms",
    ),
    row(
        "operations in batches next to single requests in the same run",
        ("4", "8"),
        "http",
        "**{batch/ratio:1}** times as many; {batch/rate:0} a second; history caught up {batch/caught_up_after:0} s later, in {batch/rounds_caught_up%:0} % of the rounds",
    ),
    row(
        "for comparison, the same of bare axum with actors and a log, and of bare axum alone",
        NOTHING_SET,
        "http",
        "{batch/floor/ratio:1} times as many, {batch/floor/rate:0} a second, and {batch/bare/ratio:1} times, {batch/bare/rate:0}",
    ),
    row(
        "next to a Python service on PostgreSQL, over HTTP",
        ("12", "18"),
        "peers",
        "**{produce.ours_over_python_postgresql:1}** times as many accruals as its {produce.python_postgresql.rate:0} a second",
    ),
    row(
        "next to a function in PostgreSQL alone, called by pgbench without HTTP",
        ("3.5", "5"),
        "peers",
        "**{produce.ours_over_postgresql:1}** times as many accruals as its {produce.postgresql.rate:0} a second",
    ),
    row(
        "latency at half the peak, over snapshots, new segments and merges of the index",
        ("p99 5 ms, p99.9 20 ms", "2 ms, 5 ms"),
        "http",
        "p50 {open/p50:1} ms, p99 **{open/p99:1} ms**, p99.9 {open/p99.9:1} ms at {open/rate:0} a second",
    ),
    row(
        "for comparison, latency at the same rate of bare axum with actors and a log, and of bare axum alone",
        NOTHING_SET,
        "http",
        "p50 {open/floor/p50:1} ms, p99 {open/floor/p99:1} ms, p99.9 {open/floor/p99.9:1} ms, and {open/bare/p50:1}, {open/bare/p99:1}, {open/bare/p99.9:1}",
    ),
    row(
        "lots that fall due in the same second, under the load at half the peak: its p99 over the p99 without; when all is recorded",
        ("2 times, 30 s", "1.2 times"),
        "due",
        "**{p99 over the moment / without:1}** times ({p99 over the moment:1} ms); {lots:0} lots recorded after {all recorded after:1} s",
    ),
    row(
        "a start: replay of the log",
        ("1 M", "2 M"),
        "recovery",
        "{few/replay, events a second per core:0} events a second per core, {few/members:0} members; {many/replay, events a second per core:0} with {many/members:0}",
    ),
    row(
        "a start: members read from a snapshot",
        ("1 M", "3 M"),
        "recovery",
        "{many/snapshot, members a second of wall clock:0} members a second, {many/snapshot, members a second per core:0} per core, of {many/members:0}; {few/snapshot, members a second of wall clock:0} of {few/members:0}, with all else that a start does",
    ),
    row(
        "a member at rest with three lots, in resident memory, all included",
        ("400 bytes", "200 bytes"),
        "memory",
        "{resident a member, all included:0} bytes",
    ),
    row(
        "a further past event (idempotency key, history), in resident memory",
        ("24 bytes", "0"),
        "memory",
        "{resident a further past event:1} bytes",
    ),
    row("an accrual on the disk: the log", ("260 bytes", "180 bytes"), "bytes", "{log:0} bytes written"),
    row(
        "an accrual on the disk: log, index and snapshots",
        ("2,500 bytes", "1,200 bytes"),
        "bytes",
        "{all:0} bytes written",
    ),
    row(
        "history while writes run at half the peak: a member's newest page",
        ("p99 10 ms", "3 ms"),
        "http",
        "p50 {history/member_p50:2} ms, p99 **{history/member_p99:1} ms**, over {history/records:0} records",
    ),
    row(
        "history while writes run at half the peak: a tenant's newest page",
        ("p99 30 ms", "10 ms"),
        "http",
        "p50 {history/tenant_p50:2} ms, p99 **{history/tenant_p99:1} ms**",
    ),
    row(
        "sustained at 90 % of the peak: the rate, the index, memory",
        ("the index keeps up, memory flat", ""),
        "http",
        "{sustain/seconds:0} s at {sustain/rate:0} a second ({sustain/kept%:0} % of what was asked for); index {sustain/lag:0} records behind; memory in the second half {sustain/memory_growth:2} times the first's",
    ),
    row(
        "history index alone: rows a second of one core's time",
        NOTHING_SET,
        "history",
        "{rows per CPU-second:0}; at {rows:0} rows",
    ),
    row(
        "history index alone: a member's newest page / a tenant's newest page",
        NOTHING_SET,
        "history",
        "p50 {a member's newest page, p50:2} / {the tenant's newest page, p50:2} ms, p99 {a member's newest page, p99:2} / {the tenant's newest page, p99:2} ms",
    ),
    row(
        "next to a script in Redis that syncs each change, without HTTP",
        NOTHING_SET,
        "peers",
        "{produce.ours_over_redis:2} times its {produce.redis.rate:0} a second",
    ),
    row(
        "the load program itself, a request of the first row",
        NOTHING_SET,
        "http",
        "{produce/10000/load_cpu:1} us of processor time, on the same cores",
    ),
];

/// A row with its figures.
pub struct Filled {
    pub what: String,
    pub must: String,
    pub aim: String,
    pub measured: String,
    pub command: String,
}

/// The rows that there are figures for.
pub fn filled(figures: &[Figure]) -> Vec<Filled> {
    ROWS.iter().filter_map(|row| row.filled(figures)).collect()
}

/// Figures that no row tells of. Those over HTTP are left out: they are parts of what the rows tell.
pub fn others(figures: &[Figure]) -> Vec<Filled> {
    let is_told = |figure: &Figure| {
        let tells =
            |row: &Row| row.bench == figure.bench && row.measured.contains(&format!("{{{}:", figure.figure));
        figure.bench == "http" || ROWS.iter().any(tells)
    };
    let filled = |figure: &Figure| Filled {
        what: format!("{}: {}", figure.bench, figure.figure),
        must: String::new(),
        aim: String::new(),
        measured: format!("{} {}", number(figure.value, decimals(figure.value)), figure.unit),
        command: figure.command.clone(),
    };
    figures.iter().filter(|figure| !is_told(figure)).map(filled).collect()
}

impl Row {
    fn filled(&self, figures: &[Figure]) -> Option<Filled> {
        let find =
            |name: &str| figures.iter().find(|figure| figure.bench == self.bench && figure.figure == name);
        let (mut measured, mut rest, mut command) = (String::new(), self.measured, None);
        while let Some((before, (place, after))) =
            rest.split_once('{').and_then(|(before, tail)| Some((before, tail.split_once('}')?)))
        {
            let (name, decimals) = place.rsplit_once(':')?;
            let share = name.strip_suffix('%');
            let figure = find(share.unwrap_or(name))?;
            let value = if share.is_some() { figure.value * 100.0 } else { figure.value };
            measured += before;
            measured += &number(value, decimals.parse().ok()?);
            command = Some(figure.command.clone());
            rest = after;
        }
        measured += rest;
        let (what, must, aim) = (self.what.into(), self.must.into(), self.aim.into());
        Some(Filled { what, must, aim, measured, command: command? })
    }
}

fn decimals(value: f64) -> usize {
    match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 1.0 => 1,
        _ => 3,
    }
}

/// With commas between thousands; large ones to three digits that say something.
pub fn number(value: f64, decimals: usize) -> String {
    let rounded = if value >= 1_000.0 {
        let unit = 10_f64.powf(value.log10().floor() - 2.0);
        (value / unit).round() * unit
    } else {
        value
    };
    let text = format!("{rounded:.decimals$}");
    let (whole, part) = text.split_at(text.find('.').unwrap_or(text.len()));
    let digits = whole.trim_start_matches('-');
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{}{grouped}{part}", if value < 0.0 { "-" } else { "" })
}
