//! The file of members at rest that memory has no room for: pages, written and read one by one. It is derived, like the
//! index: never synced, begun anew at every start, made again from snapshot and log. Specified in `snapshots/README.md`.
use crate::format::resting::{RESTING_PAGE_BYTES, decode_page, encode_page};
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Pages handed out together, so that what belongs together lies together.
pub const RUN_PAGES: u32 = 64;
/// After a failed write it is not tried again for so long.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

pub struct RestingFile {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    path: PathBuf,
    /// Made when the first page is written.
    file: OnceLock<Box<dyn DiskFile>>,
    /// Runs handed out.
    runs: AtomicU32,
    /// The file does not grow where less than this would be left on the disk: the log's space comes first.
    left_free_bytes: u64,
    /// Not written to before then.
    rests_until: Mutex<Option<Instant>>,
    stats: RestingStats,
}

#[derive(Debug, Default)]
pub struct RestingStats {
    pub pages_read: AtomicU64,
    pub pages_written: AtomicU64,
    pub write_failures: AtomicU64,
}

/// A page as its reader expects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageName {
    pub number: u32,
    /// Which writing of its shard it is: a page is used again and again.
    pub sequence: u32,
}

impl RestingFile {
    /// A file in which there is nothing. What a former process left is removed.
    pub fn begin(
        disk: Arc<dyn Disk>,
        folder: &Folder,
        left_free_bytes: u64,
    ) -> Result<RestingFile, StoreError> {
        let path = folder.resting();
        remove(&*disk, folder)?;
        Ok(RestingFile {
            disk,
            folder: folder.snapshots.clone(),
            path,
            file: OnceLock::new(),
            runs: AtomicU32::new(0),
            left_free_bytes,
            rests_until: Mutex::new(None),
            stats: RestingStats::default(),
        })
    }

    pub fn stats(&self) -> &RestingStats {
        &self.stats
    }

    /// Whether a write is worth trying.
    pub fn takes_writes(&self) -> bool {
        let rests_until = self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        rests_until.is_none_or(|then| crate::clock::monotonic() >= then)
    }

    /// The number of the first of [`RUN_PAGES`] pages that nobody has yet.
    pub fn new_run(&self) -> Result<u32, StoreError> {
        let free = self.disk.free_bytes(&self.folder).and_then(|free| {
            if free < self.left_free_bytes { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        });
        self.noted(free)?;
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        // Sixteen terabytes.
        let first = run.checked_mul(RUN_PAGES).ok_or_else(|| io::ErrorKind::FileTooLarge.into());
        self.noted(first)
    }

    /// Writes a page. Where this fails, whatever lies there counts as nothing.
    pub fn write(&self, page: PageName, content: &[u8]) -> Result<(), StoreError> {
        let bytes = encode_page(page.number, page.sequence, content);
        let written = self.opened().and_then(|file| file.write_all_at(&bytes, offset_of(page.number)));
        self.noted(written)?;
        self.stats.pages_written.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn opened(&self) -> io::Result<&dyn DiskFile> {
        if let Some(file) = self.file.get() {
            return Ok(&**file);
        }
        // Two who come at once open it twice, and one of them closes it again.
        let file = self.disk.open(&self.path, true)?;
        Ok(&**self.file.get_or_init(|| file))
    }

    /// Appends what the pages hold to `content`.
    pub fn read(&self, pages: &[PageName], content: &mut Vec<u8>) -> Result<(), StoreError> {
        let mut bytes = [0; RESTING_PAGE_BYTES];
        for page in pages {
            let file = self.file.get().ok_or_else(|| self.bad(page.number, "there is no file yet".into()))?;
            let read = file.read_exact_at(&mut bytes, offset_of(page.number));
            read.map_err(StoreError::io(&self.path, "reading a member at rest"))?;
            self.stats.pages_read.fetch_add(1, Ordering::Relaxed);
            let part = decode_page(&bytes, page.number, page.sequence);
            content.extend_from_slice(part.map_err(|why| self.bad(page.number, why))?);
        }
        Ok(())
    }

    /// What is wrong with a page.
    pub fn bad(&self, number: u32, why: String) -> StoreError {
        StoreError::BadRestingPage { path: self.path.clone(), number, why }
    }

    fn noted<T>(&self, tried: io::Result<T>) -> Result<T, StoreError> {
        tried.map_err(|source| {
            let error = StoreError::io(&self.path, "putting members out of memory")(source);
            self.stats.write_failures.fetch_add(1, Ordering::Relaxed);
            *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(crate::clock::monotonic() + REST_AFTER_FAILURE);
            tracing::warn!("{error}; members at rest stay in memory; hint: free disk space");
            error
        })
    }
}

/// Removes what a former process left of the file.
pub fn remove(disk: &dyn Disk, folder: &Folder) -> Result<(), StoreError> {
    let path = folder.resting();
    let removed = disk
        .list(&folder.snapshots)
        .and_then(|files| if files.contains(&path) { disk.remove(&path) } else { Ok(()) });
    removed.map_err(StoreError::io(&path, "removing what a former process left"))
}

fn offset_of(number: u32) -> u64 {
    u64::from(number) * RESTING_PAGE_BYTES as u64
}
