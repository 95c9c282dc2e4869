//! redb: a copy-on-write B-tree. Most commits are not durable; one in so many is.
use crate::postings::{ListKey, Posting, posting_key};
use crate::rows::Row;
use crate::store::{Payload, Store};
use anyhow::{Context, Result};
use redb::{Database, Durability, ReadableDatabase, TableDefinition};

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
const MEMBERS: TableDefinition<'_, &[u8; 20], &[u8; 9]> = TableDefinition::new("members");
const KEYS: TableDefinition<'_, &[u8; 20], u64> = TableDefinition::new("keys");
const POSTINGS: TableDefinition<'_, &[u8; 25], &[u8]> = TableDefinition::new("postings");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

pub struct Redb {
    db: Database,
    /// Commits until the next durable one.
    left: u32,
    durable_every: u32,
}

impl Redb {
    pub fn open(folder: &std::path::Path, cache_mib: u64, durable_every: u32) -> Result<Redb> {
        let cache = usize::try_from(cache_mib << 20)?;
        let db = Database::builder().set_cache_size(cache).create(folder.join("history.redb"))?;
        Ok(Redb { db, left: durable_every, durable_every })
    }
}

fn member_key(member: &[u8; 12], lsn: u64) -> [u8; 20] {
    let mut key = [0; 20];
    key[..12].copy_from_slice(member);
    key[12..].copy_from_slice(&lsn.to_be_bytes());
    key
}

impl Store for Redb {
    fn apply(&mut self, rows: &[Row], full: &[Posting], through: u64) -> Result<()> {
        self.left -= 1;
        let durable = self.left == 0;
        if durable {
            self.left = self.durable_every;
        }
        let mut transaction = self.db.begin_write()?;
        transaction.set_durability(if durable { Durability::Immediate } else { Durability::None })?;
        {
            let mut table = transaction.open_table(RECORDS)?;
            for row in rows {
                table.insert(row.lsn, row.payload.as_slice())?;
            }
            // In the order of the trees: neighbours share pages.
            let mut order: Vec<&Row> = rows.iter().collect();
            order.sort_unstable_by_key(|row| (row.member, row.lsn));
            let mut table = transaction.open_table(MEMBERS)?;
            for row in &order {
                let mut value = [row.kind; 9];
                value[1..].copy_from_slice(&row.created_ms.to_be_bytes());
                table.insert(&member_key(&row.member, row.lsn), &value)?;
            }
            order.sort_unstable_by_key(|row| row.key);
            let mut table = transaction.open_table(KEYS)?;
            for row in &order {
                table.insert(&row.key, row.lsn)?;
            }
            let mut table = transaction.open_table(POSTINGS)?;
            for posting in full {
                table.insert(&posting_key(&posting.list, posting.block), posting.places.as_slice())?;
            }
            transaction.open_table(META)?.insert("applied", through)?;
        }
        Ok(transaction.commit()?)
    }

    fn sync(&mut self) -> Result<()> {
        let mut transaction = self.db.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        Ok(transaction.commit()?)
    }

    fn applied(&self) -> Result<u64> {
        let table = self.db.begin_read()?.open_table(META)?;
        Ok(table.get("applied")?.context("nothing was applied")?.value())
    }

    fn record(&self, lsn: u64) -> Result<Option<Payload>> {
        let table = self.db.begin_read()?.open_table(RECORDS)?;
        Ok(table.get(lsn)?.map(|payload| payload.value().to_vec()))
    }

    fn member_page(&self, like: &Row, count: usize) -> Result<Vec<Payload>> {
        let transaction = self.db.begin_read()?;
        let (members, records) = (transaction.open_table(MEMBERS)?, transaction.open_table(RECORDS)?);
        let (from, to) = (member_key(&like.member, 0), member_key(&like.member, u64::MAX));
        let mut page = Vec::new();
        for row in members.range::<&[u8; 20]>(&from..=&to)?.rev().take(count) {
            let (key, _) = row?;
            let mut lsn = [0; 8];
            lsn.copy_from_slice(&key.value()[12..]);
            let payload = records.get(u64::from_be_bytes(lsn))?.context("a record is missing")?;
            page.push(payload.value().to_vec());
        }
        Ok(page)
    }

    fn find(&self, like: &Row) -> Result<Option<u64>> {
        let table = self.db.begin_read()?.open_table(KEYS)?;
        Ok(table.get(&like.key)?.map(|lsn| lsn.value()))
    }

    fn postings(&self, list: &ListKey, below: u64, more: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<()> {
        let table = self.db.begin_read()?.open_table(POSTINGS)?;
        let (from, to) = (posting_key(list, 0), posting_key(list, below));
        for row in table.range::<&[u8; 25]>(&from..&to)?.rev() {
            let (key, places) = row?;
            let mut block = [0; 8];
            block.copy_from_slice(&key.value()[17..]);
            if !more(u64::from_be_bytes(block), places.value()) {
                break;
            }
        }
        Ok(())
    }
}
