//! Times as the wire writes them: `YYYY-MM-DD HH:MM:SS` in the tenant's zone.
use crate::ledger::instant::Instant;
use crate::ledger::local::resolve;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

const FORM: &str = "%Y-%m-%d %H:%M:%S";
const YEARS: std::ops::RangeInclusive<i32> = 1900..=9999;

/// The numbers below 100.
const TWO_DIGITS: [&str; 100] = [
    "00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16",
    "17", "18", "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33",
    "34", "35", "36", "37", "38", "39", "40", "41", "42", "43", "44", "45", "46", "47", "48", "49", "50",
    "51", "52", "53", "54", "55", "56", "57", "58", "59", "60", "61", "62", "63", "64", "65", "66", "67",
    "68", "69", "70", "71", "72", "73", "74", "75", "76", "77", "78", "79", "80", "81", "82", "83", "84",
    "85", "86", "87", "88", "89", "90", "91", "92", "93", "94", "95", "96", "97", "98", "99",
];

/// What a time must look like, for messages.
pub const SHOULD: &str = "must be a time such as 2022-06-15 18:00:00, or RFC 3339 with an offset";

/// The instant that `text` names: local in `zone`, or RFC 3339 with an offset. A local time that the zone skips is the
/// first instant after the gap; one that it has twice, the earlier.
pub fn parse(text: &str, zone: Tz) -> Option<Instant> {
    // chrono's parser has the rarer forms, such as a 60th second.
    let parsed = || NaiveDateTime::parse_from_str(text, FORM).ok().filter(|_| text.len() == 19);
    let instant = match local(text).or_else(parsed) {
        Some(local) => resolve(local, zone)?,
        None => DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc),
    };
    // The year that it is there, since that is what answers show.
    YEARS.contains(&instant.with_timezone(&zone).year()).then(|| Instant(instant.timestamp_millis()))
}

/// `YYYY-MM-DD HH:MM:SS`, digit by digit: chrono's own parser takes ten times as long for it.
fn local(text: &str) -> Option<NaiveDateTime> {
    let bytes: &[u8; 19] = text.as_bytes().try_into().ok()?;
    let form =
        bytes[4] == b'-' && bytes[7] == b'-' && bytes[10] == b' ' && bytes[13] == b':' && bytes[16] == b':';
    let number = |range: std::ops::Range<usize>| {
        let digits = &bytes[range];
        let value = || digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        digits.iter().all(u8::is_ascii_digit).then(value)
    };
    let date = NaiveDate::from_ymd_opt(number(0..4)?.cast_signed(), number(5..7)?, number(8..10)?)?;
    let time = date.and_hms_opt(number(11..13)?, number(14..16)?, number(17..19)?)?;
    form.then_some(time)
}

/// `at` in `zone`, to the second. What no calendar holds is shown as its end.
pub fn format(at: Instant, zone: Tz) -> String {
    // A day of room, since a zone moves the clock too.
    let day = TimeDelta::days(1);
    let (first, last) = (DateTime::<Utc>::MIN_UTC + day, DateTime::<Utc>::MAX_UTC - day);
    let utc = match DateTime::<Utc>::from_timestamp_millis(at.0) {
        Some(utc) => utc.clamp(first, last),
        None if at.0 < 0 => first,
        None => last,
    };
    let local = utc.with_timezone(&zone).naive_local();
    let (date, time) = (local.date(), local.time());
    use chrono::Timelike;
    let mut text = String::with_capacity(19);
    match date.year() {
        // By hand: each answer has four of them, and the formatting machinery costs as much as all the rest of it.
        year @ 0..=9999 => {
            push_digits(&mut text, year.unsigned_abs() / 100);
            push_digits(&mut text, year.unsigned_abs() % 100);
        }
        year => text = format!("{year:04}"),
    }
    let rest = [date.month(), date.day(), time.hour(), time.minute(), time.second()];
    for (before, part) in ["-", "-", " ", ":", ":"].into_iter().zip(rest) {
        text.push_str(before);
        push_digits(&mut text, part);
    }
    text
}

/// So many times are remembered.
const KNOWN_MAX: usize = 4;

/// Writes times and remembers the latest: a record has one in several places, and all answers to a batch have the same few.
#[derive(Default)]
pub struct Times {
    /// By second and zone.
    known: [Option<(i64, Tz, String)>; KNOWN_MAX],
    /// What goes first.
    oldest: usize,
}

impl Times {
    /// As [`format`] writes it.
    pub fn show(&mut self, at: Instant, zone: Tz) -> &str {
        let second = at.0.div_euclid(1_000);
        let is_it = |known: &Option<(i64, Tz, String)>| {
            known.as_ref().is_some_and(|(of, there, _)| *of == second && *there == zone)
        };
        let place = self.known.iter().position(is_it).unwrap_or_else(|| {
            let place = self.oldest;
            self.known[place] = Some((second, zone, format(at, zone)));
            self.oldest = (place + 1) % KNOWN_MAX;
            place
        });
        self.known[place].as_ref().map_or("", |(_, _, text)| text)
    }
}

/// Two digits of a number below 100.
fn push_digits(text: &mut String, number: u32) {
    text.push_str(TWO_DIGITS[number as usize % 100]);
}

/// A day of the calendar in some zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// `2022-06-16`.
    pub date: String,
    /// The first instant after it.
    pub end: Instant,
}

/// So many days, the first of them the one that `now` lies in. One that the zone leaves out has no instant of its own.
pub fn days_from(now: Instant, zone: Tz, count: usize) -> Vec<Day> {
    let first =
        DateTime::<Utc>::from_timestamp_millis(now.0).map(|utc| utc.with_timezone(&zone).date_naive());
    let mut days = Vec::with_capacity(count);
    let mut next = first;
    while days.len() < count
        && let Some(date) = next
    {
        next = date.succ_opt();
        let end = next.and_then(|next| resolve(next.and_time(NaiveTime::MIN), zone));
        let end = end.map_or(Instant::MAX, |end| Instant(end.timestamp_millis()));
        days.push(Day { date: date.to_string(), end });
    }
    days
}

/// `2022-06`: the month that `at` lies in.
pub fn month(at: Instant, zone: Tz) -> String {
    let date = format(at, zone);
    date.match_indices('-').nth(1).map_or(date.clone(), |(end, _)| date[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_and_writes_the_first() {
        let rows: &[(&str, Tz, Option<&str>)] = &[
            ("2022-06-15 18:00:00", Tz::Asia__Shanghai, Some("2022-06-15 18:00:00")),
            ("2022-06-15T10:00:00Z", Tz::Asia__Shanghai, Some("2022-06-15 18:00:00")),
            ("2022-06-15T18:00:00.999+08:00", Tz::Asia__Shanghai, Some("2022-06-15 18:00:00")),
            // Skipped in spring: the first instant after. Twice in autumn: the earlier.
            ("2024-03-10 02:30:00", Tz::America__New_York, Some("2024-03-10 03:00:00")),
            ("2024-11-03 01:30:00", Tz::America__New_York, Some("2024-11-03 01:30:00")),
            // China had summer time; a day that Samoa left out.
            ("1986-05-04 02:30:00", Tz::Asia__Shanghai, Some("1986-05-04 03:00:00")),
            ("2011-12-30 12:00:00", Tz::Pacific__Apia, Some("2011-12-31 00:00:00")),
            ("2022-06-15", Tz::UTC, None),
            ("2022-13-15 18:00:00", Tz::UTC, None),
            ("2022-02-30 18:00:00", Tz::UTC, None),
            ("2022-06-15 24:00:00", Tz::UTC, None),
            ("2022-6-15 18:00:00", Tz::UTC, None),
            ("99999-06-15 18:00:00", Tz::UTC, None),
            ("1800-06-15 18:00:00", Tz::UTC, None),
            ("2022-06-15T18:00:00", Tz::UTC, None),
            ("", Tz::UTC, None),
        ];
        for (text, zone, expected) in rows {
            let read = parse(text, *zone).map(|at| format(at, *zone));
            assert_eq!(read.as_deref(), *expected, "{text} in {zone}");
        }
    }

    #[test]
    fn resolves_a_doubled_time_to_the_earlier_instant() {
        let at = parse("2024-11-03 01:30:00", Tz::America__New_York);
        assert_eq!(at, parse("2024-11-03T01:30:00-04:00", Tz::UTC));
    }

    #[test]
    fn days_begin_with_today_and_end_where_the_zone_says() {
        let shown = |now: &str, zone: Tz| -> Vec<(String, String)> {
            let days = days_from(parse(now, zone).unwrap(), zone, 3);
            days.into_iter().map(|day| (day.date, format(day.end, zone))).collect()
        };
        let rows =
            |rows: [(&str, &str); 3]| rows.map(|(date, end)| (date.to_owned(), end.to_owned())).to_vec();
        assert_eq!(
            shown("2022-12-30 23:59:59", Tz::Asia__Shanghai),
            rows([
                ("2022-12-30", "2022-12-31 00:00:00"),
                ("2022-12-31", "2023-01-01 00:00:00"),
                ("2023-01-01", "2023-01-02 00:00:00"),
            ])
        );
        // Samoa left a day out: it is listed, and nothing can fall on it.
        assert_eq!(
            shown("2011-12-29 12:00:00", Tz::Pacific__Apia),
            rows([
                ("2011-12-29", "2011-12-31 00:00:00"),
                ("2011-12-30", "2011-12-31 00:00:00"),
                ("2011-12-31", "2012-01-01 00:00:00"),
            ])
        );
    }

    #[test]
    fn times_are_remembered_by_second_and_zone() {
        let mut times = Times::default();
        let zones = [Tz::Asia__Shanghai, Tz::UTC];
        for round in 0..3 {
            for n in [-1_001, -1_000, -1, 0, 999, 1_000, 60_000, 3_600_000, i64::MIN, i64::MAX] {
                let (at, zone) = (Instant(n), zones[(n.unsigned_abs() as usize + round) % 2]);
                for _ in 0..2 {
                    assert_eq!(times.show(at, zone), format(at, zone), "{at:?} in {zone}");
                }
            }
        }
    }

    #[test]
    fn names_the_month_in_the_zone() {
        let at = parse("2022-06-30T20:00:00Z", Tz::UTC).unwrap();
        assert_eq!((month(at, Tz::UTC), month(at, Tz::Asia__Shanghai)), ("2022-06".into(), "2022-07".into()));
    }

    #[test]
    fn writes_every_instant_there_is() {
        for at in [i64::MIN, -1, 0, i64::MAX] {
            assert!(format(Instant(at), Tz::Asia__Shanghai).len() >= 19);
        }
    }
}
