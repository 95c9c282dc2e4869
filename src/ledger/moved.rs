//! Which lots a record moved points out of or into, for those who read it.
//!
//! In the order of the record's own decisions, one entry a lot. Debt is no lot: what a reversal left as debt, what
//! pays debt on its way back, and what a lot then pays for debt is not shown.
use crate::ledger::event::{Event, Restore};
use crate::ledger::instant::Instant;
use crate::ledger::lot::{LotId, Taken};
use crate::ledger::lsn::Lsn;
use crate::ledger::points::Points;
use std::collections::HashMap;

/// So many points of one lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The accrual, of whichever member, that first issued the points.
    pub source: Lsn,
    pub points: Points,
    pub until: Until,
}

/// When a moved lot expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    At(Option<Instant>),
    /// As the accrual says that issued the points; the record does not repeat it.
    AsIssued,
}

impl From<&Taken> for Moved {
    fn from(taken: &Taken) -> Moved {
        Moved { source: taken.lot.source, points: taken.points, until: Until::At(taken.lot.expire_at) }
    }
}

impl Event {
    /// None for records that move no lots: an accrual makes its own, and bookkeeping moves nothing.
    pub fn moved(&self) -> Option<Vec<Moved>> {
        if let Some(e) = self.accrual_reversed() {
            let expired = Moved { source: e.origin, points: e.expired, until: Until::AsIssued };
            let expired = e.expired.is_positive().then_some(expired);
            let (own, elsewhere) = (e.own.iter().map(Moved::from), e.elsewhere.iter().map(Moved::from));
            return Some(own.chain(expired).chain(elsewhere).collect());
        }
        let all = |taken: &[Taken]| taken.iter().map(Moved::from).collect();
        match self {
            Event::Spent(e) => Some(all(&e.taken)),
            Event::Offered(e) => Some(all(&e.taken)),
            Event::Sent(e) => Some(all(&e.taken)),
            Event::SpendReversed(e) => Some(come_back(&e.steps)),
            Event::OfferReturned(e) => Some(come_back(&e.steps)),
            Event::Received(e) => {
                let lots = e.lots.iter();
                let moved = |lot: &crate::ledger::event::ForeignLot| Moved {
                    source: lot.source,
                    points: lot.points,
                    until: Until::At(lot.expire_at),
                };
                Some(lots.map(moved).collect())
            }
            Event::LotExpired(e) => Some(all(&[Taken { lot: e.lot, points: e.points }])),
            _ => None,
        }
    }
}

/// The lots that points lie in again, those of grace too. What makes good elsewhere comes back to the lot that it was
/// taken from, maybe in several steps: they are one entry, at the place of the first.
fn come_back(steps: &[Restore]) -> Vec<Moved> {
    let mut moved: Vec<Moved> = Vec::new();
    let mut places: HashMap<LotId, usize> = HashMap::new();
    for step in steps {
        let (Restore::Lot(taken) | Restore::Grace(taken)) = step else { continue };
        let place = *places.entry(taken.lot.id).or_insert(moved.len());
        match moved.get_mut(place) {
            Some(earlier) => earlier.points += taken.points,
            None => moved.push(taken.into()),
        }
    }
    moved
}
