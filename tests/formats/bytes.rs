//! Values to and from bytes by the pages alone: no codec, no type of the service. A value is shown as Rust's `Debug` would
//! show the service's own, so that the two can be compared whole.
use super::page::{Field, Holds, Page, Shape, Type};
use std::fmt::Write;

/// CRC-32/ISO-HDLC, bit by bit.
pub fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn the_checksum_is_the_one_that_the_page_names() {
    assert_eq!(crc32(&[b"123456789"]), 0xCBF4_3926);
    assert_eq!(crc32(&[b"1234", b"56789"]), 0xCBF4_3926);
}

/// Bytes being read.
pub struct Reading<'a> {
    pub page: &'a Page,
    pub rest: &'a [u8],
    shown: String,
}

/// The value of type `name` that exactly these bytes encode, as `Debug` shows it.
pub fn shown(page: &Page, name: &str, bytes: &[u8]) -> Result<String, String> {
    let mut reading = Reading::of(page, bytes);
    reading.value(&Type::Named(name.to_owned()))?;
    if reading.rest.is_empty() {
        Ok(reading.shown)
    } else {
        Err(format!("{} bytes too many", reading.rest.len()))
    }
}

/// A log record's payload as `Debug` shows its entry.
pub fn entry_shown(page: &Page, payload: &[u8]) -> Result<String, String> {
    match payload.split_first() {
        Some((version, entry)) if (1..=page.number("ENTRY_VERSION")).contains(&u64::from(*version)) => {
            shown(page, "Entry", entry)
        }
        other => Err(format!("no version that the page knows: {other:?}")),
    }
}

impl<'a> Reading<'a> {
    pub fn of(page: &'a Page, rest: &'a [u8]) -> Reading<'a> {
        Reading { page, rest, shown: String::new() }
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or("the bytes end too early")?;
        self.rest = rest;
        Ok(taken)
    }

    /// A number of a type that is `widest` bytes wide.
    fn unsigned(&mut self, widest: usize) -> Result<u128, String> {
        let wide = match self.take(1)?[0] {
            byte @ 0..=250 => return Ok(u128::from(byte)),
            251 => 2,
            252 => 4,
            253 => 8,
            254 => 16,
            255 => return Err("255 begins no number".into()),
        };
        if wide > widest {
            return Err(format!("{wide} bytes are too many for this number"));
        }
        Ok(self.take(wide)?.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte)))
    }

    fn signed(&mut self, widest: usize) -> Result<i128, String> {
        let folded = self.unsigned(widest)?;
        let half = (folded / 2).cast_signed();
        Ok(if folded % 2 == 0 { half } else { -half - 1 })
    }

    fn length(&mut self) -> Result<usize, String> {
        usize::try_from(self.unsigned(8)?).map_err(|error| error.to_string())
    }

    /// So many bytes as the number before them says.
    pub fn counted(&mut self) -> Result<&'a [u8], String> {
        let length = self.length()?;
        self.take(length)
    }

    pub fn text(&mut self) -> Result<String, String> {
        String::from_utf8(self.counted()?.to_vec()).map_err(|error| error.to_string())
    }

    fn show(&mut self, value: impl std::fmt::Debug) {
        let _ = write!(self.shown, "{value:?}");
    }

    fn value(&mut self, kind: &Type) -> Result<(), String> {
        match kind {
            Type::U8 | Type::Bool | Type::Text | Type::Bytes | Type::Bytes16 | Type::Bytes24 => {
                self.simple(kind)?
            }
            Type::U32 | Type::U64 => {
                let number = self.unsigned(if *kind == Type::U32 { 4 } else { 8 })?;
                self.show(number);
            }
            Type::I64 | Type::I128 => {
                let number = self.signed(if *kind == Type::I64 { 8 } else { 16 })?;
                self.show(number);
            }
            Type::Option(inner) => match self.take(1)?[0] {
                0 => self.shown.push_str("None"),
                1 => self.wrapped("Some", inner)?,
                other => return Err(format!("{other} is neither none nor some")),
            },
            Type::List(inner) => {
                self.shown.push('[');
                for place in 0..self.length()? {
                    self.shown.push_str(if place > 0 { ", " } else { "" });
                    self.value(inner)?;
                }
                self.shown.push(']');
            }
            Type::Pair(first, second) => {
                self.shown.push('(');
                self.value(first)?;
                self.shown.push_str(", ");
                self.value(second)?;
                self.shown.push(')');
            }
            Type::Named(name) => self.named(name)?,
        }
        Ok(())
    }

    fn simple(&mut self, kind: &Type) -> Result<(), String> {
        match kind {
            Type::Bool => match self.take(1)?[0] {
                byte @ 0..=1 => self.show(byte == 1),
                other => return Err(format!("{other} is neither true nor false")),
            },
            Type::Text => {
                let text = self.text()?;
                self.show(text);
            }
            Type::Bytes => {
                let bytes = self.counted()?;
                self.show(bytes);
            }
            Type::Bytes16 => {
                let bytes = self.take(16)?;
                self.show(bytes);
            }
            Type::Bytes24 => {
                let bytes = self.take(24)?;
                self.show(bytes);
            }
            _ => {
                let byte = self.take(1)?[0];
                self.show(byte);
            }
        }
        Ok(())
    }

    fn wrapped(&mut self, name: &str, inner: &Type) -> Result<(), String> {
        self.shown.push_str(name);
        self.shown.push('(');
        self.value(inner)?;
        self.shown.push(')');
        Ok(())
    }

    fn fields(&mut self, name: &str, fields: &[Field]) -> Result<(), String> {
        self.shown.push_str(name);
        self.shown.push_str(" { ");
        for (place, (field, kind)) in fields.iter().enumerate() {
            self.shown.push_str(if place > 0 { ", " } else { "" });
            self.shown.push_str(field);
            self.shown.push_str(": ");
            self.value(kind)?;
        }
        self.shown.push_str(" }");
        Ok(())
    }

    fn named(&mut self, name: &str) -> Result<(), String> {
        let page = self.page;
        match page.types.get(name).ok_or_else(|| format!("the pages define no {name}"))? {
            Shape::Unit(inner) => self.wrapped(name, inner),
            Shape::Struct(fields) => self.fields(name, fields),
            Shape::Enum(variants) => {
                let tag = self.unsigned(4)?;
                let found = variants.iter().find(|variant| u128::from(variant.tag) == tag);
                let variant = found.ok_or_else(|| format!("{name} has no tag {tag}"))?;
                match &variant.holds {
                    Holds::Nothing => self.shown.push_str(&variant.name),
                    Holds::One(inner) => self.wrapped(&variant.name, inner)?,
                    Holds::Fields(fields) => self.fields(&variant.name, fields)?,
                }
                Ok(())
            }
        }
    }
}

/// Appends an unsigned number in its shortest form.
pub fn put_unsigned(out: &mut Vec<u8>, number: u128) {
    let bytes = number.to_le_bytes();
    let (mark, wide) = match number {
        0..=250 => return out.push(bytes[0]),
        251..=0xFFFF => (251, 2),
        0x1_0000..=0xFFFF_FFFF => (252, 4),
        0x1_0000_0000..=0xFFFF_FFFF_FFFF_FFFF => (253, 8),
        _ => (254, 16),
    };
    out.push(mark);
    out.extend_from_slice(&bytes[..wide]);
}

pub fn put_signed(out: &mut Vec<u8>, number: i128) {
    let size = number.unsigned_abs();
    put_unsigned(out, if number >= 0 { size.wrapping_mul(2) } else { (size - 1).wrapping_mul(2) + 1 });
}
