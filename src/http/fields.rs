//! The fields of a body: each with its type, its bounds and a message that names it.
use crate::http::decimal::{self, DecimalError};
use crate::http::error::WireError;
use crate::http::fields::entries::Entries;
use crate::http::time;
use crate::ledger::instant::Instant;
use crate::ledger::points::{Amount, Points, Total};
use crate::ledger::refusal::Refusal;
use crate::limits::MEMBER_BYTES_MAX;
use chrono_tz::Tz;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

pub mod entries;

pub const KEY_BYTES_MAX: usize = 128;
pub const TEXT_BYTES_MAX: usize = 4_096;

type Field = &'static str;

/// An object's text without white space, and its value.
pub type Object = (String, serde_json::Map<String, Value>);

/// A body's fields as they were written; `null` is the same as left out.
#[derive(Clone)]
pub struct Fields<'a> {
    entries: Entries<'a>,
}

pub fn invalid(field: impl Into<Cow<'static, str>>, should: impl Into<String>) -> Refusal {
    Refusal::Invalid { field: field.into(), should: should.into() }
}

/// A body's JSON, before it is read.
pub fn json_text(body: &[u8]) -> Result<&str, WireError> {
    std::str::from_utf8(body).map_err(|_| WireError::BadJson("it is not UTF-8".into()))
}

/// Makes a field that is left out an error.
pub fn required<T>(field: Field, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| invalid(field, "is required"))
}

impl<'a> Fields<'a> {
    pub fn parse(body: &'a [u8]) -> Result<Fields<'a>, WireError> {
        serde_json::from_str(json_text(body)?).map_err(|error| WireError::BadJson(error.to_string()))
    }

    /// All names, known or not.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_ref())
    }

    /// Refuses a field that is none of `known`.
    pub fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.entries.iter().find(|(name, _)| !known.contains(&name.as_ref())) {
            Some((name, _)) => {
                let name: String = name.chars().take(64).collect();
                Err(invalid(
                    "body",
                    format!("there is no field {name:?} here; there are {}", known.join(", ")),
                ))
            }
            None => Ok(()),
        }
    }

    /// A field's JSON, or that of its alias.
    pub fn raw(&self, field: Field) -> Result<Option<&RawValue>, Refusal> {
        let find = |name: &str| {
            let found = self.entries.iter().find(|(other, _)| is_same(other, name));
            found.map(|(_, raw)| &**raw).filter(|raw| raw.get() != "null")
        };
        let (own, other) = (find(field), alias(field).and_then(find));
        match (own, other) {
            (Some(own), Some(other)) if own.get() != other.get() => {
                let alias = alias(field).unwrap_or_default();
                Err(invalid(field, format!("is given twice, also as {alias}, and they differ")))
            }
            _ => Ok(own.or(other)),
        }
    }

    fn string(&self, field: Field) -> Result<Option<Cow<'_, str>>, Refusal> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        unquoted(raw.get()).map(Some).ok_or_else(|| invalid(field, "must be a string"))
    }

    /// Free text.
    pub fn text(&self, field: Field) -> Result<Option<String>, Refusal> {
        let text = self.string(field)?;
        if text.as_ref().is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(invalid(field, format!("must have at most {TEXT_BYTES_MAX} bytes")));
        }
        Ok(text.map(Cow::into_owned))
    }

    /// A number that clients give events and transfers.
    pub fn key(&self, field: Field) -> Result<Option<String>, Refusal> {
        self.string(field)?.map(|text| check_name(field, text, KEY_BYTES_MAX)).transpose()
    }

    pub fn member(&self, field: Field) -> Result<Option<String>, Refusal> {
        self.string(field)?.map(|text| check_name(field, text, MEMBER_BYTES_MAX)).transpose()
    }

    pub fn bool(&self, field: Field) -> Result<Option<bool>, Refusal> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| invalid(field, "must be true or false"))
    }

    /// A whole number within bounds, as a JSON number; `180.0` is one.
    pub fn integer(&self, field: Field, least: i64, most: i64) -> Result<Option<i64>, Refusal> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        let whole = decimal::read(raw.get()).ok().filter(|number| number.scale() == 0);
        let number = whole.and_then(|whole| i64::try_from(whole.mantissa()).ok());
        let number = number.filter(|number| (least..=most).contains(number));
        number
            .map(Some)
            .ok_or_else(|| invalid(field, format!("must be a whole number from {least} to {most}")))
    }

    /// A decimal with `places`, from 0 or above 0 up to `most`, times 10^`places`.
    pub fn decimal(
        &self,
        field: Field,
        places: u32,
        least: Least,
        most: i64,
    ) -> Result<Option<i64>, Refusal> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        decimal_of(&number_text(field, raw.get())?, places, least, most)
            .map(Some)
            .map_err(|why| invalid(field, why))
    }

    /// Puts a number in the place of what is given.
    pub fn set_number(&mut self, field: Field, number: i64) {
        // Digits are JSON.
        if let Ok(raw) = RawValue::from_string(number.to_string()) {
            self.entries.retain(|(name, _)| name != field);
            self.entries.push((Cow::Borrowed(field), Cow::Owned(raw)));
        }
    }

    /// Makes a text, given as JSON, the value of a field that is left out.
    pub fn set_default(&mut self, field: Field, json: &'static str) {
        if matches!(self.raw(field), Ok(None))
            && let Ok(raw) = serde_json::from_str::<&RawValue>(json)
        {
            self.entries.retain(|(name, _)| name != field);
            self.entries.push((Cow::Borrowed(field), Cow::Borrowed(raw)));
        }
    }

    /// A number of points that may be 0.
    pub fn points_or_zero(&self, field: Field) -> Result<Option<Points>, Refusal> {
        let total = self.total(field)?;
        let points = total.map(|total| i64::try_from(total.0).map(Points));
        match points {
            None => Ok(None),
            Some(Ok(points)) if (Points::ZERO..=Points::REQUEST_MAX).contains(&points) => Ok(Some(points)),
            Some(_) => Err(invalid(field, "must be from 0 to 100,000,000,000")),
        }
    }

    /// A sum of points, which may be negative.
    pub fn total(&self, field: Field) -> Result<Option<Total>, Refusal> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        let text = number_text(field, raw.get())?;
        let (sign, size) = text.strip_prefix('-').map_or((1, &*text), |size| (-1, size));
        match decimal::parse(size, 4, i64::MAX) {
            Ok(units) => Ok(Some(Total(sign * i128::from(units)))),
            Err(DecimalError::Negative) => Err(invalid(field, "must be a number")),
            Err(error) => {
                Err(invalid(field, words(error, "must have at most 4 decimal places", "is too large")))
            }
        }
    }

    /// A positive number of points.
    pub fn points(&self, field: Field) -> Result<Option<Points>, Refusal> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        let points = points_of(&number_text(field, raw.get())?).map_err(|why| invalid(field, why))?;
        Ok(Some(points))
    }

    pub fn time(&self, field: Field, zone: Tz) -> Result<Option<Instant>, Refusal> {
        let Some(text) = self.string(field)? else { return Ok(None) };
        time::parse(&text, zone).map(Some).ok_or_else(|| invalid(field, time::SHOULD))
    }

    /// An object; one with nothing in it counts as left out.
    pub fn object(&self, field: Field) -> Result<Option<Object>, Refusal> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        let object = serde_json::from_str(raw.get()).map_err(|_| invalid(field, "must be an object"))?;
        match object {
            Value::Object(map) if map.is_empty() => Ok(None),
            Value::Object(map) => Ok(Some((without_white_space(raw.get()), map))),
            _ => Err(invalid(field, "must be an object")),
        }
    }
}

/// Names of one length mostly differ in their last letter: few are compared as a whole.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.as_bytes().last() == other.as_bytes().last() && one == other
}

/// The seed's slips, accepted wherever they occur.
pub fn alias(field: &str) -> Option<&'static str> {
    match field {
        "store_code" => Some("stroe_code"),
        "order_info" => Some("order_items"),
        "order_items" => Some("order_info"),
        _ => None,
    }
}

/// Text that names something: not empty, not too long, nothing in it that can't be seen.
pub fn check_name<'a>(
    field: Field,
    text: impl Into<Cow<'a, str>>,
    bytes_max: usize,
) -> Result<String, Refusal> {
    let text = text.into();
    if text.is_empty() || text.len() > bytes_max || !can_be_seen(&text) {
        let should = format!(
            "must have 1 to {bytes_max} bytes, no control character and no white space at either end"
        );
        return Err(invalid(field, should));
    }
    Ok(text.into_owned())
}

fn can_be_seen(text: &str) -> bool {
    // Most names are letters, digits and signs, which need no look at what Unicode has beside them.
    if text.bytes().fold(true, |plain, byte| plain & byte.is_ascii_graphic()) {
        return true;
    }
    let edges = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    !edges && !text.contains(char::is_control)
}

/// The text of a JSON string.
fn unquoted(json: &str) -> Option<Cow<'_, str>> {
    // It has been read as JSON before: in quotes and without a backslash it is the text itself.
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) if !text.as_bytes().contains(&b'\\') => Some(Cow::Borrowed(text)),
        _ => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// The text of a number given as a JSON number or as a string that holds one.
fn number_text(field: Field, json: &str) -> Result<Cow<'_, str>, Refusal> {
    match json.as_bytes().first() {
        Some(b'"') => unquoted(json).ok_or_else(|| invalid(field, "must be a number")),
        Some(b'-' | b'0'..=b'9') => Ok(Cow::Borrowed(json)),
        _ => Err(invalid(field, "must be a number")),
    }
}

/// What a number may not go below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    Zero,
    AboveZero,
}

/// `most` is in units of 10^-`places`, and whole.
fn decimal_of(text: &str, places: u32, least: Least, most: i64) -> Result<i64, String> {
    match decimal::parse(text, places, most) {
        Ok(0) if least == Least::AboveZero => Err("must be above 0".to_owned()),
        Ok(units) => Ok(units),
        Err(DecimalError::Negative) if least == Least::AboveZero => Err("must be above 0".to_owned()),
        Err(DecimalError::Negative) => Err("must not be negative".to_owned()),
        Err(error) => {
            let many = format!("must have at most {places} decimal places");
            let large = format!("must be at most {}", most / 10_i64.pow(places));
            Err(words(error, &many, &large).to_owned())
        }
    }
}

fn points_of(text: &str) -> Result<Points, &'static str> {
    match decimal::parse(text, 4, Points::REQUEST_MAX.0) {
        Ok(0) | Err(DecimalError::Negative) => Err("must be above 0"),
        Ok(units) => Ok(Points(units)),
        Err(error) => {
            Err(words(error, "must have at most 4 decimal places", "must be at most 100,000,000,000"))
        }
    }
}

/// An amount of money in an object, as a number or a string.
pub fn amount(field: impl Into<Cow<'static, str>>, value: Option<&Value>) -> Result<Option<Amount>, Refusal> {
    match text_of(value).map(|text| text.map(|text| amount_of(&text)).transpose()) {
        Ok(Ok(amount)) => Ok(amount),
        Ok(Err(why)) | Err(why) => Err(invalid(field, why)),
    }
}

fn amount_of(text: &str) -> Result<Amount, &'static str> {
    match decimal::parse(text, Amount::PLACES, Amount::MAX.0) {
        Ok(units) => Ok(Amount(units)),
        Err(DecimalError::Negative) => Err("must not be negative"),
        Err(error) => {
            let (places, size) = ("must have at most 6 decimal places", "must be at most 1,000,000,000,000");
            Err(words(error, places, size))
        }
    }
}

/// A decimal in an object, from 0 up to `most`, times 10^`places`.
pub fn decimal_in(
    field: impl Into<Cow<'static, str>>,
    value: Option<&Value>,
    places: u32,
    most: i64,
) -> Result<Option<i64>, Refusal> {
    let text = match text_of(value) {
        Ok(text) => text,
        Err(why) => return Err(invalid(field, why)),
    };
    let number = text.map(|text| decimal_of(&text, places, Least::Zero, most)).transpose();
    number.map_err(|why| invalid(field, why))
}

/// The text of a number in an object.
fn text_of(value: Option<&Value>) -> Result<Option<String>, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err("must be a number"),
    }
}

fn words<'a>(error: DecimalError, places: &'a str, size: &'a str) -> &'a str {
    match error {
        DecimalError::TooManyPlaces => places,
        DecimalError::TooLarge => size,
        DecimalError::TooLong => "must have at most 64 characters",
        DecimalError::NotANumber | DecimalError::Negative => "must be a number",
    }
}

/// The same JSON, with keys and numbers as they were written.
fn without_white_space(json: &str) -> String {
    let mut kept = String::with_capacity(json.len());
    let (mut in_string, mut escaped, mut begins) = (false, false, 0);
    for (n, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ => {}
        }
        if !in_string && byte.is_ascii_whitespace() {
            kept.push_str(&json[begins..n]);
            begins = n + 1;
        }
    }
    kept.push_str(&json[begins..]);
    kept
}
