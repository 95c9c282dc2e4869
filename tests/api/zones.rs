//! Times without an offset, in zones whose days have 23, 24 and 25 hours.
use super::sending::{accrual, with};
use super::{Instant, Options, Server, Span, Value, json};
use chrono_tz::America::New_York;

/// 2022-03-14 12:00:00 in New York, the day after the clocks went ahead.
const MARCH: Instant = Instant(1_647_273_600_000);
/// 2022-11-07 12:00:00 in New York, the day after they went back.
const NOVEMBER: Instant = Instant(1_667_840_400_000);

fn new_york(now: Instant) -> Server {
    Server::with(Options { now, zone: New_York, ..Options::default() })
}

/// An accrual of one point at this time that lives for so many days.
#[track_caller]
fn at(server: &Server, event_no: &str, event_at: &str, days: i64) -> Value {
    server.does(
        "produce/direct",
        with(accrual(event_no, "m", 1), json!({"event_at": event_at, "expire_days": days})),
    )
}

#[test]
fn speaks_the_time_of_its_zone() {
    let server = new_york(MARCH);
    let data = server.accrue("e1", "m", 1);
    assert_eq!(data["create_time"], "2022-03-14 12:00:00");
    let data = at(&server, "e2", "2022-03-14 11:00:00", 1);
    assert_eq!(data["event_at"], "2022-03-14 11:00:00");
    let data = at(&server, "e3", "2022-03-14T15:00:00Z", 1);
    assert_eq!(data["event_at"], "2022-03-14 11:00:00");
}

#[test]
fn takes_a_time_that_the_zone_skips_for_the_first_instant_after() {
    let server = new_york(MARCH);
    for (event_no, skipped) in
        [("e1", "2022-03-13 02:00:00"), ("e2", "2022-03-13 02:30:00"), ("e3", "2022-03-13 02:59:59")]
    {
        assert_eq!(at(&server, event_no, skipped, 30)["event_at"], "2022-03-13 03:00:00", "{skipped}");
    }
    assert_eq!(at(&server, "e4", "2022-03-13 01:59:59", 30)["event_at"], "2022-03-13 01:59:59");
}

#[test]
fn takes_a_time_that_the_zone_has_twice_for_the_earlier() {
    let server = new_york(NOVEMBER);
    let data = at(&server, "e1", "2022-11-06 01:30:00", 30);
    assert_eq!(data["event_at"], "2022-11-06 01:30:00");
    // The same instant, told with its offset, is the same content; an hour later is not.
    let body = |event_at: &str| with(accrual("e1", "m", 1), json!({"event_at": event_at, "expire_days": 30}));
    server.replays("produce/direct", body("2022-11-06T01:30:00-04:00"));
    server.refuses("produce/direct", body("2022-11-06T01:30:00-05:00"), 409, 40901);
    let later = at(&server, "e2", "2022-11-06T01:30:00-05:00", 30);
    assert_eq!(later["event_at"], "2022-11-06 01:30:00", "it is shown as its zone shows it");
}

#[test]
fn counts_days_of_24_hours() {
    let server = new_york(MARCH);
    let data = at(&server, "e1", "2022-03-12 12:00:00", 1);
    assert_eq!(data["expire_time"], "2022-03-13 13:00:00", "24 hours, over a day of 23");
    let server = new_york(NOVEMBER);
    let data = at(&server, "e1", "2022-11-05 12:00:00", 1);
    assert_eq!(data["expire_time"], "2022-11-06 11:00:00", "24 hours, over a day of 25");
    let frozen = json!({"event_at": "2022-11-05 12:00:00", "freeze_hours": 48});
    let data = server.does("produce/direct", with(accrual("e2", "m", 1), frozen));
    assert_eq!(data["unfreeze_time"], "2022-11-07 11:00:00");
}

#[test]
fn searches_by_the_time_of_its_zone() {
    let server = new_york(NOVEMBER);
    server.accrue("e1", "m", 1);
    let total = |start: &str, end: &str| {
        let query = json!({"member_no": "m", "start_time": start, "end_time": end});
        server.post("history", query).data()["total"].clone()
    };
    assert_eq!(total("2022-11-07 12:00:00", "2022-11-07 12:00:00"), json!(1));
    assert_eq!(total("2022-11-08 01:00:00", "2022-11-08 01:00:00"), json!(0), "that is Shanghai's clock");
    assert_eq!(total("2022-03-13 02:30:00", "2022-11-06 01:30:00"), json!(0));
}

#[test]
fn replays_the_first_answer_when_the_zone_was_changed_since() {
    let mut server = Server::start();
    at(&server, "e1", "2022-06-16 10:10:00", 3);
    let undated = accrual("e2", "m", 1);
    let first = server.post("produce/direct", undated.clone());
    server.stop();
    server.set_zone(New_York);
    server.start_again();
    assert_eq!(server.replays("produce/direct", undated).body, first.body, "byte for byte, for ever");
    let record = &server.history(json!({"event_no": "e1"}))[0];
    assert_eq!(record["event_at"], "2022-06-15 22:10:00", "the same instant, as the zone now tells it");
    server.pass(Span::hours(1));
    assert_eq!(server.accrue("e3", "m", 1)["create_time"], "2022-06-16 01:00:00");
}

#[test]
fn a_request_sent_again_after_the_zone_was_changed_is_still_the_same_request() {
    let mut server = Server::with(Options { now: MARCH, ..Options::default() });
    let body = |points: i64| with(accrual("e1", "m", points), json!({"event_at": "2022-03-13 18:00:00"}));
    let first = server.post("produce/direct", body(1));
    server.stop();
    server.set_zone(New_York);
    server.start_again();
    let again = server.replays("produce/direct", body(1));
    assert_eq!(again.body, first.body, "also in how it tells the time");
    server.refuses("produce/direct", body(2), 409, 40901);
}
