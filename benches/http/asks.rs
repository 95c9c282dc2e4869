//! What is asked next, and what is remembered of what was answered.
use super::requests::Tenant;
use super::spread::Spread;
use super::template::Template;
use crate::common::mix;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A stream of requests, one thread's.
pub trait Asks: Send {
    /// The kinds of requests, whose latencies are told apart.
    fn kinds(&self) -> &'static [&'static str];

    /// The next request on this connection: its kind and its bytes.
    fn next(&mut self, connection: usize) -> (usize, &[u8]);

    /// It has been answered as it should.
    fn answered(&mut self, _connection: usize, _kind: usize) {}
}

/// Numbers that no earlier run against the same service has used.
#[derive(Clone)]
pub struct Numbers(Arc<AtomicU64>);

impl Numbers {
    pub fn unused() -> Numbers {
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
        Numbers(Arc::new(AtomicU64::new(now.as_micros() as u64)))
    }

    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Accruals, each a new event.
pub struct Produces {
    template: Template,
    spread: Spread,
    numbers: Numbers,
}

impl Produces {
    pub fn new(tenant: &Tenant, spread: Spread, numbers: Numbers) -> Produces {
        Produces { template: tenant.produce(), spread, numbers }
    }
}

impl Asks for Produces {
    fn kinds(&self) -> &'static [&'static str] {
        &["produce"]
    }

    fn next(&mut self, _connection: usize) -> (usize, &[u8]) {
        let event = self.numbers.next();
        (0, self.template.with(&[event, self.spread.member(mix(event))]))
    }
}

/// Newest pages of the history: of a member and of the tenant, in turn.
pub struct Pages {
    templates: [Template; 2],
    spread: Spread,
    asked: u64,
}

impl Pages {
    pub fn new(tenant: &Tenant, spread: Spread) -> Pages {
        Pages { templates: [tenant.member_page(), tenant.tenant_page()], spread, asked: 0 }
    }
}

impl Asks for Pages {
    fn kinds(&self) -> &'static [&'static str] {
        &["member", "tenant"]
    }

    fn next(&mut self, _connection: usize) -> (usize, &[u8]) {
        self.asked += 1;
        let kind = (self.asked % 2) as usize;
        (kind, self.templates[kind].with(&[0, self.spread.member(mix(self.asked))]))
    }
}
