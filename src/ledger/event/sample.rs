//! An event for tests that need any.
use crate::ledger::command::{Details, SourceType};
use crate::ledger::event::Accrued;
use crate::ledger::instant::Instant;
use crate::ledger::points::{Points, Total};

impl Accrued {
    /// An accrual of a point, with nothing but what it must have.
    pub fn sample(event_no: &str) -> Accrued {
        Accrued {
            event_no: event_no.into(),
            fingerprint: [7; 16],
            source_type: SourceType::Event,
            points: Points::whole(1),
            event_at: Instant(0),
            expire_at: None,
            unfreeze_at: None,
            amount: None,
            details: Details::default(),
            order_items: None,
            rule: None,
            paid: Vec::new(),
            active_after: Total::ZERO,
        }
    }
}
