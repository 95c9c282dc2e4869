//! A bounded memory of what came lately, in two generations: the older one goes when the younger is full.
use foldhash::{HashMap, HashMapExt};
use std::hash::Hash;

#[derive(Debug)]
pub struct Generations<K, V> {
    younger: HashMap<K, V>,
    older: HashMap<K, V>,
    /// What was kept in the younger weighs so much together.
    weight: usize,
    /// And at most so much, but for a single entry that weighs more.
    weight_max: usize,
}

impl<K: Eq + Hash, V> Generations<K, V> {
    pub fn new(weight_max: usize) -> Generations<K, V> {
        Generations { younger: HashMap::new(), older: HashMap::new(), weight: 0, weight_max }
    }

    /// Keeps an entry in the place of an earlier one.
    pub fn keep(&mut self, key: K, value: V, weight: usize) {
        self.weight += weight;
        if self.weight > self.weight_max {
            self.weight = weight;
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(key, value);
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.younger.get(key).or_else(|| self.older.get(key))
    }

    pub fn take(&mut self, key: &K) -> Option<V> {
        let (younger, older) = (self.younger.remove(key), self.older.remove(key));
        younger.or(older)
    }
}
