//! A number of points as an exact fraction, of any size: nothing is cut before the one rounding at the end.
use crate::ledger::points::Points;
use crate::ledger::rule::definition::{Factor, Rate, Rounding};
use num_bigint::BigUint;

/// `top` / `bottom` ten-thousandths of a point. Not negative.
#[derive(Clone, Debug)]
pub struct Fraction {
    top: BigUint,
    bottom: BigUint,
}

/// Not negative by every reader's checks; a negative would count as nothing.
fn natural(number: i64) -> BigUint {
    BigUint::from(u64::try_from(number).unwrap_or(0))
}

impl Fraction {
    pub fn zero() -> Fraction {
        Fraction { top: BigUint::ZERO, bottom: BigUint::from(1_u8) }
    }

    pub fn points(points: Points) -> Fraction {
        Fraction { top: natural(points.0), bottom: BigUint::from(1_u8) }
    }

    /// `points` x `sum`, which is in units of 1 / `parts`.
    pub fn pieces(points: Points, sum: &BigUint, parts: u64) -> Fraction {
        Fraction { top: natural(points.0) * sum, bottom: BigUint::from(parts) }
    }

    /// `rate` on `sum`, which is in 1 / `parts` of the units of an amount.
    pub fn at_rate(rate: &Rate, sum: &BigUint, parts: u64) -> Fraction {
        // A rate's amount is above zero; were it not, it would earn nothing rather than end the actor.
        let bottom = natural(rate.amount.0) * parts;
        if bottom == BigUint::ZERO {
            Fraction::zero()
        } else {
            Fraction { top: natural(rate.points.0) * sum, bottom }
        }
    }

    #[must_use]
    pub fn plus(&self, other: &Fraction) -> Fraction {
        if self.bottom == other.bottom {
            return Fraction { top: &self.top + &other.top, bottom: self.bottom.clone() };
        }
        Fraction {
            top: &self.top * &other.bottom + &other.top * &self.bottom,
            bottom: &self.bottom * &other.bottom,
        }
    }

    #[must_use]
    pub fn times(&self, factor: Factor) -> Fraction {
        Fraction { top: &self.top * natural(factor.0), bottom: &self.bottom * natural(Factor::UNIT) }
    }

    /// To `scale` decimal places (0 to 4). What no `Points` can hold is the most that they can.
    pub fn rounded(&self, rounding: Rounding, scale: u8) -> Points {
        let step = 10_i64.pow(4 - u32::from(scale.min(4)));
        let bottom = &self.bottom * natural(step);
        let steps = match rounding {
            Rounding::Floor => &self.top / &bottom,
            Rounding::HalfUp => (&self.top * 2_u8 + &bottom) / (&bottom * 2_u8),
            Rounding::Ceil => (&self.top + &bottom - 1_u8) / &bottom,
        };
        let units = steps * natural(step);
        Points(i64::try_from(units).unwrap_or(i64::MAX))
    }
}
