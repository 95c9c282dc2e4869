//! Tells most keys that were never taken at once: a Bloom filter over all of them, in memory. A new key is the usual case,
//! and the table's own memory is a list of nodes, a dozen of them out of the processor's caches: this asks one cache line of
//! each layer. What passes the sieve is looked up; it never says of a taken key that it isn't.
//!
//! A key is eight bits in one block of 512, one in each word. At [`BITS_A_KEY`] about one in 200 free keys passes.
//! Layers double in size, so that a growing number of keys needs few. Nothing of it is on disk: it is filled anew after
//! each opening, and until that is done everything passes.
use crate::history::HistoryError;
use crate::pace::Pace;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

const WORDS: usize = 8;
const BITS_A_KEY: usize = 12;
/// A filler pauses three times as long as it works: fifty million keys take a core for a minute, and until they are in it all keys are
/// found, if more slowly.
const PAUSES: u32 = 3;
/// Keys between two looks at the clock: some 100 us of work.
const KEYS: u32 = 128;
/// Keys that the smallest layer has room for: a megabyte and a half.
const LAYER_KEYS_MIN: usize = 1 << 20;

type Block = [AtomicU64; WORDS];

struct Layer {
    blocks: Box<[Block]>,
    room: usize,
    taken: AtomicUsize,
}

pub struct Sieve {
    /// The first is for the keys from before the opening, the last takes the new ones.
    layers: ArcSwap<Vec<Arc<Layer>>>,
    /// Everything that was taken before is in it.
    whole: AtomicBool,
}

/// Where a key's bits are: in which block, as a share of all, and which bit of each word.
#[derive(Clone, Copy)]
struct Bits {
    block: u64,
    words: [u64; WORDS],
}

impl Bits {
    /// `key` is made of hashes: its bytes are as good as random.
    fn of(key: &[u8; 20]) -> Bits {
        let [number, own, _] = [&key[..8], &key[8..16], &key[16..]].map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        });
        let places = number ^ own.rotate_left(32);
        Bits { block: own, words: std::array::from_fn(|word| 1 << ((places >> (6 * word)) & 63)) }
    }
}

impl Layer {
    fn for_keys(room: usize) -> Arc<Layer> {
        let room = room.max(LAYER_KEYS_MIN);
        let count = room * BITS_A_KEY / (WORDS * 64) + 1;
        let blocks = std::iter::repeat_with(Block::default).take(count).collect();
        Arc::new(Layer { blocks, room, taken: AtomicUsize::new(0) })
    }

    fn block(&self, bits: &Bits) -> &Block {
        let share = u128::from(bits.block) * self.blocks.len() as u128;
        &self.blocks[(share >> 64) as usize]
    }

    fn insert(&self, key: &[u8; 20]) {
        let bits = Bits::of(key);
        for (word, bit) in self.block(&bits).iter().zip(bits.words) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    fn passes(&self, bits: &Bits) -> bool {
        let block = self.block(bits).iter().zip(bits.words);
        block.map(|(word, bit)| u64::from(word.load(Ordering::Relaxed) & bit != 0)).sum::<u64>()
            == WORDS as u64
    }
}

impl Sieve {
    /// With room for so many keys from before, which [`Sieve::fill`] brings.
    pub fn new(before: usize) -> Sieve {
        let layers = vec![Layer::for_keys(before), Layer::for_keys(0)];
        Sieve { layers: ArcSwap::from_pointee(layers), whole: AtomicBool::new(false) }
    }

    /// Whether `key` was surely never taken. A key whose taking happened before, for the asker, is never denied.
    pub fn lacks(&self, key: &[u8; 20]) -> bool {
        let bits = Bits::of(key);
        self.whole.load(Ordering::Acquire) && !self.layers.load().iter().any(|layer| layer.passes(&bits))
    }

    /// Takes a new key. Only one thread does so at a time.
    pub fn take(&self, key: &[u8; 20]) {
        let layers = self.layers.load();
        let Some(newest) = layers.last() else { return };
        newest.insert(key);
        if newest.taken.load(Ordering::Relaxed) >= newest.room {
            let more = layers.iter().cloned().chain([Layer::for_keys(2 * newest.room)]).collect();
            self.layers.store(Arc::new(more));
        }
    }

    /// Takes the keys from before, all of them.
    fn fill<E>(&self, keys: impl IntoIterator<Item = Result<[u8; 20], E>>) -> Result<(), E> {
        let layers = self.layers.load_full();
        for key in keys {
            if let (key, Some(first)) = (key?, layers.first()) {
                first.insert(&key);
            }
        }
        self.whole.store(true, Ordering::Release);
        Ok(())
    }
}

/// Fills a sieve beside the work. It holds on to the store; dropped, it lets go of that.
pub struct Filler {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Filler {
    pub fn start(
        sieve: Arc<Sieve>,
        keys: impl Iterator<Item = Result<[u8; 20], HistoryError>> + Send + 'static,
    ) -> Filler {
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = stopped.clone();
        let fill = move || {
            let is_stopped = || stop.load(Ordering::Relaxed);
            let mut pace = Pace::new(PAUSES);
            let keys = keys.map(|key| {
                if pace.counts(KEYS) {
                    pace.rest_unless(is_stopped);
                }
                if is_stopped() { Err(HistoryError::Unavailable) } else { key }
            });
            match sieve.fill(keys) {
                Ok(()) | Err(HistoryError::Unavailable) => {}
                Err(error) => {
                    tracing::warn!("{error}; keys are looked up without a filter until the next start")
                }
            }
        };
        let thread = std::thread::Builder::new().name("key-filter".into()).spawn(fill);
        let thread =
            thread.inspect_err(|error| tracing::warn!("keys are looked up without a filter: {error}"));
        Filler { stopped, thread: thread.ok() }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the filter of keys could not be filled");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::keys::Hashes;
    use crate::ledger::event::Key;

    fn key(n: usize) -> [u8; 20] {
        Hashes([7; 16]).taken("t", &format!("m{}", n % 1_000), &Key::Event(&n.to_string()))
    }

    fn before(keys: std::ops::Range<usize>) -> impl Iterator<Item = Result<[u8; 20], String>> {
        keys.map(|n| Ok(key(n)))
    }

    #[test]
    fn never_denies_a_key_that_was_taken_before_or_since() {
        let sieve = Sieve::new(10_000);
        (10_000..20_000).for_each(|n| sieve.take(&key(n)));
        sieve.fill(before(0..10_000)).unwrap();
        assert!((0..20_000).all(|n| !sieve.lacks(&key(n))));
    }

    #[test]
    fn lets_everything_pass_until_the_past_is_in_it() {
        let sieve = Sieve::new(10);
        assert!(!sieve.lacks(&key(1)));
        let broken = sieve.fill([Ok(key(2)), Err("unreadable".to_owned())]);
        assert_eq!(broken, Err("unreadable".to_owned()));
        assert!(!sieve.lacks(&key(1)), "some of the past is missing");
        sieve.fill(before(2..3)).unwrap();
        assert!(sieve.lacks(&key(1)));
    }

    #[test]
    fn holds_back_nearly_all_others_also_when_it_has_grown() {
        let sieve = Sieve::new(0);
        sieve.fill(before(0..0)).unwrap();
        let count = 3 * LAYER_KEYS_MIN + 10;
        let keys = |n: usize| {
            let mut key = [0; 20];
            key.copy_from_slice(&blake3::hash(&n.to_le_bytes()).as_bytes()[..20]);
            key
        };
        (0..count).for_each(|n| sieve.take(&keys(n)));
        assert!((0..count).all(|n| !sieve.lacks(&keys(n))));
        assert_eq!(sieve.layers.load().len(), 4, "three layers in use, for one, two and four million");
        let passed = (count..count + 100_000).filter(|n| !sieve.lacks(&keys(*n))).count();
        assert!(passed < 2_000, "{passed} of 100,000 pass");
    }
}
