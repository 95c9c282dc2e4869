//! Members at rest, packed one after the other in chunks. Millions of small allocations that come and go among an actor's
//! would leave memory in holes; here what is given up is counted by chunk, and a chunk with much of it is emptied: its
//! owner puts what is left in it into the newest one. Pure.
use crate::format::resting::{RESTING_RECORD_HEADER_BYTES, RestingRecord, record_at};

/// What one chunk holds; something larger gets a chunk of its own. It is the largest of jemalloc's small sizes: from 16 KiB
/// on each allocation gets a page more, which at that size is a quarter.
pub const CHUNK_BYTES: usize = 14 << 10;

#[derive(Default)]
pub struct Arena {
    chunks: Vec<Chunk>,
    /// Numbers of chunks that are not in use.
    free: Vec<u32>,
    /// The one that is being filled.
    newest: Option<u32>,
    /// Chunks begun so far.
    begun: u64,
    /// Bytes in use, bytes that were put into the chunks, and bytes that these hold.
    used: usize,
    put: usize,
    held: usize,
}

#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Of them in use.
    used: usize,
    /// Which one in the order of their beginning.
    begun: u64,
}

/// Where a record lies, good until it is given up or its chunk is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub chunk: u32,
    pub offset: u16,
}

// A record begins within the first so many bytes of its chunk.
const _: () = assert!(CHUNK_BYTES <= u16::MAX as usize);

impl Arena {
    /// Bytes that the chunks hold, in use or not.
    pub fn held(&self) -> usize {
        self.held
    }

    pub fn put(&mut self, record: RestingRecord<'_>) -> Spot {
        let bytes = record.bytes();
        let chunk = self.with_room(bytes);
        let Chunk { bytes: out, used, .. } = &mut self.chunks[chunk as usize];
        let offset = u16::try_from(out.len()).unwrap_or(u16::MAX);
        record.push(out);
        *used += bytes;
        self.used += bytes;
        self.put += bytes;
        Spot { chunk, offset }
    }

    /// Whether so many bytes can be put without a new chunk.
    pub fn has_room(&self, bytes: usize) -> bool {
        let has_room = |chunk: &Chunk| chunk.bytes.capacity() - chunk.bytes.len() >= bytes;
        self.newest.is_some_and(|newest| has_room(&self.chunks[newest as usize]))
    }

    /// The newest chunk where it has room, else a new one.
    fn with_room(&mut self, bytes: usize) -> u32 {
        if let Some(newest) = self.newest
            && self.has_room(bytes)
        {
            return newest;
        }
        self.begun += 1;
        let chunk = Chunk { bytes: Vec::with_capacity(bytes.max(CHUNK_BYTES)), used: 0, begun: self.begun };
        self.held += chunk.bytes.capacity();
        let number = self.free.pop().unwrap_or_else(|| {
            self.chunks.push(Chunk::default());
            u32::try_from(self.chunks.len() - 1).unwrap_or(u32::MAX)
        });
        self.chunks[number as usize] = chunk;
        // The one before is not added to any more, and may have been emptied meanwhile.
        if let Some(before) = self.newest.replace(number) {
            self.free_if_empty(before);
        }
        number
    }

    pub fn get(&self, spot: Spot) -> RestingRecord<'_> {
        let found = record_at(&self.chunks[spot.chunk as usize].bytes, usize::from(spot.offset));
        debug_assert!(found.is_some(), "a record was put there: {spot:?}");
        found.unwrap_or(RestingRecord { slot: u32::MAX, name: "", account: &[] })
    }

    /// Puts another packed account into the record; false where it has another length, and nothing was done.
    pub fn overwrite(&mut self, spot: Spot, account: &[u8]) -> bool {
        let before = self.get(spot);
        let begins = usize::from(spot.offset) + RESTING_RECORD_HEADER_BYTES + before.name.len();
        if before.account.len() != account.len() {
            return false;
        }
        let bytes = &mut self.chunks[spot.chunk as usize].bytes;
        bytes[begins..begins + account.len()].copy_from_slice(account);
        true
    }

    /// Nobody will ask for this record any more.
    pub fn give_up(&mut self, spot: Spot) {
        let bytes = self.get(spot).bytes();
        self.used -= bytes;
        self.chunks[spot.chunk as usize].used -= bytes;
        self.free_if_empty(spot.chunk);
    }

    fn free_if_empty(&mut self, number: u32) {
        if self.newest != Some(number) && self.chunks[number as usize].used == 0 {
            self.take(number);
        }
    }

    /// Whether emptying a chunk is worth its copying: an eighth of what was put there was given up since. The end of a chunk that
    /// no further record fits into does not count: copying wins nothing of it, and would never come to an end.
    pub fn is_wasteful(&self) -> bool {
        self.put - self.used > 2 * CHUNK_BYTES + self.used / 8
    }

    /// The chunk of which most was given up, of those that are full.
    pub fn sparsest(&self) -> Option<u32> {
        let waste = |number: &u32| {
            let chunk = &self.chunks[*number as usize];
            chunk.bytes.len() - chunk.used
        };
        self.numbers().filter(|number| self.newest != Some(*number)).max_by_key(waste)
    }

    /// The chunk that was begun first.
    pub fn oldest(&self) -> Option<u32> {
        self.numbers().min_by_key(|number| self.chunks[*number as usize].begun)
    }

    fn numbers(&self) -> impl Iterator<Item = u32> {
        let in_use = self.chunks.iter().zip(0..).filter(|(chunk, _)| chunk.bytes.capacity() > 0);
        in_use.map(|(_, number)| number)
    }

    /// Takes a chunk out: whoever does must put what is in use of it somewhere else.
    pub fn take(&mut self, number: u32) -> Vec<u8> {
        let Chunk { bytes, used, .. } = std::mem::take(&mut self.chunks[number as usize]);
        self.held -= bytes.capacity();
        self.put -= bytes.len();
        self.used -= used;
        self.free.push(number);
        if self.newest == Some(number) {
            self.newest = None;
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::resting::records;

    fn record<'a>(slot: usize, account: &'a [u8]) -> RestingRecord<'a> {
        RestingRecord { slot: slot as u32, name: "m", account }
    }

    fn account(slot: usize, version: u8) -> Vec<u8> {
        vec![version; slot % 400]
    }

    /// Empties the wasteful chunks as the directory does.
    fn squeeze(arena: &mut Arena, spots: &mut [Spot]) {
        let mut emptied = 0;
        while arena.is_wasteful()
            && let Some(number) = arena.sparsest()
        {
            emptied += 1;
            assert!(emptied <= spots.len(), "it comes to no end");
            let bytes = arena.take(number);
            for (offset, record) in records(&bytes) {
                let spot = &mut spots[record.slot as usize];
                if *spot == (Spot { chunk: number, offset: offset as u16 }) {
                    *spot = arena.put(record);
                }
            }
        }
    }

    #[test]
    fn gives_back_what_was_put_and_keeps_its_waste_small() {
        let mut arena = Arena::default();
        let mut spots: Vec<Spot> = (0..2_000).map(|n| arena.put(record(n, &account(n, 0)))).collect();
        let large = vec![7; 3 * CHUNK_BYTES];
        spots.push(arena.put(record(2_000, &large)));
        for version in 1..20 {
            for n in (0..2_000).filter(|n| n % usize::from(version) == 0) {
                if !arena.overwrite(spots[n], &account(n, version)) {
                    unreachable!("its length is the same");
                }
                arena.give_up(spots[n]);
                spots[n] = arena.put(record(n, &account(n, version)));
                squeeze(&mut arena, &mut spots);
            }
            for (n, spot) in spots[..2_000].iter().enumerate() {
                let expected = (1..=version).rev().find(|version| n % usize::from(*version) == 0);
                let account = account(n, expected.unwrap_or(0));
                assert_eq!(arena.get(*spot), record(n, &account));
            }
            assert_eq!(arena.get(spots[2_000]).account, large);
            assert!(!arena.is_wasteful());
        }
    }

    #[test]
    fn it_comes_to_an_end_whatever_size_the_records_have() {
        for bytes in (1..16).map(|part| part * CHUNK_BYTES / 8 + 1) {
            let mut arena = Arena::default();
            let mut spots: Vec<Spot> = (0..400).map(|n| arena.put(record(n, &vec![0; bytes]))).collect();
            squeeze(&mut arena, &mut spots);
            for version in 1..4 {
                for n in 0..spots.len() {
                    arena.give_up(spots[n]);
                    spots[n] = arena.put(record(n, &vec![version; bytes]));
                    squeeze(&mut arena, &mut spots);
                }
            }
            assert!(!arena.is_wasteful());
            let all = |(n, spot): (usize, &Spot)| arena.get(*spot) == record(n, &vec![3; bytes]);
            assert!(spots.iter().enumerate().all(all), "{bytes}");
        }
    }

    #[test]
    fn a_chunk_that_nobody_needs_is_given_back_at_once() {
        let mut arena = Arena::default();
        let bytes = [1; 1_000];
        for n in 0..10_000 {
            let spot = arena.put(record(n, &bytes));
            arena.give_up(spot);
        }
        assert!(arena.held() <= CHUNK_BYTES && arena.used == 0);
        assert!(!arena.overwrite(arena.newest.map(|chunk| Spot { chunk, offset: 0 }).unwrap(), &[1; 999]));
    }

    #[test]
    fn the_oldest_chunk_goes_first() {
        let mut arena = Arena::default();
        let bytes = [1; 1_000];
        let spots: Vec<Spot> = (0..100).map(|n| arena.put(record(n, &bytes))).collect();
        let mut taken = Vec::new();
        while let Some(oldest) = arena.oldest() {
            taken.extend(records(&arena.take(oldest)).map(|(_, record)| record.slot));
        }
        assert_eq!(taken, (0..spots.len() as u32).collect::<Vec<_>>());
        assert_eq!((arena.held, arena.used), (0, 0));
    }
}
