//! Instants and spans of time, in milliseconds.
use bincode::{Decode, Encode};
use serde::Serialize;

/// A moment: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize)]
pub struct Instant(pub i64);

impl Instant {
    pub const MIN: Instant = Instant(i64::MIN);
    pub const MAX: Instant = Instant(i64::MAX);

    /// The moment `span` later; stays at the end of time rather than wrap.
    #[must_use]
    pub fn after(self, span: Span) -> Instant {
        Instant(self.0.saturating_add(span.0))
    }
}

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize)]
pub struct Span(pub i64);

impl Span {
    pub const fn seconds(n: i64) -> Span {
        Span(n * 1_000)
    }
    pub const fn hours(n: i64) -> Span {
        Span::seconds(n * 3_600)
    }
    /// Days of 24 hours, whatever the calendar does.
    pub const fn days(n: i64) -> Span {
        Span::hours(n * 24)
    }
}
