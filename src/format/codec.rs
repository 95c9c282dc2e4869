//! The only place that knows bincode (exactly 2.0.1, which will not change any more). Replacing it touches this file.
//!
//! Standard configuration: little-endian, variable-length integers. What is decoded has a bounded size, and every
//! byte must be used: bincode itself accepts trailing bytes without a word.
use crate::ledger::lots::Lots;
use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{BorrowDecode, Decode, Encode};
use std::collections::VecDeque;

/// No value fills more than this many bytes of memory when it is decoded: a corrupt length can't ask for all of it.
pub const DECODED_BYTES_MAX: usize = 64 << 20;
/// The same for encodings longer than [`SHORT_BYTES_MAX`].
pub const DECODED_BYTES_MAX_LONG: usize = 2 << 30;
/// Any encoding of up to this length fits into the smaller bound, whatever it is.
pub const SHORT_BYTES_MAX: usize = 2 << 20;
/// No type of ours fills more memory for a byte of its encoding: a step takes 3 bytes at least, a lot 8.
const EXPANSION_MAX: usize = 27;

// What was written can always be read.
const _: () = assert!(SHORT_BYTES_MAX * EXPANSION_MAX <= DECODED_BYTES_MAX);
const _: () = assert!(crate::limits::RECORD_BYTES_MAX * EXPANSION_MAX <= DECODED_BYTES_MAX_LONG);
const _: () = assert!(crate::limits::SNAPSHOT_BLOCK_BYTES_MAX * EXPANSION_MAX <= DECODED_BYTES_MAX_LONG);
const _: () = assert!(size_of::<crate::ledger::event::Restore>() <= 3 * EXPANSION_MAX);
const _: () = assert!(size_of::<crate::ledger::lot::Lot>() <= 8 * EXPANSION_MAX);
const _: () = assert!(size_of::<crate::ledger::rule::RuleUse>() <= 15 * EXPANSION_MAX);
const _: () = assert!(size_of::<crate::ledger::rule::definition::Line>() <= 3 * EXPANSION_MAX);
const _: () = assert!(size_of::<String>() <= EXPANSION_MAX);

type Bounded<const MAX: usize> = Configuration<LittleEndian, Varint, Limit<MAX>>;
const SHORT: Bounded<DECODED_BYTES_MAX> = bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();
const LONG: Bounded<DECODED_BYTES_MAX_LONG> =
    bincode::config::standard().with_limit::<DECODED_BYTES_MAX_LONG>();

/// Why bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error("the payload does not decode: {0}")]
    Malformed(#[from] DecodeError),
    #[error("the payload has {0} bytes too many")]
    TrailingBytes(usize),
    #[error("the payload has version {found}, this build reads up to {known}; use a newer build")]
    UnknownVersion { found: u8, known: u8 },
    #[error("the payload is empty")]
    Empty,
}

/// Appends the encoding of `value` to `out`.
pub fn encode_into(out: &mut Vec<u8>, value: &impl Encode) {
    // Writing to memory can't fail, and none of our types refuses to be encoded.
    let written = bincode::encode_into_std_write(value, out, bincode::config::standard());
    debug_assert!(written.is_ok(), "{written:?}");
}

pub fn encode(value: &impl Encode) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    encode_into(&mut out, value);
    out
}

/// The value that exactly these bytes encode.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, used) = bounded(bytes)?;
    if used < bytes.len() {
        return Err(CodecError::TrailingBytes(bytes.len() - used));
    }
    Ok(value)
}

/// The same, where texts and bytes of the value may stay where they are.
pub fn decode_borrowed<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8]) -> Result<T, CodecError> {
    match decode_borrowed_first(bytes)? {
        (value, []) => Ok(value),
        (_, rest) => Err(CodecError::TrailingBytes(rest.len())),
    }
}

/// The first fields of what these bytes encode, and the bytes after them.
pub fn decode_borrowed_first<'a, T: BorrowDecode<'a, ()>>(
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), CodecError> {
    let (value, used) = if bytes.len() <= SHORT_BYTES_MAX {
        bincode::borrow_decode_from_slice(bytes, SHORT)?
    } else {
        bincode::borrow_decode_from_slice(bytes, LONG)?
    };
    Ok((value, bytes.get(used..).unwrap_or_default()))
}

/// The first field of what these bytes encode; the rest is not looked at.
pub fn decode_first<T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    Ok(bounded(bytes)?.0)
}

fn bounded<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    if bytes.len() <= SHORT_BYTES_MAX {
        bincode::decode_from_slice(bytes, SHORT)
    } else {
        bincode::decode_from_slice(bytes, LONG)
    }
}

// Lots are their deque alone; what is kept beside it is reckoned anew.
impl Encode for Lots {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        VecDeque::encode(self, encoder)
    }
}

impl<Context> Decode<Context> for Lots {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Lots, DecodeError> {
        VecDeque::decode(decoder).map(Lots::from)
    }
}

bincode::impl_borrow_decode!(Lots);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_bytes_that_no_value_uses() {
        for trailing in 1..5 {
            let bytes = [&encode(&"seven".to_owned())[..], &vec![0; trailing]].concat();
            let (whole, borrowed) = (decode::<String>(&bytes), decode_borrowed::<&str>(&bytes));
            assert!(matches!(whole, Err(CodecError::TrailingBytes(many)) if many == trailing));
            assert!(matches!(borrowed, Err(CodecError::TrailingBytes(many)) if many == trailing));
            assert_eq!(decode_first::<String>(&bytes).ok().as_deref(), Some("seven"));
        }
    }
}
