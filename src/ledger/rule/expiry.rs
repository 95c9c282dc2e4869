//! How long a grant lives, and how long it is frozen. What the request says wins over the rule, the rule over the tenant.
use crate::ledger::calendar;
use crate::ledger::instant::{Instant, Span};
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::definition::{Definition, Expiry};
use crate::ledger::rule::grant::Occasion;
use crate::ledger::rule::trace::Source;
use chrono_tz::Tz;

impl Definition {
    pub(super) fn expire_at(
        &self,
        occasion: &Occasion<'_>,
        zone: Tz,
        default: Option<Span>,
    ) -> Result<(Option<Instant>, Source), Refusal> {
        let event_at = occasion.scene.event_at;
        if let Some(span) = occasion.expire_after {
            return Ok((Some(event_at.after(span)), Source::Request));
        }
        let at = match self.expiry {
            None => {
                let source = default.map_or(Source::Nobody, |_| Source::Tenant);
                return Ok((default.map(|span| event_at.after(span)), source));
            }
            Some(Expiry::Days(days)) => event_at.after(Span::days(i64::from(days))),
            Some(Expiry::EndOf { stretch, plus }) => {
                calendar::end_of(stretch, plus, event_at, zone).unwrap_or(Instant::MAX)
            }
            Some(Expiry::At(at)) if at <= event_at => return Err(expired_already()),
            Some(Expiry::At(at)) => at,
        };
        Ok((Some(at), Source::Rule))
    }

    pub(super) fn unfreeze_at(&self, occasion: &Occasion<'_>) -> (Option<Instant>, Source) {
        let own = self.freeze_hours.map(|hours| Span::hours(i64::from(hours)));
        let (span, source) = match (occasion.freeze_for, own) {
            (Some(span), _) => (Some(span), Source::Request),
            (None, Some(span)) => (Some(span), Source::Rule),
            (None, None) => (None, Source::Nobody),
        };
        let at = span.filter(|span| span.0 > 0).map(|span| occasion.scene.event_at.after(span));
        (at, source)
    }
}

fn expired_already() -> Refusal {
    Refusal::Invalid {
        field: "event_at".into(),
        should: "must be before the time at which the rule lets its points expire".to_owned(),
    }
}
