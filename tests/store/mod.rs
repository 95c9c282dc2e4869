//! Journal, segments, snapshots and recovery on a disk that lies.
mod archiving;
mod backups;
mod damage;
mod decisions;
mod exhaust;
mod failure;
mod groups;
mod lying;
mod names;
mod restarts;
mod snapshots;
mod torn;

use crate::support::disk::{FaultyDisk, Leaves, Op};
use crate::support::until;
use eros_points::actors::core::partition_of;
use eros_points::format::entry::Entry;
use eros_points::format::frame::{Frame, FrameKind, frame_header, push_record};
use eros_points::format::segment::{Chain, SEGMENT_HEADER_BYTES, SegmentHeader};
use eros_points::ledger::lsn::Lsn;
use eros_points::store::disk::Disk;
use eros_points::store::error::StoreError;
use eros_points::store::folder::Folder;
use eros_points::store::journal::{Batch, Class, Journal, JournalOptions, Sink};
use eros_points::store::recovery::{LogEnd, Mode, replay};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

const LOG_ID: u128 = 0xfeed_beef;
const PATIENCE: Duration = Duration::from_secs(60);

fn folder() -> Folder {
    Folder::at(Path::new("/data"))
}

fn segment(first_lsn: u64) -> PathBuf {
    folder().wal.join(format!("{first_lsn:020}.seg"))
}

/// What the journal told.
#[derive(Debug, Default)]
struct Heard {
    durable: Vec<(Lsn, Vec<u8>)>,
    released: Vec<u32>,
    failed: Vec<u32>,
    error: Option<String>,
}

/// Listens to the journal; tests wait on it.
#[derive(Clone, Default)]
struct Ear(Arc<(Mutex<Heard>, Condvar)>);

impl Ear {
    fn tell(&self, change: impl FnOnce(&mut Heard)) {
        change(&mut self.0.0.lock().expect("what was heard"));
        self.0.1.notify_all();
    }

    /// Waits until `is_so`, and answers what `look` sees then.
    fn wait<R>(&self, is_so: impl Fn(&Heard) -> bool, look: impl FnOnce(&Heard) -> R) -> R {
        let heard = self.0.0.lock().expect("what was heard");
        let (heard, over) =
            self.0.1.wait_timeout_while(heard, PATIENCE, |heard| !is_so(heard)).expect("to wait");
        assert!(!over.timed_out(), "waited in vain: {:?} {:?}", heard.released, heard.error);
        look(&heard)
    }
}

impl Sink<u32> for Ear {
    fn durable(&mut self, batch: Batch) {
        let records: Vec<_> = batch.iter().map(|(lsn, payload)| (lsn, payload.to_vec())).collect();
        self.tell(|heard| heard.durable.extend(records));
    }

    fn release(&mut self, waiters: Vec<u32>) {
        self.tell(|heard| heard.released.extend(waiters));
    }

    fn failed(&mut self, waiters: Vec<u32>, error: StoreError) {
        self.tell(|heard| {
            heard.failed.extend(waiters);
            heard.error = Some(error.to_string());
        });
    }
}

/// Segments as small as they can be.
fn options() -> JournalOptions {
    JournalOptions { segment_bytes: 1, min_free_bytes: 0, ..JournalOptions::default() }
}

const REPAIR: Mode = Mode::Repair { durable: Lsn::ZERO };

/// The journal on what `disk` holds, and what it tells.
fn open(disk: &(impl Disk + Clone + 'static), options: JournalOptions) -> (Journal<u32>, Ear) {
    let (end, _) = read(disk, REPAIR).expect("a log in order");
    let ear = Ear::default();
    let journal = Journal::open(Arc::new(disk.clone()), folder(), options, end, ear.clone());
    (journal.expect("a journal"), ear)
}

type Records = Vec<(Lsn, Vec<u8>)>;

/// Reads the whole log.
fn read(disk: &dyn Disk, mode: Mode) -> Result<(LogEnd, Records), StoreError> {
    let mut records = Vec::new();
    let end = replay(
        disk,
        &folder(),
        LOG_ID,
        Lsn::ZERO,
        mode,
        |record| {
            records.push((record.lsn, record.payload.to_vec()));
            Ok(())
        },
        |_| {},
    )?;
    Ok((end, records))
}

fn payload(n: u64) -> Vec<u8> {
    format!("record {n}, and some text to make it longer").into_bytes()
}

/// Appends the records `from..to`, each a frame of its own, and waits until the last is durable.
fn append(journal: &Journal<u32>, ear: &Ear, from: u64, to: u64) {
    for n in from..to {
        let lsn = journal.append(Class::Refusable, (n % 3) as u16, &payload(n)).expect("room");
        assert_eq!(lsn, Lsn(n));
        ear.wait(|heard| heard.durable.last().is_some_and(|(last, _)| *last == lsn), |_| ());
    }
}

/// The records through `last` of a log whose segments are small: it may have to wait for the next one.
fn append_with_patience(journal: &Journal<u32>, ear: &Ear, last: u64) {
    for n in 1..=last {
        until(|| !journal.is_full());
        append(journal, ear, n, n + 1);
    }
}

fn expected(through: u64) -> Records {
    (1..=through).map(|n| (Lsn(n), payload(n))).collect()
}

/// A log written by hand: so many records in each segment, each a frame of its own, and a few zeros behind them.
fn log_of(sizes: &[u64], payload: impl Fn(u64) -> Vec<u8>) -> FaultyDisk {
    let disk = FaultyDisk::new();
    let mut chain = Chain::default();
    for (ordinal, size) in (1..).zip(sizes) {
        let path = segment(chain.next_lsn.0);
        let mut bytes = SegmentHeader { log_id: LOG_ID, ordinal, chain: chain.clone() }.encode();
        for _ in 0..*size {
            let record = payload(chain.next_lsn.0);
            bytes.extend(next_frame(&mut chain, &record));
        }
        bytes.extend([0; 512]);
        disk.place(&path, bytes);
    }
    disk
}

/// The frame of one record that continues `chain`.
fn next_frame(chain: &mut Chain, record: &[u8]) -> Vec<u8> {
    // What is no entry may be anywhere.
    let partition = partition_in(record).unwrap_or(chain.next_lsn.0 % 3);
    let sequence = &mut chain.sequences[partition as usize];
    *sequence += 1;
    let mut payload = Vec::new();
    push_record(&mut payload, partition as u16, *sequence, record);
    let header = frame_header(LOG_ID, chain, FrameKind::Batch, 1, &payload);
    [&header[..], &payload[..]].concat()
}

/// Where an entry belongs.
fn partition_in(record: &[u8]) -> Option<u64> {
    let partition = match Entry::decode(record).ok()? {
        Entry::Member(entry) => partition_of(&entry.crm_id, &entry.member_no),
        Entry::Tenant(entry) => partition_of(&entry.crm_id, ""),
        Entry::Service(_) => partition_of("", ""),
    };
    Some(partition.into())
}

/// Where the frames of a segment begin; the last place is where they end.
fn frames_of(bytes: &[u8]) -> Vec<usize> {
    let mut places = vec![SEGMENT_HEADER_BYTES];
    let mut offset = SEGMENT_HEADER_BYTES;
    while let Ok(frame) = Frame::decode(&bytes[offset..], LOG_ID) {
        offset += frame.size();
        places.push(offset);
    }
    places
}

/// That reading is refused, in words that have all of `parts`, and changes nothing.
#[track_caller]
fn refused(disk: &FaultyDisk, parts: &[&str]) {
    let before = disk.all();
    for mode in [Mode::LookOnly, REPAIR] {
        let Err(error) = read(disk, mode) else { panic!("{parts:?} was taken for good") };
        let words = error.to_string();
        assert!(parts.iter().all(|part| words.contains(part)), "{words} should say {parts:?}");
        assert!(words.contains("hint:"), "{words}");
        assert!(disk.all() == before, "a refusal changed a file: {words}");
    }
}
