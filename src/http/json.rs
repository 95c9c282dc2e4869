//! Writes JSON into bytes, field by field: what every answer is made of.
use crate::ledger::lsn::Lsn;
use crate::ledger::points::{Amount, Points, Total};
use crate::ledger::rule::definition::Factor;
use std::fmt::Display;
use std::io::Write;

/// What has the text of a JSON number or literal.
pub trait Plain: Display {
    /// The number, where it is a whole one and not negative. Most are, and need none of the formatting machinery.
    fn as_whole(&self) -> Option<u64> {
        None
    }
}

macro_rules! whole {
    ($($number:ty),*) => {$(
        impl Plain for $number {
            fn as_whole(&self) -> Option<u64> {
                u64::try_from(*self).ok()
            }
        }
    )*};
}
whole!(u8, u16, u32, u64, usize, i64);

impl Plain for Lsn {
    fn as_whole(&self) -> Option<u64> {
        Some(self.0)
    }
}

impl Plain for Points {
    fn as_whole(&self) -> Option<u64> {
        Points::as_whole(*self)
    }
}

impl<T: Plain> Plain for &T {
    fn as_whole(&self) -> Option<u64> {
        (**self).as_whole()
    }
}

impl Plain for Factor {}
impl Plain for Total {}
impl Plain for Amount {}
impl Plain for bool {}

/// An object or array being written.
pub struct Json {
    out: Vec<u8>,
    /// Something stands before the next element.
    comma: bool,
}

impl Json {
    pub fn new() -> Json {
        Json { out: Vec::with_capacity(768), comma: false }
    }

    /// Makes room for so many bytes more: what grows to megabytes step by step is copied as often.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    /// How many bytes are written and not taken.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// What is written so far; what comes next begins anew.
    pub fn take(&mut self) -> Vec<u8> {
        self.comma = false;
        std::mem::take(&mut self.out)
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    pub fn open(&mut self, bracket: u8) -> &mut Json {
        self.out.push(bracket);
        self.comma = false;
        self
    }

    pub fn close(&mut self, bracket: u8) -> &mut Json {
        self.out.push(bracket);
        self.comma = true;
        self
    }

    /// The next element of an array.
    pub fn element(&mut self) -> &mut Json {
        self.separate();
        self
    }

    /// The name of the next field; one of ours, so nothing in it needs escaping. Inlined, since nearly all are constants, which
    /// are written by a move or two.
    #[inline]
    pub fn name(&mut self, name: &str) -> &mut Json {
        self.out.reserve(name.len() + 4);
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self
    }

    pub fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }

    pub fn string(&mut self, text: &str) {
        // Most texts have nothing to escape. All of a text is looked at, without a way out, so that it takes many bytes at once.
        let is_plain = |byte| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
            self.out.push(b'"');
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
            return;
        }
        // A string into memory: neither can fail.
        let written = serde_json::to_writer(&mut self.out, text);
        debug_assert!(written.is_ok());
    }

    pub fn plain(&mut self, value: impl Plain) {
        if let Some(whole) = value.as_whole() {
            self.out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
            return;
        }
        let written = write!(self.out, "{value}");
        debug_assert!(written.is_ok());
    }

    /// JSON text as it is.
    pub fn raw(&mut self, json: &[u8]) {
        self.out.extend_from_slice(json);
    }

    #[inline]
    pub fn field_string(&mut self, name: &str, text: Option<&str>) {
        self.name(name);
        match text {
            Some(text) => self.string(text),
            None => self.null(),
        }
    }

    pub fn field_plain(&mut self, name: &str, value: Option<impl Plain>) {
        self.name(name);
        match value {
            Some(value) => self.plain(value),
            None => self.null(),
        }
    }

    pub fn field_raw(&mut self, name: &str, json: Option<&str>) {
        self.name(name);
        match json {
            Some(json) => self.raw(json.as_bytes()),
            None => self.null(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_as_the_library_does() {
        let special = (0..=255_u8).map(char::from).chain(['商', '\u{2028}', '😀']);
        for special in special {
            for before in 0..18 {
                let text = format!("{}{special}{}", "x".repeat(before), "y".repeat(17 - before));
                let mut json = Json::new();
                json.string(&text);
                assert_eq!(json.into_bytes(), serde_json::to_vec(&text).unwrap(), "{text:?}");
            }
        }
    }

    #[test]
    fn numbers_are_written_as_they_are_shown() {
        let mut json = Json::new();
        let points = [0, 1, 9_999, 10_000, 123_450_000, -10_000, -1, i64::MIN, i64::MAX].map(Points);
        json.open(b'[');
        points.iter().for_each(|points| json.element().plain(*points));
        json.element().plain(-1_i64);
        json.element().plain(u64::MAX);
        json.close(b']');
        let shown: Vec<String> =
            points.iter().map(Points::to_string).chain(["-1".into(), u64::MAX.to_string()]).collect();
        assert_eq!(json.into_bytes(), format!("[{}]", shown.join(",")).into_bytes());
    }
}
