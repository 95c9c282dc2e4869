//! How requests are spread over the members.
use crate::common::mix;

/// Which member a random number stands for.
#[derive(Clone)]
pub enum Spread {
    /// Each as often as any other.
    Even(u64),
    Skewed(Zipf),
}

impl Spread {
    pub fn members(&self) -> u64 {
        match self {
            Spread::Even(members) => *members,
            Spread::Skewed(zipf) => zipf.members,
        }
    }

    pub fn member(&self, random: u64) -> u64 {
        match self {
            // The high half of the product: as even as the number is random, without a division.
            Spread::Even(members) => ((u128::from(random) * u128::from(*members)) >> 64) as u64,
            Spread::Skewed(zipf) => zipf.member(random),
        }
    }
}

/// Zipf's distribution as Gray and others draw from it ("Quickly generating billion-record synthetic databases", 1994),
/// the way of YCSB. The ranks lie scattered among the members.
#[derive(Clone)]
pub struct Zipf {
    members: u64,
    theta: f64,
    zeta: f64,
    alpha: f64,
    eta: f64,
    /// Without a common divisor with `members`: multiplying by it gives each rank a member of its own.
    scatter: u64,
}

impl Zipf {
    /// `theta` below 1: the n-th of the ranks is asked as often as 1 / n^theta.
    pub fn new(members: u64, theta: f64) -> Zipf {
        assert!(
            members > 1 && theta > 0.0 && theta < 1.0,
            "a skew between 0 and 1 over two members at least"
        );
        let zeta: f64 = (1..=members).map(|rank| (rank as f64).powf(-theta)).sum();
        let zeta_of_two = 1.0 + 0.5_f64.powf(theta);
        let eta = (1.0 - (2.0 / members as f64).powf(1.0 - theta)) / (1.0 - zeta_of_two / zeta);
        let scatter = (0..).map(|n| mix(n) % members).find(|scatter| divisor(*scatter, members) == 1);
        Zipf {
            members,
            theta,
            zeta,
            alpha: 1.0 / (1.0 - theta),
            eta,
            scatter: scatter.expect("there are many"),
        }
    }

    pub fn member(&self, random: u64) -> u64 {
        let scattered = u128::from(self.rank(random)) * u128::from(self.scatter);
        (scattered % u128::from(self.members)) as u64
    }

    /// From 0, which is asked most often.
    fn rank(&self, random: u64) -> u64 {
        let share = (random >> 11) as f64 / (1_u64 << 53) as f64;
        let reached = share * self.zeta;
        if reached < 1.0 {
            return 0;
        }
        if reached < 1.0 + 0.5_f64.powf(self.theta) {
            return 1;
        }
        let rank = self.members as f64 * (self.eta * share - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.members - 1)
    }
}

fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}
