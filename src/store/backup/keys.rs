//! The personal keys' part of a backup: copied whole each time, so that a destroyed key does not live on in it.
//!
//! A key is on disk before the first record that needs it, and destroyed when the record that erases its data is. So the
//! keys are copied after the log; and where one was destroyed while the log was copied, the log is looked at again, for
//! the record that says so.
use super::taking::{Copying, LISTINGS_MAX};
use super::{BackupError, KEPT_KEYS};
use crate::format::personal_keys::{
    KEY_SLOT_BYTES, KEYS_HEADER_BYTES, PersonalKey, check_header, decode_slot, encode_slot,
};
use crate::store::error::StoreError;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// The keys by their slot, as they are at one time or another while the file is read: each is whole or absent.
struct Keys {
    header: Vec<u8>,
    slots: u64,
    keys: BTreeMap<u64, PersonalKey>,
}

impl Copying<'_, '_> {
    pub(super) fn log_and_keys(&mut self) -> Result<(), BackupError> {
        let mut done = BTreeSet::new();
        let mut before = self.keys()?;
        for _ in 0..LISTINGS_MAX {
            self.log(&mut done)?;
            let after = self.keys()?;
            let was_destroyed = |slot: &u64| !after.as_ref().is_some_and(|keys| keys.keys.contains_key(slot));
            let destroyed = before.is_some_and(|keys| keys.keys.keys().any(was_destroyed));
            if !destroyed {
                return self.put_keys(after);
            }
            before = after;
        }
        Err(BackupError::Restless { path: self.from.snapshots.clone() })
    }

    /// What the file holds; none where no key was ever made.
    fn keys(&self) -> Result<Option<Keys>, BackupError> {
        let path = self.from.personal_keys();
        let read = match self.take.disk.open_read_only(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.and_then(|file| file.read_all()),
        };
        let bytes = read.map_err(StoreError::io(&path, "reading the personal keys"))?;
        let Some((header, slots)) = bytes.split_at_checked(KEYS_HEADER_BYTES) else { return Ok(None) };
        if slots.is_empty() && header.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let bad = |why| StoreError::BadPersonalKeys { path: path.clone(), why };
        check_header(header, self.log_id).map_err(|why| StoreError::unread(&path, why, bad))?;
        let (slots, _) = slots.as_chunks::<KEY_SLOT_BYTES>();
        let key = |(slot, bytes): (u64, &[u8; KEY_SLOT_BYTES])| Some((slot, decode_slot(slot, bytes)?));
        let keys = (0..).zip(slots).filter_map(key).collect();
        Ok(Some(Keys { header: header.to_owned(), slots: slots.len() as u64, keys }))
    }

    fn put_keys(&mut self, keys: Option<Keys>) -> Result<(), BackupError> {
        let Some(Keys { header, slots, keys }) = keys else { return Ok(()) };
        let mut bytes = header;
        for slot in 0..slots {
            // What is no whole key any more is not copied in part.
            let empty = [0; KEY_SLOT_BYTES];
            bytes.extend(keys.get(&slot).map_or(empty, |key| encode_slot(slot, key)));
        }
        let number = self.former.as_ref().map_or(0, |former| former.number) + 1;
        self.put_bytes(&format!("{KEPT_KEYS}{number:020}"), &bytes)
    }
}
