//! Decimal numbers exactly as written: text to [`Decimal`], and to scaled integers. No binary float, no rounding.
//!
//! The grammar is JSON's and checked here, since `Decimal`'s own parsers take more forms and fewer digits: `1.` and 62
//! zeros is a number, `+5` and `1_000` are none.
use rust_decimal::Decimal;

/// What a decimal can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    NotANumber,
    TooLong,
    Negative,
    TooManyPlaces,
    TooLarge,
}

const TEXT_MAX: usize = 64;
/// Digits that a [`Decimal`] surely holds, before and after the point together.
const DIGITS_MAX: i64 = 28;

/// `text`, which must be what a JSON number can be, times 10^`places`. Zeros at the end don't count as places; an
/// exponent may be as absurd as it likes.
pub fn parse(text: &str, places: u32, max: i64) -> Result<i64, DecimalError> {
    let number = read(text)?;
    if number.is_sign_negative() {
        return Err(DecimalError::Negative);
    }
    let missing = places.checked_sub(number.scale()).ok_or(DecimalError::TooManyPlaces)?;
    let units = number.mantissa().checked_mul(10_i128.pow(missing)).ok_or(DecimalError::TooLarge)?;
    i64::try_from(units).ok().filter(|units| *units <= max).ok_or(DecimalError::TooLarge)
}

/// The number that `text` is, without zeros at the end: its scale is the places that count.
pub fn read(text: &str) -> Result<Decimal, DecimalError> {
    if let Some((units, scale)) = small(text) {
        return Ok(Decimal::new(units, scale));
    }
    if text.len() > TEXT_MAX {
        return Err(DecimalError::TooLong);
    }
    let Significant { negative, digits, exponent } =
        Parts::of(text).ok_or(DecimalError::NotANumber)?.significant();
    if digits.len() as i64 + exponent.max(0) > DIGITS_MAX {
        return Err(DecimalError::TooLarge);
    }
    if exponent < -DIGITS_MAX {
        return Err(DecimalError::TooManyPlaces);
    }
    let value = digits.bytes().fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'));
    let scale = exponent.min(0).unsigned_abs() as u32;
    let mantissa = value * 10_i128.pow(exponent.max(0) as u32);
    Ok(Decimal::from_i128_with_scale(if negative { -mantissa } else { mantissa }, scale))
}

/// What nearly all numbers are, in units of 10^-scale: up to 17 digits, and a point that no zero at the end follows but in
/// `5.0`.
fn small(text: &str) -> Option<(i64, u32)> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let is_whole = matches!(whole.as_bytes(), [b'0'] | [b'1'..=b'9', ..]) && text.len() <= 18;
    let fraction = match fraction {
        None | Some("0") => "",
        Some(fraction) if fraction.ends_with(|last| matches!(last, '1'..='9')) => fraction,
        Some(_) => return None,
    };
    let digits = || whole.bytes().chain(fraction.bytes());
    let plain = is_whole && digits().all(|byte| byte.is_ascii_digit());
    let units = || digits().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    plain.then(|| (units(), fraction.len() as u32))
}

/// A number by JSON's grammar.
pub struct Parts<'a> {
    pub negative: bool,
    pub whole: &'a str,
    pub fraction: &'a str,
    /// Cut off at a million either way: nothing that large or small is a number here.
    pub exponent: i64,
}

const EXPONENT_MAX: i64 = 1_000_000;

/// A number as its digits without zeros at either end (none for zero), times 10^`exponent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Significant {
    pub negative: bool,
    pub digits: String,
    pub exponent: i64,
}

impl Parts<'_> {
    /// Equal numbers, however written, give equal answers.
    pub fn significant(&self) -> Significant {
        let digits = format!("{}{}", self.whole, self.fraction);
        let trimmed = digits.trim_end_matches('0');
        let zeros = (digits.len() - trimmed.len()) as i64;
        let significant = trimmed.trim_start_matches('0');
        if significant.is_empty() {
            return Significant { negative: false, digits: String::new(), exponent: 0 };
        }
        let exponent = self.exponent - self.fraction.len() as i64 + zeros;
        Significant { negative: self.negative, digits: significant.to_owned(), exponent }
    }
}

impl Parts<'_> {
    pub fn of(text: &str) -> Option<Parts<'_>> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        (is_digits(whole) && !leading_zero).then_some(Parts { negative, whole, fraction, exponent })
    }
}

fn parse_exponent(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let size = || digits.parse::<i64>().unwrap_or(EXPONENT_MAX).min(EXPONENT_MAX);
    is_digits(digits).then(|| sign * size())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use DecimalError::*;

    #[test]
    fn reads_what_is_written_and_nothing_else() {
        let long = format!("1.{}", "0".repeat(62));
        let longer = format!("1.{}", "0".repeat(63));
        let rows: &[(&str, Result<i64, DecimalError>)] = &[
            ("20", Ok(200_000)),
            ("12.5", Ok(125_000)),
            ("12.50000", Ok(125_000)),
            ("0.0001", Ok(1)),
            ("0.00010", Ok(1)),
            ("100.0", Ok(1_000_000)),
            ("100.00", Ok(1_000_000)),
            ("0.10", Ok(1_000)),
            ("10.05", Ok(100_500)),
            ("12345678901.1234", Ok(123_456_789_011_234)),
            ("1234567890123456789", Err(TooLarge)),
            ("0.00001", Err(TooManyPlaces)),
            ("1e2", Ok(1_000_000)),
            ("1.5E+1", Ok(150_000)),
            ("1e-4", Ok(1)),
            ("1e-5", Err(TooManyPlaces)),
            ("10e-5", Ok(1)),
            ("0e-99999999999999999999", Ok(0)),
            ("0.0", Ok(0)),
            ("-0", Ok(0)),
            ("-1", Err(Negative)),
            ("1e-999999999999999999999999", Err(TooManyPlaces)),
            ("1e999999999999999999999999", Err(TooLarge)),
            ("100000000000", Ok(1_000_000_000_000_000)),
            ("100000000000.0001", Err(TooLarge)),
            ("1e11", Ok(1_000_000_000_000_000)),
            ("1e12", Err(TooLarge)),
            (&long, Ok(10_000)),
            (&longer, Err(TooLong)),
            ("", Err(NotANumber)),
            ("+5", Err(NotANumber)),
            (" 5", Err(NotANumber)),
            ("5.", Err(NotANumber)),
            (".5", Err(NotANumber)),
            ("05", Err(NotANumber)),
            ("1_0", Err(NotANumber)),
            ("0x10", Err(NotANumber)),
            ("NaN", Err(NotANumber)),
            ("1e", Err(NotANumber)),
            ("1e+-2", Err(NotANumber)),
            ("１", Err(NotANumber)),
            ("--1", Err(NotANumber)),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text, 4, 1_000_000_000_000_000), *expected, "{text}");
        }
    }
}
