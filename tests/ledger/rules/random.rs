//! Random rules and events against an evaluator of its own make: ratios of big integers, item by item, no shared code.
use super::*;
use crate::ledger_model::cases;
use num_rational::BigRational;
use proptest::prelude::*;

/// A decimal of so many places as a ratio.
fn ratio(text: &str) -> BigRational {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let top = format!("{whole}{fraction}").parse().unwrap();
    BigRational::new(top, num_bigint::BigInt::from(10).pow(fraction.len() as u32))
}

fn decimal(places: u32, most: u64) -> impl Strategy<Value = String> {
    (1..=most).prop_map(move |units| {
        let one = 10_u64.pow(places);
        format!("{}.{:0width$}", units / one, units % one, width = places as usize)
    })
}

#[derive(Clone, Debug)]
enum Form {
    Fixed(String),
    PerAmount(String, String, String),
    PerItem(Vec<(Option<u8>, Option<u8>, Worth)>),
}

#[derive(Clone, Debug)]
enum Worth {
    Piece(String),
    Rate(String, String),
    Nothing,
}

#[derive(Clone, Debug)]
struct Thing {
    sku: Option<u8>,
    category: Option<u8>,
    price: Option<String>,
    quantity: Option<String>,
}

fn form() -> impl Strategy<Value = Form> {
    let points = || decimal(4, 5_000_000);
    let amount = || prop_oneof![decimal(6, 90_000_000), (1..12_u64).prop_map(|n| n.to_string())];
    let worth = prop_oneof![
        points().prop_map(Worth::Piece),
        (points(), amount()).prop_map(|(points, amount)| Worth::Rate(points, amount)),
        Just(Worth::Nothing),
    ];
    let some = || prop::option::of(0..3_u8);
    prop_oneof![
        points().prop_map(Form::Fixed),
        (points(), amount(), decimal(6, 200_000_000)).prop_map(|(p, a, m)| Form::PerAmount(p, a, m)),
        prop::collection::vec((some(), some(), worth), 1..6).prop_map(Form::PerItem),
    ]
}

fn thing() -> impl Strategy<Value = Thing> {
    let some = || prop::option::of(0..3_u8);
    let price = prop::option::weighted(0.97, decimal(6, 500_000_000));
    let quantity = prop::option::of(decimal(6, 20_000_000));
    (some(), some(), price, quantity).prop_map(|(sku, category, price, quantity)| Thing {
        sku,
        category,
        price,
        quantity,
    })
}

fn written_form(form: &Form) -> Value {
    match form {
        Form::Fixed(points) => json!({"fixed": points}),
        Form::PerAmount(points, amount, min) => {
            json!({"per_amount": {"points": points, "amount": amount, "min_amount": min}})
        }
        Form::PerItem(lines) => {
            let line = |(sku, category, worth): &(Option<u8>, Option<u8>, Worth)| {
                let mut line = match worth {
                    Worth::Piece(points) => json!({"points": points}),
                    Worth::Rate(points, amount) => {
                        json!({"per_amount": {"points": points, "amount": amount}})
                    }
                    Worth::Nothing => json!({"exclude": true}),
                };
                line["sku"] = sku.map_or(Value::Null, |sku| json!([format!("s{sku}")]));
                line["category"] =
                    category.map_or(Value::Null, |category| json!([format!("c{category}"), "other"]));
                line
            };
            json!({"per_item": lines.iter().map(line).collect::<Vec<_>>()})
        }
    }
}

/// The base, or the place of the item whose price is missing.
fn naive_base(form: &Form, paid: &str, things: &[Thing]) -> Result<BigRational, usize> {
    Ok(match form {
        Form::Fixed(points) => ratio(points),
        Form::PerAmount(_, _, min) if ratio(paid) < ratio(min) => ratio("0"),
        Form::PerAmount(points, amount, _) => ratio(paid) / ratio(amount) * ratio(points),
        Form::PerItem(lines) => {
            let mut sum = ratio("0");
            for (n, thing) in things.iter().enumerate() {
                let fits = |(sku, category, _): &&(Option<u8>, Option<u8>, Worth)| {
                    (sku.is_none() || *sku == thing.sku)
                        && (category.is_none() || *category == thing.category)
                };
                let count = thing.quantity.as_deref().map_or(ratio("1"), ratio);
                sum += match lines.iter().find(fits) {
                    Some((_, _, Worth::Piece(points))) => ratio(points) * count,
                    Some((_, _, Worth::Rate(points, amount))) => {
                        ratio(thing.price.as_deref().ok_or(n)?) * count / ratio(amount) * ratio(points)
                    }
                    _ => ratio("0"),
                };
            }
            sum
        }
    })
}

fn naive(
    form: &Form,
    paid: &str,
    things: &[Thing],
    factors: &[String],
    rounding: usize,
    scale: u8,
) -> String {
    let base = match naive_base(form, paid, things) {
        Ok(base) => base,
        Err(n) => return format!("40001 order_items.item_list[{n}].price"),
    };
    let product = factors.iter().fold(base, |product, factor| product * ratio(factor));
    let one = ratio(&format!("1{}", "0".repeat(usize::from(scale))));
    let scaled = product * &one;
    let half = ratio("0.5");
    let rounded = match rounding {
        0 => scaled.floor(),
        1 => (scaled + half).floor(),
        _ => scaled.ceil(),
    } / one;
    if rounded > ratio("100000000000") {
        return "too much".into();
    }
    let units = (rounded * ratio("10000")).to_integer();
    if units == num_bigint::BigInt::ZERO {
        "42205".into()
    } else {
        Points(units.try_into().unwrap()).to_string()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(600), max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn random_rules_grant_what_ratios_of_big_integers_say(
        form in form(),
        paid_amount in decimal(6, 900_000_000),
        things in prop::collection::vec(thing(), 0..8),
        factors in prop::collection::vec(decimal(4, 100_000), 0..6),
        rounding in 0..3_usize,
        scale in 0..5_u8,
    ) {
        let multipliers: Vec<Value> = factors.iter().map(|factor| json!({"factor": factor})).collect();
        let rule = json!({
            "earn": written_form(&form), "multipliers": multipliers, "scale": scale,
            "rounding": (["floor", "half_up", "ceil"][rounding]),
        });
        let items: Vec<Value> = things.iter().map(|thing| json!({
            "sku": thing.sku.map(|sku| format!("s{sku}")), "category": thing.category.map(|c| format!("c{c}")),
            "price": thing.price, "quantity": thing.quantity,
        })).collect();
        let expected = naive(&form, &paid_amount, &things, &factors, rounding, scale);
        let order = json!({"pay_amount": paid_amount, "item_list": items});
        match written(&body(rule.clone()), SHANGHAI) {
            // A rule that can grant nothing by any event is refused when it is written.
            Err(refused) => prop_assert!(refused.starts_with("40001 earn.") , "{refused}: {rule}"),
            Ok(_) => {
                let told = earned(&rulebook(SHANGHAI, std::slice::from_ref(&rule)), &Ask { order, ..ask() });
                let alike = if expected == "too much" { told.starts_with("40001 ") } else { told == expected };
                prop_assert!(alike, "{told}, not {expected}: {rule} of {paid_amount} {items:?}");
            }
        }
    }
}
