//! Bytes of many members, packed one after the other in chunks. Millions of small allocations that come and go among
//! an actor's would leave memory in holes; here what is given up is counted, and squeezed out when it is an eighth.
//! Pure.

/// What one chunk holds; something larger gets a chunk of its own.
const CHUNK_BYTES: usize = 32 << 10;

#[derive(Default)]
pub struct Arena {
    chunks: Vec<Vec<u8>>,
    /// Bytes in use.
    used: usize,
    /// Bytes given up.
    garbage: usize,
}

/// Where some bytes lie, good until they are given up or the arena is squeezed.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    chunk: u32,
    offset: u32,
    length: u32,
}

impl Arena {
    /// Puts the two parts next to each other.
    pub fn put(&mut self, first: &[u8], second: &[u8]) -> Place {
        let length = first.len() + second.len();
        let fits = self.chunks.last().is_some_and(|chunk| chunk.capacity() - chunk.len() >= length);
        if !fits {
            // The end of the chunk before is lost.
            self.garbage += self.chunks.last().map_or(0, |chunk| chunk.capacity() - chunk.len());
            self.chunks.push(Vec::with_capacity(length.max(CHUNK_BYTES)));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let offset = chunk.len();
        chunk.extend_from_slice(first);
        chunk.extend_from_slice(second);
        self.used += length;
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Place { chunk: narrow(number), offset: narrow(offset), length: narrow(length) }
    }

    pub fn get(&self, place: Place) -> &[u8] {
        let offset = place.offset as usize;
        &self.chunks[place.chunk as usize][offset..offset + place.length as usize]
    }

    /// Nobody will ask for these bytes any more.
    pub fn give_up(&mut self, place: Place) {
        self.used -= place.length as usize;
        self.garbage += place.length as usize;
    }

    /// Whether squeezing is worth its copying.
    pub fn is_wasteful(&self) -> bool {
        self.garbage > CHUNK_BYTES + self.used / 8
    }

    /// Leaves out what was given up. `places` must be all that are in use; they are changed to where the bytes lie now.
    pub fn squeeze<'a>(&mut self, places: impl Iterator<Item = &'a mut Place>) {
        let old = std::mem::take(self);
        for place in places {
            *place = self.put(old.get(*place), &[]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_put_before_and_after_squeezing() {
        let mut arena = Arena::default();
        let bytes = |n: usize| vec![(n % 251) as u8; n % 400];
        let mut places: Vec<Place> = (0..2_000).map(|n| arena.put(&[7], &bytes(n))).collect();
        places.push(arena.put(&vec![1; CHUNK_BYTES], &[2]));
        // Every other one is replaced by another.
        for n in (0..2_000).step_by(2) {
            arena.give_up(places[n]);
            places[n] = arena.put(&[8], &bytes(n));
        }
        for _ in 0..2 {
            for (n, place) in places[..2_000].iter().enumerate() {
                let (first, rest) = arena.get(*place).split_first().unwrap();
                assert_eq!((*first, rest), (if n % 2 == 0 { 8 } else { 7 }, &bytes(n)[..]), "{n}");
            }
            assert_eq!(arena.get(places[2_000]).len(), CHUNK_BYTES + 1);
            assert!(arena.used + arena.garbage <= arena.chunks.iter().map(Vec::capacity).sum());
            arena.squeeze(places.iter_mut());
        }
        let ends = 401 * arena.chunks.len() + CHUNK_BYTES;
        assert!(arena.garbage < ends, "only chunks' ends are lost, one of them before the large piece");
        assert!(!arena.is_wasteful());
    }
}
