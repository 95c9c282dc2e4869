//! The number of the order that an accrual is for: it stands in the order's JSON text.
use crate::ledger::event::Event;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// `order_sn` of an accrual's order. Nothing else of the order is parsed; of a name given twice the last counts, as it
/// did when the order was taken.
pub fn order_sn<T: AsRef<str>>(event: &Event<T>) -> Option<String> {
    let order = event.accrual()?.order_items.as_ref()?.as_ref();
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(order).ok()?;
    serde_json::from_str(fields.get("order_sn")?.get()).ok()
}
