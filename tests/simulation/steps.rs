//! What members are asked to do, by chance from a seed: commands of all kinds, transfers above all, under numbers that come
//! again now and then.
use crate::ledger_model::Step;
use crate::support::random::Random;

const HOUR: i64 = 3_600_000;
/// Numbers of each kind that a member has.
const NUMBERS: u64 = 60;

/// For the tally.
pub fn kind(step: &Step) -> &'static str {
    match step {
        Step::Accrue { .. } => "accrue",
        Step::ByRule { .. } => "by rule",
        Step::Spend { .. } => "spend",
        Step::Reverse { .. } => "reverse",
        Step::GiveBack { .. } => "give back",
        Step::Transfer { direct: false, .. } => "offer",
        Step::Transfer { .. } => "send",
        Step::Accept { .. } => "accept",
        _ => "cancel",
    }
}

/// The members whose accounts a step can change.
pub fn members(step: &Step) -> Vec<usize> {
    match step {
        Step::Transfer { member, to, .. } => vec![*member, *to],
        Step::Accept { from, to, .. } => vec![*from, *to],
        Step::Accrue { member, .. }
        | Step::ByRule { member, .. }
        | Step::Spend { member, .. }
        | Step::Reverse { member, .. }
        | Step::GiveBack { member, .. }
        | Step::Cancel { member, .. } => vec![*member],
        Step::Pass { .. } | Step::Reopen | Step::Crash => Vec::new(),
    }
}

/// Offers made lately: sender, receiver, number.
pub type Offers = Vec<(usize, usize, u8)>;

pub fn draw(random: &mut Random, crowd: usize, offers: &mut Offers) -> Step {
    let member = random.below(crowd as u64) as usize;
    let key = |random: &mut Random, family: u64| (family * NUMBERS + random.below(NUMBERS)) as u8;
    match random.below(20) {
        0..=4 => Step::Accrue {
            member,
            key: key(random, 0),
            points: points(random),
            ago: if random.one_in(5) { random.below(60) as i64 * HOUR } else { 0 },
            expire: hours(random, 60),
            freeze: hours(random, 30),
        },
        5 => Step::ByRule { member, key: key(random, 0), points: points(random), ago: 0 },
        6..=8 => Step::Spend { member, key: key(random, 1), points: points(random) },
        9 => Step::Reverse {
            member,
            key: key(random, 2),
            origin: key(random, 0),
            allow: random.one_in(2),
            points: random.one_in(2).then(|| points(random)),
        },
        10 => Step::GiveBack {
            member,
            key: key(random, 3),
            origin: key(random, 1),
            points: random.one_in(2).then(|| points(random)),
        },
        11..=15 => {
            let to = (member + 1 + random.below(crowd as u64 - 1) as usize) % crowd;
            let (key, direct) = (random.below(NUMBERS) as u8, random.one_in(2));
            if !direct {
                offers.push((member, to, key));
                if offers.len() > 40 {
                    offers.remove(0);
                }
            }
            Step::Transfer { member, to, key, points: points(random), direct }
        }
        16..=18 => match random.pick(offers).copied() {
            Some((from, to, key)) => Step::Accept { from, to, key },
            None => Step::Accept { from: member, to: (member + 1) % crowd, key: 0 },
        },
        _ => match random.pick(offers).copied() {
            Some((member, _, key)) => Step::Cancel { member, key },
            None => Step::Cancel { member, key: 0 },
        },
    }
}

fn points(random: &mut Random) -> i64 {
    match random.below(3) {
        0 => 1 + random.below(30) as i64,
        1 => 100_000,
        _ => 1 + random.below(1_000_000) as i64,
    }
}

fn hours(random: &mut Random, most: u64) -> Option<i64> {
    random.one_in(3).then(|| (1 + random.below(most)) as i64 * HOUR)
}
