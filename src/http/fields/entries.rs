//! An object's fields as they were written: none of its names twice, none of its values too deep.
use super::Fields;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// How deep a body may nest.
const DEPTH_MAX: usize = 64;

/// Each field's name and JSON.
pub(super) type Entries<'a> = Vec<(Cow<'a, str>, Cow<'a, RawValue>)>;

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields<'a>, D::Error> {
        deserializer.deserialize_map(Object).map(|entries| Fields { entries })
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Entries<'de>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(16);
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &RawValue>()? {
            if is_too_deep(value.get()) {
                return Err(A::Error::custom(format_args!("it nests deeper than {DEPTH_MAX}")));
            }
            entries.push((name, Cow::Borrowed(value)));
        }
        match twice(&entries) {
            Some(name) => Err(A::Error::custom(format_args!("the field {name:?} is there twice"))),
            None => Ok(entries),
        }
    }
}

/// A text, not copied where nothing in it is escaped.
#[derive(Deserialize)]
pub struct Name<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// So many names are compared one by one: more than any body of ours has.
const FEW: usize = 64;

/// A name that is there more than once.
fn twice<'a>(entries: &'a Entries<'_>) -> Option<&'a str> {
    // Each with each, of so many as fit a body, would take seconds.
    if entries.len() > FEW {
        let mut names: Vec<&str> = entries.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        return names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
    }
    // One bit for names that look alike: only such are compared.
    let mut seen = 0_u64;
    for (n, (name, _)) in entries.iter().enumerate() {
        let bytes = name.as_bytes();
        let edges = bytes.first().zip(bytes.last()).map_or(0, |(first, last)| first.wrapping_mul(5) ^ last);
        let bit = 1 << (edges.wrapping_add(bytes.len() as u8) % 64);
        if seen & bit != 0 && entries[..n].iter().any(|(other, _)| other == name) {
            return Some(name);
        }
        seen |= bit;
    }
    None
}

/// Whether a value of a body makes it nest deeper than [`DEPTH_MAX`]: looked at before anything is built of it.
fn is_too_deep(value: &str) -> bool {
    // Hardly any value has so many brackets, and to count them is quicker than to follow them.
    let opening = || value.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if !value.starts_with(['{', '[']) || opening() < DEPTH_MAX {
        return false;
    }
    // The body itself is the first.
    let (mut depth, mut in_string, mut escaped) = (1_usize, false, false);
    for byte in value.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth -= 1,
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    false
}
