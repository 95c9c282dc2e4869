//! The keys of members' personal data: a file of slots, apart from log and snapshots, written in place, so that a key
//! destroyed is a key overwritten. Specified in `snapshots/README.md`.
use crate::format::personal_keys::{
    KEY_SLOT_BYTES, KEYS_HEADER_BYTES, PersonalKey, check_header, decode_slot, encode_header, encode_slot,
};
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub struct PersonalKeys {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// None until the first key is made.
    inner: Mutex<Option<Slots>>,
    folder: PathBuf,
    log_id: u128,
}

struct Slots {
    file: Box<dyn DiskFile>,
    /// The first slot never used.
    next: u64,
}

impl PersonalKeys {
    /// Opens the file of log `log_id`, if there is one.
    pub fn open(disk: Arc<dyn Disk>, folder: &Folder, log_id: u128) -> Result<PersonalKeys, StoreError> {
        let path = folder.personal_keys();
        let files = disk.list(&folder.snapshots).map_err(StoreError::io(&folder.snapshots, "listing"))?;
        let found = if files.contains(&path) { open_slots(&*disk, &path, log_id)? } else { None };
        let (inner, folder) = (Mutex::new(found), folder.snapshots.clone());
        Ok(PersonalKeys { disk, path, inner, folder, log_id })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Slots>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a new key into a slot of its own; durable when this answers the slot. No slot is used twice.
    pub fn add(&self, key: &PersonalKey) -> Result<u64, StoreError> {
        self.add_all(std::slice::from_ref(key)).map(|slots| slots.start)
    }

    /// The same of many, which are durable together.
    pub fn add_all(&self, keys: &[PersonalKey]) -> Result<Range<u64>, StoreError> {
        let mut inner = self.lock();
        let slots = match &mut *inner {
            Some(slots) => slots,
            None if keys.is_empty() => return Ok(0..0),
            absent => absent.insert(self.begin()?),
        };
        let first = slots.next;
        // Whatever comes of it: a slot that was tried is not tried again.
        slots.next += keys.len() as u64;
        let new = first..slots.next;
        let write = || {
            let bytes: Vec<u8> =
                new.clone().zip(keys).flat_map(|(slot, key)| encode_slot(slot, key)).collect();
            slots.file.write_all_at(&bytes, offset_of(first))?;
            slots.file.sync_data()
        };
        write().map_err(StoreError::io(&self.path, "writing personal keys"))?;
        Ok(new)
    }

    fn begin(&self) -> Result<Slots, StoreError> {
        let begin = || {
            // One without a slot holds nothing, and the sync of its name may have failed: a new file has a new name to sync.
            if self.disk.list(&self.folder)?.contains(&self.path) {
                self.disk.remove(&self.path)?;
            }
            let file = self.disk.open(&self.path, true)?;
            file.write_all_at(&encode_header(self.log_id), 0)?;
            file.sync_data()?;
            self.disk.sync_folder(&self.folder)?;
            Ok(Slots { file, next: 0 })
        };
        begin().map_err(StoreError::io(&self.path, "beginning the personal keys"))
    }

    /// The key in a slot; none where it was destroyed.
    pub fn get(&self, slot: u64) -> Result<Option<PersonalKey>, StoreError> {
        let inner = self.lock();
        let Some(slots) = inner.as_ref().filter(|slots| slot < slots.next) else { return Ok(None) };
        let mut bytes = [0; KEY_SLOT_BYTES];
        let read = slots.file.read_exact_at(&mut bytes, offset_of(slot));
        read.map_err(StoreError::io(&self.path, "reading a personal key"))?;
        Ok(decode_slot(slot, &bytes))
    }

    /// Overwrites a key, durably.
    pub fn destroy(&self, slot: u64) -> Result<(), StoreError> {
        let inner = self.lock();
        let Some(slots) = inner.as_ref().filter(|slots| slot < slots.next) else { return Ok(()) };
        let write = || {
            slots.file.write_all_at(&[0; KEY_SLOT_BYTES], offset_of(slot))?;
            slots.file.sync_data()
        };
        write().map_err(StoreError::io(&self.path, "destroying a personal key"))
    }

    /// Overwrites every key that no member has: what an interrupted change left. Also those that read as destroyed: they
    /// may be so in memory alone.
    pub fn destroy_all_but(&self, used: &HashSet<u64>) -> Result<(), StoreError> {
        let inner = self.lock();
        let Some(slots) = inner.as_ref() else { return Ok(()) };
        let write = || {
            for slot in (0..slots.next).filter(|slot| !used.contains(slot)) {
                slots.file.write_all_at(&[0; KEY_SLOT_BYTES], offset_of(slot))?;
            }
            slots.file.sync_data()
        };
        write().map_err(StoreError::io(&self.path, "destroying personal keys"))
    }
}

/// A file without a slot, or whose header never reached the disk, was never used: the first key begins it anew.
fn open_slots(disk: &dyn Disk, path: &std::path::Path, log_id: u128) -> Result<Option<Slots>, StoreError> {
    let io = |what| StoreError::io(path, what);
    let file = disk.open(path, false).map_err(io("opening the personal keys"))?;
    let bytes = file.size().map_err(io("measuring the personal keys"))?;
    if bytes < KEYS_HEADER_BYTES as u64 {
        return Ok(None);
    }
    let mut header = [0; KEYS_HEADER_BYTES];
    file.read_exact_at(&mut header, 0).map_err(io("reading the personal keys"))?;
    if bytes == KEYS_HEADER_BYTES as u64 && header == [0; KEYS_HEADER_BYTES] {
        return Ok(None);
    }
    let bad = |why| StoreError::BadPersonalKeys { path: path.to_owned(), why };
    check_header(&header, log_id).map_err(|why| StoreError::unread(path, why, bad))?;
    let next = (bytes - KEYS_HEADER_BYTES as u64).div_ceil(KEY_SLOT_BYTES as u64);
    Ok((next > 0).then_some(Slots { file, next }))
}

/// The slots that hold a whole key; none where there is no file of keys. Changes nothing.
pub fn whole_slots(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
) -> Result<Option<HashSet<u64>>, StoreError> {
    let path = folder.personal_keys();
    let files = disk.list(&folder.snapshots).map_err(StoreError::io(&folder.snapshots, "listing"))?;
    if !files.contains(&path) {
        return Ok(None);
    }
    let read = disk.open_read_only(&path).and_then(|file| file.read_all());
    let bytes = read.map_err(StoreError::io(&path, "reading the personal keys"))?;
    // Never begun: its making was cut short.
    let Some((header, slots)) = bytes.split_at_checked(KEYS_HEADER_BYTES) else {
        return Ok(Some(HashSet::new()));
    };
    if slots.is_empty() && header.iter().all(|byte| *byte == 0) {
        return Ok(Some(HashSet::new()));
    }
    let bad = |why| StoreError::BadPersonalKeys { path: path.clone(), why };
    check_header(header, log_id).map_err(|why| StoreError::unread(&path, why, bad))?;
    let (slots, _) = slots.as_chunks::<KEY_SLOT_BYTES>();
    let is_whole = |(slot, bytes): (u64, &[u8; KEY_SLOT_BYTES])| decode_slot(slot, bytes).map(|_| slot);
    Ok(Some((0..).zip(slots).filter_map(is_whole).collect()))
}

fn offset_of(slot: u64) -> u64 {
    KEYS_HEADER_BYTES as u64 + slot * KEY_SLOT_BYTES as u64
}
