//! Days, weeks and months as the log numbers them, by a zone's calendar.
use super::rules::{SHANGHAI, instant};
use chrono_tz::Tz;
use eros_points::ledger::calendar::{Periods, Stretch, end_of, weekday};
use eros_points::ledger::instant::Instant;
use eros_points::ledger::local::{day_end, local};

#[test]
fn days_count_from_1970_weeks_from_its_first_monday_and_months_from_the_year_0() {
    for (time, day, week, month) in [
        ("1970-01-01T00:00:00Z", 0, -1, 23_640),
        ("1970-01-04T23:59:59Z", 3, -1, 23_640),
        ("1970-01-05T00:00:00Z", 4, 0, 23_640),
        ("1969-12-31T23:59:59Z", -1, -1, 23_639),
        ("1969-12-28T12:00:00Z", -4, -2, 23_639),
        ("2022-06-15T15:59:59Z", 19_158, 2_736, 24_269),
        ("2024-12-31T12:00:00Z", 20_088, 2_869, 24_299),
    ] {
        let at = instant(time, Tz::UTC);
        assert_eq!(Periods::of(at, Tz::UTC), Periods { day, week, month }, "{time}");
    }
    let evening = instant("2022-06-15T16:00:00Z", Tz::UTC);
    assert_eq!((Periods::of(evening, Tz::UTC).day, Periods::of(evening, SHANGHAI).day), (19_158, 19_159));
    assert_eq!((weekday(evening, Tz::UTC), weekday(evening, SHANGHAI)), (3, 4), "Wednesday, Thursday");
}

#[test]
fn what_no_calendar_holds_lies_at_its_end() {
    let (first, last) = (Periods::of(Instant::MIN, SHANGHAI), Periods::of(Instant::MAX, SHANGHAI));
    assert!(first.day < -90_000_000 && last.day > 90_000_000, "{first:?} {last:?}");
    assert_eq!(local(Instant::MAX, SHANGHAI), None);
    assert_eq!(day_end(Instant::MAX, SHANGHAI), Instant::MAX);
    for stretch in Stretch::ALL {
        assert_eq!(end_of(stretch, 0, Instant::MAX, SHANGHAI), None);
        assert_eq!(end_of(stretch, u32::MAX - 1, Instant(0), SHANGHAI), None);
    }
}

#[test]
fn a_day_ends_where_the_next_begins_and_its_first_instant_is_the_end_of_the_one_before() {
    for (zone, at, end) in [
        (SHANGHAI, "2022-06-15 12:00:00", "2022-06-16 00:00:00"),
        (SHANGHAI, "2022-06-15 23:59:59", "2022-06-16 00:00:00"),
        (SHANGHAI, "2022-06-15 00:00:00", "2022-06-15 00:00:00"),
        // Santiago skips this midnight; Samoa a whole day.
        (Tz::America__Santiago, "2022-09-10 12:00:00", "2022-09-11 01:00:00"),
        (Tz::America__Santiago, "2022-09-11 01:00:00", "2022-09-11 01:00:00"),
        (Tz::Pacific__Apia, "2011-12-29 12:00:00", "2011-12-31 00:00:00"),
    ] {
        assert_eq!(day_end(instant(at, zone), zone), instant(end, zone), "{at} in {zone}");
    }
}
