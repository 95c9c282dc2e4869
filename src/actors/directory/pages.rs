//! A shard's pages of the file of members out of memory: which it has, what of them is in use, which can be written anew.
use crate::format::resting::RESTING_CONTENT_BYTES;
use crate::store::error::StoreError;
use crate::store::resting::{PageName, RUN_PAGES, RestingFile};

#[derive(Default)]
pub struct Pages {
    pages: Vec<Page>,
    /// The first number of each run of pages.
    runs: Vec<u32>,
    /// Pages in which nothing is in use.
    free: Vec<u32>,
    /// Pages written so far; wraps.
    sequence: u32,
    /// Bytes in use of all pages.
    used: u64,
}

#[derive(Clone, Copy)]
struct Page {
    sequence: u32,
    /// Where the record goes on that fills more than one page.
    next: Option<NextPage>,
    /// Bytes in use.
    used: u16,
    /// Of a record that fills more than one page.
    is_part: bool,
}

/// A page's place in the shard, plus one: so that none costs nothing.
type NextPage = std::num::NonZeroU32;

const _: () = assert!(RESTING_CONTENT_BYTES <= u16::MAX as usize);

/// Fewer pages than these are not worth sorting out.
const FEW: usize = 64;

impl Pages {
    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used
    }

    fn in_use(&self) -> usize {
        self.pages.len() - self.free.len()
    }

    fn name(&self, page: u32) -> PageName {
        let number = self.runs[(page / RUN_PAGES) as usize] + page % RUN_PAGES;
        PageName { number, sequence: self.pages[page as usize].sequence }
    }

    /// The page, and those in which its record goes on.
    pub fn names(&self, page: u32) -> Vec<PageName> {
        let mut names = vec![self.name(page)];
        let mut next = self.pages[page as usize].next;
        while let Some(page) = next {
            let page = page.get() - 1;
            names.push(self.name(page));
            next = self.pages[page as usize].next;
        }
        names
    }

    /// Writes `content` into as many pages as it takes; the first of them.
    pub fn write(&mut self, file: &RestingFile, content: &[u8]) -> Result<u32, StoreError> {
        let mut first = 0;
        let mut next = None;
        let is_part = content.len() > RESTING_CONTENT_BYTES;
        // From the end, so that each knows where it goes on.
        for part in content.chunks(RESTING_CONTENT_BYTES).rev() {
            let written = self.write_one(file, part, next, is_part);
            if written.is_err()
                && let Some(next) = next
            {
                self.free_from(next.get() - 1);
            }
            first = written?;
            next = NextPage::new(first + 1);
        }
        Ok(first)
    }

    fn write_one(
        &mut self,
        file: &RestingFile,
        part: &[u8],
        next: Option<NextPage>,
        is_part: bool,
    ) -> Result<u32, StoreError> {
        let page = self.page_to_write(file)?;
        self.sequence = self.sequence.wrapping_add(1);
        let used = u16::try_from(part.len()).unwrap_or(u16::MAX);
        self.pages[page as usize] = Page { sequence: self.sequence, next, used, is_part };
        if let Err(error) = file.write(self.name(page), part) {
            self.pages[page as usize].used = 0;
            self.free.push(page);
            return Err(error);
        }
        self.used += u64::from(used);
        Ok(page)
    }

    fn page_to_write(&mut self, file: &RestingFile) -> Result<u32, StoreError> {
        if let Some(page) = self.free.pop() {
            return Ok(page);
        }
        let page = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        if page.is_multiple_of(RUN_PAGES) {
            self.runs.push(file.new_run()?);
        }
        self.pages.push(Page { sequence: 0, next: None, used: 0, is_part: false });
        Ok(page)
    }

    /// Of this page so many bytes are needed no more.
    pub fn give_up(&mut self, page: u32, bytes: usize) {
        if self.pages[page as usize].next.is_some() {
            return self.free_from(page);
        }
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        let used = &mut self.pages[page as usize].used;
        debug_assert!(*used >= bytes);
        *used -= bytes;
        self.used -= u64::from(bytes);
        if *used == 0 {
            self.free.push(page);
        }
    }

    /// Frees the page and those in which its record goes on.
    fn free_from(&mut self, page: u32) {
        let mut next = NextPage::new(page + 1);
        while let Some(page) = next {
            let page = page.get() - 1;
            let Page { used, next: then, .. } = &mut self.pages[page as usize];
            self.used -= u64::from(std::mem::take(used));
            next = then.take();
            self.free.push(page);
        }
    }

    /// A page to be sorted out, where half of what all pages could hold is not in use.
    pub fn sparsest(&self) -> Option<u32> {
        let capacity = (self.in_use() * RESTING_CONTENT_BYTES) as u64;
        if !self.free.is_empty() || self.in_use() < FEW || self.used * 2 > capacity {
            return None;
        }
        let is_single = |page: &(u32, &Page)| page.1.used > 0 && !page.1.is_part;
        (0..).zip(&self.pages).filter(is_single).min_by_key(|(_, page)| page.used).map(|(page, _)| page)
    }
}
