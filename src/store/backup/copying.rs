//! Files from one folder to another: under another name, synced, read back, then renamed. A file is there whole or not.
use super::{CHUNK, hash_of, read_through};
use crate::store::disk::{Disk, DiskFile};
use std::io;
use std::path::{Path, PathBuf};

fn temporary(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

/// Copies the first `bytes` of `source` to `target`, replacing what is there; what they hash to. `copied` hears of each
/// piece.
pub(super) fn copy_file(
    disk: &dyn Disk,
    source: &dyn DiskFile,
    bytes: u64,
    target: &Path,
    mut copied: impl FnMut(u64),
) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let write = |file: &dyn DiskFile| {
        read_through(source, bytes, |piece, offset| {
            hasher.update(piece);
            file.write_all_at(piece, offset)?;
            copied(piece.len() as u64);
            Ok(())
        })
    };
    written(disk, target, write)?;
    let hash = hasher.finalize();
    put_in_place(disk, target, bytes, hash)?;
    Ok(hash)
}

/// The same, of bytes in memory.
pub(super) fn copy_bytes(
    disk: &dyn Disk,
    bytes: &[u8],
    target: &Path,
    mut copied: impl FnMut(u64),
) -> io::Result<blake3::Hash> {
    let write = |file: &dyn DiskFile| {
        for (n, piece) in bytes.chunks(CHUNK).enumerate() {
            file.write_all_at(piece, (n * CHUNK) as u64)?;
            copied(piece.len() as u64);
        }
        Ok(())
    };
    written(disk, target, write)?;
    let hash = blake3::hash(bytes);
    put_in_place(disk, target, bytes.len() as u64, hash)?;
    Ok(hash)
}

/// A temporary file for `target`, with what `write` puts into it, synced.
fn written(
    disk: &dyn Disk,
    target: &Path,
    write: impl FnOnce(&dyn DiskFile) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = temporary(target);
    let folder = target.parent().unwrap_or(Path::new(""));
    // A leftover of an interrupted copy could be longer than what is written now.
    if disk.list(folder)?.contains(&temporary) {
        disk.remove(&temporary)?;
    }
    let file = disk.open(&temporary, true)?;
    write(&*file)?;
    file.sync_data()
}

/// Renames the temporary file, once it reads back as it was meant.
fn put_in_place(disk: &dyn Disk, target: &Path, bytes: u64, hash: blake3::Hash) -> io::Result<()> {
    let temporary = temporary(target);
    let file = disk.open_read_only(&temporary)?;
    if file.size()? != bytes || hash_of(&*file, bytes)? != hash {
        return Err(io::Error::other("the copy does not read back as it was written"));
    }
    disk.rename(&temporary, target)?;
    disk.sync_folder(target.parent().unwrap_or(Path::new("")))
}
