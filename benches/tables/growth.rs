//! How the cost grows with the number of members, and with that of past events.
use super::common::figures::Figure;
use super::rows::number;
use std::collections::BTreeMap;

/// What was measured at one size.
pub struct Point {
    pub what: What,
    pub size: u64,
    pub rate: f64,
    pub p99: f64,
    ratio: f64,
    cpu: f64,
    memory: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Members,
    Events,
}

/// From the figures named `grow/members/SIZE/…` and `grow/events/SIZE/…`.
pub fn points(figures: &[Figure]) -> Vec<Point> {
    let mut sizes: BTreeMap<(What, u64), BTreeMap<&str, f64>> = BTreeMap::new();
    for figure in figures {
        let parts: Vec<&str> = figure.figure.split('/').collect();
        let ["grow", what, size, name] = parts[..] else { continue };
        let what = if what == "members" { What::Members } else { What::Events };
        let Ok(size) = size.parse() else { continue };
        sizes.entry((what, size)).or_default().insert(name, figure.value);
    }
    let point = |((what, size), told): ((What, u64), BTreeMap<&str, f64>)| {
        let of = |name: &str| told.get(name).copied().unwrap_or(f64::NAN);
        let (rate, p99, ratio, cpu, memory) = (of("rate"), of("p99"), of("ratio"), of("cpu"), of("memory"));
        Point { what, size, rate, p99, ratio, cpu, memory }
    };
    sizes.into_iter().map(point).collect()
}

pub fn table(points: &[Point]) -> String {
    let line = |point: &Point| {
        let size = whole(point.size);
        let (members, events) = match point.what {
            What::Members => (size, "one a member, and those of the run".to_owned()),
            What::Events => ("100,000".to_owned(), size),
        };
        format!(
            "| {members} | {events} | {} | {} | {} | {} | {} |\n",
            number(point.rate, 0),
            number(point.ratio, 2),
            number(point.p99, 1),
            number(point.cpu, 1),
            number(point.memory, 0)
        )
    };
    "| members | past events | accruals/s | of bare axum | p99 ms | CPU us | memory MiB |\n| --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned()
        + &points.iter().map(line).collect::<String>()
}

fn whole(size: u64) -> String {
    let digits = size.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).expect("digits")).collect();
    groups.join(",")
}
