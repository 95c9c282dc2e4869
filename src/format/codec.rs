//! The only place that knows bincode (exactly 2.0.1, which will not change any more). Replacing it touches this file.
//!
//! Standard configuration: little-endian, variable-length integers. What is decoded has a bounded size, and every
//! byte must be used: bincode itself accepts trailing bytes without a word.
use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{Decode, Encode};

/// No payload decodes into more than this many bytes: a corrupt length can't ask for all memory.
pub const DECODED_BYTES_MAX: usize = 64 << 20;

const CONFIG: Configuration<LittleEndian, Varint, Limit<DECODED_BYTES_MAX>> =
    bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();

/// Why bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error("the payload does not decode: {0}")]
    Malformed(#[from] bincode::error::DecodeError),
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
    let (value, used) = bincode::decode_from_slice(bytes, CONFIG)?;
    if used < bytes.len() {
        return Err(CodecError::TrailingBytes(bytes.len() - used));
    }
    Ok(value)
}

/// The first field of what these bytes encode; the rest is not looked at.
pub fn decode_first<T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    Ok(bincode::decode_from_slice(bytes, CONFIG)?.0)
}
