//! fjall: a log-structured merge tree, with the settings of the service's index and knobs to turn them.
use crate::postings::{ListKey, Posting, posting_key};
use crate::rows::Row;
use crate::store::{Payload, Store};
use anyhow::{Context, Result};
use clap::ValueEnum;
use fjall::config::{
    BlockSizePolicy, BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry,
    PartitioningPolicy, PinningPolicy, RestartIntervalPolicy,
};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use std::path::Path;
use std::sync::Arc;

const MIB: u64 = 1 << 20;

#[derive(clap::Args, Clone)]
pub struct Knobs {
    /// fjall: how tables are laid out over keyspaces
    #[arg(long, value_enum, default_value = "separate")]
    pub keyspaces: Layout,
    /// fjall: memtable of records, members and keys each, MiB; the others have half
    #[arg(long, default_value_t = 16)]
    pub memtable: u64,
    /// fjall: memtable of records where it differs, MiB
    #[arg(long)]
    pub records_memtable: Option<u64>,
    /// fjall: bytes of a data block
    #[arg(long, default_value_t = 4_096)]
    pub block: u32,
    /// fjall: compression of data blocks; `deep` leaves the two upper levels uncompressed
    #[arg(long, value_enum, default_value = "deep")]
    pub compression: Compression,
    /// fjall: bits of the Bloom filter for each key
    #[arg(long, default_value_t = 10.0)]
    pub filter_bits: f32,
    /// fjall: partition filters and indexes of all levels, so that parts of them are cached
    #[arg(long)]
    pub partitioned: bool,
    /// fjall: pin filters and indexes of no level
    #[arg(long)]
    pub unpinned: bool,
    /// fjall: threads that flush and compact
    #[arg(long, default_value_t = 1)]
    pub workers: usize,
    /// fjall: the journal's largest size, MiB
    #[arg(long, default_value_t = 128)]
    pub journal: u64,
    /// fjall: target size of a table file, MiB
    #[arg(long, default_value_t = 64)]
    pub table: u64,
    /// fjall: tables in level 0 before they are merged
    #[arg(long, default_value_t = 4)]
    pub level0: u8,
    /// fjall: each level is so many times as large as the one above
    #[arg(long, default_value_t = 10.0)]
    pub ratio: f32,
    /// fjall: keys between restarts within a block (0: the store's own choice)
    #[arg(long, default_value_t = 0)]
    pub restart: u8,
    /// fjall: sort each batch by key before it is given to the store
    #[arg(long)]
    pub sorted: bool,
    /// fjall: leave the payloads out, as if they were read from the service's log
    #[arg(long)]
    pub no_payloads: bool,
}

#[derive(Clone, Copy, ValueEnum, PartialEq)]
pub enum Layout {
    /// One keyspace for each table
    Separate,
    /// Records in one, everything else in another, tables told apart by a byte before the key
    Two,
    /// All in one
    One,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Compression {
    None,
    Lz4,
    Deep,
}

/// A table: its keyspace, and the byte that its keys begin with where it shares one.
struct Table {
    keyspace: Keyspace,
    mark: Option<u8>,
}

impl Table {
    fn key(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut key = Vec::with_capacity(32);
        key.extend(self.mark);
        parts.iter().for_each(|part| key.extend_from_slice(part));
        key
    }
}

pub struct Lsm {
    db: Database,
    records: Table,
    members: Table,
    keys: Table,
    postings: Table,
    meta: Table,
    knobs: Knobs,
}

fn options(knobs: &Knobs, memtable_bytes: u64, looked_up: bool) -> KeyspaceCreateOptions {
    let filter = if looked_up {
        FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(knobs.filter_bits))
    } else {
        FilterPolicyEntry::None
    };
    let leveled = fjall::compaction::Leveled::default()
        .with_table_target_size(knobs.table * MIB)
        .with_l0_threshold(knobs.level0)
        .with_level_ratio_policy(vec![knobs.ratio]);
    let mut options = KeyspaceCreateOptions::default()
        .max_memtable_size(memtable_bytes)
        .filter_policy(FilterPolicy::all(filter))
        .data_block_size_policy(BlockSizePolicy::all(knobs.block))
        .compaction_strategy(Arc::new(leveled))
        .manual_journal_persist(true);
    options = match knobs.compression {
        Compression::None => options.data_block_compression_policy(CompressionPolicy::disabled()),
        Compression::Lz4 => {
            options.data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
        }
        Compression::Deep => options,
    };
    if knobs.partitioned {
        options = options
            .filter_block_partitioning_policy(PartitioningPolicy::all(true))
            .index_block_partitioning_policy(PartitioningPolicy::all(true));
    }
    if knobs.unpinned {
        options = options
            .filter_block_pinning_policy(PinningPolicy::disabled())
            .index_block_pinning_policy(PinningPolicy::disabled());
    }
    if knobs.restart > 0 {
        options = options.data_block_restart_interval_policy(RestartIntervalPolicy::all(knobs.restart));
    }
    options
}

impl Lsm {
    pub fn open(folder: &Path, cache_mib: u64, knobs: Knobs) -> Result<Lsm> {
        let db = Database::builder(folder)
            .cache_size(cache_mib * MIB)
            .manual_journal_persist(true)
            .max_journaling_size(knobs.journal * MIB)
            .worker_threads(knobs.workers)
            .open()?;
        let table = |mark: u8, name: &str, memtable: u64, looked_up: bool| -> Result<Table> {
            let (name, shared) = match (knobs.keyspaces, name) {
                (Layout::Separate, name) => (name, false),
                (Layout::Two, "records") => ("records", false),
                (Layout::Two | Layout::One, _) => ("all", true),
            };
            let (memtable, looked_up) =
                if shared { (knobs.memtable * MIB, true) } else { (memtable, looked_up) };
            let keyspace = db.keyspace(name, || options(&knobs, memtable, looked_up))?;
            Ok(Table { keyspace, mark: shared.then_some(mark) })
        };
        let (large, small) = (knobs.memtable * MIB, knobs.memtable * MIB / 2);
        let of_records = knobs.records_memtable.map_or(large, |mib| mib * MIB);
        Ok(Lsm {
            records: table(b'r', "records", of_records, false)?,
            members: table(b'm', "members", large, false)?,
            keys: table(b'k', "keys", large, true)?,
            postings: table(b'p', "postings", small, true)?,
            meta: table(b'a', "meta", MIB, true)?,
            db,
            knobs,
        })
    }
}

fn last_eight(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&key[key.len() - 8..]);
    u64::from_be_bytes(bytes)
}

impl Store for Lsm {
    fn apply(&mut self, rows: &[Row], full: &[Posting], through: u64) -> Result<()> {
        let mut batch = self.db.batch();
        let mut order: Vec<&Row> = rows.iter().collect();
        if !self.knobs.no_payloads {
            for row in &order {
                let key = self.records.key(&[&row.lsn.to_be_bytes()]);
                batch.insert(&self.records.keyspace, key, row.payload.as_slice());
            }
        }
        if self.knobs.sorted {
            order.sort_unstable_by_key(|row| (row.member, row.lsn));
        }
        for row in &order {
            let mut value = [row.kind; 9];
            value[1..].copy_from_slice(&row.created_ms.to_be_bytes());
            let key = self.members.key(&[&row.member, &row.lsn.to_be_bytes()]);
            batch.insert(&self.members.keyspace, key, value);
        }
        if self.knobs.sorted {
            order.sort_unstable_by_key(|row| row.key);
        }
        for row in &order {
            batch.insert(&self.keys.keyspace, self.keys.key(&[&row.key]), row.lsn.to_be_bytes());
        }
        for posting in full {
            let key = self.postings.key(&[&posting_key(&posting.list, posting.block)]);
            batch.insert(&self.postings.keyspace, key, posting.places.as_slice());
        }
        batch.insert(&self.meta.keyspace, self.meta.key(&[b"applied"]), through.to_be_bytes());
        Ok(batch.commit()?)
    }

    fn sync(&mut self) -> Result<()> {
        Ok(self.db.persist(PersistMode::SyncAll)?)
    }

    fn settle(&mut self) -> Result<()> {
        let mut quiet = 0;
        while quiet < 5 {
            std::thread::sleep(std::time::Duration::from_millis(100));
            let busy = self.db.active_compactions() > 0 || self.db.outstanding_flushes() > 0;
            quiet = if busy { 0 } else { quiet + 1 };
        }
        Ok(())
    }

    fn applied(&self) -> Result<u64> {
        let value = self.meta.keyspace.get(self.meta.key(&[b"applied"]))?;
        Ok(last_eight(&value.context("nothing was applied")?))
    }

    fn record(&self, lsn: u64) -> Result<Option<Payload>> {
        if self.knobs.no_payloads {
            return Ok(Some(Vec::new()));
        }
        let payload = self.records.keyspace.get(self.records.key(&[&lsn.to_be_bytes()]))?;
        Ok(payload.map(|payload| payload.to_vec()))
    }

    fn member_page(&self, like: &Row, count: usize) -> Result<Vec<Payload>> {
        let snapshot = self.db.snapshot();
        let from = self.members.key(&[&like.member, &[0; 8]]);
        let to = self.members.key(&[&like.member, &[0xff; 8]]);
        let mut page = Vec::new();
        for row in snapshot.range(&self.members.keyspace, from..=to).rev().take(count) {
            page.push(self.record(last_eight(&row.key()?))?.context("a record is missing")?);
        }
        Ok(page)
    }

    fn find(&self, like: &Row) -> Result<Option<u64>> {
        Ok(self.keys.keyspace.get(self.keys.key(&[&like.key]))?.map(|lsn| last_eight(&lsn)))
    }

    fn postings(&self, list: &ListKey, below: u64, more: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<()> {
        let snapshot = self.db.snapshot();
        let from = self.postings.key(&[&posting_key(list, 0)]);
        let to = self.postings.key(&[&posting_key(list, below)]);
        for row in snapshot.range(&self.postings.keyspace, from..to).rev() {
            let (key, places) = row.into_inner()?;
            if !more(last_eight(&key), &places) {
                break;
            }
        }
        Ok(())
    }
}
