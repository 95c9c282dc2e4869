//! The log's writer, which commits groups. Its helper makes [`space`] ahead; in simulations [`by_hand`] moves both.
mod busy;
pub(super) mod by_hand;
pub(super) mod space;

use crate::clock::monotonic;
use crate::format::frame::{FRAME_HEADER_BYTES, FrameKind, RECORD_HEADER_BYTES, frame_header};
use crate::format::segment::{Chain, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::ledger::lsn::Lsn;
use crate::limits::FRAME_PAYLOAD_BYTES_AIM;
use crate::store::error::StoreError;
use crate::store::journal::{Company, Pending, Shared, Sink, State, SyncPolicy};
use crate::store::recovery::LogEnd;
use crate::store::segments::{self, OpenSegment, Spare};
use busy::Busy;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// So long after the last frame a mark says that it was durable.
const IDLE_BEFORE_MARK: Duration = Duration::from_millis(10);
/// From this many records a group on the next one is worth a short wait.
const LARGE_GROUP: usize = 4;
/// Where the process is busy the wait is so many times as long, whatever has come by then but this much: so many records, or so
/// many who wait for theirs. More of these at once would leave the cores without work until they have their answers.
const BUSY_TIMES: u32 = 2;
const BUSY_GROUP_MAX: Company = Company { records: 4_096, waiters: 48 };

struct Writer<T> {
    shared: Arc<Shared<T>>,
    sink: Box<dyn Sink<T>>,
    log_id: u128,
    ordinal: u64,
    chain: Chain,
    segment: Option<OpenSegment>,
    begins_again: bool,
    last_group: usize,
    busy: Busy,
    marked: bool,
    last_sync: std::time::Instant,
    unsynced: bool,
}

pub(super) fn start<T: Send + 'static>(
    shared: &Arc<Shared<T>>,
    end: LogEnd,
    sink: Box<dyn Sink<T>>,
) -> Result<JoinHandle<()>, StoreError> {
    let writer = Writer::begin(shared, end, sink)?;
    let thread = std::thread::Builder::new().name("log-writer".into()).spawn(move || writer.run());
    thread.map_err(StoreError::io(&shared.folder.wal, "starting the log's writer"))
}

impl<T: Send> Writer<T> {
    fn begin(shared: &Arc<Shared<T>>, end: LogEnd, sink: Box<dyn Sink<T>>) -> Result<Writer<T>, StoreError> {
        let mut writer = Writer {
            shared: shared.clone(),
            sink,
            log_id: end.log_id,
            // The one that is put in the place of another takes its ordinal too.
            ordinal: end.ordinal - u64::from(end.begins_again),
            chain: end.chain,
            segment: end.segment,
            begins_again: end.begins_again,
            last_group: 0,
            busy: Busy::new(),
            // A log found without a mark at its end gets one: recovery has made durable what it has read.
            marked: false,
            last_sync: monotonic(),
            unsynced: false,
        };
        if writer.segment.is_none() {
            let begun = shared.wait_for_the_first().and_then(|()| writer.next_segment(0));
            begun.map_err(StoreError::io(&shared.folder.wal, "beginning the log"))?;
        }
        writer.tell_room();
        Ok(writer)
    }

    fn run(mut self) {
        while let Some(group) = self.next_group() {
            if let Err(error) = self.write(group) {
                return self.fail(error);
            }
        }
        self.end();
    }

    /// A group, or, where nothing came for a while, what makes known that all is durable.
    fn write(&mut self, group: Pending) -> Result<(), StoreError> {
        let written = if group.payloads.is_empty() { self.idle() } else { self.commit(group) };
        written.map_err(|source| {
            let path = self.segment.as_ref().map_or(&self.shared.folder.wal, |segment| &segment.path);
            StoreError::Io { path: path.clone(), what: "writing the log", source }
        })
    }

    fn end(mut self) {
        if let Err(error) = self.sync_now() {
            let path = self.shared.folder.wal.clone();
            self.fail(StoreError::Io { path, what: "syncing the log", source: error });
        }
    }

    /// What waits, once there is something; an empty group where nothing came for a while; none at the end.
    fn next_group(&mut self) -> Option<Pending> {
        let is_busy = self.busy.look();
        let mut state = self.gathered(is_busy);
        if state.pending.payloads.is_empty() {
            let patience =
                if self.marked && !self.unsynced { Duration::from_secs(3_600) } else { self.patience() };
            state = self.wait_for(state, Company::of_records(1), patience);
        }
        if state.pending.payloads.is_empty() && state.stopping {
            return None;
        }
        Some(self.taken(&mut state))
    }

    /// What waits.
    fn taken(&self, state: &mut State<T>) -> Pending {
        let next = state.pending.next(state.next_lsn);
        let group = std::mem::replace(&mut state.pending, next);
        state.writing = group.bytes.len() as u64;
        group
    }

    /// Under load waits a while for company.
    fn gathered(&self, is_busy: bool) -> MutexGuard<'_, State<T>> {
        let state = self.shared.lock();
        match company(self.last_group, is_busy, self.shared.options.gather) {
            Some((wanted, patience)) => self.wait_for(state, wanted, patience),
            None => state,
        }
    }

    /// Until so much waits, or the end; at most so long.
    fn wait_for<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
        wanted: Company,
        patience: Duration,
    ) -> MutexGuard<'a, State<T>> {
        state.writer_wakes_at = Some(wanted);
        let waited = self
            .shared
            .work
            .wait_timeout_while(state, patience, |state| !state.has(wanted) && !state.stopping);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.writer_wakes_at = None;
        state
    }

    fn patience(&self) -> Duration {
        match self.shared.options.sync {
            SyncPolicy::Interval(every) if self.unsynced => every.min(IDLE_BEFORE_MARK),
            _ => IDLE_BEFORE_MARK,
        }
    }

    /// Writes a group, makes it durable and lets out what waited for it.
    fn commit(&mut self, group: Pending) -> std::io::Result<()> {
        self.last_group = group.payloads.len();
        for (n, records) in frames(&group).into_iter().enumerate() {
            // Recovery takes a whole frame for proof that the one before it was durable.
            if n > 0 && self.shared.options.sync == SyncPolicy::Always {
                self.sync_now()?;
            }
            self.write_frame(FrameKind::Batch, &group, records)?;
        }
        self.marked = false;
        self.unsynced = true;
        match self.shared.options.sync {
            SyncPolicy::Always => self.sync_now()?,
            SyncPolicy::Interval(every) if self.last_sync.elapsed() >= every => self.sync_now()?,
            SyncPolicy::Interval(_) | SyncPolicy::Off => {}
        }
        let stats = &self.shared.stats;
        stats.records.fetch_add(group.payloads.len() as u64, Ordering::Relaxed);
        stats.group_records.observe(group.payloads.len() as u64);
        let durable = Lsn(self.chain.next_lsn.0 - 1);
        self.shared.durable.store(durable.0, Ordering::Release);
        let released = self.released(durable);
        self.sink.release(released);
        self.sink.durable(group.into_batch());
        Ok(())
    }

    fn released(&mut self, durable: Lsn) -> Vec<T> {
        let mut released = Vec::with_capacity(self.last_group);
        let mut state = self.shared.lock();
        state.hashed = (durable, self.chain.hash);
        while let Some((lsn, _)) = state.waiters.front()
            && *lsn <= durable
            && let Some((_, waiter)) = state.waiters.pop_front()
        {
            released.push(waiter);
        }
        drop(state);
        self.tell_room();
        released
    }

    /// Nothing came for a while: what is written is synced if it was not, and marked as durable.
    fn idle(&mut self) -> std::io::Result<()> {
        self.last_group = 0;
        if self.unsynced && self.shared.options.sync != SyncPolicy::Off {
            self.sync_now()?;
        }
        // A mark is not worth a new segment: the next frame's own segment will say as much.
        let fits = self.segment.as_ref().is_some_and(|segment| segment.room() >= FRAME_HEADER_BYTES as u64);
        if !self.marked && !self.unsynced && fits {
            let nothing = Pending::default();
            self.write_frame(FrameKind::Mark, &nothing, 0..0)?;
            self.sync_now()?;
            self.tell_room();
        }
        self.marked = true;
        Ok(())
    }

    fn write_frame(
        &mut self,
        kind: FrameKind,
        group: &Pending,
        records: Range<usize>,
    ) -> std::io::Result<()> {
        let payload = bytes_of(group, &records);
        let size = (FRAME_HEADER_BYTES + payload.len()) as u64;
        if self.segment.as_ref().is_none_or(|segment| segment.room() < size) {
            self.next_segment(size)?;
        }
        let Some(segment) = &mut self.segment else {
            return Err(std::io::Error::other("there is no segment"));
        };
        let count = u32::try_from(records.len()).map_err(std::io::Error::other)?;
        let header = frame_header(self.log_id, &mut self.chain, kind, count, payload);
        let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + payload.len());
        frame.extend_from_slice(&header);
        frame.extend_from_slice(payload);
        segment.file.write_all_at(&frame, segment.offset)?;
        segment.offset += size;
        count_sequences(&mut self.chain, payload);
        self.shared.stats.frames.fetch_add(1, Ordering::Relaxed);
        self.shared.stats.bytes.fetch_add(size, Ordering::Relaxed);
        Ok(())
    }

    fn sync_now(&mut self) -> std::io::Result<()> {
        if let Some(segment) = &self.segment {
            let before = monotonic();
            segment.file.sync_data()?;
            self.last_sync = monotonic();
            self.shared.stats.syncs.fetch_add(1, Ordering::Relaxed);
            self.shared.stats.sync_nanos.observe_span(self.last_sync - before);
        }
        self.unsynced = false;
        Ok(())
    }

    /// Goes on in the spare segment. What is in the old one is durable first: a segment is whole before the next begins.
    fn next_segment(&mut self, needed: u64) -> std::io::Result<()> {
        if let Some(old) = &self.segment {
            old.file.sync_data()?;
        }
        let spare = self.wait_for_spare();
        debug_assert!(spare.bytes >= needed);
        let shared = &self.shared;
        let ordinal = self.ordinal + 1;
        let header = SegmentHeader { log_id: self.log_id, ordinal, chain: self.chain.clone() };
        let begin =
            if std::mem::take(&mut self.begins_again) { segments::begin_again } else { segments::begin };
        let segment = begin(&*shared.disk, &shared.folder, spare, &header)?;
        tracing::debug!(segment = %segment.path.display(), "the log goes on in a new segment");
        self.ordinal = ordinal;
        self.segment = Some(segment);
        Ok(())
    }

    /// There nearly always is one: appends are turned away before the last one is used up.
    fn wait_for_spare(&self) -> Spare {
        let mut state = self.shared.lock();
        loop {
            if let Some(spare) = state.spare.take() {
                state.room = spare.bytes - SEGMENT_HEADER_BYTES as u64;
                self.shared.spare_changed.notify_all();
                return spare;
            }
            state = self.shared.spare_changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn tell_room(&self) {
        let mut state = self.shared.lock();
        state.room = self.segment.as_ref().map_or(0, OpenSegment::room);
        state.writing = 0;
    }

    /// Closes the log for good.
    fn fail(&mut self, error: StoreError) {
        self.shared.closed.store(true, Ordering::Release);
        let waiters = self.shared.lock().waiters.drain(..).map(|(_, waiter)| waiter).collect();
        self.shared.spare_changed.notify_all();
        self.sink.failed(waiters, error);
    }
}

/// What the next group is worth waiting for, and how long: as many records as came last time, since a large group costs
/// less a record than many small ones. Where the process is busy it is more: clients that wait for one another's group would
/// keep it as small as it is.
fn company(last_group: usize, is_busy: bool, gather: Duration) -> Option<(Company, Duration)> {
    match last_group {
        ..LARGE_GROUP => None,
        LARGE_GROUP.. if is_busy => Some((BUSY_GROUP_MAX, gather * BUSY_TIMES)),
        LARGE_GROUP.. => Some((Company::of_records(last_group), gather)),
    }
}

/// The payload of the frame that takes these records of the group.
fn bytes_of<'a>(group: &'a Pending, records: &Range<usize>) -> &'a [u8] {
    match (
        group.payloads.get(records.start),
        records.end.checked_sub(1).and_then(|last| group.payloads.get(last)),
    ) {
        (Some(first), Some(last)) => &group.bytes[first.start - RECORD_HEADER_BYTES..last.end],
        _ => &[],
    }
}

/// Cuts a group into frames of bounded size; nearly always there is one.
fn frames(group: &Pending) -> Vec<Range<usize>> {
    let mut frames = Vec::with_capacity(1);
    let mut start = 0;
    let mut bytes = 0;
    for (n, payload) in group.payloads.iter().enumerate() {
        let size = RECORD_HEADER_BYTES + payload.len();
        if n > start && bytes + size > FRAME_PAYLOAD_BYTES_AIM {
            frames.push(start..n);
            (start, bytes) = (n, 0);
        }
        bytes += size;
    }
    frames.push(start..group.payloads.len());
    frames
}

/// Moves the chain's sequences over the records of a frame just written.
fn count_sequences(chain: &mut Chain, mut payload: &[u8]) {
    while let Some((header, rest)) = payload.split_at_checked(RECORD_HEADER_BYTES) {
        let partition = u16::from_le_bytes([header[0], header[1]]);
        let length = u32::from_le_bytes([header[10], header[11], header[12], header[13]]) as usize;
        chain.sequences[usize::from(partition)] += 1;
        payload = rest.get(length..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_as_much_as_came_last_time_and_for_more_where_the_process_is_busy() {
        let gather = Duration::from_millis(1);
        for is_busy in [false, true] {
            assert_eq!(company(LARGE_GROUP - 1, is_busy, gather), None, "nobody comes along with it");
        }
        assert_eq!(company(23, false, gather), Some((Company::of_records(23), gather)));
        assert_eq!(company(23, true, gather), Some((BUSY_GROUP_MAX, 2 * gather)));
    }
}
