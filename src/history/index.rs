//! The index over fjall, a log-structured store: its tables and what writes them.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | records | LSN / 8 | the payloads of eight records, as in the log (`chunks`) |
//! | members | member hash, LSN | record type (0: members don't see it), create time |
//! | keys | number hash, key hash | LSN |
//! | sequels | LSN of the earlier record, LSN | what the later did to the earlier |
//! | transfers | `m`, member hash, LSN and `n`, (receiver, number) hash, LSN | nothing |
//! | frozen | tenant hash, unfreezing instant, LSN | nothing |
//! | orders | (tenant, order_sn) hash, LSN | nothing |
//! | postings | tenant, field, value, block | places in the block |
//! | meta | `applied`, `version`, `c` and tenant hash | LSN, version, count of records |
//!
//! Every batch carries the LSN that it leads to, so rows and LSN are visible, and survive a crash, together. The store's
//! own journal is synced only now and then: what a power failure takes from it, the log gives again.
use crate::format::codec;
use crate::format::entry::{Entry, MemberEntry};
use crate::giving_way::{GivingWay, Leaving, Work};
use crate::history::chunks::{Chunk, chunk_of, payload_in, records_in};
use crate::history::keys::Remembered;
use crate::history::merging::Merges;
use crate::history::orders::order_sn;
use crate::history::postings::{Filling, block_of, block_start, created_at};
use crate::history::sieve::{Filler, Sieve};
use crate::history::{HistoryError, Row, keys};
use crate::ledger::event::{Sequel, Standing};
use crate::ledger::lsn::Lsn;
use fjall::compaction::Leveled;
use fjall::config::{BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry, PartitioningPolicy};
use fjall::{
    AbstractTree, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable, Snapshot,
};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The layout of the tables. An index of another version is made anew.
const INDEX_VERSION: u64 = 3;
const MIB: u64 = 1 << 20;
const LEVEL0_TABLES: u8 = 12;
/// What of a table is gathered in memory: of a table of scattered keys, of records, of one with few rows, of `meta`.
const SCATTERED_BYTES: u64 = 12 * MIB;
const RECORDS_BYTES: u64 = 8 * MIB;
const FEW_BYTES: u64 = 4 * MIB;
const META_BYTES: u64 = MIB;
/// With so many of a table's newest tables, or full memtables of all tables that wait to be written, merges pause no more.
const LEVEL0_TABLES_MANY: usize = 15;
const MEMTABLES_MANY: usize = 2;
/// With so many of one table the index waits; at one more the library would, for ever where its worker has failed.
const MEMTABLES_MAX: usize = 3;
const WAIT_MAX: Duration = Duration::from_secs(5);
/// With more than one, the library's first leaves merges to the others, and while one of them merges asks itself again and again
/// for nothing, for as long as it takes: a whole core.
const WORKERS: usize = 1;

pub struct FjallHistory {
    /// First: what is dropped next waits for merges.
    merges: Merges,
    pub(super) db: Database,
    pub(super) records: Keyspace,
    pub(super) members: Keyspace,
    pub(super) keys: Keyspace,
    pub(super) sequels: Keyspace,
    pub(super) transfers: Keyspace,
    pub(super) frozen: Keyspace,
    pub(super) orders: Keyspace,
    pub(super) postings: Keyspace,
    pub(super) meta: Keyspace,
    /// Of the table of keys.
    pub(super) sieve: Arc<Sieve>,
    /// Fills the sieve; stops when it is dropped.
    _filler: Filler,
    applied: AtomicU64,
    recent: Mutex<Recent>,
    giving_way: Arc<GivingWay>,
    /// Last: the store's worker has ended.
    _leaving: Leaving,
}

/// What the tables don't hold yet, or not in a form quick to read.
#[derive(Debug, Default)]
pub(super) struct Recent {
    pub(super) filling: Filling,
    /// The records' row that is filling.
    chunk: Chunk,
    remembered: Remembered,
    /// Records of each tenant.
    pub(super) counts: HashMap<[u8; 8], u64>,
}

/// Rows of one step that have no order among them. In order they find their places in the memtable, which is a list
/// walked from node to node, next to one another: less work than at random (decision 0002).
#[derive(Default)]
struct Scattered {
    members: Vec<([u8; 20], [u8; 9])>,
    keys: Vec<([u8; 20], [u8; 8])>,
    orders: Vec<[u8; 20]>,
}

impl Scattered {
    fn insert_into(mut self, batch: &mut OwnedWriteBatch, index: &FjallHistory) {
        self.members.sort_unstable();
        self.keys.sort_unstable();
        self.orders.sort_unstable();
        for (key, value) in self.members {
            batch.insert(&index.members, key, value);
        }
        for (key, value) in self.keys {
            batch.insert(&index.keys, key, value);
        }
        for key in self.orders {
            batch.insert(&index.orders, key, []);
        }
    }
}

impl From<fjall::Error> for HistoryError {
    fn from(error: fjall::Error) -> HistoryError {
        HistoryError::Storage(error.to_string())
    }
}

/// A table: how much of it is gathered in memory, and whether single keys are looked up in it that mostly are absent.
fn table(memtable_bytes: u64, looked_up: bool) -> impl Fn() -> KeyspaceCreateOptions {
    let filter = if looked_up {
        FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0))
    } else {
        FilterPolicyEntry::None
    };
    // Merging the newest tables only when there are 12 of them saves writing them as often (decision 0002).
    let leveled =
        Arc::new(Leveled::default().with_table_target_size(16 * MIB).with_l0_threshold(LEVEL0_TABLES));
    move || {
        // Of a large table's filter or index a look-up reads one block, not all of it: half a megabyte with 500,000 keys.
        let in_parts = PartitioningPolicy::new([false, true]);
        KeyspaceCreateOptions::default()
            .filter_block_partitioning_policy(in_parts.clone())
            .index_block_partitioning_policy(in_parts)
            // Begun anew long before, by the index: see `begin_memtables`.
            .max_memtable_size(2 * memtable_bytes)
            .compaction_strategy(leveled.clone())
            .filter_policy(FilterPolicy::all(filter))
            .manual_journal_persist(true)
    }
}

impl FjallHistory {
    /// Opens the index in `folder`, or begins one.
    pub fn open(folder: &Path, cache_bytes: u64) -> Result<FjallHistory, HistoryError> {
        FjallHistory::open_giving_way(folder, cache_bytes, Arc::default())
    }

    /// The same, with merges that may give way.
    pub fn open_giving_way(
        folder: &Path,
        cache_bytes: u64,
        giving_way: Arc<GivingWay>,
    ) -> Result<FjallHistory, HistoryError> {
        // Threads that are begun here would give way as the one does that begins them.
        giving_way.hurry();
        let merges = Merges::new(giving_way.clone());
        let companion = merges.companion();
        let db = Database::builder(folder)
            .with_compaction_filter_factories(Arc::new(move |_| Some(companion.clone())))
            .cache_size(cache_bytes)
            .manual_journal_persist(true)
            .max_journaling_size(128 * MIB)
            .worker_threads(WORKERS)
            .open()?;
        let open = |name: &str, memtable: u64, looked_up: bool| db.keyspace(name, table(memtable, looked_up));
        let (keys, meta) = (open("keys", SCATTERED_BYTES, true)?, open("meta", META_BYTES, true)?);
        // No more keys than records.
        let sieve = Arc::new(Sieve::new(meta_number(&meta, b"applied")?.unwrap_or(0) as usize));
        let history = FjallHistory {
            merges,
            _filler: Filler::start(sieve.clone(), db.snapshot().iter(&keys).map(|row| taken_key(row.key()))),
            sieve,
            keys,
            meta,
            records: open("records", RECORDS_BYTES, false)?,
            members: open("members", SCATTERED_BYTES, false)?,
            sequels: open("sequels", FEW_BYTES, false)?,
            transfers: open("transfers", FEW_BYTES, false)?,
            frozen: open("frozen", FEW_BYTES, false)?,
            orders: open("orders", FEW_BYTES, false)?,
            postings: open("postings", FEW_BYTES, true)?,
            db,
            applied: AtomicU64::new(0),
            recent: Mutex::default(),
            _leaving: giving_way.leaving(Work::Tables),
            giving_way,
        };
        history.load()?;
        history.merges.set_tables(history.tables().map(|(_, table, _)| table.clone()).to_vec());
        Ok(history)
    }

    fn load(&self) -> Result<(), HistoryError> {
        let applied = Lsn(meta_number(&self.meta, b"applied")?.unwrap_or(0));
        let version = meta_number(&self.meta, b"version")?;
        if applied > Lsn::ZERO && version != Some(INDEX_VERSION) {
            return Err(HistoryError::Corrupt(format!(
                "its layout is version {version:?}, not {INDEX_VERSION}"
            )));
        }
        self.applied.store(applied.0, Ordering::Release);
        let mut recent = self.recent();
        for guard in self.meta.prefix(b"c") {
            let (key, value) = guard.into_inner()?;
            if let (Ok(tenant), Ok(count)) = (key[1..].try_into(), <[u8; 8]>::try_from(&*value)) {
                recent.counts.insert(tenant, u64::from_be_bytes(count));
            }
        }
        let Recent { filling, chunk, remembered, .. } = &mut *recent;
        filling.block = block_of(applied.next());
        let start = chunk_of(block_start(filling.block)).to_be_bytes();
        for guard in self.records.range(start..) {
            let (key, row) = guard.into_inner()?;
            let number = keys::lsn_of(&key).0;
            for (lsn, payload) in records_in(number, &row) {
                filling.add(remembered, lsn, &decode(lsn, payload)?);
            }
        }
        let number = chunk_of(applied);
        let row = self.records.get(number.to_be_bytes())?;
        *chunk = Chunk::resumed(number, row.as_deref().unwrap_or_default());
        Ok(())
    }

    pub(super) fn applied_now(&self) -> Lsn {
        Lsn(self.applied.load(Ordering::Acquire))
    }

    pub(super) fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.try_lock().unwrap_or_else(|_| {
            // A step that gives way may keep it for long.
            self.giving_way.hurry();
            self.recent.lock().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// The rows of one entry. Those whose keys are hashes go to `scattered`, to be inserted in their order.
    fn add(&self, batch: &mut OwnedWriteBatch, scattered: &mut Scattered, row: &Row<'_>) {
        let (lsn, entry) = (row.lsn, &row.entry);
        let number = lsn.0.to_be_bytes();
        let member = keys::member(&entry.crm_id, &entry.member_no);
        // The hidden ones too: an account as it was is made of all its records.
        let mut value = [0; 9];
        value[0] = entry.event.record_type().map_or(0, |kind| kind as u8);
        value[1..].copy_from_slice(&created_at(entry).0.to_be_bytes());
        scattered.members.push((keys::of_record(&member, lsn), value));
        if let Some(key) = entry.event.key() {
            let taken = keys::taken(&entry.crm_id, &entry.member_no, &key);
            self.sieve.take(&taken);
            scattered.keys.push((taken, number));
        }
        if let Some((origin, sequel)) = entry.event.sequel(entry.at) {
            batch.insert(&self.sequels, keys::with_lsn(&origin.0.to_be_bytes(), lsn), codec::encode(&sequel));
        }
        if let (Some(to), Some(key)) = (entry.event.sent_to(), entry.event.key()) {
            for side in [member, keys::member(&entry.crm_id, to)] {
                batch.insert(&self.transfers, keys::with_lsn(&[b"m", &side[..]].concat(), lsn), []);
            }
            let offered = keys::offered(&entry.crm_id, to, key.number());
            batch.insert(&self.transfers, keys::with_lsn(&[b"n", &offered[..]].concat(), lsn), []);
        }
        if let Some(order_sn) = order_sn(&entry.event) {
            scattered.orders.push(keys::of_record(&keys::order(&entry.crm_id, &order_sn), lsn));
        }
        if let Some(accrued) = entry.event.accrual()
            && let Some(at) = accrued.unfreeze_at
            && at > entry.at
        {
            let key = [&keys::tenant(&entry.crm_id)[..], &keys::instant(at)].concat();
            batch.insert(&self.frozen, keys::with_lsn(&key, lsn), []);
        }
    }

    /// Adds to what is filling; what is full is written.
    fn fill(&self, batch: &mut OwnedWriteBatch, recent: &mut Recent, row: &Row<'_>) {
        if let Some(full) = recent.chunk.push(row.lsn, row.payload) {
            self.write_chunk(batch, &full);
        }
        let block = block_of(row.lsn);
        if block != recent.filling.block {
            for (key, value) in recent.filling.rows() {
                batch.insert(&self.postings, key, value);
            }
            recent.filling = Filling { block, ..Filling::default() };
        }
        recent.filling.add(&mut recent.remembered, row.lsn, &row.entry);
        if row.entry.event.record_type().is_some() {
            let tenant = recent.remembered.tenant(&row.entry.crm_id);
            *recent.counts.entry(tenant).or_default() += 1;
        }
    }

    fn write_chunk(&self, batch: &mut OwnedWriteBatch, chunk: &Chunk) {
        if !chunk.is_empty() {
            batch.insert(&self.records, chunk.number().to_be_bytes(), chunk.bytes());
        }
    }

    /// One atomic step that ends at `through`.
    pub(super) fn write_step(&self, rows: &[Row<'_>], through: Lsn) -> Result<(), HistoryError> {
        // Before the step and without its lock: what is written is shown at once, and readers go on.
        self.wait_for_merges();
        let applied = self.applied_now();
        let mut batch = self.db.batch();
        let mut recent = self.recent();
        let (mut scattered, mut tenants) = (Scattered::default(), Vec::new());
        // What a start finds in the index already is not counted again.
        for row in rows.iter().filter(|row| row.lsn > applied) {
            self.add(&mut batch, &mut scattered, row);
            self.fill(&mut batch, &mut recent, row);
            let tenant = recent.remembered.tenant(&row.entry.crm_id);
            if tenants.last() != Some(&tenant) {
                tenants.push(tenant);
            }
        }
        self.write_chunk(&mut batch, &recent.chunk);
        scattered.insert_into(&mut batch, self);
        tenants.sort_unstable();
        tenants.dedup();
        for tenant in tenants {
            let count = recent.counts.get(&tenant).copied().unwrap_or(0);
            batch.insert(&self.meta, [&b"c"[..], &tenant].concat(), count.to_be_bytes());
        }
        batch.insert(&self.meta, "applied", through.0.to_be_bytes());
        batch.insert(&self.meta, "version", INDEX_VERSION.to_be_bytes());
        // After a failure nothing here can be relied on any more: whoever called opens the index anew.
        batch.commit()?;
        self.begin_memtables()?;
        self.applied.store(through.0, Ordering::Release);
        Ok(())
    }

    /// The tables by their names, and what of each is gathered in memory.
    pub(super) fn tables(&self) -> [(&'static str, &Keyspace, u64); 9] {
        [
            ("records", &self.records, RECORDS_BYTES),
            ("members", &self.members, SCATTERED_BYTES),
            ("keys", &self.keys, SCATTERED_BYTES),
            ("sequels", &self.sequels, FEW_BYTES),
            ("transfers", &self.transfers, FEW_BYTES),
            ("frozen", &self.frozen, FEW_BYTES),
            ("orders", &self.orders, FEW_BYTES),
            ("postings", &self.postings, FEW_BYTES),
            ("meta", &self.meta, META_BYTES),
        ]
    }

    /// Begins new memtables for those that are full. The library would have its worker do so, each time that something is written:
    /// while that is at a long merge they would grow, and the requests for it could fill the queue that it fills itself.
    fn begin_memtables(&self) -> Result<(), HistoryError> {
        let tables = self.tables();
        let is_full = |(_, table, most): &&(_, &Keyspace, u64)| table.tree.active_memtable().size() > *most;
        let full: Vec<&Keyspace> = tables.iter().filter(is_full).map(|(_, table, _)| *table).collect();
        if full.is_empty() {
            return Ok(());
        }
        // Nothing may get into a table before the journal is synced so far: after a power failure the table would have rows of
        // steps that the others lack.
        self.db.persist(PersistMode::SyncAll)?;
        for table in full {
            table.rotate_memtable()?;
        }
        self.merges.memtables_are_full();
        Ok(())
    }

    /// Has merges make haste where flushes wait for them, and waits for these where full memtables pile up: they are memory.
    fn wait_for_merges(&self) {
        let tables = self.tables().map(|(_, table, _)| table);
        let began = crate::clock::monotonic();
        loop {
            let newest = tables.iter().map(|table| table.l0_table_count()).max().unwrap_or(0);
            let full = tables.map(|table| table.sealed_memtable_count());
            self.merges
                .set_haste(newest >= LEVEL0_TABLES_MANY || full.iter().sum::<usize>() >= MEMTABLES_MANY);
            // After a failure nobody flushes any more: the next write is told.
            if full.iter().all(|full| *full < MEMTABLES_MAX) || began.elapsed() > WAIT_MAX {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(super) fn persist(&self) -> Result<Lsn, HistoryError> {
        let applied = self.applied_now();
        self.db.persist(PersistMode::SyncAll)?;
        Ok(applied)
    }

    /// The entry under `lsn`, as `snapshot` sees it.
    pub(super) fn entry_at(
        &self,
        snapshot: &Snapshot,
        lsn: Lsn,
    ) -> Result<Option<MemberEntry>, HistoryError> {
        let row = snapshot.get(&self.records, chunk_of(lsn).to_be_bytes())?;
        let payload = row.as_deref().and_then(|row| payload_in(row, lsn));
        payload.map(|payload| decode(lsn, payload)).transpose()
    }

    pub(super) fn expect_entry(&self, snapshot: &Snapshot, lsn: Lsn) -> Result<MemberEntry, HistoryError> {
        self.entry_at(snapshot, lsn)?.ok_or_else(|| HistoryError::Corrupt(format!("record {lsn} is missing")))
    }

    /// How a record stands by what was recorded up to `through`.
    pub(super) fn standing_at(
        &self,
        snapshot: &Snapshot,
        lsn: Lsn,
        through: Lsn,
    ) -> Result<Standing, HistoryError> {
        let mut standing = Standing::default();
        let range =
            keys::with_lsn(&lsn.0.to_be_bytes(), Lsn::ZERO)..=keys::with_lsn(&lsn.0.to_be_bytes(), through);
        for guard in snapshot.range(&self.sequels, range) {
            let (key, value) = guard.into_inner()?;
            let sequel: Sequel = codec::decode(&value).map_err(|error| corrupt(lsn, &error))?;
            standing.follow(keys::lsn_of(&key), &sequel);
        }
        Ok(standing)
    }
}

fn meta_number(meta: &Keyspace, key: &[u8]) -> Result<Option<u64>, HistoryError> {
    let value = meta.get(key)?;
    Ok(value.and_then(|value| <[u8; 8]>::try_from(&*value).ok()).map(u64::from_be_bytes))
}

fn taken_key(key: Result<fjall::UserKey, fjall::Error>) -> Result<[u8; 20], HistoryError> {
    <[u8; 20]>::try_from(&*key?).map_err(|_| HistoryError::Corrupt("a key is not of 20 bytes".into()))
}

fn corrupt(lsn: Lsn, error: &codec::CodecError) -> HistoryError {
    HistoryError::Corrupt(format!("record {lsn}: {error}"))
}

fn decode(lsn: Lsn, payload: &[u8]) -> Result<MemberEntry, HistoryError> {
    match Entry::decode(payload) {
        Ok(Entry::Member(entry)) => Ok(entry),
        Ok(Entry::Service(_) | Entry::Tenant(_)) => {
            Err(HistoryError::Corrupt(format!("record {lsn} is no member's")))
        }
        Err(error) => Err(corrupt(lsn, &error)),
    }
}
