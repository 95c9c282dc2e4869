//! Local time in a zone: which instant a wall clock's reading names, and where days end. Pure: a zone is data.
use crate::ledger::instant::Instant;
use chrono::{DateTime, Days, LocalResult, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// The instant that `local` names in `zone`. One that the zone skips is the first instant after the gap; one that it
/// has twice, the earlier.
pub fn resolve(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.with_timezone(&Utc)),
        LocalResult::None => first_after_gap(local, zone),
    }
}

/// No zone skips more than a day and a bit; the end of the gap is found to the second by halving.
fn first_after_gap(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let at = |local: NaiveDateTime| zone.from_local_datetime(&local).earliest();
    let (mut inside, mut beyond) = (local, local.checked_add_signed(TimeDelta::hours(26))?);
    at(beyond)?;
    while beyond - inside > TimeDelta::seconds(1) {
        let middle = inside + TimeDelta::seconds((beyond - inside).num_seconds() / 2);
        if at(middle).is_some() { beyond = middle } else { inside = middle }
    }
    at(beyond).map(|at| at.with_timezone(&Utc))
}

/// The wall clock's reading at `at`; none beyond what calendars hold.
pub fn local(at: Instant, zone: Tz) -> Option<NaiveDateTime> {
    let utc = DateTime::<Utc>::from_timestamp_millis(at.0)?;
    // A day of room, since a zone moves the clock.
    utc.checked_add_days(Days::new(1))?.checked_sub_days(Days::new(2))?;
    Some(utc.with_timezone(&zone).naive_local())
}

/// The first instant after the local day that `at` lies in; `at` itself where a day begins just then. What lies beyond
/// the calendar stays as it is.
pub fn day_end(at: Instant, zone: Tz) -> Instant {
    let end = || {
        let local = local(at, zone)?;
        let midnight = local.date().and_time(NaiveTime::MIN);
        let begins = resolve(midnight, zone)?.timestamp_millis();
        if begins == at.0 {
            return Some(at);
        }
        let next = local.date().checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN);
        resolve(next, zone).map(|next| Instant(next.timestamp_millis()))
    };
    end().unwrap_or(at)
}
