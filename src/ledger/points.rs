//! Points and money as exact integers. No binary float comes near them.
use bincode::{Decode, Encode};
use serde::{Serialize, Serializer};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// A number of points, in ten-thousandths: `Points(10_5000)` is 10.5 points.
///
/// One request moves at most [`Points::REQUEST_MAX`]; a lot, a debt or one event's part of one fits an `i64` nine
/// thousand times over. Sums of an account, which have no such bound, are [`Total`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Points(pub i64);

impl Points {
    pub const ZERO: Points = Points(0);
    /// Units in one point.
    pub const UNIT: i64 = 10_000;
    /// 100,000,000,000 points: the most one request can name.
    pub const REQUEST_MAX: Points = Points(100_000_000_000 * Points::UNIT);

    /// A whole number of points.
    pub const fn whole(n: i64) -> Points {
        Points(n * Points::UNIT)
    }

    /// The number of points, where it is a whole one and not negative.
    pub fn as_whole(self) -> Option<u64> {
        as_whole(i128::from(self.0), Points::UNIT.unsigned_abs())
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub fn is_positive(self) -> bool {
        self.0 > 0
    }
}

impl Add for Points {
    type Output = Points;
    fn add(self, other: Points) -> Points {
        Points(self.0 + other.0)
    }
}
impl Sub for Points {
    type Output = Points;
    fn sub(self, other: Points) -> Points {
        Points(self.0 - other.0)
    }
}
impl AddAssign for Points {
    fn add_assign(&mut self, other: Points) {
        self.0 += other.0;
    }
}
impl SubAssign for Points {
    fn sub_assign(&mut self, other: Points) {
        self.0 -= other.0;
    }
}
impl Sum for Points {
    fn sum<I: Iterator<Item = Points>>(parts: I) -> Points {
        parts.fold(Points::ZERO, Add::add)
    }
}

/// A sum over an account or a tenant, in ten-thousandths of a point. Wide enough that it can't overflow: 2^63 requests
/// of the largest size fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Total(pub i128);

impl Total {
    pub const ZERO: Total = Total(0);
}

impl From<Points> for Total {
    fn from(points: Points) -> Total {
        Total(i128::from(points.0))
    }
}
impl Add for Total {
    type Output = Total;
    fn add(self, other: Total) -> Total {
        Total(self.0 + other.0)
    }
}
impl Sub for Total {
    type Output = Total;
    fn sub(self, other: Total) -> Total {
        Total(self.0 - other.0)
    }
}
impl AddAssign<Points> for Total {
    fn add_assign(&mut self, points: Points) {
        self.0 += i128::from(points.0);
    }
}
impl SubAssign<Points> for Total {
    fn sub_assign(&mut self, points: Points) {
        self.0 -= i128::from(points.0);
    }
}
impl AddAssign<Total> for Total {
    fn add_assign(&mut self, other: Total) {
        self.0 += other.0;
    }
}
impl Sum<Points> for Total {
    fn sum<I: Iterator<Item = Points>>(parts: I) -> Total {
        parts.fold(Total::ZERO, |sum, part| sum + part.into())
    }
}

/// An amount of money, in millionths of the currency's unit, not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Amount(pub i64);

impl Amount {
    /// Decimal places kept.
    pub const PLACES: u32 = 6;
    /// 1,000,000,000,000 units of the currency: the most that one order or refund can name.
    pub const MAX: Amount = Amount(1_000_000_000_000_000_000);
}

/// `points` x `part` / `whole`, rounded half up at the fourth place. `whole` is positive, the others not negative.
///
/// Exact in i128: points <= 10^15 and amounts <= 10^18 x 8 keep every product far below 10^38.
pub fn share_half_up(points: Points, part: Amount, whole: Amount) -> Points {
    debug_assert!(whole.0 > 0 && part.0 >= 0 && points.0 >= 0);
    let product = i128::from(points.0) * i128::from(part.0);
    let whole = i128::from(whole.0);
    let rounded = (2 * product + whole) / (2 * whole);
    Points(i64::try_from(rounded).unwrap_or(i64::MAX))
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, i128::from(self.0), 4)
    }
}
impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, 4)
    }
}
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, i128::from(self.0), Amount::PLACES)
    }
}

/// As text, so that no reader takes them through a binary float.
macro_rules! serialize_as_text {
    ($($exact:ty),*) => {$(
        impl Serialize for $exact {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
serialize_as_text!(Points, Total, Amount);

/// `units` / `one`, where that is a whole number, not negative and within 64 bits: their division and digits cost a fraction of
/// the wider ones'.
fn as_whole(units: i128, one: u64) -> Option<u64> {
    let units = u64::try_from(units).ok()?;
    units.is_multiple_of(one).then_some(units / one)
}

/// Writes `units` / 10^`places` without trailing zeros: `30`, `12.5`, `-0.0001`.
fn write_scaled(f: &mut fmt::Formatter<'_>, units: i128, places: u32) -> fmt::Result {
    let one = 10_u64.pow(places);
    // Nearly all are.
    if let Some(whole) = as_whole(units, one) {
        return fmt::Display::fmt(&whole, f);
    }
    let one = u128::from(one);
    let size = units.unsigned_abs();
    let sign = if units < 0 { "-" } else { "" };
    let (whole, part) = (size / one, size % one);
    if part == 0 {
        return write!(f, "{sign}{whole}");
    }
    let digits = format!("{part:0width$}", width = places as usize);
    write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_no_trailing_zeros() {
        for (units, text) in [
            (0, "0"),
            (300_000, "30"),
            (125_000, "12.5"),
            (-1, "-0.0001"),
            (10_010, "1.001"),
            (-20_000, "-2"),
        ] {
            assert_eq!(Points(units).to_string(), text);
            assert_eq!(Total(i128::from(units)).to_string(), text);
        }
        assert_eq!(Amount(99_990_000).to_string(), "99.99");
    }

    #[test]
    fn sums_are_exact_where_points_alone_would_overflow() {
        let most = Points(i64::MAX);
        let mut total: Total = [most, most, most].into_iter().sum();
        assert_eq!(total, Total(3 * i128::from(i64::MAX)));
        assert_eq!(total - most.into() + Points(1).into(), Total(2 * i128::from(i64::MAX) + 1));
        total += most;
        total -= Points(5);
        total += Total(7);
        assert_eq!(total, Total(4 * i128::from(i64::MAX) + 2));
        let mut points: Points = [Points(5), Points(-2)].into_iter().sum();
        points += Points(4);
        points -= Points(10);
        assert_eq!((points, points + Points(8), points - Points(8)), (Points(-3), Points(5), Points(-11)));
        assert!(!points.is_positive() && !points.is_zero() && !Points::ZERO.is_positive());
    }

    #[test]
    fn rounds_a_share_half_up_at_the_fourth_place() {
        // 1 point x 1 / 3 = 0.33333.., x 2 / 3 = 0.66666.., 0.0001 x 1 / 2 = 0.00005 -> 0.0001
        assert_eq!(share_half_up(Points::whole(1), Amount(1), Amount(3)), Points(3_333));
        assert_eq!(share_half_up(Points::whole(1), Amount(2), Amount(3)), Points(6_667));
        assert_eq!(share_half_up(Points(1), Amount(1), Amount(2)), Points(1));
        assert_eq!(share_half_up(Points(1), Amount(49), Amount(100)), Points(0));
        let most = Points::REQUEST_MAX;
        assert_eq!(share_half_up(most, Amount::MAX, Amount::MAX), most);
    }
}
