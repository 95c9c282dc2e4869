//! A mix as a shop makes it: half accruals, a fifth spends, a fifth looks at the balance, some transfers and reversals.
use super::asks::{Asks, Numbers};
use super::requests::Tenant;
use super::sending::What;
use super::spread::Spread;
use super::template::Template;
use crate::common::mix;

const PRODUCE: usize = 0;
const CONSUME: usize = 1;
const TRANSFER: usize = 2;
const REVERSE: usize = 3;
const SUMMARY: usize = 4;

/// The routes' names, in the order of the kinds.
pub const KINDS: [&str; 5] = ["produce", "consume", "transfer", "reverse", "summary"];

/// What a spend takes: a little more than what accruals of 20 at 50 % bring in, so that members keep a few lots, and never
/// more and more of them.
const SPENT: u32 = 50;
const TRANSFERRED: u32 = 20;

/// Points that each member has from the start, so that nothing is refused for want of points, and their life in days: they
/// expire after all others, so they are hardly touched.
pub const ENDOWMENT: What = What::Accruals(1_000_000, 36_500);

/// Accruals that may still be reversed, at most.
const REMEMBERED_MAX: usize = 65_536;

pub struct Mix {
    templates: [Template; 5],
    spread: Spread,
    numbers: Numbers,
    /// The accrual under way on each connection.
    under_way: Vec<(u64, u64)>,
    /// Accruals that were answered and not reversed: event and member.
    answered: Vec<(u64, u64)>,
}

impl Mix {
    pub fn new(tenant: &Tenant, spread: Spread, numbers: Numbers, connections: usize) -> Mix {
        let templates = [
            tenant.produce(),
            tenant.consume(SPENT),
            tenant.transfer(TRANSFERRED),
            tenant.reverse(),
            tenant.summary(),
        ];
        let under_way = vec![(0, 0); connections];
        Mix { templates, spread, numbers, under_way, answered: Vec::new() }
    }

    fn kind(&self, random: u64) -> usize {
        match random % 100 {
            0..50 => PRODUCE,
            50..70 => CONSUME,
            70..75 => TRANSFER,
            // Nothing to reverse yet: an accrual first.
            75..80 if self.answered.is_empty() => PRODUCE,
            75..80 => REVERSE,
            _ => SUMMARY,
        }
    }
}

impl Asks for Mix {
    fn kinds(&self) -> &'static [&'static str] {
        &KINDS
    }

    fn next(&mut self, connection: usize) -> (usize, &[u8]) {
        let event = self.numbers.next();
        let random = mix(event);
        let kind = self.kind(random);
        let members = self.spread.members();
        let (mut member, mut origin) = (self.spread.member(mix(random)), 0);
        if kind == PRODUCE {
            self.under_way[connection] = (event, member);
        }
        if kind == REVERSE {
            let some = (random >> 8) as usize % self.answered.len();
            (origin, member) = self.answered.swap_remove(some);
        }
        let other = (member + 1 + (random >> 8) % (members - 1)) % members;
        (kind, self.templates[kind].with(&[event, member, other, origin]))
    }

    fn answered(&mut self, connection: usize, kind: usize) {
        if kind == PRODUCE && self.answered.len() < REMEMBERED_MAX {
            self.answered.push(self.under_way[connection]);
        }
    }
}
