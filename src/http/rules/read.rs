//! A rule's definition out of a body. Each thing that can't be is refused by the path of its field.
use crate::http::error::WireError;
use crate::http::fields::{Fields, Least};
use crate::http::rules::node::Node;
use crate::ledger::calendar::Stretch;
use crate::ledger::command::SourceType;
use crate::ledger::points::{Amount, Points};
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::Definition;
use crate::ledger::rule::definition::{
    Earn, Expiry, Factor, Limits, Line, Most, Multiplier, Rate, Rounding, Weekdays, Worth,
};
use chrono_tz::Tz;

type Read<T> = Result<T, Refusal>;
type Field = &'static str;

/// What a rule's body may hold. The last four are the service's: what it answers may be sent back as it is.
const KNOWN: [Field; 21] = [
    "name",
    "action_scene",
    "event_type",
    "enabled",
    "priority",
    "valid_from",
    "valid_to",
    "store_codes",
    "earn",
    "multipliers",
    "rounding",
    "scale",
    "limits",
    "expiry",
    "freeze_hours",
    "cost_center",
    "campaign_code",
    "rule_id",
    "version",
    "create_time",
    "update_time",
];

/// The largest priority, and the smallest below zero.
const PRIORITY_MAX: i64 = 1_000_000_000;
const TIMES_MAX: i64 = 1_000_000_000;
const EXPIRE_DAYS_MAX: i64 = 36_500;
const FREEZE_HOURS_MAX: i64 = 87_600;

pub fn definition(body: &[u8], zone: Tz) -> Result<Definition, WireError> {
    let node = Node::root(body)?;
    let definition = of_node(&node, zone)?;
    definition.check()?;
    Ok(definition)
}

fn of_node(node: &Node<'_>, zone: Tz) -> Read<Definition> {
    node.only(&KNOWN)?;
    let time = |field| node.get(field, |fields, field| fields.time(field, zone));
    Ok(Definition {
        name: node.required("name", Fields::text)?,
        action_scene: node.required("action_scene", Fields::text)?,
        source_type: one_of(
            node,
            "event_type",
            &[("order", SourceType::Order), ("event", SourceType::Event)],
        )?
        .ok_or_else(|| node.wrong("event_type", "is required"))?,
        enabled: node.get("enabled", Fields::bool)?.unwrap_or(true),
        priority: integer(node, "priority", -PRIORITY_MAX, PRIORITY_MAX)?.unwrap_or(0),
        valid_from: time("valid_from")?,
        valid_to: time("valid_to")?,
        store_codes: node.texts("store_codes")?.unwrap_or_default(),
        earn: earn(node)?,
        multipliers: list(node, "multipliers", |node| multiplier(node, zone))?.unwrap_or_default(),
        rounding: one_of(node, "rounding", &Rounding::ALL.map(|rounding| (rounding.name(), rounding)))?
            .unwrap_or(Rounding::Floor),
        scale: small(integer(node, "scale", 0, 4)?.unwrap_or(0)),
        limits: node.node("limits")?.map(|node| limits(&node)).transpose()?.unwrap_or_default(),
        expiry: node.node("expiry")?.map(|node| expiry(&node, zone)).transpose()?,
        freeze_hours: integer(node, "freeze_hours", 0, FREEZE_HOURS_MAX)?.map(small),
        cost_center: node.get("cost_center", Fields::text)?,
        campaign_code: node.get("campaign_code", Fields::text)?,
    })
}

fn earn(node: &Node<'_>) -> Read<Earn> {
    const FORMS: [Field; 3] = ["fixed", "per_amount", "per_item"];
    let should = "must be one of fixed, per_amount and per_item";
    let earn = node.node("earn")?.ok_or_else(|| node.wrong("earn", "is required"))?;
    earn.only(&FORMS)?;
    match earn.given(&FORMS)?.as_slice() {
        ["fixed"] => Ok(Earn::Fixed(points(&earn, "fixed")?)),
        ["per_amount"] => {
            let form = required_node(&earn, "per_amount")?;
            form.only(&["points", "amount", "min_amount"])?;
            Ok(Earn::PerAmount {
                rate: rate(&form)?,
                min_amount: amount(&form, "min_amount", Least::Zero)?.unwrap_or_default(),
            })
        }
        ["per_item"] => Ok(Earn::PerItem(list(&earn, "per_item", line)?.unwrap_or_default())),
        _ => Err(node.wrong("earn", should)),
    }
}

fn line(node: &Node<'_>) -> Read<Line> {
    const WORTHS: [Field; 3] = ["points", "per_amount", "exclude"];
    node.only(&["sku", "category", "points", "per_amount", "exclude"])?;
    let exclude = node.get("exclude", Fields::bool)?;
    let mut given = node.given(&WORTHS)?;
    given.retain(|name| *name != "exclude" || exclude == Some(true));
    let worth = match given.as_slice() {
        ["points"] => Worth::PerPiece(points(node, "points")?),
        ["per_amount"] => {
            let form = required_node(node, "per_amount")?;
            form.only(&["points", "amount"])?;
            Worth::PerAmount(rate(&form)?)
        }
        ["exclude"] => Worth::Nothing,
        // Named by what there is too much of, or by the first that could be there.
        given => {
            let field = given.last().copied().unwrap_or("points");
            return Err(node.wrong(field, "must be there, or per_amount, or exclude: exactly one of them"));
        }
    };
    Ok(Line { sku: names(node, "sku")?, category: names(node, "category")?, worth })
}

fn multiplier(node: &Node<'_>, zone: Tz) -> Read<Multiplier> {
    node.only(&["tier", "weekdays", "from", "to", "factor"])?;
    let time = |field| node.get(field, |fields, field| fields.time(field, zone));
    let factor = decimal(node, "factor", 4, Least::AboveZero, Factor::MAX.0)?;
    Ok(Multiplier {
        tier: node.get("tier", Fields::text)?,
        weekdays: node.integers("weekdays", 1, 7)?.map(Weekdays::of),
        from: time("from")?,
        to: time("to")?,
        factor: Factor(factor.ok_or_else(|| node.wrong("factor", "is required"))?),
    })
}

fn limits(node: &Node<'_>) -> Read<Limits> {
    node.only(&["per_event", "points", "times"])?;
    let points = by_period(node, "points", |node, period| node.get(period, Fields::points))?;
    let times = by_period(node, "times", |node, period| {
        Ok(integer(node, period, 1, TIMES_MAX)?.map(i64::unsigned_abs))
    })?;
    let [day, week, month, ever] = std::array::from_fn(|n| Most { points: points[n], times: times[n] });
    Ok(Limits { per_event: node.get("per_event", Fields::points)?, day, week, month, ever })
}

/// A cap for each of day, week, month and ever.
fn by_period<T>(
    node: &Node<'_>,
    field: Field,
    read: impl Fn(&Node<'_>, Field) -> Read<Option<T>>,
) -> Read<[Option<T>; 4]> {
    let Some(caps) = node.node(field)? else { return Ok([None, None, None, None]) };
    caps.only(&["day", "week", "month", "ever"])?;
    let read = |period| read(&caps, period);
    Ok([read("day")?, read("week")?, read("month")?, read("ever")?])
}

fn expiry(node: &Node<'_>, zone: Tz) -> Read<Expiry> {
    const FORMS: [Field; 3] = ["days", "end_of", "at"];
    node.only(&["days", "end_of", "plus", "at"])?;
    let given = node.given(&FORMS)?;
    let plus = integer(node, "plus", 0, EXPIRE_DAYS_MAX)?;
    if plus.is_some() && given != ["end_of"] {
        return Err(node.wrong("plus", "goes with end_of only"));
    }
    match given.as_slice() {
        ["days"] => {
            let days = integer(node, "days", 1, EXPIRE_DAYS_MAX)?;
            Ok(Expiry::Days(small(days.unwrap_or(1))))
        }
        ["end_of"] => end_of(node, plus.unwrap_or(0)),
        ["at"] => {
            let at = node.required("at", |fields, field| fields.time(field, zone))?;
            Ok(Expiry::At(at))
        }
        given => {
            let field = given.last().copied().unwrap_or("days");
            Err(node.wrong(field, "must be there, or end_of, or at: exactly one of them"))
        }
    }
}

/// No more further periods than make a century.
fn end_of(node: &Node<'_>, plus: i64) -> Read<Expiry> {
    let stretches = Stretch::ALL.map(|stretch| (stretch.name(), stretch));
    let stretch = one_of(node, "end_of", &stretches)?.ok_or_else(|| node.wrong("end_of", "is required"))?;
    let most = match stretch {
        Stretch::Day => EXPIRE_DAYS_MAX,
        Stretch::Month => 1_200,
        Stretch::Quarter => 400,
        Stretch::Year => 100,
    };
    if plus > most {
        return Err(node.wrong("plus", format!("must be a whole number from 0 to {most}")));
    }
    Ok(Expiry::EndOf { stretch, plus: small(plus) })
}

fn rate(node: &Node<'_>) -> Read<Rate> {
    let of = amount(node, "amount", Least::AboveZero)?;
    Ok(Rate {
        points: points(node, "points")?,
        amount: of.ok_or_else(|| node.wrong("amount", "is required"))?,
    })
}

fn points(node: &Node<'_>, field: Field) -> Read<Points> {
    node.required(field, Fields::points)
}

fn amount(node: &Node<'_>, field: Field, least: Least) -> Read<Option<Amount>> {
    Ok(decimal(node, field, Amount::PLACES, least, Amount::MAX.0)?.map(Amount))
}

fn decimal(node: &Node<'_>, field: Field, places: u32, least: Least, most: i64) -> Read<Option<i64>> {
    node.get(field, |fields, field| fields.decimal(field, places, least, most))
}

fn integer(node: &Node<'_>, field: Field, least: i64, most: i64) -> Read<Option<i64>> {
    node.get(field, |fields, field| fields.integer(field, least, most))
}

/// A number whose bounds, checked before, fit the smaller type.
fn small<T: TryFrom<i64> + Default>(number: i64) -> T {
    debug_assert!(T::try_from(number).is_ok());
    T::try_from(number).unwrap_or_default()
}

fn names(node: &Node<'_>, field: Field) -> Read<Vec<String>> {
    match node.texts(field)? {
        Some(names) if names.is_empty() => Err(node.wrong(field, "must name at least one, or be left out")),
        names => Ok(names.unwrap_or_default()),
    }
}

fn required_node<'a>(node: &'a Node<'_>, field: Field) -> Read<Node<'a>> {
    node.node(field)?.ok_or_else(|| node.wrong(field, "is required"))
}

fn list<T>(node: &Node<'_>, field: Field, read: impl Fn(&Node<'_>) -> Read<T>) -> Read<Option<Vec<T>>> {
    node.nodes(field)?.map(|nodes| nodes.iter().map(read).collect()).transpose()
}

fn one_of<T: Copy>(node: &Node<'_>, field: Field, choices: &[(&'static str, T)]) -> Read<Option<T>> {
    let Some(text) = node.get(field, Fields::text)? else { return Ok(None) };
    match choices.iter().find(|(name, _)| *name == text) {
        Some((_, choice)) => Ok(Some(*choice)),
        None => {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            Err(node.wrong(field, format!("must be one of {}", names.join(", "))))
        }
    }
}
