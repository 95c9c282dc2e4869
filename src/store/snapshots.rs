//! Snapshot files: written aside, read back, then renamed into place; the newest that checks out is loaded.
use crate::format::snapshot::{
    BLOCK_HEADER_BYTES, EntryKind, SNAPSHOT_FOOTER_BYTES, SNAPSHOT_HEADER_BYTES, SnapshotFooter,
    SnapshotHeader, block_crc, block_header, chain, decode_block_header, entries, header_crc, push_entry,
};
use crate::ledger::lsn::Lsn;
use crate::store::disk::{Disk, DiskFile, SYNCED_AT_ONCE_BYTES};
use crate::store::error::StoreError;
use crate::store::folder::{Folder, record_in_name};
use std::path::{Path, PathBuf};

const ENDING: &str = "snap";
/// Entries are gathered into blocks of about this size.
const BLOCK_BYTES_AIM: usize = 256 << 10;
/// How many good snapshots are kept.
const KEPT: usize = 2;

/// A snapshot being written under a temporary name.
pub struct SnapshotWriter<'a> {
    disk: &'a dyn Disk,
    folder: &'a Folder,
    header: SnapshotHeader,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    offset: u64,
    block: Vec<u8>,
    footer: SnapshotFooter,
}

/// A snapshot that is complete, durable and read back, but not yet in place.
pub struct FinishedSnapshot<'a> {
    disk: &'a dyn Disk,
    folder: &'a Folder,
    temporary: PathBuf,
    path: PathBuf,
    /// No account in it holds a later record: it may be published when this one is durable.
    pub highest: Lsn,
    pub bytes: u64,
    pub entries: u64,
}

impl<'a> SnapshotWriter<'a> {
    /// Begins a snapshot, and removes what those before it left that were not finished: the caller sees to it that none is still
    /// being written.
    pub fn create(
        disk: &'a dyn Disk,
        folder: &'a Folder,
        header: SnapshotHeader,
    ) -> Result<SnapshotWriter<'a>, StoreError> {
        let path = folder.snapshots.join(format!("{:020}.tmp", header.noted.0));
        remove_leftovers(disk, folder)?;
        let create = || {
            let file = disk.open(&path, true)?;
            file.write_all_at(&header.encode(), 0)?;
            Ok(file)
        };
        let file = create().map_err(StoreError::io(&path, "creating a snapshot"))?;
        let footer =
            SnapshotFooter { chain: chain(0, header_crc(&header.encode())), ..SnapshotFooter::default() };
        let offset = SNAPSHOT_HEADER_BYTES as u64;
        Ok(SnapshotWriter { disk, folder, header, path, file, offset, block: Vec::new(), footer })
    }

    /// Adds an entry; `last` is the last record that it holds.
    pub fn push(&mut self, kind: EntryKind, entry: &[u8], last: Lsn) -> Result<(), StoreError> {
        push_entry(&mut self.block, kind, entry);
        self.footer.entries += 1;
        self.footer.highest = self.footer.highest.max(last);
        if self.block.len() >= BLOCK_BYTES_AIM { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), StoreError> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.footer.blocks += 1;
        let header = block_header(self.footer.blocks, &self.block);
        self.footer.chain = chain(self.footer.chain, block_crc(&header, &self.block));
        let mut bytes = Vec::with_capacity(BLOCK_HEADER_BYTES + self.block.len());
        bytes.extend_from_slice(&header);
        bytes.append(&mut self.block);
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file
            .write_all_at(bytes, self.offset)
            .map_err(StoreError::io(&self.path, "writing a snapshot"))?;
        let before = self.offset / SYNCED_AT_ONCE_BYTES;
        self.offset += bytes.len() as u64;
        if self.offset / SYNCED_AT_ONCE_BYTES > before { self.sync() } else { Ok(()) }
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(StoreError::io(&self.path, "syncing a snapshot"))
    }

    /// Completes the file, syncs it and reads it back; `rest` is called between parts of that.
    pub fn finish(mut self, rest: &mut dyn FnMut()) -> Result<FinishedSnapshot<'a>, StoreError> {
        self.end_block()?;
        let footer = self.footer.encode();
        self.write(&footer)?;
        self.sync()?;
        read_blocks(self.disk, &self.path, self.header.log_id, |block| {
            rest();
            block.entries().map(drop)
        })?;
        let path = self.folder.snapshots.join(format!("{:020}.{ENDING}", self.header.noted.0));
        Ok(FinishedSnapshot {
            disk: self.disk,
            folder: self.folder,
            temporary: self.path,
            path,
            highest: self.footer.highest,
            bytes: self.offset,
            entries: self.footer.entries,
        })
    }
}

impl FinishedSnapshot<'_> {
    /// Puts it in place and removes all but the newest two. The caller has seen to it that [`Self::highest`] is durable.
    pub fn publish(self) -> Result<(), StoreError> {
        let rename = || {
            self.disk.rename(&self.temporary, &self.path)?;
            self.disk.sync_folder(&self.folder.snapshots)
        };
        rename().map_err(StoreError::io(&self.path, "publishing a snapshot"))?;
        for old in list(self.disk, self.folder)?.into_iter().rev().skip(KEPT) {
            self.disk.remove(&old.path).map_err(StoreError::io(&old.path, "removing an old snapshot"))?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
pub struct SnapshotFile {
    pub noted: Lsn,
    pub path: PathBuf,
}

/// The snapshots in place, oldest first: files of other names are none.
pub fn list(disk: &dyn Disk, folder: &Folder) -> Result<Vec<SnapshotFile>, StoreError> {
    let files = disk.list(&folder.snapshots).map_err(StoreError::io(&folder.snapshots, "listing"))?;
    let snapshot = |path: PathBuf| {
        let stem = path.file_name()?.to_str()?.strip_suffix(ENDING)?.strip_suffix('.')?;
        Some(SnapshotFile { noted: record_in_name(stem)?, path })
    };
    Ok(files.into_iter().filter_map(snapshot).collect())
}

/// How large the newest snapshot is; 0 where there is none.
pub fn newest_bytes(disk: &dyn Disk, folder: &Folder) -> Result<u64, StoreError> {
    list(disk, folder)?.pop().map_or(Ok(0), |newest| bytes(disk, &newest))
}

/// How large a snapshot is.
pub fn bytes(disk: &dyn Disk, snapshot: &SnapshotFile) -> Result<u64, StoreError> {
    let size = disk.open_read_only(&snapshot.path).and_then(|file| file.size());
    size.map_err(StoreError::io(&snapshot.path, "measuring a snapshot"))
}

/// Removes what an interrupted snapshot left.
pub fn remove_leftovers(disk: &dyn Disk, folder: &Folder) -> Result<(), StoreError> {
    for path in disk.list(&folder.snapshots).map_err(StoreError::io(&folder.snapshots, "listing"))? {
        if path.extension().is_some_and(|ending| ending == "tmp") {
            disk.remove(&path).map_err(StoreError::io(&path, "removing a leftover"))?;
        }
    }
    Ok(())
}

/// A part of a snapshot, its checksum checked.
pub struct Block {
    /// The snapshot's.
    pub version: u16,
    bytes: Vec<u8>,
}

impl Block {
    pub fn entries(&self) -> Result<Vec<(EntryKind, &[u8])>, String> {
        entries(&self.bytes)
    }

    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// How many entries a snapshot claims to have; none where it is not finished.
pub fn entries_claimed(disk: &dyn Disk, path: &Path) -> Option<u64> {
    let file = disk.open_read_only(path).ok()?;
    let mut footer = [0; SNAPSHOT_FOOTER_BYTES];
    file.read_exact_at(&mut footer, file.size().ok()?.checked_sub(SNAPSHOT_FOOTER_BYTES as u64)?).ok()?;
    SnapshotFooter::decode(&footer).ok().map(|footer| footer.entries)
}

/// Checks the whole snapshot and gives every entry to `visit`, with the snapshot's version. An error can come after some
/// were given.
pub fn read(
    disk: &dyn Disk,
    path: &Path,
    log_id: u128,
    mut visit: impl FnMut(u16, EntryKind, &[u8]) -> Result<(), String>,
) -> Result<SnapshotHeader, StoreError> {
    read_blocks(disk, path, log_id, |block| {
        let mut entries = block.entries()?.into_iter();
        entries.try_for_each(|(kind, entry)| visit(block.version, kind, entry))
    })
}

/// The same block by block. The blocks are checked; that their entries can be told from each other, too.
pub fn read_blocks(
    disk: &dyn Disk,
    path: &Path,
    log_id: u128,
    mut visit: impl FnMut(Block) -> Result<(), String>,
) -> Result<SnapshotHeader, StoreError> {
    let bad = |why: String| StoreError::BadSnapshot { path: path.to_owned(), why };
    let io = |error: std::io::Error| StoreError::Io {
        path: path.to_owned(),
        what: "reading a snapshot",
        source: error,
    };
    let file = disk.open_read_only(path).map_err(io)?;
    let length = file.size().map_err(io)?;
    if length < (SNAPSHOT_HEADER_BYTES + SNAPSHOT_FOOTER_BYTES) as u64 {
        return Err(bad("the file is too short for a snapshot".into()));
    }
    let part = |offset: u64, bytes: usize| {
        let mut part = vec![0; bytes];
        file.read_exact_at(&mut part, offset).map_err(io).map(|()| part)
    };
    let head = part(0, SNAPSHOT_HEADER_BYTES)?;
    let header = SnapshotHeader::decode(&head).map_err(|why| StoreError::unread(path, why, bad))?;
    if header.log_id != log_id {
        return Err(StoreError::Foreign { path: path.to_owned(), expected: log_id, found: header.log_id });
    }
    // Which snapshot is the newest, and what may be archived, is told from names alone.
    if path.file_stem().and_then(|stem| record_in_name(stem.to_str()?)) != Some(header.noted) {
        return Err(bad(format!("the snapshot is of record {}, its name says otherwise", header.noted)));
    }
    let end = length - SNAPSHOT_FOOTER_BYTES as u64;
    let claimed = SnapshotFooter::decode(&part(end, SNAPSHOT_FOOTER_BYTES)?).map_err(bad)?;
    let mut found =
        SnapshotFooter { chain: chain(0, header_crc(&head)), highest: claimed.highest, ..Default::default() };
    let mut offset = SNAPSHOT_HEADER_BYTES as u64;
    while offset + (BLOCK_HEADER_BYTES as u64) < end {
        found.blocks += 1;
        let block_head = part(offset, BLOCK_HEADER_BYTES)?;
        let (bytes, crc) = decode_block_header(&block_head, found.blocks).map_err(bad)?;
        offset += BLOCK_HEADER_BYTES as u64;
        if offset + bytes as u64 > end {
            return Err(bad(format!("block {} is cut short", found.blocks)));
        }
        let block = Block { version: header.version, bytes: part(offset, bytes)? };
        if block_crc(&block_head, &block.bytes) != crc {
            return Err(bad(format!("the checksum of block {} does not match", found.blocks)));
        }
        found.chain = chain(found.chain, crc);
        found.entries += block.entries().map_err(bad)?.len() as u64;
        visit(block).map_err(bad)?;
        offset += bytes as u64;
    }
    if offset != end || found != claimed {
        return Err(bad("the blocks are not the ones that the footer tells of".into()));
    }
    Ok(header)
}
