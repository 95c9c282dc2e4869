//! Whether a rule can work: what is refused when it is written, with the field named. Bounds of single numbers are the
//! edge's too, but nothing here relies on that.
use crate::ledger::instant::{Instant, Span};
use crate::ledger::points::{Amount, Points};
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::definition::{Definition, Earn, Expiry, Factor, Line, Multiplier, Rate, Worth};
use crate::ledger::rule::fraction::Fraction;
use crate::limits::{RULE_LINES_MAX, RULE_MULTIPLIERS_MAX, RULE_TEXT_BYTES_MAX};

type Checked = Result<(), Refusal>;

fn unless(right: bool, field: impl FnOnce() -> String, should: impl Into<String>) -> Checked {
    if right { Ok(()) } else { Err(Refusal::Invalid { field: field().into(), should: should.into() }) }
}

impl Definition {
    pub fn check(&self) -> Checked {
        unless(!self.name.is_empty(), || "name".into(), "must not be empty")?;
        unless(!self.action_scene.is_empty(), || "action_scene".into(), "must not be empty")?;
        unless(in_order(self.valid_from, self.valid_to), || "valid_to".into(), "must be after valid_from")?;
        self.check_earn()?;
        unless(
            self.multipliers.len() <= RULE_MULTIPLIERS_MAX,
            || "multipliers".into(),
            format!("must have at most {RULE_MULTIPLIERS_MAX} elements"),
        )?;
        self.multipliers
            .iter()
            .enumerate()
            .try_for_each(|(n, multiplier)| check_multiplier(n, multiplier))?;
        unless(self.scale <= 4, || "scale".into(), "must be a whole number from 0 to 4")?;
        self.check_limits()?;
        self.check_life()?;
        self.check_size()
    }

    fn check_earn(&self) -> Checked {
        use crate::ledger::command::SourceType;
        let order = self.source_type == SourceType::Order;
        match &self.earn {
            Earn::Fixed(points) => {
                check_points(*points, "earn.fixed")?;
                let alone = Fraction::points(*points).rounded(self.rounding, self.scale);
                let something = alone.is_positive() || !self.multipliers.is_empty();
                unless(something, || "earn.fixed".into(), "must not be rounded to nothing at this scale")
            }
            Earn::PerAmount { rate, .. } => {
                unless(
                    order,
                    || "earn.per_amount".into(),
                    "needs event_type order: nothing else has an amount",
                )?;
                check_rate(rate, "earn.per_amount")
            }
            Earn::PerItem(lines) => {
                unless(order, || "earn.per_item".into(), "needs event_type order: nothing else has items")?;
                let count = (1..=RULE_LINES_MAX).contains(&lines.len());
                unless(count, || "earn.per_item".into(), format!("must have 1 to {RULE_LINES_MAX} lines"))?;
                lines.iter().enumerate().try_for_each(|(n, line)| check_line(n, line))?;
                let something = lines.iter().any(|line| line.worth != Worth::Nothing);
                unless(something, || "earn.per_item".into(), "must have a line that does not exclude")
            }
        }
    }

    fn check_limits(&self) -> Checked {
        let limits = &self.limits;
        limits.per_event.map_or(Ok(()), |points| check_points(points, "limits.per_event"))?;
        for (period, most) in limits.periods() {
            let (points, times) = period.names();
            most.points.map_or(Ok(()), |most| check_points(most, &format!("limits.{points}")))?;
            let right = most.times.is_none_or(|most| most > 0);
            unless(right, || format!("limits.{times}"), "must be above 0")?;
        }
        Ok(())
    }

    /// What can be known without an event: points that would be born expired, or expire while they are frozen.
    fn check_life(&self) -> Checked {
        if let Some(Expiry::At(at)) = self.expiry {
            let later = self.valid_from.is_none_or(|from| from < at);
            unless(later, || "expiry.at".into(), "must be after valid_from")?;
        }
        if let (Some(Expiry::Days(days)), Some(hours)) = (self.expiry, self.freeze_hours) {
            let life = Span::days(i64::from(days));
            let thaws = Span::hours(i64::from(hours)) < life;
            unless(
                thaws,
                || "freeze_hours".into(),
                "must be shorter than the life of the points (expiry.days)",
            )?;
        }
        Ok(())
    }

    /// All its texts together have a bound; the field that passes it is named.
    fn check_size(&self) -> Checked {
        let mut left = RULE_TEXT_BYTES_MAX;
        let mut count = |field: &dyn Fn() -> String, texts: &mut dyn Iterator<Item = &str>| {
            let bytes: usize = texts.map(|text| text.len() + 1).sum();
            let fits = bytes <= left;
            left = left.saturating_sub(bytes);
            unless(
                fits,
                field,
                format!(
                    "makes the rule's texts, one byte more for each, longer than {RULE_TEXT_BYTES_MAX} bytes"
                ),
            )
        };
        count(&|| "name".into(), &mut std::iter::once(self.name.as_str()))?;
        count(&|| "action_scene".into(), &mut std::iter::once(self.action_scene.as_str()))?;
        count(&|| "store_codes".into(), &mut self.store_codes.iter().map(String::as_str))?;
        if let Earn::PerItem(lines) = &self.earn {
            for (n, line) in lines.iter().enumerate() {
                count(&|| format!("earn.per_item[{n}].sku"), &mut line.sku.iter().map(String::as_str))?;
                count(
                    &|| format!("earn.per_item[{n}].category"),
                    &mut line.category.iter().map(String::as_str),
                )?;
            }
        }
        for (n, multiplier) in self.multipliers.iter().enumerate() {
            count(&|| format!("multipliers[{n}].tier"), &mut multiplier.tier.iter().map(String::as_str))?;
        }
        count(&|| "cost_center".into(), &mut self.cost_center.iter().map(String::as_str))?;
        count(&|| "campaign_code".into(), &mut self.campaign_code.iter().map(String::as_str))
    }
}

fn in_order(from: Option<Instant>, to: Option<Instant>) -> bool {
    from.zip(to).is_none_or(|(from, to)| from < to)
}

fn check_points(points: Points, field: &str) -> Checked {
    let right = points.is_positive() && points <= Points::REQUEST_MAX;
    unless(right, || field.to_owned(), "must be above 0 and at most 100,000,000,000")
}

fn check_rate(rate: &Rate, field: &str) -> Checked {
    check_points(rate.points, &format!("{field}.points"))?;
    let right = rate.amount > Amount(0) && rate.amount <= Amount::MAX;
    unless(right, || format!("{field}.amount"), "must be above 0 and at most 1,000,000,000,000")
}

fn check_line(n: usize, line: &Line) -> Checked {
    match &line.worth {
        Worth::PerPiece(points) => check_points(*points, &format!("earn.per_item[{n}].points")),
        Worth::PerAmount(rate) => check_rate(rate, &format!("earn.per_item[{n}].per_amount")),
        Worth::Nothing => Ok(()),
    }
}

fn check_multiplier(n: usize, multiplier: &Multiplier) -> Checked {
    let field = |name: &str| format!("multipliers[{n}].{name}");
    let tier = multiplier.tier.as_ref().is_none_or(|tier| !tier.is_empty());
    unless(tier, || field("tier"), "must not be empty")?;
    let days = multiplier.weekdays.is_none_or(|days| days.days().next().is_some());
    unless(days, || field("weekdays"), "must name at least one day, 1 (Monday) to 7 (Sunday)")?;
    unless(in_order(multiplier.from, multiplier.to), || field("to"), "must be after from")?;
    let factor = multiplier.factor.0 > 0 && multiplier.factor.0 <= Factor::MAX.0;
    unless(factor, || field("factor"), "must be above 0 and at most 1,000")
}
