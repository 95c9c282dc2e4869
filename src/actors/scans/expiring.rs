//! Points that will expire, if nothing is spent meanwhile.
//!
//! Counted are active points, and frozen ones, which will have been unfrozen by then: what unfreezes while there is debt
//! pays it first. Points in open offers are not the member's to lose and are left out.
use crate::actors::answer::Failure;
use crate::actors::scans::Scan;
use crate::ledger::account::Account;
use crate::ledger::event::Event;
use crate::ledger::instant::Instant;
use crate::ledger::points::{Points, Total};
use crate::ledger::{Terms, project_noting};

/// A member with points that expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiring {
    pub points: Total,
    pub first: Instant,
    pub active: Total,
}

/// What expires in one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiringSum {
    pub points: Total,
    pub members: u64,
}

impl Scan {
    /// Sums up what expires before each of `ends`, which ascend, and from the one before on.
    pub fn expiring(&self, ends: &[Instant]) -> Result<Vec<ExpiringSum>, Failure> {
        let mut sums = vec![ExpiringSum::default(); ends.len()];
        let Some(end) = ends.last() else { return Ok(sums) };
        self.members(|_, account, _| {
            // They come in time order: a member's points of one stretch follow each other.
            let mut counted = None;
            for_each(account, *end, &self.terms, |at, points| {
                let place = ends.partition_point(|end| *end <= at);
                sums[place].points += points;
                if counted != Some(place) {
                    sums[place].members += 1;
                    counted = Some(place);
                }
            });
            Ok::<(), Failure>(())
        })?;
        Ok(sums)
    }

    /// Gives each member of which something expires before `end` to `row`, in no promised order.
    pub fn expiring_members<E: From<Failure>>(
        &self,
        end: Instant,
        mut row: impl FnMut(&str, &Expiring) -> Result<(), E>,
    ) -> Result<(), E> {
        self.members(|member_no, account, now| {
            let (active, mut points, mut first) = (account.active(now), Total::ZERO, None);
            for_each(account, end, &self.terms, |at, part| {
                points += part;
                first.get_or_insert(at);
            });
            first.map_or(Ok(()), |first| row(member_no, &Expiring { points, first, active }))
        })
    }
}

/// Lets time pass for the account, and notes what expires before `end`, in time order.
fn for_each(mut account: Account, end: Instant, terms: &Terms, mut note: impl FnMut(Instant, Points)) {
    account.offers.clear();
    project_noting(&account, Instant(end.0 - 1), terms, |event| {
        if let Event::LotExpired(expired) = event {
            note(expired.due, expired.points);
        }
    });
}
