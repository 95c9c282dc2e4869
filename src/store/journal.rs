//! The journal: records in, in order; answers out when they are durable.
//!
//! `append` gives a record its number and leaves; one writer thread writes all that waits as one frame, syncs once
//! (group commit), moves the durable LSN and only then lets out what waited for it. After a failed write or sync the
//! journal is closed for good: nothing is acknowledged any more, and no sync is tried twice.
//!
//! This is the local log's implementation of the seam `append(record) -> LSN`, `durable`, `after` (reply gate),
//! `read_from` ([`crate::store::recovery::replay`]); nothing above it knows of files.
use crate::format::frame::{FRAME_HEADER_BYTES, RECORD_HEADER_BYTES, push_record};
use crate::format::segment::{Hash, SEGMENT_HEADER_BYTES, Sequences};
use crate::ledger::lsn::Lsn;
use crate::limits::{FRAME_PAYLOAD_BYTES_MAX, RECORD_BYTES_MAX};
use crate::measure::{self, Histogram};
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::recovery::LogEnd;
use crate::store::writer::by_hand::ByHand;
use crate::store::writer::{self, space};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// When an answer may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// When fdatasync has returned.
    Always,
    /// When it is written; it is synced this often.
    Interval(Duration),
    /// When it is written; the system syncs when it likes.
    Off,
}

#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    pub segment_bytes: u64,
    /// One frame's payload at most: no segment is too short for it. Less than the format's own bound is of use in
    /// simulations alone, whose segments are small.
    pub frame_bytes_max: usize,
    pub sync: SyncPolicy,
    /// How long the writer waits for company under load, at most; where the process is busy, twice that.
    pub gather: Duration,
    /// Log space kept for what can't be refused.
    pub reserve_bytes: u64,
    /// Free disk space below which changes are turned away: the index and snapshots live on the same disk.
    pub min_free_bytes: u64,
}

impl Default for JournalOptions {
    fn default() -> JournalOptions {
        JournalOptions {
            segment_bytes: 16 << 20,
            frame_bytes_max: FRAME_PAYLOAD_BYTES_MAX,
            sync: SyncPolicy::Always,
            gather: Duration::from_millis(1),
            reserve_bytes: 2 << 20,
            min_free_bytes: 64 << 20,
        }
    }
}

/// Who a record is for, when space is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A client's change: turned away in time.
    Refusable,
    /// Credits, notes, passing time: may use the reserve.
    Mandatory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("the log has no room")]
    Full,
    #[error("the log is closed")]
    Closed,
    #[error("the record is larger than {RECORD_BYTES_MAX} bytes")]
    TooLarge,
}

/// Records that have become durable.
pub struct Batch {
    pub first_lsn: Lsn,
    bytes: Vec<u8>,
    payloads: Vec<Range<usize>>,
}

impl Batch {
    pub fn len(&self) -> usize {
        self.payloads.len()
    }

    pub fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    pub fn last_lsn(&self) -> Lsn {
        Lsn(self.first_lsn.0 + self.len() as u64 - 1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Lsn, &[u8])> {
        let payloads = self.payloads.iter().map(|range| &self.bytes[range.clone()]);
        (self.first_lsn.0..).map(Lsn).zip(payloads)
    }
}

/// Where durable records and released waiters go. Called on the writer's thread: must not wait.
pub trait Sink<T>: Send {
    fn durable(&mut self, batch: Batch);
    fn release(&mut self, waiters: Vec<T>);
    /// The log has failed: what waited can't know its fate.
    fn failed(&mut self, waiters: Vec<T>, error: StoreError);
}

/// What the journal has done since it was opened.
#[derive(Debug)]
pub struct JournalStats {
    pub records: AtomicU64,
    pub bytes: AtomicU64,
    pub frames: AtomicU64,
    pub syncs: AtomicU64,
    /// How long a sync took, in nanoseconds.
    pub sync_nanos: Histogram,
    /// How many records one group commit had.
    pub group_records: Histogram,
    /// What an ordinary user can still write on the log's disk, as the helper saw it last.
    pub disk_free_bytes: AtomicU64,
}

impl Default for JournalStats {
    fn default() -> JournalStats {
        JournalStats {
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            sync_nanos: Histogram::new(measure::NANOS),
            group_records: Histogram::new(measure::COUNTS),
            disk_free_bytes: AtomicU64::new(0),
        }
    }
}

pub struct Journal<T> {
    shared: Arc<Shared<T>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Where there are no threads: what [`Journal::step`] moves on.
    by_hand: Mutex<Option<ByHand<T>>>,
}

pub(super) struct Shared<T> {
    pub(super) state: Mutex<State<T>>,
    /// There is work for the writer.
    pub(super) work: Condvar,
    /// There is, or is no longer, a spare segment; or the helper is to end.
    pub(super) spare_changed: Condvar,
    pub(super) durable: AtomicU64,
    pub(super) closed: AtomicBool,
    pub(super) stats: JournalStats,
    pub(super) options: JournalOptions,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: Folder,
}

pub(super) struct State<T> {
    pub(super) pending: Pending,
    pub(super) waiters: VecDeque<(Lsn, T)>,
    pub(super) next_lsn: Lsn,
    pub(super) sequences: Sequences,
    /// The last durable batch: its last record, and the hash of all through it.
    pub(super) hashed: (Lsn, Hash),
    /// Bytes free in the current segment, before what is being written now.
    pub(super) room: u64,
    /// Bytes of the group that is being written now.
    pub(super) writing: u64,
    pub(super) spare: Option<super::segments::Spare>,
    /// The helper has made a spare segment, or found that it can't.
    pub(super) spare_tried: bool,
    /// Why it could not, the last time.
    pub(super) spare_failed: Option<String>,
    pub(super) disk_low: bool,
    pub(super) stopping: bool,
    /// The writer sleeps until so much waits.
    pub(super) writer_wakes_at: Option<Company>,
}

/// What is worth a group, either of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Company {
    pub(super) records: usize,
    /// Who waits for records: a request does for one, or for many at once.
    pub(super) waiters: usize,
}

impl Company {
    pub(super) fn of_records(records: usize) -> Company {
        Company { records, waiters: usize::MAX }
    }
}

impl<T> State<T> {
    pub(super) fn has(&self, wanted: Company) -> bool {
        self.pending.payloads.len() >= wanted.records || self.waiters.len() >= wanted.waiters
    }

    /// Whether the writer has what it sleeps until. Says so once.
    fn wakes_writer(&mut self) -> bool {
        let wakes = self.writer_wakes_at.is_some_and(|wanted| self.has(wanted));
        if wakes {
            self.writer_wakes_at = None;
        }
        wakes
    }
}

/// Encoded records that wait for the writer.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) first_lsn: Lsn,
    pub(super) bytes: Vec<u8>,
    pub(super) payloads: Vec<Range<usize>>,
}

/// Room that is made at once for the next group's records, at most.
const NEXT_GROUP_BYTES_MAX: usize = 1 << 20;

impl Pending {
    /// What comes after this, with room for as much again: it would be copied as it grew, and everybody would wait for that.
    pub(super) fn next(&self, first_lsn: Lsn) -> Pending {
        let bytes = Vec::with_capacity(self.bytes.len().min(NEXT_GROUP_BYTES_MAX));
        let payloads = Vec::with_capacity(self.payloads.len().min(NEXT_GROUP_BYTES_MAX >> 8));
        Pending { first_lsn, bytes, payloads }
    }

    pub(super) fn into_batch(self) -> Batch {
        Batch { first_lsn: self.first_lsn, bytes: self.bytes, payloads: self.payloads }
    }
}

impl<T: Send + 'static> Journal<T> {
    /// Opens the log for writing where recovery found its end, and starts the writer.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: Folder,
        options: JournalOptions,
        end: LogEnd,
        sink: impl Sink<T> + 'static,
    ) -> Result<Journal<T>, StoreError> {
        let shared = Journal::shared(disk, folder, options, &end);
        let helper = space::start_helper(&shared)?;
        let writer = writer::start(&shared, end, Box::new(sink))?;
        shared.wait_for_first_spare();
        Ok(Journal { shared, threads: Mutex::new(vec![writer, helper]), by_hand: Mutex::new(None) })
    }

    /// The same without threads: nothing is written but by [`Journal::step`]. For a simulation.
    pub fn open_by_hand(
        disk: Arc<dyn Disk>,
        folder: Folder,
        options: JournalOptions,
        end: LogEnd,
        sink: impl Sink<T> + 'static,
    ) -> Result<Journal<T>, StoreError> {
        let shared = Journal::shared(disk, folder, options, &end);
        let by_hand = ByHand::begin(&shared, end, Box::new(sink))?;
        Ok(Journal { shared, threads: Mutex::default(), by_hand: Mutex::new(Some(by_hand)) })
    }

    /// Does what the threads would do next. Of use where there are none.
    pub fn step(&self) {
        let mut by_hand = self.by_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hand) = by_hand.take() {
            *by_hand = hand.step();
        }
    }

    fn shared(disk: Arc<dyn Disk>, folder: Folder, options: JournalOptions, end: &LogEnd) -> Arc<Shared<T>> {
        let least = (options.frame_bytes_max + FRAME_HEADER_BYTES + SEGMENT_HEADER_BYTES) as u64;
        let options = JournalOptions { segment_bytes: options.segment_bytes.max(least), ..options };
        let durable = end.last_lsn().0;
        let state = State {
            pending: Pending { first_lsn: end.chain.next_lsn, ..Pending::default() },
            waiters: VecDeque::new(),
            next_lsn: end.chain.next_lsn,
            sequences: end.chain.sequences,
            hashed: (end.last_lsn(), end.chain.hash),
            room: 0,
            writing: 0,
            spare: None,
            spare_tried: false,
            spare_failed: None,
            disk_low: false,
            stopping: false,
            writer_wakes_at: None,
        };
        Arc::new(Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            spare_changed: Condvar::new(),
            durable: AtomicU64::new(durable),
            closed: AtomicBool::new(false),
            stats: JournalStats::default(),
            options,
            disk,
            folder,
        })
    }

    /// Puts a record at the log's end and gives its number. It is durable when [`Journal::durable`] says so.
    /// Whether there is room is decided before anything is promised.
    pub fn append(&self, class: Class, partition: u16, payload: &[u8]) -> Result<Lsn, AppendError> {
        if payload.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge);
        }
        let mut state = self.shared.lock();
        if self.shared.closed.load(Ordering::Acquire) || state.stopping {
            return Err(AppendError::Closed);
        }
        if !self.shared.has_room(&state, class, payload.len()) {
            return Err(AppendError::Full);
        }
        let lsn = state.next_lsn;
        state.next_lsn = lsn.next();
        let sequence = &mut state.sequences[usize::from(partition)];
        *sequence += 1;
        let sequence = *sequence;
        let pending = &mut state.pending;
        push_record(&mut pending.bytes, partition, sequence, payload);
        let end = pending.bytes.len();
        pending.payloads.push(end - payload.len()..end);
        let wakes = state.wakes_writer();
        drop(state);
        if wakes {
            self.shared.work.notify_one();
        }
        Ok(lsn)
    }

    /// The reply gate: gives the waiter back if `lsn` is durable, otherwise keeps it until it is. Where the log has
    /// failed the waiter is dropped, and with it whatever reply it holds.
    pub fn after(&self, lsn: Lsn, waiter: T) -> Option<T> {
        if self.durable() >= lsn {
            return Some(waiter);
        }
        let mut state = self.shared.lock();
        if self.durable() >= lsn {
            return Some(waiter);
        }
        if !self.shared.closed.load(Ordering::Acquire) {
            state.waiters.push_back((lsn, waiter));
        }
        let wakes = state.wakes_writer();
        drop(state);
        if wakes {
            self.shared.work.notify_one();
        }
        None
    }

    /// Everything up to this record is on stable storage (as far as the sync policy goes).
    pub fn durable(&self) -> Lsn {
        Lsn(self.shared.durable.load(Ordering::Acquire))
    }

    pub fn last_assigned(&self) -> Lsn {
        Lsn(self.shared.lock().next_lsn.0 - 1)
    }

    /// Does something that no record may come between: the last one numbered, and what `then` does with that.
    pub fn at_last_assigned<R>(&self, then: impl FnOnce(Lsn) -> R) -> R {
        let state = self.shared.lock();
        then(Lsn(state.next_lsn.0 - 1))
    }

    /// The hash of the log through the last durable batch, and that batch's last record; none in a log that has no batch
    /// with a hash yet.
    pub fn hashed(&self) -> Option<(Lsn, Hash)> {
        let hashed = self.shared.lock().hashed;
        (hashed.1 != Hash::default()).then_some(hashed)
    }

    pub fn stats(&self) -> &JournalStats {
        &self.shared.stats
    }

    /// Whether a client's change would be turned away now.
    pub fn is_full(&self) -> bool {
        let state = self.shared.lock();
        !self.shared.has_room(&state, Class::Refusable, 4_096)
    }

    /// Writes and syncs what waits, and ends. Later appends are refused.
    pub fn close(&self) {
        self.shared.lock().stopping = true;
        self.shared.work.notify_all();
        self.shared.spare_changed.notify_all();
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = thread.join();
        }
        let by_hand = self.by_hand.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(hand) = by_hand {
            hand.finish();
        }
    }
}

impl<T> Shared<T> {
    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the space that a new log begins in. Where that can't be made there is nothing yet that could wait for
    /// room, so the start is over.
    pub(super) fn wait_for_the_first(&self) -> std::io::Result<()> {
        let waits = |state: &mut State<T>| state.spare.is_none() && state.spare_failed.is_none();
        let waited = self.spare_changed.wait_while(self.lock(), waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let Some(why) = state.spare_failed.take().filter(|_| state.spare.is_none()) else { return Ok(()) };
        state.stopping = true;
        drop(state);
        self.spare_changed.notify_all();
        Err(std::io::Error::other(why))
    }

    /// A log that ends near its segment's end has no room before there is a spare one: not a full disk, only a start.
    fn wait_for_first_spare(&self) {
        let waits =
            |state: &mut State<T>| !state.spare_tried && !self.has_room(state, Class::Refusable, 4_096);
        drop(self.spare_changed.wait_while(self.lock(), waits));
    }

    /// Whether a record of so many bytes fits into the space made ahead. Each frame costs a header, and the end of a
    /// segment that the next frame does not fit into is lost: the margin pays for both.
    fn has_room(&self, state: &State<T>, class: Class, payload: usize) -> bool {
        let spare = state.spare.as_ref().map_or(0, |spare| spare.bytes - SEGMENT_HEADER_BYTES as u64);
        let waiting = state.pending.bytes.len() as u64 + state.writing;
        let margin = (FRAME_HEADER_BYTES + RECORD_HEADER_BYTES) as u64 * 2 + waiting / 16;
        let needed = waiting + payload as u64 + margin;
        match class {
            Class::Mandatory => needed <= state.room.max(spare),
            Class::Refusable => {
                !state.disk_low && needed + self.options.reserve_bytes <= state.room.max(spare)
            }
        }
    }
}
