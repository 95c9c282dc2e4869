//! The growth as a picture: throughput above, p99 below, both over the number of members or past events, logarithmic.
use super::growth::{Point, What};
use super::rows::number;
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
/// Height of one of the two panels, and the room around it.
const PANEL: f64 = 180.0;
const GAP: f64 = 60.0;

/// Name and colour of a line.
const LINES: [(What, &str, &str); 2] =
    [(What::Members, "members", "#0b6e99"), (What::Events, "past events", "#c2571a")];

pub fn svg(points: &[Point]) -> String {
    let height = 2.0 * (PANEL + GAP) + 40.0;
    let mut out = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{height}" fill="#fff"/>
"##
    );
    let scale = Scale::of(points);
    panel(&mut out, points, &scale, GAP / 2.0, "accruals a second", |point| point.rate);
    panel(&mut out, points, &scale, PANEL + 1.5 * GAP, "p99, ms", |point| point.p99);
    for (place, (_, name, colour)) in LINES.iter().enumerate() {
        let (x, y) = (LEFT + 200.0 * place as f64, height - 14.0);
        let _ = writeln!(
            out,
            r#"<circle cx="{x}" cy="{}" r="4" fill="{colour}"/><text x="{}" y="{y}">by the number of {name}</text>"#,
            y - 4.0,
            x + 10.0
        );
    }
    out + "</svg>\n"
}

/// Where a size lies from left to right.
struct Scale {
    first: f64,
    last: f64,
}

impl Scale {
    fn of(points: &[Point]) -> Scale {
        let sizes = || points.iter().map(|point| (point.size.max(1) as f64).log10());
        let (first, last) =
            (sizes().fold(f64::INFINITY, f64::min), sizes().fold(f64::NEG_INFINITY, f64::max));
        Scale { first: first.floor(), last: last.ceil().max(first.floor() + 1.0) }
    }

    fn x(&self, log: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (log - self.first) / (self.last - self.first)
    }
}

fn panel(
    out: &mut String,
    points: &[Point],
    scale: &Scale,
    top: f64,
    title: &str,
    of: impl Fn(&Point) -> f64,
) {
    let most = points.iter().map(&of).fold(0.0, f64::max) * 1.1;
    let y = |value: f64| top + PANEL * (1.0 - value / most);
    let _ = writeln!(out, r#"<text x="{LEFT}" y="{}" font-weight="bold">{title}</text>"#, top - 8.0);
    for quarter in 0..=4 {
        let value = most * f64::from(quarter) / 4.0;
        let (right, at) = (WIDTH - RIGHT, y(value));
        let digits = if most >= 100.0 { 0 } else { 1 };
        let _ = writeln!(
            out,
            r##"<line x1="{LEFT}" y1="{at:.1}" x2="{right}" y2="{at:.1}" stroke="#ddd"/><text x="{}" y="{:.1}" text-anchor="end">{}</text>"##,
            LEFT - 8.0,
            at + 4.0,
            number(value, digits)
        );
    }
    for power in scale.first as i32..=scale.last as i32 {
        let _ = writeln!(
            out,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            scale.x(f64::from(power)),
            top + PANEL + 18.0,
            number(10_f64.powi(power), 0)
        );
    }
    for (what, _, colour) in LINES {
        let places = points.iter().filter(|point| point.what == what);
        let places: Vec<(f64, f64)> =
            places.map(|point| (scale.x((point.size.max(1) as f64).log10()), y(of(point)))).collect();
        let corners: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            out,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
            corners.join(" ")
        );
        for (x, y) in places {
            let _ = writeln!(out, r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{colour}"/>"#);
        }
    }
}
