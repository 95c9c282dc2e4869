//! An order's items, as far as rules look at them.
use crate::http::fields::{TEXT_BYTES_MAX, amount, decimal_in, invalid};
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::earn::{Item, Quantity};
use serde_json::{Map, Value};

/// The items of an order whose `item_list` is known to be an array of objects. What rules read must be right, whether
/// the rule at hand reads it or not; all else in them is the client's own.
pub fn items(order: &Map<String, Value>) -> Result<Vec<Item>, Refusal> {
    let list = order.get("item_list").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().enumerate().map(|(n, item)| read(n, item)).collect()
}

fn read(n: usize, item: &Value) -> Result<Item, Refusal> {
    let path = |name: &str| format!("order_items.item_list[{n}].{name}");
    let text = |name: &str| match item.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= TEXT_BYTES_MAX => Ok(Some(text.clone())),
        Some(_) => Err(invalid(path(name), format!("must be a string of at most {TEXT_BYTES_MAX} bytes"))),
    };
    let quantity = decimal_in(path("quantity"), item.get("quantity"), Quantity::PLACES, Quantity::MAX.0)?;
    Ok(Item {
        sku: text("sku")?,
        category: text("category")?,
        price: amount(path("price"), item.get("price"))?,
        quantity: quantity.map(Quantity),
    })
}
