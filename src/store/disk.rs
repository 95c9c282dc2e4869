//! What the log and the snapshots use of a file system: little enough that a test can put a lying one in its place.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the one place that touches files")]
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub trait Disk: Send + Sync {
    /// Opens a file for reading and writing; creates it where `create` is set.
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>>;
    fn open_read_only(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The files of a folder, sorted; an absent folder has none.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Bytes that an ordinary user can still write where `folder` lies.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;
}

/// Files beside the log are synced each so many bytes: a sync of the log waits for all that the disk was given before, and 32 MiB
/// at once take it twenty milliseconds or more.
pub const SYNCED_AT_ONCE_BYTES: u64 = 1 << 20;

pub trait DiskFile: Send + Sync {
    fn size(&self) -> io::Result<u64>;
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Data, and what of the file's own data is needed to read it back.
    fn sync_data(&self) -> io::Result<()>;
}

impl dyn DiskFile {
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        self.read_all_into(Vec::new())
    }

    /// The same, into memory that was used before: fresh memory costs as much as the reading.
    pub fn read_all_into(&self, mut used: Vec<u8>) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.size()?).map_err(io::Error::other)?;
        if used.capacity() < length {
            used = vec![0; length];
        }
        used.resize(length, 0);
        self.read_exact_at(&mut used, 0)?;
        Ok(used)
    }
}

/// The machine's own file system.
pub struct RealDisk;

impl RealDisk {
    pub fn shared() -> Arc<dyn Disk> {
        Arc::new(RealDisk)
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(create).truncate(false).open(path)?;
        Ok(Box::new(file))
    }

    fn open_read_only(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
        files.sort();
        Ok(files)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(folder)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }
}
