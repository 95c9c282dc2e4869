//! What a file of the lying disk holds: as a running process sees it, and as the medium would give it back.
use crate::support::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A write cut short by a power failure leaves any mix of sectors, one of them cut at any byte.
const SECTOR: usize = 512;
const PAGE: usize = 4_096;
const ZEROS: [u8; PAGE] = [0; PAGE];

/// Bytes by pages; a page that is not there is zero. A copy shares them, so an image of the whole disk costs little.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    pages: BTreeMap<usize, Arc<[u8; PAGE]>>,
    pub length: usize,
}

impl Bytes {
    pub fn of(bytes: &[u8]) -> Bytes {
        let mut made = Bytes::default();
        made.put(0, bytes);
        made
    }

    pub fn put(&mut self, start: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.length = self.length.max(start + bytes.len());
        let mut done = 0;
        while done < bytes.len() {
            let (page, within) = ((start + done) / PAGE, (start + done) % PAGE);
            let part = &bytes[done..bytes.len().min(done + PAGE - within)];
            done += part.len();
            if *part == ZEROS[..part.len()] {
                if part.len() == PAGE {
                    self.pages.remove(&page);
                }
                if !self.pages.contains_key(&page) {
                    continue;
                }
            }
            let page = self.pages.entry(page).or_insert_with(|| Arc::new([0; PAGE]));
            Arc::make_mut(page)[within..within + part.len()].copy_from_slice(part);
        }
    }

    /// Fills `into` from `start` on; false where the file ends before.
    pub fn get(&self, start: usize, into: &mut [u8]) -> bool {
        if start + into.len() > self.length {
            return false;
        }
        into.fill(0);
        let (first, last) = (start / PAGE, (start + into.len()).div_ceil(PAGE));
        for (place, page) in self.pages.range(first..last) {
            let begins = place * PAGE;
            let (from, to) = (begins.max(start), (begins + PAGE).min(start + into.len()));
            into[from - start..to - start].copy_from_slice(&page[from - begins..to - begins]);
        }
        true
    }

    pub fn whole(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length];
        self.get(0, &mut bytes);
        bytes
    }

    pub fn cut(&mut self, length: usize) {
        self.pages.split_off(&length.div_ceil(PAGE));
        if let Some(page) = self.pages.get_mut(&(length / PAGE)) {
            Arc::make_mut(page)[length % PAGE..].fill(0);
        }
        self.length = length;
    }

    pub fn flip(&mut self, bit: usize) {
        let mut byte = [0];
        if self.get(bit / 8, &mut byte) {
            self.put(bit / 8, &[byte[0] ^ 1 << (bit % 8)]);
        }
    }

    /// The first byte that is not the same, or not there, in `other`.
    pub fn first_difference(&self, other: &Bytes) -> usize {
        let places: BTreeSet<_> = self.pages.keys().chain(other.pages.keys()).copied().collect();
        let differs = |place: usize| {
            let page = |of: &Bytes| of.pages.get(&place).map_or(ZEROS, |page| **page);
            let (old, new) = (page(self), page(other));
            old.iter().zip(&new).position(|(old, new)| old != new).map(|within| place * PAGE + within)
        };
        let first = places.into_iter().find_map(differs).unwrap_or(usize::MAX);
        first.min(self.length.min(other.length))
    }

    /// Where the last byte that is not zero ends.
    pub fn used(&self) -> usize {
        let page = self.pages.iter().rev().find_map(|(place, page)| {
            let last = page.iter().rposition(|byte| *byte != 0)?;
            Some(place * PAGE + last + 1)
        });
        page.unwrap_or(0)
    }
}

/// A write that no sync has answered for.
#[derive(Clone, Debug)]
pub struct Write {
    pub start: usize,
    pub bytes: Arc<[u8]>,
}

/// What a power failure made of the writes of a file that were never synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Whole sectors that are not on the medium.
    pub sectors: usize,
    /// Sectors that are on it in part.
    pub torn: usize,
    /// A later write is on it, an earlier one is not.
    pub reordered: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Content {
    /// The name that it was made under: by it the disk draws its faults, whatever the file is called later.
    pub made_as: String,
    pub live: Bytes,
    pub durable: Bytes,
    pub unsynced: Vec<Write>,
    /// As it was at the last few starts.
    pub earlier: Vec<Bytes>,
}

impl Content {
    pub fn write(&mut self, start: usize, bytes: &[u8]) {
        self.live.put(start, bytes);
        self.unsynced.push(Write { start, bytes: bytes.into() });
    }

    pub fn sync(&mut self) {
        for write in std::mem::take(&mut self.unsynced) {
            self.durable.put(write.start, &write.bytes);
        }
    }

    /// A sync that failed: some of it is on the medium, and what is not counts as clean all the same.
    pub fn sync_in_vain(&mut self, chance: &mut Random) {
        for write in std::mem::take(&mut self.unsynced) {
            self.leave(&write, chance, Keeps::Some);
        }
    }

    /// The power fails: of what was never synced any part is left, in any order.
    pub fn power_fails(&mut self, chance: &mut Random) -> Lost {
        let mut lost = Lost::default();
        let writes = std::mem::take(&mut self.unsynced);
        // None, all, a first part of them, or, twice as often, any mix: each is likely enough to be met.
        let shape = chance.below(5);
        let whole = chance.below(writes.len() as u64 + 1) as usize;
        let mut hole = false;
        for (n, write) in writes.iter().enumerate() {
            let keeps = match shape {
                0 => Keeps::Nothing,
                1 => Keeps::Everything,
                2 if n < whole => Keeps::Everything,
                2 if n > whole => Keeps::Nothing,
                _ => Keeps::Some,
            };
            let (sectors, torn) = self.leave(write, chance, keeps);
            let kept_any = sectors + torn < write.bytes.len().div_ceil(SECTOR) || torn > 0;
            lost.reordered |= hole && kept_any;
            hole |= sectors + torn > 0;
            lost.sectors += sectors;
            lost.torn += torn;
        }
        self.live.clone_from(&self.durable);
        lost
    }

    /// Puts what is kept of a write on the medium; how many sectors are lost whole, and in part.
    fn leave(&mut self, write: &Write, chance: &mut Random, keeps: Keeps) -> (usize, usize) {
        let (mut lost, mut torn, mut done) = (0, 0, 0);
        while done < write.bytes.len() {
            let start = write.start + done;
            let size = (SECTOR - start % SECTOR).min(write.bytes.len() - done);
            let kept = match keeps {
                Keeps::Nothing => 0,
                Keeps::Everything => size,
                Keeps::Some if chance.one_in(8) => chance.below(size as u64) as usize,
                Keeps::Some => {
                    if chance.one_in(2) {
                        size
                    } else {
                        0
                    }
                }
            };
            match kept {
                0 => lost += 1,
                kept if kept < size => torn += 1,
                _ => {}
            }
            self.durable.put(start, &write.bytes[done..done + kept]);
            done += size;
        }
        (lost, torn)
    }
}

#[derive(Clone, Copy)]
enum Keeps {
    Nothing,
    Everything,
    Some,
}
