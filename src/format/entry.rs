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
pub struct MemberEntry<T = String> {
    pub crm_id: T,
    pub member_no: T,
    /// When it was recorded.
    pub at: Instant,
    pub event: Event<T>,
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

/// An entry read where it lies, for those who read very many.
pub enum EntryRef<'a> {
    Member(MemberEntryRef<'a>),
    /// What is no member's: the few.
    Other(Box<Entry>),
}

/// A member's entry of which no text is copied, and the event not looked at before it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct MemberEntryRef<'a> {
    pub crm_id: &'a str,
    pub member_no: &'a str,
    pub at: Instant,
    event: &'a [u8],
}

impl<'a> EntryRef<'a> {
    pub fn decode(payload: &'a [u8]) -> Result<EntryRef<'a>, CodecError> {
        match payload {
            // The second byte is the variant, and fewer than 251 fit one.
            [1..=ENTRY_VERSION, MEMBER, body @ ..] => {
                let ((crm_id, member_no, at), event) = codec::decode_borrowed_first(body)?;
                Ok(EntryRef::Member(MemberEntryRef { crm_id, member_no, at, event }))
            }
            _ => Ok(EntryRef::Other(Box::new(Entry::decode(payload)?))),
        }
    }
}

impl<'a> MemberEntryRef<'a> {
    pub fn event(&self) -> Result<Event<&'a str>, CodecError> {
        codec::decode_borrowed(self.event)
    }

    /// All of it.
    pub fn whole(&self) -> Result<MemberEntry<&'a str>, CodecError> {
        let MemberEntryRef { crm_id, member_no, at, .. } = *self;
        Ok(MemberEntry { crm_id, member_no, at, event: self.event()? })
    }
}

/// The number of [`Entry::Member`].
const MEMBER: u8 = 0;

/// Encodes a member's entry from its parts: the same bytes as [`Entry::encode`], without copies of the names.
pub fn encode_member(crm_id: &str, member_no: &str, at: Instant, event: &Event) -> Vec<u8> {
    // What an accrual with all its texts takes, about; it is kept for a while as it is.
    let mut out = Vec::with_capacity(256);
    out.push(event_version(event));
    codec::encode_into(&mut out, &(u32::from(MEMBER), crm_id, member_no, at, event));
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
    fn reads_an_entry_where_it_lies_as_it_reads_it_whole() {
        let event = Event::OutboxCleared(OutboxCleared { transfer_no: "T".into(), offer: Lsn(7) });
        let payload = encode_member("10080", "m", Instant(-3), &event);
        let Ok(EntryRef::Member(entry)) = EntryRef::decode(&payload) else { panic!("not a member's entry") };
        assert_eq!((entry.crm_id, entry.member_no, entry.at), ("10080", "m", Instant(-3)));
        let borrowed = Event::OutboxCleared(OutboxCleared { transfer_no: "T", offer: Lsn(7) });
        assert_eq!(entry.event().ok(), Some(borrowed));
        let too_long = [&payload[..], &[0]].concat();
        let Ok(EntryRef::Member(entry)) = EntryRef::decode(&too_long) else { panic!("not a member's entry") };
        assert!(matches!(entry.event(), Err(CodecError::TrailingBytes(1))));
        for cut in 0..payload.len() {
            let read = EntryRef::decode(&payload[..cut]);
            let event = read.and_then(|entry| match entry {
                EntryRef::Member(entry) => entry.event().map(|_| ()),
                EntryRef::Other(_) => Ok(()),
            });
            assert!(event.is_err(), "{cut} bytes");
        }
        let zone = Entry::Service(ServiceEntry::ZoneSet { zone: "UTC".into() });
        assert!(matches!(EntryRef::decode(&zone.encode()), Ok(EntryRef::Other(read)) if *read == zone));
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
