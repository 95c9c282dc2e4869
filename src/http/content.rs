//! A request's content as 128 bits: two requests under one key are the same if these are.
//!
//! Stored with each event for ever, so this form must never change. It is BLAKE3, cut to 16 bytes, over: the
//! operation's name, the member's name, then each known field that is given, in the order of the calls. Every element
//! is a tag byte and, for texts, a length of 8 bytes (little-endian) before the bytes:
//! `s` text; `n` a number, as its 8-byte little-endian scaled integer; `b` a boolean byte; `o` and `e` begin and end an
//! object, whose fields follow sorted by name; `a` and `e` an array; `d` a decimal of any size as sign, digits without
//! zeros at either end, and exponent. Nulls are left out. In orders and refunds the fields named in [`AMOUNTS`] count
//! by value also where they are written as text.
use crate::http::decimal::{Parts, Significant};
use crate::ledger::command::Fingerprint;
use serde_json::Value;

/// Fields of orders and refunds that are numbers however they are written.
const AMOUNTS: [&str; 6] = ["pay_amount", "price", "quantity", "refund_amount", "order_pay_amount", "points"];

/// Gathered first and hashed at once: the hasher takes many small pieces one by one at several times the cost.
pub struct Content(Vec<u8>);

impl Content {
    pub fn of(operation: &str, member_no: &str) -> Content {
        let mut content = Content(Vec::with_capacity(512));
        content.text(operation);
        content.text(member_no);
        content
    }

    pub fn fingerprint(self) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(&blake3::hash(&self.0).as_bytes()[..16]);
        fingerprint
    }

    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    fn text(&mut self, text: &str) {
        self.tag(b's');
        self.0.extend_from_slice(&(text.len() as u64).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub fn field_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name);
            self.text(text);
        }
    }

    pub fn field_number(&mut self, name: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.text(name);
            self.tag(b'n');
            self.0.extend_from_slice(&number.to_le_bytes());
        }
    }

    pub fn field_bool(&mut self, name: &str, value: bool) {
        self.text(name);
        self.0.extend_from_slice(&[b'b', u8::from(value)]);
    }

    pub fn field_object(&mut self, name: &str, object: Option<&serde_json::Map<String, Value>>) {
        if let Some(object) = object {
            self.text(name);
            self.object(object);
        }
    }

    fn object(&mut self, object: &serde_json::Map<String, Value>) {
        self.tag(b'o');
        // The map keeps its keys sorted.
        for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            self.text(name);
            match value {
                Value::String(text) if AMOUNTS.contains(&name.as_str()) => self.number_or_text(text),
                value => self.value(value),
            }
        }
        self.tag(b'e');
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.tag(b'0'),
            Value::Bool(value) => self.0.extend_from_slice(&[b'b', u8::from(*value)]),
            Value::Number(number) => self.number_or_text(&number.to_string()),
            Value::String(text) => self.text(text),
            Value::Array(values) => {
                self.tag(b'a');
                values.iter().for_each(|value| self.value(value));
                self.tag(b'e');
            }
            Value::Object(object) => self.object(object),
        }
    }

    /// A number by its value: `1`, `1.0` and `10e-1` are one.
    fn number_or_text(&mut self, text: &str) {
        let Some(number) = Parts::of(text) else {
            return self.text(text);
        };
        let Significant { negative, digits, exponent } = number.significant();
        self.0.extend_from_slice(&[b'd', u8::from(negative)]);
        self.text(&digits);
        self.0.extend_from_slice(&exponent.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: &str) -> Fingerprint {
        let Ok(Value::Object(map)) = serde_json::from_str(json) else { panic!("not an object: {json}") };
        let mut content = Content::of("produce/direct", "m");
        content.field_object("order_info", Some(&map));
        content.fingerprint()
    }

    #[test]
    fn compares_by_value() {
        let same = [
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#),
            (r#"{"a":1}"#, r#"{"a":1.0,"b":null}"#),
            (r#"{"a":100}"#, r#"{"a":1e2}"#),
            (r#"{"a":-0}"#, r#"{"a":0.00}"#),
            (r#"{"pay_amount":"12.50"}"#, r#"{"pay_amount":12.5}"#),
            (r#"{"items":[{"price":"3"}]}"#, r#"{"items":[{"price":3.0}]}"#),
        ];
        for (one, other) in same {
            assert_eq!(order(one), order(other), "{one} and {other}");
        }
        let different = [
            (r#"{"a":1}"#, r#"{"a":2}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":1}"#, r#"{"a":-1}"#),
            (r#"{"a":1}"#, r#"{"a":10}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":{"b":1}}"#, r#"{"a":{},"b":1}"#),
            (r#"{"a":"x"}"#, r#"{"b":"x"}"#),
            (r#"{"a":12345678901234567890.1}"#, r#"{"a":12345678901234567890.2}"#),
        ];
        for (one, other) in different {
            assert_ne!(order(one), order(other), "{one} and {other}");
        }
    }

    #[test]
    fn keeps_its_form_for_ever() {
        let mut content = Content::of("consume/direct", "ec_18165fd7455_JGhyfyLmX");
        content.field_number("points", Some(100_000));
        content.field_text("store_code", Some("ec_mall"));
        content.field_bool("allow_negative", false);
        let fingerprint = u128::from_be_bytes(content.fingerprint());
        assert_eq!(format!("{fingerprint:032x}"), "cdfbc3bcbd8eb1da4b5ce60733074787");
        let order =
            u128::from_be_bytes(order(r#"{"order_sn":"A","pay_amount":"10.0","item_list":[{"x":true}]}"#));
        assert_eq!(format!("{order:032x}"), "635b54ab9278f0845c8c2061a71e89bf");
    }
}
