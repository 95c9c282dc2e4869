//! Requests counted by route, method, code and status, with how long they took.
//!
//! Tens of thousands a second pass here: a place in a table is found by hashing, and what is counted there are atomics.
//! A route's place is set up when it is first asked for; after that there is no lock and no memory taken.
use crate::measure::{Histogram, NANOS};
use axum::http::Method;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Places for routes with their methods; a power of two, several times as many as there are.
const PLACES: usize = 512;
/// Places for the codes that one route answers; there are some 35 codes in all.
const CODES: usize = 64;

/// The methods told apart; what else clients think up is one.
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "other"];
/// The route of what fits none.
const UNMATCHED: &str = "unmatched";

pub struct Requests {
    places: Box<[OnceLock<Box<Route>>]>,
    pub in_flight: AtomicUsize,
    /// Requests whose client went away before the answer.
    pub abandoned: AtomicU64,
}

/// What was counted of one route and method.
pub struct Route {
    pub path: Box<str>,
    pub method: &'static str,
    /// In nanoseconds, until the answer's head was ready.
    pub took: Histogram,
    codes: [Count; CODES],
}

#[derive(Default)]
struct Count {
    /// Status and code as one number, never 0; 0 is a place not taken.
    answer: AtomicU64,
    count: AtomicU64,
}

/// A request under way. Dropped without an answer, it was abandoned.
pub struct Watch<'a> {
    requests: &'a Requests,
    /// The place of its route in the table.
    place: usize,
    began: std::time::Instant,
    answered: bool,
}

impl Requests {
    pub fn new() -> Arc<Requests> {
        let places = (0..PLACES).map(|_| OnceLock::new()).collect();
        Arc::new(Requests { places, in_flight: AtomicUsize::new(0), abandoned: AtomicU64::new(0) })
    }

    /// `route` is the pattern that fits, where one does.
    pub fn watch(&self, sent: &Method, route: Option<&str>) -> Watch<'_> {
        let path = route.unwrap_or(UNMATCHED);
        let method = METHODS.iter().find(|method| **method == sent.as_str()).unwrap_or(&"other");
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Watch {
            place: self.place(path, method),
            requests: self,
            began: crate::clock::monotonic(),
            answered: false,
        }
    }

    /// What was counted so far.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.places.iter().filter_map(OnceLock::get).map(Box::as_ref)
    }

    fn place(&self, path: &str, method: &'static str) -> usize {
        let first = hash(path, method);
        for step in 0..PLACES {
            let place = (first + step) % PLACES;
            let route = self.places[place].get_or_init(|| Box::new(Route::new(path, method)));
            if *route.path == *path && route.method == method {
                return place;
            }
        }
        unreachable!("there are fewer routes than places")
    }
}

impl Route {
    fn new(path: &str, method: &'static str) -> Route {
        let codes = [const { Count { answer: AtomicU64::new(0), count: AtomicU64::new(0) } }; CODES];
        Route { path: path.into(), method, took: Histogram::new(NANOS), codes }
    }

    fn count(&self, status: u16, code: u32) {
        let answer = u64::from(status) << 32 | u64::from(code);
        let first = code as usize % CODES;
        for step in 0..CODES {
            let place = &self.codes[(first + step) % CODES];
            let found = match place.answer.load(Ordering::Acquire) {
                0 => place
                    .answer
                    .compare_exchange(0, answer, Ordering::AcqRel, Ordering::Acquire)
                    .map_or_else(|taken| taken, |_| answer),
                taken => taken,
            };
            if found == answer {
                place.count.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        debug_assert!(false, "one route answers more than {CODES} codes");
    }

    /// How often it answered with which status and code.
    pub fn answers(&self) -> Vec<(u16, u32, u64)> {
        let taken = self.codes.iter().filter_map(|place| match place.answer.load(Ordering::Acquire) {
            0 => None,
            answer => {
                let (status, code) = ((answer >> 32) as u16, answer as u32);
                Some((status, code, place.count.load(Ordering::Relaxed)))
            }
        });
        let mut answers: Vec<_> = taken.collect();
        answers.sort_unstable();
        answers
    }
}

impl Watch<'_> {
    /// `told` is the envelope's code where it is a failure's.
    pub fn answered(mut self, status: u16, told: Option<u32>) {
        let code = told.unwrap_or(if status < 400 { 0 } else { u32::from(status) * 100 });
        if let Some(route) = self.requests.places[self.place].get() {
            route.count(status, code);
            route.took.observe_span(self.began.elapsed());
        }
        self.answered = true;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.requests.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.answered {
            self.requests.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// FNV-1a: short texts, nobody's choice but ours.
fn hash(path: &str, method: &str) -> usize {
    let bytes = path.bytes().chain(method.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 20) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_routes_methods_and_codes_apart() {
        let requests = Requests::new();
        for n in 0..100 {
            let path = format!("/route/{n}");
            let place = requests.place(&path, "GET");
            assert_eq!(requests.place(&path, "GET"), place, "the same again");
            assert_ne!(requests.place(&path, "POST"), place);
            let route = requests.places[place].get().unwrap();
            // 1 and 65 begin at one place.
            for (status, code, times) in [(200, 0, 3), (400, 1, 2), (400, 65, 1), (503, 0, 1)] {
                (0..times).for_each(|_| route.count(status, code));
            }
            assert_eq!(route.answers(), [(200, 0, 3), (400, 1, 2), (400, 65, 1), (503, 0, 1)]);
        }
        assert_eq!(requests.routes().count(), 200);
    }
}
