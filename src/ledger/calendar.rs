//! The calendar in a zone: days, weeks, months, quarters and years, and the instants at which they begin. Only rules know it;
//! everything else counts in milliseconds.
use crate::ledger::instant::Instant;
use crate::ledger::local::resolve;
use bincode::{Decode, Encode};
use chrono::{Datelike, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use serde::Serialize;

/// A stretch of the calendar that points may live to the end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Stretch {
    Day,
    Month,
    Quarter,
    Year,
}

impl Stretch {
    pub const ALL: [Stretch; 4] = [Stretch::Day, Stretch::Month, Stretch::Quarter, Stretch::Year];

    pub fn name(self) -> &'static str {
        match self {
            Stretch::Day => "day",
            Stretch::Month => "month",
            Stretch::Quarter => "quarter",
            Stretch::Year => "year",
        }
    }
}

/// The day, week and month that an instant lies in, each as a number that grows by one from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// 0 is 1970-01-01.
    pub day: i64,
    /// 0 is the week from Monday, 1970-01-05.
    pub week: i64,
    /// 0 is January of the year 0.
    pub month: i64,
}

impl Periods {
    pub fn of(at: Instant, zone: Tz) -> Periods {
        let date = local(at, zone).date();
        let day = i64::from(date.num_days_from_ce()) - DAYS_TO_1970;
        // 1970-01-01 was a Thursday.
        let week = (day - 4).div_euclid(7);
        Periods { day, week, month: i64::from(date.year()) * 12 + i64::from(date.month0()) }
    }
}

const DAYS_TO_1970: i64 = 719_163;

/// 1 is Monday, 7 Sunday.
pub fn weekday(at: Instant, zone: Tz) -> u32 {
    local(at, zone).weekday().number_from_monday()
}

/// The first instant after the stretch that `at` lies in, and after `plus` more of them.
pub fn end_of(stretch: Stretch, plus: u32, at: Instant, zone: Tz) -> Option<Instant> {
    let date = local(at, zone).date();
    let months = |first: Option<NaiveDate>, each: u32| {
        first?.checked_add_months(Months::new(each.checked_mul(plus + 1)?))
    };
    let next = match stretch {
        Stretch::Day => date.checked_add_signed(TimeDelta::days(i64::from(plus) + 1)),
        Stretch::Month => months(date.with_day(1), 1),
        Stretch::Quarter => months(NaiveDate::from_ymd_opt(date.year(), date.month0() / 3 * 3 + 1, 1), 3),
        Stretch::Year => months(NaiveDate::from_ymd_opt(date.year(), 1, 1), 12),
    };
    let first = resolve(next?.and_time(NaiveTime::MIN), zone)?;
    Some(Instant(first.timestamp_millis()))
}

/// What clocks in `zone` show at `at`. What no calendar holds is shown as its end.
fn local(at: Instant, zone: Tz) -> NaiveDateTime {
    let end = if at.0 < 0 { NaiveDate::MIN } else { NaiveDate::MAX };
    crate::ledger::local::local(at, zone).unwrap_or(end.and_time(NaiveTime::MIN))
}
