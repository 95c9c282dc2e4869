//! An account's open lots, with what nearly every change asks of all of them at once.
use crate::ledger::instant::Instant;
use crate::ledger::lot::{Lot, LotKind, Taken};
use crate::ledger::points::{Points, Total};
use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;

/// In spending order; every lot holds something. Encoded, shown and equal as the lots alone: the rest follows from them.
///
/// What lots hold in all is kept beside them, and when the first of them expires. Some members have hundreds, and a walk over them for
/// each change would cost more than the change; so would a look at the first, whose memory nothing else of most changes touches.
#[derive(Clone, Default)]
pub struct Lots {
    /// A deque, since spending and expiry empty it from the front.
    open: VecDeque<Lot>,
    held: Total,
    /// From this moment on none of them is frozen. It may be later than need be: lots that go leave it as it is.
    thawed: Instant,
    /// When the first of them expires; none where none ever does.
    first_expiry: Option<Instant>,
}

impl Lots {
    /// What they hold in all: active, frozen, or expired and not yet recorded so.
    pub fn held(&self) -> Total {
        self.held
    }

    /// What the active ones hold.
    pub fn active(&self, now: Instant) -> Total {
        let expired: Total = self.expired(now).map(|lot| lot.remaining).sum();
        self.held - expired - self.frozen(now)
    }

    /// What those hold that are frozen and won't have expired before.
    pub fn frozen(&self, now: Instant) -> Total {
        if now >= self.thawed {
            return Total::ZERO;
        }
        self.iter().filter(|lot| lot.frozen(now) && !lot.kind.expired(now)).map(|lot| lot.remaining).sum()
    }

    /// When the first of them expires; none where none ever does.
    pub fn first_expiry(&self) -> Option<Instant> {
        self.first_expiry
    }

    /// Those that expire by `moment`: in spending order they come first.
    pub fn expired(&self, moment: Instant) -> impl Iterator<Item = &Lot> {
        let looked_at = if self.first_expiry.is_some_and(|at| at <= moment) { self.len() } else { 0 };
        self.iter().take(looked_at).take_while(move |lot| lot.kind.expired(moment))
    }

    pub(super) fn insert(&mut self, lot: Lot) {
        let key = lot.kind.spending_key();
        // What is accrued later mostly expires later, too.
        let place = match self.open.back() {
            Some(last) if last.kind.spending_key() > key => {
                self.open.partition_point(|other| other.kind.spending_key() < key)
            }
            _ => self.open.len(),
        };
        // By a quarter, not to twice the size: a hundred thousand busy members with hundreds of lots are gigabytes. By less, each lot
        // would be copied more often.
        if self.open.len() == self.open.capacity() {
            self.open.reserve_exact(self.open.len() / 4 + 4);
        }
        self.open.insert(place, lot);
        if place == 0 {
            self.note_first();
        }
        self.note(&lot);
    }

    fn note_first(&mut self) {
        self.first_expiry = self.open.front().and_then(|lot| lot.kind.expire_at);
    }

    fn note(&mut self, lot: &Lot) {
        self.held += lot.remaining;
        self.thawed = self.thawed.max(lot.unfreeze_at.unwrap_or(Instant::MIN));
    }

    pub(super) fn take(&mut self, taken: &Taken) {
        let Ok(place) = self.find(&taken.lot) else {
            debug_assert!(false, "a record takes from a lot that is not there: {taken:?}");
            return;
        };
        let lot = &mut self.open[place];
        lot.remaining -= taken.points;
        self.held -= taken.points;
        debug_assert!(lot.remaining >= Points::ZERO);
        if lot.remaining.is_zero() {
            self.open.remove(place);
            if place == 0 {
                self.note_first();
            }
        }
    }

    /// Puts points into a lot, bringing it back where it was emptied.
    pub(super) fn put(&mut self, taken: &Taken) {
        match self.find(&taken.lot) {
            Ok(place) => {
                self.open[place].remaining += taken.points;
                self.held += taken.points;
            }
            Err(_) => self.insert(Lot { kind: taken.lot, remaining: taken.points, unfreeze_at: None }),
        }
    }

    fn find(&self, lot: &LotKind) -> Result<usize, usize> {
        self.open.binary_search_by_key(&lot.spending_key(), |other| other.kind.spending_key())
    }
}

/// To be read; only an account's own changes change them.
impl Deref for Lots {
    type Target = VecDeque<Lot>;

    fn deref(&self) -> &VecDeque<Lot> {
        &self.open
    }
}

/// Of lots in spending order.
impl From<VecDeque<Lot>> for Lots {
    fn from(open: VecDeque<Lot>) -> Lots {
        let mut lots = Lots::default();
        open.iter().for_each(|lot| lots.note(lot));
        lots.open = open;
        lots.note_first();
        lots
    }
}

impl FromIterator<Lot> for Lots {
    fn from_iter<I: IntoIterator<Item = Lot>>(lots: I) -> Lots {
        lots.into_iter().collect::<VecDeque<Lot>>().into()
    }
}

impl PartialEq for Lots {
    fn eq(&self, other: &Lots) -> bool {
        self.open == other.open
    }
}

impl Eq for Lots {}

impl fmt::Debug for Lots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.open.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::lot::LotId;
    use crate::ledger::lsn::Lsn;

    #[test]
    fn room_grows_by_a_quarter_and_not_each_time() {
        let (mut lots, mut grown) = (Lots::default(), 0);
        for n in 1..=1_000 {
            let before = lots.capacity();
            let id = LotId { lsn: Lsn(n), place: 0 };
            let kind = LotKind { id, accrual: id.lsn, source: id.lsn, expire_at: None, graced: false };
            lots.insert(Lot { kind, remaining: Points(1), unfreeze_at: None });
            grown += u32::from(lots.capacity() > before);
            assert!(lots.capacity() <= lots.len() + lots.len() / 4 + 4, "{} for {n}", lots.capacity());
        }
        assert!(grown < 30, "{grown} times");
        assert_eq!(lots.held(), Total(1_000));
        assert_ne!(lots, Lots::default());
    }
}
