//! A log record's payload: one version byte, then the entry in bincode. Specified in `wal/README.md`.
use crate::format::codec::{self, CodecError};
use crate::ledger::event::Event;
use crate::ledger::instant::Instant;
use bincode::{Decode, Encode};

/// The version of the encoding that this build writes.
pub const ENTRY_VERSION: u8 = 1;

/// What one record of the log says. The order of variants is the format on disk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Entry {
    Member(MemberEntry),
    Service(ServiceEntry),
}

/// A change of one member's account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MemberEntry {
    pub crm_id: String,
    pub member_no: String,
    /// When it was recorded.
    pub at: Instant,
    pub event: Event,
}

/// A change of what is the service's own.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ServiceEntry {
    /// From here on answers write times in this zone (an IANA name). A replay uses the zone of its record.
    ZoneSet { zone: String },
}

impl Entry {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.push(ENTRY_VERSION);
        codec::encode_into(&mut out, self);
        out
    }

    pub fn decode(payload: &[u8]) -> Result<Entry, CodecError> {
        match payload {
            [] => Err(CodecError::Empty),
            [ENTRY_VERSION, body @ ..] => codec::decode(body),
            [found, ..] => Err(CodecError::UnknownVersion { found: *found, known: ENTRY_VERSION }),
        }
    }
}
