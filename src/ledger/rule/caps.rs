//! What a member has had from each rule, by day, week, month and ever: what caps are held against.
//!
//! Usage belongs to the `rule_id`, whatever its version. Of each kind of period two are kept: the latest that an event has
//! fallen in, and the latest before it. An event earlier than both counts against the earlier of the two, so that no
//! date, however far back, opens a cap anew.
use crate::ledger::calendar::Periods;
use crate::ledger::points::{Points, Total};
use crate::ledger::rule::definition::{Limits, Most, Period};
use crate::ledger::rule::trace::Cap;
use bincode::{Decode, Encode};
use serde::Serialize;

/// The periods that a grant counts in, by their numbers ([`Periods`]); remembered, so that its reversal finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Counted {
    pub day: i64,
    pub week: i64,
    pub month: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Tally {
    pub points: Total,
    pub times: u64,
}

/// Two periods of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Kept {
    latest: i64,
    tally: Tally,
    before: Option<(i64, Tally)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RuleUse {
    rule_id: u64,
    day: Kept,
    week: Kept,
    month: Kept,
    ever: Tally,
}

/// All of a member, by rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Uses(Vec<RuleUse>);

impl Uses {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, rule_id: u64) -> Option<&RuleUse> {
        self.0.iter().find(|used| used.rule_id == rule_id)
    }

    /// Where an event of `periods` counts.
    pub fn counted(&self, rule_id: u64, periods: Periods) -> Counted {
        let own = Counted { day: periods.day, week: periods.week, month: periods.month };
        self.of(rule_id).map_or(own, |used| Counted {
            day: used.day.place(own.day),
            week: used.week.place(own.week),
            month: used.month.place(own.month),
        })
    }

    pub fn tally(&self, rule_id: u64, counted: Counted, period: Period) -> Tally {
        self.of(rule_id).map_or(Tally::default(), |used| match period {
            Period::Day => used.day.at(counted.day),
            Period::Week => used.week.at(counted.week),
            Period::Month => used.month.at(counted.month),
            Period::Ever => used.ever,
        })
    }

    pub fn add(&mut self, rule_id: u64, counted: Counted, points: Points) {
        let place = self.0.iter().position(|used| used.rule_id == rule_id).unwrap_or_else(|| {
            self.0.push(RuleUse::new(rule_id, counted));
            self.0.len() - 1
        });
        let used = &mut self.0[place];
        let tallies = [
            used.day.open(counted.day),
            used.week.open(counted.week),
            used.month.open(counted.month),
            &mut used.ever,
        ];
        for tally in tallies {
            tally.points += points;
            tally.times += 1;
        }
    }

    /// Gives points back to the periods that they counted in, as far as those are kept; with `whole`, the time too.
    pub fn give_back(&mut self, rule_id: u64, counted: Counted, points: Points, whole: bool) {
        let Some(used) = self.0.iter_mut().find(|used| used.rule_id == rule_id) else { return };
        let kept = [used.day.find(counted.day), used.week.find(counted.week), used.month.find(counted.month)];
        for tally in kept.into_iter().flatten().chain([&mut used.ever]) {
            tally.points -= points;
            tally.times = tally.times.saturating_sub(u64::from(whole));
        }
    }
}

impl RuleUse {
    fn new(rule_id: u64, counted: Counted) -> RuleUse {
        let kept = |latest| Kept { latest, tally: Tally::default(), before: None };
        let (day, week, month) = (kept(counted.day), kept(counted.week), kept(counted.month));
        RuleUse { rule_id, day, week, month, ever: Tally::default() }
    }
}

impl Kept {
    /// The period that an event of `period` counts in: its own, unless it is earlier than what is kept.
    fn place(&self, period: i64) -> i64 {
        self.before.map_or(period, |(before, _)| period.max(before))
    }

    fn at(&self, period: i64) -> Tally {
        match self.before {
            _ if period == self.latest => self.tally,
            Some((before, tally)) if period == before => tally,
            _ => Tally::default(),
        }
    }

    fn find(&mut self, period: i64) -> Option<&mut Tally> {
        match &mut self.before {
            _ if period == self.latest => Some(&mut self.tally),
            Some((before, tally)) if period == *before => Some(tally),
            _ => None,
        }
    }

    /// The tally of a period that [`Kept::place`] gave; what is older than the two latest gives way.
    fn open(&mut self, period: i64) -> &mut Tally {
        if period > self.latest {
            self.before = Some((self.latest, self.tally));
            (self.latest, self.tally) = (period, Tally::default());
        }
        if period == self.latest {
            return &mut self.tally;
        }
        let (kept, tally) = self.before.get_or_insert_default();
        if *kept != period {
            (*kept, *tally) = (period, Tally::default());
        }
        tally
    }
}

impl Limits {
    /// The caps that the rule has, with what is used of each.
    pub(super) fn caps(&self, rule_id: u64, uses: &Uses, counted: Counted) -> Vec<Cap> {
        let mut caps: Vec<Cap> = self.per_event.iter().map(|limit| Cap::PerEvent { limit: *limit }).collect();
        for (period, Most { points, times }) in self.periods() {
            let tally = uses.tally(rule_id, counted, period);
            caps.extend(points.map(|limit| Cap::Points { period, limit, used: tally.points }));
            caps.extend(times.map(|limit| Cap::Times { period, limit, used: tally.times }));
        }
        caps
    }
}
