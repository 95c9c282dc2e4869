//! The index: its tables and what writes them.
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
//! | meta | `applied`, `version`, `hashes`, `c` and tenant hash | LSN, version, key of the hashes, count of records |
//!
//! The rows of a step become visible together. What is in memory goes with the process: a start finds the rows through a mark
//! (`applied` in `meta`), and of later records those that had got into files already. The log gives all of them again, and the
//! same record makes the same rows. Records get into files first: no other table has a row of a record past their last.
use crate::format::codec;
use crate::format::entry::{Entry, MemberEntry};
use crate::giving_way::{GivingWay, Work};
use crate::history::chunks::{Chunk, chunk_of, records_in};
use crate::history::keys::{Hashes, Remembered};
use crate::history::orders::order_sn;
use crate::history::postings::{Filling, block_of, block_start, created_at};
use crate::history::sieve::{Filler, Sieve};
use crate::history::tables::{Design, Opening, Snapshot, Step, Steps, Table};
use crate::history::upkeep::{Mark, Task, Upkeep};
use crate::history::{HistoryError, Row, keys};
use crate::ledger::event::{Sequel, Standing};
use crate::ledger::lsn::Lsn;
use foldhash::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The layout of the tables. An index of another version is made anew.
const INDEX_VERSION: u64 = 5;
const MIB: u64 = 1 << 20;
/// What of a table is gathered in memory: of a table of scattered keys, of records, of one with few rows.
const SCATTERED_BYTES: u64 = 12 * MIB;
const RECORDS_BYTES: u64 = 8 * MIB;
const FEW_BYTES: u64 = 4 * MIB;

pub struct TreeHistory {
    pub(super) steps: Steps,
    pub(super) hashes: Hashes,
    pub(super) records: Arc<Table>,
    pub(super) members: Arc<Table>,
    pub(super) keys: Arc<Table>,
    pub(super) sequels: Arc<Table>,
    pub(super) transfers: Arc<Table>,
    pub(super) frozen: Arc<Table>,
    pub(super) orders: Arc<Table>,
    pub(super) postings: Arc<Table>,
    pub(super) meta: Arc<Table>,
    upkeep: Upkeep,
    /// Of the table of keys.
    pub(super) sieve: Arc<Sieve>,
    /// Fills the sieve; stops when it is dropped.
    _filler: Filler,
    applied: AtomicU64,
    /// The last record of which there were rows when it was opened.
    reached: Lsn,
    recent: Mutex<Recent>,
    giving_way: Arc<GivingWay>,
}

/// What the tables don't hold yet, or not in a form quick to read.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) filling: Filling,
    /// The records' row that is filling.
    chunk: Chunk,
    remembered: Remembered,
    /// Records of each tenant.
    pub(super) counts: HashMap<[u8; 8], u64>,
}

/// A table that single keys are not looked up in.
const fn table(name: &'static str, gathered_bytes: u64) -> Design {
    Design { name, gathered_bytes, looked_up: false }
}

impl TreeHistory {
    /// Opens the index in `folder`, or begins one.
    pub fn open(folder: &Path, cache_bytes: u64) -> Result<TreeHistory, HistoryError> {
        TreeHistory::open_giving_way(folder, cache_bytes, Arc::default())
    }

    /// The same, with threads that may give way.
    pub fn open_giving_way(
        folder: &Path,
        cache_bytes: u64,
        giving_way: Arc<GivingWay>,
    ) -> Result<TreeHistory, HistoryError> {
        TreeHistory::open_or_begin(folder, cache_bytes, giving_way, Hashes::random())
    }

    /// The same, to be compared with another: one that begins hashes as that does.
    pub fn open_beside(
        folder: &Path,
        cache_bytes: u64,
        other: &TreeHistory,
    ) -> Result<TreeHistory, HistoryError> {
        TreeHistory::open_or_begin(folder, cache_bytes, Arc::default(), other.hashes)
    }

    fn open_or_begin(
        folder: &Path,
        cache_bytes: u64,
        giving_way: Arc<GivingWay>,
        hashes: Hashes,
    ) -> Result<TreeHistory, HistoryError> {
        // Threads that are begun here would give way as the one does that begins them.
        giving_way.hurry(Work::Index);
        let upkeep = Upkeep::new(giving_way.clone());
        let opening = Opening::new(folder, cache_bytes, upkeep.companion())?;
        let steps = opening.steps.clone();
        let open = |design| opening.table(design).map(Arc::new);
        let looked_up = |name, gathered_bytes| Design { name, gathered_bytes, looked_up: true };
        let meta = open(looked_up("meta", FEW_BYTES))?;
        if opening.is_new {
            begin(&meta, &steps, hashes)?;
        }
        let (mark, hashes) = read_mark(&meta, &steps.snapshot())?;
        let keys = open(looked_up("keys", SCATTERED_BYTES))?;
        // No more keys than records.
        let sieve = Arc::new(Sieve::new(mark.through.0 as usize));
        let mut history = TreeHistory {
            records: open(table("records", RECORDS_BYTES))?,
            members: open(table("members", SCATTERED_BYTES))?,
            sequels: open(table("sequels", FEW_BYTES))?,
            transfers: open(table("transfers", FEW_BYTES))?,
            frozen: open(table("frozen", FEW_BYTES))?,
            orders: open(table("orders", FEW_BYTES))?,
            postings: open(looked_up("postings", FEW_BYTES))?,
            _filler: Filler::start(sieve.clone(), steps.snapshot().iter(&keys).map(taken_key)),
            sieve,
            keys,
            meta,
            steps,
            hashes,
            upkeep,
            applied: AtomicU64::new(mark.through.0),
            reached: Lsn::ZERO,
            recent: Mutex::new(Recent {
                filling: Filling::default(),
                chunk: Chunk::default(),
                remembered: Remembered::new(hashes),
                counts: HashMap::default(),
            }),
            giving_way,
        };
        let through = mark.through;
        history.load(mark)?;
        let tables = history.tables().map(Clone::clone).to_vec();
        let (meta, steps) = (history.meta.clone(), history.steps.clone());
        let write = Box::new(move |mark: &Mark| write_mark(&meta, &steps, mark));
        history.upkeep.start(history.steps.clone(), tables, through, write)?;
        Ok(history)
    }

    fn load(&mut self, mark: Mark) -> Result<(), HistoryError> {
        let applied = mark.through;
        let snapshot = self.steps.snapshot();
        self.reached = self.last_record(&snapshot, Lsn::MAX)?;
        let last = self.last_record(&snapshot, applied)?;
        let mut recent = self.recent();
        recent.counts = mark.counts;
        let Recent { filling, chunk, remembered, .. } = &mut *recent;
        // Its rows are written when a record of a later block comes, which may be long after the block has ended.
        filling.block = block_of(last);
        let start = chunk_of(block_start(filling.block)).to_be_bytes();
        let end = chunk_of(applied).to_be_bytes();
        for found in snapshot.range(&self.records, start..=end) {
            let (key, row) = found?;
            let number = keys::lsn_of(&key).0;
            for (lsn, payload) in records_in(number, &row).filter(|(lsn, _)| *lsn <= applied) {
                filling.add(remembered, lsn, &decode(lsn, payload)?);
            }
        }
        let row = snapshot.get(&self.records, end)?;
        *chunk = Chunk::resumed(applied, row.as_deref().unwrap_or_default());
        Ok(())
    }

    /// The last record up to `through` that there is a row of; 0 where there is none.
    fn last_record(&self, snapshot: &Snapshot, through: Lsn) -> Result<Lsn, HistoryError> {
        for found in snapshot.range(&self.records, ..=chunk_of(through).to_be_bytes()).rev() {
            let (key, row) = found?;
            let lsns = records_in(keys::lsn_of(&key).0, &row).map(|(lsn, _)| lsn);
            if let Some(last) = lsns.filter(|lsn| *lsn <= through).max() {
                return Ok(last);
            }
        }
        Ok(Lsn::ZERO)
    }

    pub(super) fn applied_now(&self) -> Lsn {
        Lsn(self.applied.load(Ordering::Acquire))
    }

    pub(super) fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.try_lock().unwrap_or_else(|_| {
            // A step that gives way may keep it for long.
            self.giving_way.hurry(Work::Index);
            self.recent.lock().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// The rows of one entry.
    fn add(&self, step: &mut Step, lsn: Lsn, entry: &MemberEntry<&str>) {
        let number = lsn.0.to_be_bytes();
        let member = self.hashes.member(entry.crm_id, entry.member_no);
        // The hidden ones too: an account as it was is made of all its records.
        let mut value = [0; 9];
        value[0] = entry.event.record_type().map_or(0, |kind| kind as u8);
        value[1..].copy_from_slice(&created_at(entry).0.to_be_bytes());
        step.insert(&self.members, keys::of_record(&member, lsn), value);
        if let Some(key) = entry.event.key() {
            let taken = self.hashes.taken(entry.crm_id, entry.member_no, &key);
            self.sieve.take(&taken);
            step.insert(&self.keys, taken, number);
        }
        if let Some((origin, sequel)) = entry.event.sequel(entry.at) {
            step.insert(&self.sequels, keys::with_lsn(&origin.0.to_be_bytes(), lsn), codec::encode(&sequel));
        }
        if let (Some(to), Some(key)) = (entry.event.sent_to(), entry.event.key()) {
            for side in [member, self.hashes.member(entry.crm_id, to)] {
                step.insert(&self.transfers, keys::with_lsn(&[b"m", &side[..]].concat(), lsn), []);
            }
            let offered = self.hashes.offered(entry.crm_id, to, key.number());
            step.insert(&self.transfers, keys::with_lsn(&[b"n", &offered[..]].concat(), lsn), []);
        }
        if let Some(order_sn) = order_sn(&entry.event) {
            step.insert(&self.orders, keys::of_record(&self.hashes.order(entry.crm_id, &order_sn), lsn), []);
        }
        if let Some(accrued) = entry.event.accrual()
            && let Some(at) = accrued.unfreeze_at
            && at > entry.at
        {
            let key = [&self.hashes.tenant(entry.crm_id)[..], &keys::instant(at)].concat();
            step.insert(&self.frozen, keys::with_lsn(&key, lsn), []);
        }
    }

    /// Adds to what is filling; what is full is written.
    fn fill(&self, step: &mut Step, recent: &mut Recent, row: &Row<'_>, entry: &MemberEntry<&str>) {
        if let Some(full) = recent.chunk.push(row.lsn, row.payload) {
            self.write_chunk(step, &full);
        }
        let block = block_of(row.lsn);
        if block != recent.filling.block {
            for (key, value) in recent.filling.rows() {
                step.insert(&self.postings, key, value);
            }
            recent.filling = Filling { block, ..Filling::default() };
        }
        recent.filling.add(&mut recent.remembered, row.lsn, entry);
        if entry.event.record_type().is_some() {
            let tenant = recent.remembered.tenant(entry.crm_id);
            *recent.counts.entry(tenant).or_default() += 1;
        }
    }

    fn write_chunk(&self, step: &mut Step, chunk: &Chunk) {
        if !chunk.is_empty() {
            step.insert(&self.records, chunk.number().to_be_bytes(), chunk.bytes());
        }
    }

    /// One atomic step that ends at `through`.
    pub(super) fn write_step(&self, rows: &[Row<'_>], through: Lsn) -> Result<(), HistoryError> {
        // Before the step and without its lock: what is written is shown at once, and readers go on.
        // After a failure nothing here can be relied on any more: whoever called opens the index anew.
        self.upkeep.keep_up()?;
        let applied = self.applied_now();
        let mut recent = self.recent();
        let mut step = self.steps.begin();
        // What a start finds in the index already is not counted again.
        for row in rows.iter().filter(|row| row.lsn > applied) {
            let entry = row.whole()?;
            self.add(&mut step, row.lsn, &entry);
            self.fill(&mut step, &mut recent, row, &entry);
        }
        self.write_chunk(&mut step, &recent.chunk);
        self.steps.end(step);
        self.applied.store(through.0, Ordering::Release);
        self.seal_what_is_full(&recent);
        Ok(())
    }

    /// The tables, records first.
    pub(super) fn tables(&self) -> [&Arc<Table>; 9] {
        [
            &self.records,
            &self.members,
            &self.keys,
            &self.sequels,
            &self.transfers,
            &self.frozen,
            &self.orders,
            &self.postings,
            &self.meta,
        ]
    }

    /// Between two steps. Every record has a row among the members': when that table is full, all are written out.
    fn seal_what_is_full(&self, recent: &Recent) {
        let is_full = |table: &Arc<Table>| self.steps.gathered_bytes(table) > table.design.gathered_bytes;
        if is_full(&self.members) {
            self.seal_all(recent);
        } else if self.tables().into_iter().any(is_full) {
            let leaves = |table: &&Arc<Table>| is_full(table) || table.design == self.records.design;
            self.upkeep.add(self.tables().into_iter().filter(leaves).filter_map(|table| self.sealed(table)));
        }
    }

    /// All that there is now is to get into files.
    fn seal_all(&self, recent: &Recent) {
        let mark = Mark { through: self.applied_now(), counts: recent.counts.clone() };
        let sealed = self.tables().into_iter().filter_map(|table| self.sealed(table));
        self.upkeep.add(sealed.chain([Task::Mark(mark)]));
    }

    fn sealed(&self, table: &Arc<Table>) -> Option<Task> {
        self.steps.seal(table).map(|runs| Task::WriteOut(table.clone(), runs))
    }

    /// Has what is applied written out; answers how far that is.
    pub(super) fn begin_persisting(&self) -> Lsn {
        let recent = self.recent();
        let applied = self.applied_now();
        if self.durable_now() < applied {
            self.seal_all(&recent);
        }
        applied
    }

    pub(super) fn persist(&self) -> Result<Lsn, HistoryError> {
        let applied = self.begin_persisting();
        self.upkeep.wait_for_mark(applied)?;
        Ok(applied)
    }

    pub(super) fn durable_now(&self) -> Lsn {
        self.upkeep.marked()
    }

    pub(super) fn reaches_now(&self) -> Lsn {
        self.reached.max(self.applied_now())
    }

    /// The entry under `lsn`, as `snapshot` sees it.
    pub(super) fn entry_at(
        &self,
        snapshot: &Snapshot,
        lsn: Lsn,
    ) -> Result<Option<MemberEntry>, HistoryError> {
        self.reader(snapshot).entry_at(lsn)
    }

    pub(super) fn expect_entry(&self, snapshot: &Snapshot, lsn: Lsn) -> Result<MemberEntry, HistoryError> {
        self.reader(snapshot).expect_entry(lsn)
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
        for found in snapshot.range(&self.sequels, range) {
            let (key, value) = found?;
            let sequel: Sequel =
                codec::decode(&value).map_err(|error| HistoryError::unreadable(lsn, &error))?;
            standing.follow(keys::lsn_of(&key), &sequel);
        }
        Ok(standing)
    }
}

/// What no mark changes; without a mark nothing is applied.
fn begin(meta: &Table, steps: &Steps, hashes: Hashes) -> Result<(), HistoryError> {
    let version = (&b"version"[..], INDEX_VERSION.to_be_bytes().to_vec());
    meta.write([(&b"hashes"[..], hashes.0.to_vec()), version].into_iter(), steps)
}

fn write_mark(meta: &Table, steps: &Steps, mark: &Mark) -> Result<(), HistoryError> {
    let count = |(tenant, count): (&[u8; 8], &u64)| ([&b"c"[..], tenant].concat(), *count);
    let mut rows: Vec<(Vec<u8>, u64)> = mark.counts.iter().map(count).collect();
    rows.push((b"applied".to_vec(), mark.through.0));
    rows.sort_unstable();
    meta.write(rows.into_iter().map(|(key, number)| (key, number.to_be_bytes())), steps)
}

fn read_mark(meta: &Table, snapshot: &Snapshot) -> Result<(Mark, Hashes), HistoryError> {
    let number = |key: &str| -> Result<Option<u64>, HistoryError> {
        let value = snapshot.get(meta, key)?;
        Ok(value.and_then(|value| <[u8; 8]>::try_from(&*value).ok()).map(u64::from_be_bytes))
    };
    let version = number("version")?;
    if version != Some(INDEX_VERSION) {
        return Err(HistoryError::Corrupt(format!("its layout is version {version:?}, not {INDEX_VERSION}")));
    }
    let hashes = snapshot.get(meta, "hashes")?;
    let Some(hashes) = hashes.and_then(|bytes| <[u8; 16]>::try_from(&*bytes).ok()) else {
        return Err(HistoryError::Corrupt("the key of its hashes is missing".into()));
    };
    let mut mark = Mark { through: Lsn(number("applied")?.unwrap_or(0)), ..Mark::default() };
    for found in snapshot.prefix(meta, b"c") {
        let (key, value) = found?;
        if let (Ok(tenant), Ok(count)) = (key[1..].try_into(), <[u8; 8]>::try_from(&*value)) {
            mark.counts.insert(tenant, u64::from_be_bytes(count));
        }
    }
    Ok((mark, Hashes(hashes)))
}

fn taken_key(found: Result<crate::history::tables::Row, HistoryError>) -> Result<[u8; 20], HistoryError> {
    let (key, _) = found?;
    <[u8; 20]>::try_from(&*key).map_err(|_| HistoryError::Corrupt("a key is not of 20 bytes".into()))
}

pub(super) fn decode(lsn: Lsn, payload: &[u8]) -> Result<MemberEntry, HistoryError> {
    match Entry::decode(payload) {
        Ok(Entry::Member(entry)) => Ok(entry),
        Ok(Entry::Service(_) | Entry::Tenant(_)) => {
            Err(HistoryError::Corrupt(format!("record {lsn} is no member's")))
        }
        Err(error) => Err(HistoryError::unreadable(lsn, &error)),
    }
}

#[cfg(test)]
mod tests;
