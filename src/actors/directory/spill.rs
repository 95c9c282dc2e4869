//! Members at rest move out of memory past its budget, and come back one by one when somebody asks for them.
//!
//! The chunk of the arena that was begun first goes first. Of its members those that were used meanwhile are put into the
//! newest chunk instead: second chance. What leaves is gathered into pages. A member is read back without any lock held;
//! what was read counts only if it has not moved meanwhile.
use super::shard::{Place, Shard};
use super::{BrokenMember, Directory, MemberId};
use crate::format::resting::{RESTING_CONTENT_BYTES, RestingRecord, record_at, records};
use crate::store::error::StoreError;
use crate::store::resting::{PageName, RestingFile};
use std::sync::MutexGuard;

/// Where members go that memory has no room for, and how much it has for them.
pub struct Spill {
    pub(super) file: RestingFile,
    shard_bytes_max: usize,
}

impl Spill {
    /// `bytes_max` is for all members at rest together.
    pub fn new(file: RestingFile, bytes_max: u64) -> Spill {
        let shard_bytes_max = bytes_max / super::SHARDS as u64;
        Spill { file, shard_bytes_max: usize::try_from(shard_bytes_max).unwrap_or(usize::MAX) }
    }

    /// What all members at rest together may take.
    pub(super) fn bytes_max(&self) -> usize {
        self.shard_bytes_max.saturating_mul(super::SHARDS)
    }
}

/// Where a member lies out of memory, and which writing of its pages that was.
pub(super) struct OnDisk {
    page: u32,
    offset: u16,
    pub(super) names: Vec<PageName>,
}

/// Records on their way into one page.
#[derive(Default)]
struct Leaving {
    content: Vec<u8>,
    /// Each with its offset.
    slots: Vec<(u32, u16)>,
}

impl Leaving {
    fn has_room(&self, record: &RestingRecord<'_>) -> bool {
        self.content.is_empty() || self.content.len() + record.bytes() <= RESTING_CONTENT_BYTES
    }

    fn push(&mut self, record: RestingRecord<'_>) {
        self.slots.push((record.slot, u16::try_from(self.content.len()).unwrap_or(u16::MAX)));
        record.push(&mut self.content);
    }
}

impl Directory {
    /// Locks the member's shard once memory has the member, or its actor.
    pub(super) fn lock_with(&self, id: MemberId) -> Result<MutexGuard<'_, Shard>, BrokenMember> {
        loop {
            let locked = self.lock(id.shard);
            let Some(there) = locked.on_disk(id.slot) else { return Ok(locked) };
            drop(locked);
            let mut content = Vec::new();
            let read = self.read(&there.names, &mut content);
            let mut locked = self.lock(id.shard);
            if !locked.is_still(id.slot, &there) {
                continue;
            }
            read?;
            let record = record_at(&content, usize::from(there.offset));
            let record = record.filter(|record| record.slot == id.slot);
            locked.bring_back(record.ok_or_else(|| self.missing(&there.names))?);
            return Ok(locked);
        }
    }

    /// Appends what the pages hold to `content`.
    pub(super) fn read(&self, pages: &[PageName], content: &mut Vec<u8>) -> Result<(), BrokenMember> {
        let spill = self.spill.as_ref().ok_or(BrokenMember::NoFile)?;
        Ok(spill.file.read(pages, content)?)
    }

    /// A page that checks out lacks a member.
    pub(super) fn missing(&self, pages: &[PageName]) -> BrokenMember {
        let (Some(spill), Some(page)) = (&self.spill, pages.first()) else { return BrokenMember::NoFile };
        spill.file.bad(page.number, "a member that should be there is not".into()).into()
    }
}

impl Shard {
    pub(super) fn on_disk(&self, slot: u32) -> Option<OnDisk> {
        match self.slots[slot as usize].place {
            Place::Disk { page, offset } => Some(OnDisk { page, offset, names: self.pages.names(page) }),
            _ => None,
        }
    }

    /// Whether the member lies where it lay then, and that was not written anew meanwhile.
    fn is_still(&self, slot: u32, then: &OnDisk) -> bool {
        let OnDisk { page, offset, names } = then;
        self.slots[slot as usize].place == Place::Disk { page: *page, offset: *offset }
            && self.pages.names(*page) == *names
    }

    fn bring_back(&mut self, record: RestingRecord<'_>) {
        if let Place::Disk { page, .. } = self.slots[record.slot as usize].place {
            self.pages.give_up(page, record.bytes());
            self.keep(record);
        }
    }

    /// Keeps what the shard has in memory within its budget, and its waste small.
    pub(super) fn tidy(&mut self, spill: Option<&Spill>) {
        if let Some(spill) = spill
            && self.arena.held() > spill.shard_bytes_max
            && spill.file.takes_writes()
        {
            self.make_room(spill);
        }
        while self.arena.is_wasteful()
            && let Some(chunk) = self.arena.sparsest()
        {
            for (offset, record) in records(&self.arena.take(chunk)) {
                if self.is_at(record.slot, chunk, offset).is_some() {
                    self.keep(record);
                }
            }
        }
    }

    /// Whether the member was used, where it is the one that lies there.
    fn is_at(&self, slot: u32, chunk: u32, offset: usize) -> Option<bool> {
        match self.slots[slot as usize].place {
            Place::Memory { chunk: c, offset: o, used } if (c, usize::from(o)) == (chunk, offset) => {
                Some(used)
            }
            _ => None,
        }
    }

    fn make_room(&mut self, spill: &Spill) {
        let mut leaving = Leaving::default();
        while self.arena.held() > spill.shard_bytes_max
            && let Some(chunk) = self.arena.oldest()
        {
            let bytes = self.arena.take(chunk);
            let mut failed = false;
            for (offset, record) in records(&bytes) {
                let Some(used) = self.is_at(record.slot, chunk, offset) else { continue };
                if !used && !failed && !leaving.has_room(&record) {
                    failed = self.write_out(spill, &mut leaving).is_err();
                }
                if used || failed { self.keep(record) } else { leaving.push(record) }
            }
            if failed {
                return;
            }
        }
        if self.arena.has_room(leaving.content.len()) {
            self.keep_all(&mut leaving);
        } else if !leaving.slots.is_empty() {
            // What can't be written was put back, and the file tells of it.
            let _ = self.write_out(spill, &mut leaving);
            self.keep_all(&mut leaving);
        }
    }

    /// Writes a page. Where this fails, all stays in memory.
    fn write_out(&mut self, spill: &Spill, leaving: &mut Leaving) -> Result<(), StoreError> {
        match self.pages.write(&spill.file, &leaving.content) {
            Ok(page) => {
                for (slot, offset) in leaving.slots.drain(..) {
                    self.set_place(slot, Place::Disk { page, offset });
                }
                leaving.content.clear();
                self.sort_out(spill, leaving);
                Ok(())
            }
            Err(error) => {
                self.keep_all(leaving);
                Err(error)
            }
        }
    }

    fn keep_all(&mut self, leaving: &mut Leaving) {
        let Leaving { content, .. } = std::mem::take(leaving);
        records(&content).for_each(|(_, record)| self.keep(record));
    }

    /// Where the file has grown to twice of what is in use of it, what is left in its emptiest page goes into the next one.
    fn sort_out(&mut self, spill: &Spill, leaving: &mut Leaving) {
        let Some(page) = self.pages.sparsest() else { return };
        let mut content = Vec::new();
        // One that can't be read is left alone: whoever needs a member of it is told.
        if spill.file.read(&self.pages.names(page), &mut content).is_err() {
            return;
        }
        for (offset, record) in records(&content) {
            let slot = self.slots.get(record.slot as usize);
            let is_there = |place| matches!(place, Place::Disk { page: p, offset: o } if (p, usize::from(o)) == (page, offset));
            if slot.is_some_and(|slot| is_there(slot.place)) {
                self.pages.give_up(page, record.bytes());
                leaving.push(record);
            }
        }
    }
}
