//! What members are asked to do.
use crate::common::inside;
use eros_points::ledger::command::{Command, Details, Spend};
use eros_points::ledger::instant::Span;
use eros_points::ledger::points::Points;

pub fn member(number: u64) -> String {
    format!("ec_18165fd7455_{number:09}")
}

/// The contract's example, with a lot that lives so many days.
pub fn accrual(event: u64, number: u64, days: i64) -> (String, Command) {
    let mut command = inside::accrual(event);
    if let Command::Accrue(accrue) = &mut command {
        accrue.expire_after = Some(Span::days(days));
    }
    (member(number), command)
}

pub fn spend(event: u64, number: u64) -> (String, Command) {
    let command = Command::Spend(Spend {
        event_no: format!("EACH202206152028{event:016}"),
        fingerprint: u128::from(event).to_le_bytes(),
        points: Points::whole(20),
        event_at: None,
        details: Details::default(),
    });
    (member(number), command)
}
