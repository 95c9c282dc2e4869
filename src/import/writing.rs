//! Where records go: into the log, or nowhere when rows are only tried.
use super::Job;
use super::open::Opened;
use crate::actors::core::partition_of;
use crate::format::entry::{Entry, ServiceEntry, encode_member};
use crate::ledger::event::Event;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::store::error::StoreError;
use crate::store::journal::{AppendError, Batch, Class, Journal, Sink};
use anyhow::bail;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a log that is full may stay so.
const ROOM_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub trait Output {
    /// Takes a record and gives it its number.
    fn append(&mut self, crm_id: &str, member_no: &str, at: Instant, event: &Event) -> anyhow::Result<Lsn>;
}

/// Numbers as the log would give them.
pub struct Dry {
    next: Lsn,
}

impl Dry {
    pub fn new(next: Lsn) -> Dry {
        Dry { next }
    }
}

impl Output for Dry {
    fn append(&mut self, _: &str, _: &str, _: Instant, _: &Event) -> anyhow::Result<Lsn> {
        let lsn = self.next;
        self.next = lsn.next();
        Ok(lsn)
    }
}

/// Somebody waits for a record to be durable. Dropped where the log has failed.
pub struct Gate(Sender<()>);

/// The log, open for writing.
pub struct Writing {
    journal: Journal<Gate>,
    failure: Arc<Mutex<Option<String>>>,
    records: u64,
    last: Lsn,
}

struct Ear(Arc<Mutex<Option<String>>>);

impl Sink<Gate> for Ear {
    // The index is brought up from the log at the end.
    fn durable(&mut self, _: Batch) {}

    fn release(&mut self, waiters: Vec<Gate>) {
        for Gate(waiting) in waiters {
            // Whoever has stopped waiting misses nothing.
            let _ = waiting.send(());
        }
    }

    fn failed(&mut self, _: Vec<Gate>, error: StoreError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}

impl Writing {
    pub fn begin(job: &Job, opened: &mut Opened) -> anyhow::Result<Writing> {
        let failure = Arc::new(Mutex::new(None));
        let lacks_zone = opened.lacks_zone(job.terms.zone);
        let end = opened.take_end();
        let last = end.last_lsn();
        let (disk, folder) = (job.disk.clone(), opened.folder.clone());
        let journal = Journal::open(disk, folder, job.journal, end, Ear(failure.clone()))?;
        opened.mark(&*job.disk)?;
        let mut writing = Writing { journal, failure, records: 0, last };
        if lacks_zone {
            // As at any start: answers write times in the zone of their record.
            let zone = job.terms.zone.name().to_owned();
            let payload = Entry::Service(ServiceEntry::ZoneSet { zone }).encode();
            writing.push(partition_of("", ""), &payload)?;
        }
        Ok(writing)
    }

    fn push(&mut self, partition: u16, payload: &[u8]) -> anyhow::Result<Lsn> {
        let mut waited = Duration::ZERO;
        loop {
            match self.journal.append(Class::Refusable, partition, payload) {
                Ok(lsn) => {
                    (self.records, self.last) = (self.records + 1, lsn);
                    return Ok(lsn);
                }
                // Faster than the disk: what waits is let through first.
                Err(AppendError::Full) if self.journal.durable() < self.last => self.wait_for(self.last)?,
                Err(AppendError::Full) if waited < ROOM_WITHIN => {
                    std::thread::sleep(LOOK_EVERY);
                    waited += LOOK_EVERY;
                }
                Err(AppendError::Full) => {
                    bail!(
                        "the log can't take more\nhint: free disk space, then run it again: it goes on where it was"
                    )
                }
                Err(AppendError::Closed) => bail!(self.why()),
                Err(error @ AppendError::TooLarge) => return Err(error.into()),
            }
        }
    }

    fn why(&self) -> String {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let failure = failure.unwrap_or_else(|| "the log is closed".into());
        format!("{failure}\nhint: see the disk, then run it again: it goes on where it was")
    }

    fn wait_for(&self, lsn: Lsn) -> anyhow::Result<()> {
        let (gate, open): (_, Receiver<()>) = channel();
        if self.journal.after(lsn, Gate(gate)).is_none() && open.recv().is_err() {
            bail!(self.why());
        }
        Ok(())
    }

    /// All that was written is durable; how many records, and the log's last.
    pub fn end(self) -> anyhow::Result<(u64, Lsn)> {
        self.wait_for(self.last)?;
        self.journal.close();
        Ok((self.records, self.last))
    }
}

impl Output for Writing {
    fn append(&mut self, crm_id: &str, member_no: &str, at: Instant, event: &Event) -> anyhow::Result<Lsn> {
        let payload = encode_member(crm_id, member_no, at, event);
        self.push(partition_of(crm_id, member_no), &payload)
    }
}
