//! Chunked posting lists: for each tenant, field and value the records that have it, by blocks of 4,096 LSNs.
//!
//! One row serves up to 4,096 records, so an index over five fields costs a fraction of a row a record, and a search
//! for a rare value touches few rows. The block that is still filling is kept here and written when it is full; at the
//! start it is read again from the records.
use crate::format::entry::MemberEntry;
use crate::history::keys::{Hashes, Remembered};
use crate::ledger::event::{Event, RecordType};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use foldhash::HashMap;
use std::collections::BTreeMap;

pub const BLOCK_LSNS: u64 = 4_096;

/// What a posting list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Field {
    /// Every record of the tenant; the value is empty.
    All = 0,
    Type = 1,
    ActionScene = 2,
    StoreCode = 3,
    CostCenter = 4,
    CampaignCode = 5,
}

/// Tenant, field and value: a posting list's key without its block.
pub type ListKey = [u8; 17];

pub fn list_key(hashes: &Hashes, tenant: [u8; 8], field: Field, value: &str) -> ListKey {
    list_key_of(tenant, field, || hashes.value(value))
}

fn list_key_of(tenant: [u8; 8], field: Field, value: impl FnOnce() -> [u8; 8]) -> ListKey {
    let mut key = [0; 17];
    key[..8].copy_from_slice(&tenant);
    key[8] = field as u8;
    if field != Field::All {
        key[9..].copy_from_slice(&value());
    }
    key
}

pub fn block_of(lsn: Lsn) -> u64 {
    lsn.0 / BLOCK_LSNS
}

/// The first record number of a block.
pub fn block_start(block: u64) -> Lsn {
    Lsn(block * BLOCK_LSNS)
}

/// The lists of the block that is filling.
#[derive(Debug, Default)]
pub struct Filling {
    pub block: u64,
    pub lists: HashMap<ListKey, Vec<u16>>,
    /// For each tenant the earliest and latest `create_time` in the block.
    pub times: BTreeMap<[u8; 8], (Instant, Instant)>,
}

impl Filling {
    pub fn add<T: AsRef<str>>(&mut self, remembered: &mut Remembered, lsn: Lsn, entry: &MemberEntry<T>) {
        let Some(kind) = entry.event.record_type() else { return };
        let tenant = remembered.tenant(entry.crm_id.as_ref());
        let place = (lsn.0 % BLOCK_LSNS) as u16;
        for (field, value) in values(kind, &entry.event) {
            let list = list_key_of(tenant, field, || remembered.value(value));
            self.lists.entry(list).or_default().push(place);
        }
        let created = created_at(entry);
        let times = self.times.entry(tenant).or_insert((created, created));
        *times = (times.0.min(created), times.1.max(created));
    }

    /// The rows of the full block: key and value.
    pub fn rows(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
        self.lists.iter().map(|(list, places)| {
            let key = [&list[..], &self.block.to_be_bytes()].concat();
            (key, self.encode(list, places))
        })
    }

    fn encode(&self, list: &ListKey, places: &[u16]) -> Vec<u8> {
        let mut row = Vec::with_capacity(2 * places.len() + 16);
        if list[8] == Field::All as u8 {
            let tenant: [u8; 8] = std::array::from_fn(|n| list[n]);
            let (first, last) = self.times.get(&tenant).copied().unwrap_or_default();
            row.extend_from_slice(&first.0.to_le_bytes());
            row.extend_from_slice(&last.0.to_le_bytes());
        }
        places.iter().for_each(|place| row.extend_from_slice(&place.to_le_bytes()));
        row
    }
}

/// The places of a row, and its times where it is of [`Field::All`].
pub fn decode(field: Field, row: &[u8]) -> (Vec<u16>, Option<(Instant, Instant)>) {
    let (times, places) = if field == Field::All { row.split_at(row.len().min(16)) } else { row.split_at(0) };
    let (pairs, _) = places.as_chunks::<2>();
    let (instants, _) = times.as_chunks::<8>();
    let times = match instants {
        [first, last] => Some((Instant(i64::from_le_bytes(*first)), Instant(i64::from_le_bytes(*last)))),
        _ => None,
    };
    (pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect(), times)
}

/// When a record says it was made: what time does by itself, when it fell due.
pub fn created_at<T>(entry: &MemberEntry<T>) -> Instant {
    entry.event.due().unwrap_or(entry.at)
}

fn values<T: AsRef<str>>(kind: RecordType, event: &Event<T>) -> Vec<(Field, &str)> {
    let mut values = Vec::with_capacity(6);
    values.extend([(Field::All, ""), (Field::Type, kind.name())]);
    if let Some(details) = event.details() {
        let texts = [
            (Field::ActionScene, &details.action_scene),
            (Field::StoreCode, &details.store_code),
            (Field::CostCenter, &details.cost_center),
            (Field::CampaignCode, &details.campaign_code),
        ];
        values.extend(texts.into_iter().filter_map(|(field, text)| Some((field, text.as_ref()?.as_ref()))));
    }
    values
}
