//! What an event is worth before caps: exact until the one rounding at the end.
use crate::ledger::points::{Amount, Points};
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::definition::{Definition, Earn, Line, Multiplier, Worth};
use crate::ledger::rule::fraction::Fraction;
use crate::ledger::rule::grant::Occasion;
use crate::ledger::rule::trace::{Applied, Reckoning};
use num_bigint::BigUint;

/// How many of an item, in millionths. Not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(pub i64);

impl Quantity {
    pub const PLACES: u32 = 6;
    pub const UNIT: i64 = 1_000_000;
    pub const ONE: Quantity = Quantity(Quantity::UNIT);
    /// 1,000,000,000 pieces.
    pub const MAX: Quantity = Quantity(1_000_000_000 * Quantity::UNIT);
}

/// One of an order's `item_list`, as far as rules look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    pub sku: Option<String>,
    pub category: Option<String>,
    pub price: Option<Amount>,
    /// None: one.
    pub quantity: Option<Quantity>,
}

impl Definition {
    /// Base, multipliers, product, rounding; no cap has been looked at yet.
    pub(super) fn reckon(&self, occasion: &Occasion<'_>, weekday: u32) -> Result<Reckoning, Refusal> {
        let base = self.earn.base(occasion)?;
        let fits = |multiplier: &Multiplier| multiplier.fits(occasion, weekday);
        let places = (0..).zip(&self.multipliers).filter(|(_, multiplier)| fits(multiplier));
        let multipliers: Vec<Applied> =
            places.map(|(place, multiplier)| Applied { place, factor: multiplier.factor }).collect();
        let product = multipliers.iter().fold(base.clone(), |product, applied| product.times(applied.factor));
        Ok(Reckoning {
            base: base.shown(),
            multipliers,
            product: product.shown(),
            rounding: self.rounding,
            scale: self.scale,
            rounded: product.rounded(self.rounding, self.scale),
            caps: Vec::new(),
        })
    }
}

impl Earn {
    fn base(&self, occasion: &Occasion<'_>) -> Result<Fraction, Refusal> {
        match self {
            Earn::Fixed(points) => Ok(Fraction::points(*points)),
            Earn::PerAmount { rate, min_amount } => Ok(match occasion.amount {
                Some(paid) if paid >= *min_amount => Fraction::at_rate(rate, &natural(paid.0), 1),
                _ => Fraction::zero(),
            }),
            Earn::PerItem(lines) => per_item(lines, occasion.items),
        }
    }

    /// The field of the request that a grant grows with.
    pub(super) fn grows_with(&self) -> &'static str {
        match self {
            Earn::Fixed(_) => "rule_id",
            Earn::PerAmount { .. } => "order_items.pay_amount",
            Earn::PerItem(_) => "order_items.item_list",
        }
    }
}

/// The sums of each line first: so there is one fraction a line, however many items there are.
fn per_item(lines: &[Line], items: &[Item]) -> Result<Fraction, Refusal> {
    let mut sums = vec![BigUint::ZERO; lines.len()];
    for (n, item) in items.iter().enumerate() {
        let Some(place) = lines.iter().position(|line| line.fits(item)) else { continue };
        let quantity = natural(item.quantity.unwrap_or(Quantity::ONE).0);
        sums[place] += match lines[place].worth {
            Worth::PerPiece(_) => quantity,
            Worth::PerAmount(_) => natural(price(n, item)?.0) * quantity,
            Worth::Nothing => BigUint::ZERO,
        };
    }
    let parts = Quantity::UNIT.unsigned_abs();
    let worths = lines.iter().zip(&sums).map(|(line, sum)| match &line.worth {
        Worth::PerPiece(points) => Fraction::pieces(*points, sum, parts),
        Worth::PerAmount(rate) => Fraction::at_rate(rate, sum, parts),
        Worth::Nothing => Fraction::zero(),
    });
    Ok(worths.fold(Fraction::zero(), |sum, worth| sum.plus(&worth)))
}

fn price(n: usize, item: &Item) -> Result<Amount, Refusal> {
    item.price.ok_or_else(|| Refusal::Invalid {
        field: format!("order_items.item_list[{n}].price").into(),
        should: "is required: the rule earns by price".to_owned(),
    })
}

fn natural(number: i64) -> BigUint {
    BigUint::from(u64::try_from(number).unwrap_or(0))
}

impl Line {
    fn fits(&self, item: &Item) -> bool {
        let named = |list: &[String], name: &Option<String>| {
            list.is_empty() || name.as_ref().is_some_and(|name| list.contains(name))
        };
        named(&self.sku, &item.sku) && named(&self.category, &item.category)
    }
}

impl Multiplier {
    fn fits(&self, occasion: &Occasion<'_>, weekday: u32) -> bool {
        let at = occasion.scene.event_at;
        self.tier.as_deref().is_none_or(|tier| occasion.tier == Some(tier))
            && self.weekdays.is_none_or(|days| days.has(weekday))
            && self.from.is_none_or(|from| from <= at)
            && self.to.is_none_or(|to| at < to)
    }
}

impl Fraction {
    /// For people: what lies beyond the fourth place is not shown.
    fn shown(&self) -> Points {
        self.rounded(crate::ledger::rule::definition::Rounding::Floor, 4)
    }
}
