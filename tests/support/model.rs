//! A naive model of the ledger, written from its rules and not from its code: it keeps every lot, accrual, spend and
//! offer for ever, walks them all for every question, and knows nothing of events, logs or indexes.
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds, and ten-thousandths of a point.
pub type Time = i64;
pub type Amount = i64;

#[derive(Clone, Debug)]
struct Lot {
    /// The accrual that it is of; none for lots that transfers brought.
    accrual: Option<String>,
    left: Amount,
    /// When it came into the account: nothing happened to it before.
    since: Time,
    active_from: Time,
    expires: Option<Time>,
}

#[derive(Clone, Debug, Default)]
struct Accrual {
    points: Amount,
    reversed: Amount,
    /// Expired of its lots and not reversed since.
    expired: Amount,
    /// Lots that bore the reversal in its stead, and how much.
    others: Vec<(usize, Amount)>,
    /// By the rule: the day that it counts in.
    rule_day: Option<i64>,
}

#[derive(Clone, Debug)]
struct Spend {
    parts: Vec<(usize, Amount)>,
    back: Amount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Accepted,
    Returned,
    Cancelled,
}

#[derive(Clone, Debug)]
struct Offer {
    to: String,
    parts: Vec<(usize, Amount)>,
    deadline: Time,
    state: State,
    direct: bool,
}

#[derive(Clone, Debug, Default)]
struct Member {
    lots: Vec<Lot>,
    accruals: BTreeMap<String, Accrual>,
    spends: BTreeMap<String, Spend>,
    offers: BTreeMap<String, Offer>,
    debts: Vec<(String, Amount)>,
    /// Keys taken, with what was asked under them.
    keys: BTreeMap<String, String>,
    total: Amount,
    used: Amount,
    expired: Amount,
    /// The days that grants by the rule have counted in.
    rule_days: BTreeSet<i64>,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    members: BTreeMap<String, Member>,
    pub now: Time,
}

/// Done anew, done before, or the code of the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    New,
    Again,
    No(u32),
}

const HOUR: Time = 3_600_000;

impl Model {
    pub fn at(now: Time) -> Model {
        Model { now, ..Model::default() }
    }

    fn member(&mut self, name: &str) -> &mut Member {
        self.members.entry(name.to_owned()).or_default()
    }

    /// Total, used, expired, freeze, active.
    pub fn sums(&mut self, name: &str) -> [i128; 5] {
        let now = self.now;
        self.settle(name);
        let member = self.member(name);
        let frozen: Amount = member.lots.iter().filter(|lot| now < lot.active_from).map(|lot| lot.left).sum();
        [member.total, member.used, member.expired, frozen, member.active(now)].map(i128::from)
    }

    fn settle(&mut self, name: &str) {
        let now = self.now;
        self.member(name).settle(now);
    }

    /// Whether `key` is free for `content`.
    fn key(&mut self, name: &str, key: &str, content: &str) -> Result<(), Said> {
        self.settle(name);
        match self.member(name).keys.get(key) {
            None => Ok(()),
            Some(known) if known == content => Err(Said::Again),
            Some(_) => Err(Said::No(40901)),
        }
    }

    fn take_key(&mut self, name: &str, key: &str, content: &str) {
        self.member(name).keys.insert(key.to_owned(), content.to_owned());
    }

    pub fn accrue(
        &mut self,
        name: &str,
        no: &str,
        points: Amount,
        at: Time,
        expire: Option<Time>,
        freeze: Option<Time>,
    ) -> Said {
        let content = format!("accrue {points} {at} {expire:?} {freeze:?}");
        if let Err(said) = self.key(name, &format!("e{no}"), &content) {
            return said;
        }
        let (expires, active_from) = (expire.map(|span| at + span), freeze.map_or(at, |span| at + span));
        if freeze.is_some() && expires.is_some_and(|expires| expires <= active_from) {
            return Said::No(40001);
        }
        self.take_key(name, &format!("e{no}"), &content);
        let now = self.now;
        let member = self.member(name);
        member.total += points;
        member.accruals.insert(no.to_owned(), Accrual { points, ..Accrual::default() });
        // Without freezing a lot is active at once, whenever the event was.
        let active_from = if freeze.is_some() { active_from } else { Time::MIN };
        member.lots.push(Lot {
            accrual: Some(no.to_owned()),
            left: points,
            since: now,
            active_from,
            expires,
        });
        member.woke(member.lots.len() - 1, now);
        member.settle(now);
        Said::New
    }

    /// By the one rule that there is: a point for each unit of money, exactly, living two days; at most 50 an event, 60 and 4
    /// times a day, 400 ever.
    pub fn accrue_by_rule(&mut self, name: &str, no: &str, paid_points: Amount, at: Time) -> Said {
        let content = format!("by rule {paid_points} {at}");
        if let Err(said) = self.key(name, &format!("e{no}"), &content) {
            return said;
        }
        let now = self.now;
        let member = self.member(name);
        let (day, day_left, times_left, ever_left) = member.rule_left(at);
        let points = paid_points.min(500_000).min(day_left).min(ever_left);
        if points <= 0 || times_left <= 0 {
            return Said::No(42206);
        }
        self.take_key(name, &format!("e{no}"), &content);
        let member = self.member(name);
        member.rule_days.insert(day);
        member.total += points;
        let accrual = Accrual { points, rule_day: Some(day), ..Accrual::default() };
        member.accruals.insert(no.to_owned(), accrual);
        let (accrual, expires) = (Some(no.to_owned()), Some(at + 48 * HOUR));
        member.lots.push(Lot { accrual, left: points, since: now, active_from: Time::MIN, expires });
        member.woke(member.lots.len() - 1, now);
        member.settle(now);
        Said::New
    }

    pub fn spend(&mut self, name: &str, no: &str, points: Amount) -> Said {
        let content = format!("spend {points}");
        if let Err(said) = self.key(name, &format!("e{no}"), &content) {
            return said;
        }
        let now = self.now;
        let member = self.member(name);
        if member.active(now) < points {
            return Said::No(42201);
        }
        let order = member.spending_order(now);
        let (parts, _) = member.take(&order, points);
        member.used += points;
        member.spends.insert(no.to_owned(), Spend { parts, back: 0 });
        self.take_key(name, &format!("e{no}"), &content);
        Said::New
    }

    pub fn reverse(
        &mut self,
        name: &str,
        no: &str,
        origin: &str,
        allow: bool,
        points: Option<Amount>,
    ) -> Said {
        let content = format!("reverse {origin} {allow} {points:?}");
        if let Err(said) = self.key(name, &format!("e{no}"), &content) {
            return said;
        }
        let now = self.now;
        let member = self.member(name);
        let Some(accrual) = member.accruals.get(origin).cloned() else { return Said::No(40402) };
        let left = accrual.points - accrual.reversed;
        let points = points.unwrap_or(left);
        if points > left || left == 0 {
            return Said::No(42203);
        }
        let before = member.clone();
        let own: Vec<usize> = member
            .sorted()
            .into_iter()
            .filter(|lot| {
                member.lots[*lot].accrual.as_deref() == Some(origin) && !member.lots[*lot].is_expired(now)
            })
            .collect();
        let (_, short) = member.take(&own, points);
        let from_expired = short.min(accrual.expired);
        let others: Vec<usize> = member
            .spending_order(now)
            .into_iter()
            .filter(|lot| member.lots[*lot].accrual.as_deref() != Some(origin))
            .collect();
        let (taken, debt) = member.take(&others, short - from_expired);
        if debt > 0 && !allow {
            *member = before;
            return Said::No(42202);
        }
        member.total -= points;
        member.expired -= from_expired;
        if debt > 0 {
            member.debts.push((origin.to_owned(), debt));
        }
        let accrual = member.accruals.get_mut(origin).expect("it is there");
        accrual.reversed += points;
        accrual.expired -= from_expired;
        accrual.others.extend(taken);
        self.take_key(name, &format!("e{no}"), &content);
        Said::New
    }

    pub fn give_back(&mut self, name: &str, no: &str, origin: &str, points: Option<Amount>) -> Said {
        let content = format!("give back {origin} {points:?}");
        if let Err(said) = self.key(name, &format!("e{no}"), &content) {
            return said;
        }
        let now = self.now;
        let member = self.member(name);
        let Some(spend) = member.spends.get(origin).cloned() else { return Said::No(40402) };
        let left = spend.parts.iter().map(|(_, part)| part).sum::<Amount>() - spend.back;
        let points = points.unwrap_or(left);
        if points > left || left == 0 {
            return Said::No(42203);
        }
        // Point by point would be most naive; lot by lot from the end, past what came back before.
        let (mut skip, mut rest) = (spend.back, points);
        for (lot, part) in spend.parts.iter().rev() {
            let skipped = skip.min(*part);
            skip -= skipped;
            let back = (part - skipped).min(rest);
            rest -= back;
            member.bring_back(*lot, back, now);
        }
        member.used -= points;
        member.spends.get_mut(origin).expect("it is there").back += points;
        member.settle(now);
        self.take_key(name, &format!("e{no}"), &content);
        Said::New
    }

    pub fn transfer(&mut self, name: &str, no: &str, to: &str, points: Amount, direct: bool) -> Said {
        let content = format!("transfer {to} {points} {direct}");
        if let Err(said) = self.key(name, &format!("t{no}"), &content) {
            return said;
        }
        let now = self.now;
        let member = self.member(name);
        if member.active(now) < points {
            return Said::No(42201);
        }
        let mut order = member.spending_order(now);
        let window = now + 24 * HOUR;
        if !direct {
            let outlives = |lot: &usize| member.lots[*lot].expires.is_none_or(|expires| expires > window);
            let (mut long, short): (Vec<usize>, Vec<usize>) = order.into_iter().partition(outlives);
            long.extend(short);
            order = long;
        }
        let (parts, _) = member.take(&order, points);
        member.used += points;
        let deadline = parts.iter().filter_map(|(lot, _)| member.lots[*lot].expires).chain([window]).min();
        let offer = Offer {
            to: to.to_owned(),
            parts,
            deadline: deadline.unwrap_or(window),
            state: State::Open,
            direct,
        };
        member.offers.insert(no.to_owned(), offer);
        self.take_key(name, &format!("t{no}"), &content);
        if direct {
            self.hand_over(name, no);
        }
        Said::New
    }

    pub fn accept(&mut self, from: &str, no: &str, to: &str) -> Said {
        self.settle(from);
        let Some(offer) = self.member(from).offers.get(no).filter(|offer| offer.to == to) else {
            return Said::No(40403);
        };
        match offer.state {
            State::Open => {
                self.hand_over(from, no);
                Said::New
            }
            State::Accepted => Said::Again,
            State::Returned | State::Cancelled => Said::No(42204),
        }
    }

    pub fn cancel(&mut self, from: &str, no: &str) -> Said {
        self.settle(from);
        let now = self.now;
        let member = self.member(from);
        match member.offers.get(no).map(|offer| offer.state) {
            None => Said::No(40403),
            Some(State::Open) => {
                member.return_offer(no, State::Cancelled, now);
                member.settle(now);
                Said::New
            }
            Some(State::Cancelled) => Said::Again,
            Some(State::Accepted | State::Returned) => Said::No(42204),
        }
    }

    fn hand_over(&mut self, from: &str, no: &str) {
        let now = self.now;
        let sender = self.member(from);
        let offer = sender.offers.get_mut(no).expect("an offer to hand over");
        offer.state = State::Accepted;
        let offer = offer.clone();
        let lots: Vec<(Option<Time>, Amount)> =
            offer.parts.iter().map(|(lot, part)| (sender.lots[*lot].expires, *part)).collect();
        self.settle(&offer.to);
        let receiver = self.member(&offer.to);
        for (expires, left) in &lots {
            receiver.lots.push(Lot {
                accrual: None,
                left: *left,
                since: now,
                active_from: Time::MIN,
                expires: *expires,
            });
            receiver.total += left;
        }
        for lot in receiver.lots.len() - lots.len()..receiver.lots.len() {
            receiver.woke(lot, now);
        }
        receiver.settle(now);
        debug_assert!(offer.direct || offer.deadline > now);
    }
}

impl Lot {
    fn is_expired(&self, now: Time) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    fn is_active(&self, now: Time) -> bool {
        self.active_from <= now && !self.is_expired(now)
    }
}

impl Member {
    /// The day that an event counts in, and what is left: points and times of that day, points ever. Two days are kept, the
    /// latest two that ever counted; what is earlier counts in the earlier of them.
    fn rule_left(&self, at: Time) -> (i64, Amount, i64, Amount) {
        let own = (at + 8 * HOUR).div_euclid(24 * HOUR);
        let kept = self.rule_days.iter().rev().nth(1).copied().unwrap_or(i64::MIN);
        let day = own.max(kept);
        let granted = self.accruals.values().filter(|accrual| accrual.rule_day.is_some());
        let ever: Amount = granted.clone().map(|accrual| accrual.points - accrual.reversed).sum();
        let of_day = granted.filter(|accrual| accrual.rule_day == Some(day));
        let points: Amount = of_day.clone().map(|accrual| accrual.points - accrual.reversed).sum();
        let times = of_day.filter(|accrual| accrual.reversed < accrual.points).count() as i64;
        (day, 600_000 - points, 4 - times, 4_000_000 - ever)
    }

    fn active(&self, now: Time) -> Amount {
        let held: Amount = self.lots.iter().filter(|lot| lot.is_active(now)).map(|lot| lot.left).sum();
        held - self.debts.iter().map(|(_, debt)| debt).sum::<Amount>()
    }

    fn sorted(&self) -> Vec<usize> {
        let mut lots: Vec<usize> = (0..self.lots.len()).collect();
        lots.sort_by_key(|lot| (self.lots[*lot].expires.unwrap_or(Time::MAX), *lot));
        lots
    }

    fn spending_order(&self, now: Time) -> Vec<usize> {
        self.sorted().into_iter().filter(|lot| self.lots[*lot].is_active(now)).collect()
    }

    fn take(&mut self, lots: &[usize], mut points: Amount) -> (Vec<(usize, Amount)>, Amount) {
        let mut parts = Vec::new();
        for lot in lots {
            let part = self.lots[*lot].left.min(points);
            if part > 0 {
                self.lots[*lot].left -= part;
                points -= part;
                parts.push((*lot, part));
            }
        }
        (parts, points)
    }

    /// A lot that has just become active pays debt, the oldest first.
    fn woke(&mut self, lot: usize, now: Time) {
        while self.lots[lot].is_active(now) && self.lots[lot].left > 0 && !self.debts.is_empty() {
            let (accrual, debt) = self.debts[0].clone();
            let part = debt.min(self.lots[lot].left);
            self.lots[lot].left -= part;
            self.debts[0].1 -= part;
            self.debts.retain(|(_, debt)| *debt > 0);
            self.accruals.get_mut(&accrual).expect("debt is of an accrual").others.push((lot, part));
        }
    }

    /// Points come back to where they were taken from, or to what bore a reversal in its stead.
    fn bring_back(&mut self, lot: usize, mut points: Amount, now: Time) {
        if points == 0 {
            return;
        }
        if let Some(accrual) = self.lots[lot].accrual.clone() {
            for (of, debt) in &mut self.debts {
                if *of == accrual {
                    let part = points.min(*debt);
                    *debt -= part;
                    points -= part;
                }
            }
            self.debts.retain(|(_, debt)| *debt > 0);
            while points > 0 {
                let Some((other, part)) = self.accruals.get_mut(&accrual).expect("an accrual").others.pop()
                else {
                    break;
                };
                if self.lots[other].is_expired(now) {
                    continue;
                }
                let back = part.min(points);
                points -= back;
                if part > back {
                    self.accruals.get_mut(&accrual).expect("an accrual").others.push((other, part - back));
                }
                self.bring_back(other, back, now);
            }
        }
        self.lots[lot].left += points;
        self.woke(lot, now);
    }

    fn return_offer(&mut self, no: &str, state: State, now: Time) {
        let offer = self.offers.get_mut(no).expect("an offer to return");
        offer.state = state;
        let parts = offer.parts.clone();
        for (lot, part) in parts.iter().rev() {
            self.used -= part;
            self.bring_back(*lot, *part, now);
        }
    }

    /// What time does by itself, instant by instant.
    fn settle(&mut self, now: Time) {
        loop {
            let wakes =
                self.lots.iter().enumerate().filter(|(_, lot)| !self.debts.is_empty() && lot.left > 0);
            let wakes = wakes.filter(|(_, lot)| lot.active_from > Time::MIN);
            let wakes = wakes.map(|(n, lot)| (lot.active_from.max(lot.since), 0, n, String::new()));
            let wakes = wakes.filter(|(at, _, n, _)| !self.lots[*n].is_expired(*at));
            let lapses = self.offers.iter().filter(|(_, offer)| offer.state == State::Open);
            let lapses = lapses.map(|(no, offer)| (offer.deadline, 1, 0, no.clone()));
            let ends = self.lots.iter().enumerate().filter(|(_, lot)| lot.left > 0);
            let ends = ends.filter_map(|(n, lot)| Some((lot.expires?.max(lot.since), 2, n, String::new())));
            let Some((at, kind, lot, no)) =
                wakes.chain(lapses).chain(ends).min().filter(|(at, ..)| *at <= now)
            else {
                return;
            };
            match kind {
                0 => self.woke(lot, at),
                1 => self.return_offer(&no, State::Returned, at),
                _ => {
                    let left = std::mem::take(&mut self.lots[lot].left);
                    self.expired += left;
                    if let Some(accrual) = self.lots[lot].accrual.clone() {
                        self.accruals.get_mut(&accrual).expect("an accrual").expired += left;
                    }
                }
            }
        }
    }
}
