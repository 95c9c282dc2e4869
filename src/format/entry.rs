//! A log record's payload: one version byte, then the entry in bincode. Specified in `wal/README.md`.
use crate::format::codec::{self, CodecError};
use crate::ledger::event::Event;
use crate::ledger::instant::Instant;
use crate::ledger::tenant::TenantEvent;
use bincode::{Decode, Encode};

/// The newest version of the encoding. An entry bears the one that brought in what it holds, so that an older build reads
/// what it knows and names what it does not.
pub const ENTRY_VERSION: u8 = 2;

/// What one record of the log says. The order of variants is the format on disk.
#[allow(clippy::large_enum_variant, reason = "nearly every entry is the large one; a box would only cost")]
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Entry {
    Member(MemberEntry),
    Service(ServiceEntry),
    // From here on: version 2.
    Tenant(TenantEntry),
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

/// A change of what is a tenant's own.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TenantEntry {
    pub crm_id: String,
    /// When it was recorded.
    pub at: Instant,
    pub event: TenantEvent,
}

/// A change of what is the service's own.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ServiceEntry {
    /// From here on answers write times in this zone (an IANA name). A replay uses the zone of its record.
    ZoneSet { zone: String },
}

/// Encodes a member's entry from its parts: the same bytes as [`Entry::encode`], without copies of the names.
pub fn encode_member(crm_id: &str, member_no: &str, at: Instant, event: &Event) -> Vec<u8> {
    const MEMBER: u32 = 0;
    let mut out = Vec::with_capacity(320);
    out.push(event_version(event));
    codec::encode_into(&mut out, &(MEMBER, crm_id, member_no, at, event));
    out
}

/// The version that brought in this kind of event.
fn event_version(event: &Event) -> u8 {
    match event {
        Event::ProfileSet(_)
        | Event::PersonalDataErased
        | Event::AccruedByRule(_)
        | Event::GrantReversed(_) => 2,
        _ => 1,
    }
}

impl Entry {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.push(self.version());
        codec::encode_into(&mut out, self);
        out
    }

    fn version(&self) -> u8 {
        match self {
            Entry::Member(entry) => event_version(&entry.event),
            Entry::Service(_) => 1,
            Entry::Tenant(_) => 2,
        }
    }

    pub fn decode(payload: &[u8]) -> Result<Entry, CodecError> {
        match payload {
            [] => Err(CodecError::Empty),
            [1..=ENTRY_VERSION, body @ ..] => codec::decode(body),
            [found, ..] => Err(CodecError::UnknownVersion { found: *found, known: ENTRY_VERSION }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::event::OutboxCleared;
    use crate::ledger::lsn::Lsn;

    #[test]
    fn encodes_a_members_entry_alike_from_parts_and_whole() {
        let event = Event::OutboxCleared(OutboxCleared { transfer_no: "T".into(), offer: Lsn(7) });
        let (crm_id, member_no, at) = ("10080".to_owned(), "m".to_owned(), Instant(-3));
        let parts = encode_member(&crm_id, &member_no, at, &event);
        let whole = Entry::Member(MemberEntry { crm_id, member_no, at, event });
        assert_eq!(parts, whole.encode());
        assert_eq!(Entry::decode(&parts).ok(), Some(whole));
    }

    #[test]
    fn refuses_a_newer_version_and_bytes_too_many() {
        for version in [0, ENTRY_VERSION + 1] {
            let decoded = Entry::decode(&[version, 0]);
            assert!(
                matches!(decoded, Err(CodecError::UnknownVersion { found, known: ENTRY_VERSION }) if found == version)
            );
        }
        let mut bytes = Entry::Service(ServiceEntry::ZoneSet { zone: "UTC".into() }).encode();
        bytes.push(0);
        assert!(matches!(Entry::decode(&bytes), Err(CodecError::TrailingBytes(1))));
    }
}
