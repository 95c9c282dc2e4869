//! How long a grant lives, and how long it is frozen. What the request says wins over the rule, the rule over the tenant.
use crate::ledger::Terms;
use crate::ledger::accrual::expiry;
use crate::ledger::calendar;
use crate::ledger::instant::{Instant, Span};
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::definition::{Definition, Expiry};
use crate::ledger::rule::grant::Occasion;
use crate::ledger::rule::trace::Source;

impl Definition {
    pub(super) fn expire_at(
        &self,
        occasion: &Occasion<'_>,
        terms: &Terms,
    ) -> Result<(Option<Instant>, Source), Refusal> {
        let event_at = occasion.scene.event_at;
        if let Some(span) = occasion.expire_after {
            return Ok((expiry(Some(span), event_at, terms), Source::Request));
        }
        let at = match self.expiry {
            None => {
                let source = terms.default_expire.map_or(Source::Nobody, |_| Source::Tenant);
                return Ok((expiry(terms.default_expire, event_at, terms), source));
            }
            Some(Expiry::Days(days)) => expiry(Some(Span::days(i64::from(days))), event_at, terms),
            Some(Expiry::EndOf { stretch, plus }) => {
                Some(calendar::end_of(stretch, plus, event_at, terms.zone).unwrap_or(Instant::MAX))
            }
            Some(Expiry::At(at)) if at <= event_at => return Err(expired_already()),
            Some(Expiry::At(at)) => Some(at),
        };
        Ok((at, Source::Rule))
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
