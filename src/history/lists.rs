//! `/lots` and `/transfers`.
use crate::format::entry::MemberEntry;
use crate::history::index::TreeHistory;
use crate::history::tables::Snapshot;
use crate::history::view::{LotState, LotView, Page, PageQuery, TransferView};
use crate::history::{HistoryError, keys};
use crate::ledger::account::Account;
use crate::ledger::event::{Event, RecordType, Restore, Standing, TransferStatus};
use crate::ledger::instant::Instant;
use crate::ledger::lot::LotId;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::Points;
use std::collections::HashMap;

impl TreeHistory {
    /// The transfers to a member that bear a number.
    pub(super) fn offers_under(
        &self,
        crm_id: &str,
        member_no: &str,
        transfer_no: &str,
    ) -> Result<Vec<(Lsn, String)>, HistoryError> {
        let snapshot = self.steps.snapshot();
        let prefix = [b"n", &self.hashes.offered(crm_id, member_no, transfer_no)[..]].concat();
        let mut offers = Vec::new();
        for found in snapshot.prefix(&self.transfers, prefix) {
            let lsn = keys::lsn_of(&found?.0);
            let entry = self.expect_entry(&snapshot, lsn)?;
            let number = entry.event.key().map(|key| key.number().to_owned());
            if entry.crm_id == crm_id
                && entry.event.sent_to() == Some(member_no)
                && number.as_deref() == Some(transfer_no)
            {
                offers.push((lsn, entry.member_no));
            }
        }
        Ok(offers)
    }

    pub(super) fn list_transfers(
        &self,
        crm_id: &str,
        member_no: &str,
        status: Option<TransferStatus>,
        now: Instant,
        page: PageQuery,
    ) -> Result<Page<TransferView>, HistoryError> {
        let snapshot = self.steps.snapshot();
        let prefix = [b"m", &self.hashes.member(crm_id, member_no)[..]].concat();
        let offset = (page.page - 1).saturating_mul(page.page_size);
        let mut total = 0;
        let mut items = Vec::new();
        for found in snapshot.prefix(&self.transfers, prefix).rev() {
            let lsn = keys::lsn_of(&found?.0);
            let on_page = total >= offset && (items.len() as u64) < page.page_size;
            // Counting alone needs no more than the key.
            if status.is_none() && !on_page {
                total += 1;
                continue;
            }
            let entry = self.expect_entry(&snapshot, lsn)?;
            let standing = self.standing_at(&snapshot, lsn, Lsn::MAX)?;
            let Some(view) = transfer_view(entry, &standing, now) else { continue };
            if status.is_none_or(|wanted| wanted == view.status) {
                if on_page {
                    items.push(view);
                }
                total += 1;
            }
        }
        Ok(Page { total, total_is_lower_bound: false, items })
    }

    pub(super) fn list_lots(
        &self,
        crm_id: &str,
        member_no: &str,
        account: &Account,
        now: Instant,
        page: PageQuery,
    ) -> Result<Page<LotView>, HistoryError> {
        let snapshot = self.steps.snapshot();
        let ids = self.lot_ids(&snapshot, crm_id, member_no, account.last)?;
        let offset = usize::try_from((page.page - 1).saturating_mul(page.page_size)).unwrap_or(usize::MAX);
        let size = usize::try_from(page.page_size).unwrap_or(usize::MAX);
        let held: HashMap<LotId, &crate::ledger::lot::Lot> =
            account.lots.iter().map(|lot| (lot.kind.id, lot)).collect();
        let wanted = ids.iter().skip(offset).take(size);
        let items = wanted
            .map(|id| {
                let mut view = self.lot_view(&snapshot, *id, account.last)?;
                if let Some(lot) = held.get(id) {
                    view.remaining = lot.remaining;
                    view.state = if lot.frozen(now) { LotState::Frozen } else { LotState::Active };
                }
                Ok(view)
            })
            .collect::<Result<_, HistoryError>>()?;
        Ok(Page { total: ids.len() as u64, total_is_lower_bound: false, items })
    }

    /// Every lot that the member ever had, in order.
    fn lot_ids(
        &self,
        snapshot: &Snapshot,
        crm_id: &str,
        member_no: &str,
        last: Lsn,
    ) -> Result<Vec<LotId>, HistoryError> {
        let member = self.hashes.member(crm_id, member_no);
        let range = keys::with_lsn(&member, Lsn::ZERO)..=keys::with_lsn(&member, last);
        let mut ids = Vec::new();
        for found in snapshot.range(&self.members, range) {
            let (key, value) = found?;
            let lsn = keys::lsn_of(&key);
            let kind = value.first().copied().unwrap_or_default();
            if kind == RecordType::Produce as u8 {
                ids.push(LotId { lsn, place: 0 });
                continue;
            }
            let makers = [RecordType::Accept, RecordType::ReverseConsume, RecordType::TransferReturn];
            if makers.iter().any(|maker| *maker as u8 == kind) {
                let made = lots_made(&self.expect_entry(snapshot, lsn)?.event);
                ids.extend((0..made).map(|place| LotId { lsn, place }));
            }
        }
        Ok(ids)
    }

    /// A lot as it was born, and empty; what it holds now the account tells.
    fn lot_view(&self, snapshot: &Snapshot, id: LotId, through: Lsn) -> Result<LotView, HistoryError> {
        let entry = self.expect_entry(snapshot, id.lsn)?;
        let Some(birth) = birth(&entry.event, id) else {
            return Err(HistoryError::Corrupt(format!("record {} did not make lot {id}", id.lsn)));
        };
        let source = self.entry_at(snapshot, birth.source)?;
        let issued = source.as_ref().and_then(|entry| entry.event.accrual());
        let standing = self.standing_at(snapshot, birth.accrual, through)?;
        let state = if standing.expired_lots.contains(&id) { LotState::Expired } else { LotState::UsedUp };
        let details = issued.map(|accrued| &accrued.details);
        Ok(LotView {
            id,
            from_transfer_no: birth.from_transfer_no,
            points: birth.points,
            remaining: Points::ZERO,
            state,
            unfreeze_at: birth.unfreeze_at,
            expire_at: birth.expire_at,
            store_code: details.and_then(|details| details.store_code.clone()),
            cost_center: details.and_then(|details| details.cost_center.clone()),
            created_at: entry.at,
            origin_event_no: issued.map(|accrued| accrued.event_no.clone()),
        })
    }
}

/// How many lots a record made.
fn lots_made(event: &Event) -> u32 {
    let count = match event {
        event if event.accrual().is_some() => 1,
        Event::Received(received) => received.lots.len(),
        Event::SpendReversed(reversed) => graces(&reversed.steps).count(),
        Event::OfferReturned(returned) => graces(&returned.steps).count(),
        _ => 0,
    };
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn graces(steps: &[Restore]) -> impl Iterator<Item = &crate::ledger::lot::Taken> {
    steps.iter().filter_map(|step| match step {
        Restore::Grace(taken) => Some(taken),
        _ => None,
    })
}

struct Birth {
    accrual: Lsn,
    source: Lsn,
    points: Points,
    unfreeze_at: Option<Instant>,
    expire_at: Option<Instant>,
    from_transfer_no: Option<String>,
}

fn birth(event: &Event, id: LotId) -> Option<Birth> {
    let place = usize::try_from(id.place).ok()?;
    let none = (None, None);
    if let Some(e) = event.accrual() {
        return Some(Birth {
            accrual: id.lsn,
            source: id.lsn,
            points: e.points,
            unfreeze_at: e.unfreeze_at,
            expire_at: e.expire_at,
            from_transfer_no: None,
        });
    }
    let (accrual, source, points, expire_at, (unfreeze_at, from_transfer_no)) = match event {
        Event::Received(e) => {
            let lot = e.lots.get(place)?;
            (id.lsn, lot.source, lot.points, lot.expire_at, (None, Some(e.transfer_no.clone())))
        }
        Event::SpendReversed(e) => of_grace(graces(&e.steps).nth(place)?, none),
        Event::OfferReturned(e) => of_grace(graces(&e.steps).nth(place)?, none),
        _ => return None,
    };
    Some(Birth { accrual, source, points, unfreeze_at, expire_at, from_transfer_no })
}

type Born = (Lsn, Lsn, Points, Option<Instant>, (Option<Instant>, Option<String>));

fn of_grace(taken: &crate::ledger::lot::Taken, rest: (Option<Instant>, Option<String>)) -> Born {
    (taken.lot.accrual, taken.lot.source, taken.points, taken.lot.expire_at, rest)
}

/// A transfer as it stands now; one whose deadline has passed has gone back, recorded or not.
fn transfer_view(entry: MemberEntry, standing: &Standing, now: Instant) -> Option<TransferView> {
    let created_at = entry.at;
    let (transfer_no, to_user, points, deadline) = match entry.event {
        Event::Offered(e) => (e.transfer_no, e.to, e.points, Some(e.deadline)),
        Event::Sent(e) => (e.transfer_no, e.to, e.points, None),
        _ => return None,
    };
    let recorded = standing.closed.map(|status| (status, standing.updated_at.unwrap_or(created_at)));
    let (status, updated_at) = match (recorded, deadline) {
        (Some(closed), _) => closed,
        (None, None) => (TransferStatus::Accepted, created_at),
        (None, Some(deadline)) if deadline <= now => (TransferStatus::Returned, deadline),
        (None, Some(_)) => (TransferStatus::Open, created_at),
    };
    Some(TransferView {
        transfer_no,
        from_user: entry.member_no,
        to_user,
        points,
        status,
        created_at,
        deadline,
        updated_at,
    })
}
