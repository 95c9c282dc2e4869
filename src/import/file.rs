//! The file, row by row, and any row again by its place.
use super::csv;
use crate::limits::BODY_BYTES_MAX;
use crate::store::disk::{Disk, DiskFile};
use anyhow::{Context, bail};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

/// A row has at most so many bytes in the file; as JSON it must not be larger than a request.
const ROW_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Csv,
    Ndjson,
}

impl Format {
    fn of(path: &Path) -> Option<Format> {
        let ending = path.extension()?.to_str()?;
        match ending.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            _ => None,
        }
    }
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub offset: u64,
    pub bytes: u32,
    /// From 1; of its first line where it has several.
    pub line: u64,
}

pub struct Source {
    file: Box<dyn DiskFile>,
    pub bytes: u64,
    format: Format,
    /// Of a CSV file.
    columns: Vec<String>,
}

impl Source {
    pub fn open(disk: Arc<dyn Disk>, path: &Path, format: Option<Format>) -> anyhow::Result<Source> {
        let by_ending = || {
            Format::of(path)
                .context("the format is not told by the file's ending; hint: --format csv or --format ndjson")
        };
        let format = format.map_or_else(by_ending, Ok)?;
        let file = disk.open_read_only(path).with_context(|| format!("opening {}", path.display()))?;
        let bytes = file.size().with_context(|| format!("measuring {}", path.display()))?;
        let mut source = Source { file, bytes, format, columns: Vec::new() };
        if format == Format::Csv {
            let mut first = None;
            source.raw_rows(|place, row| {
                if first.is_none() {
                    first = Some((place, row.to_owned()));
                }
                Ok(false)
            })?;
            let (_, header) = first.context("line 1: there is no header; the first row names the columns")?;
            source.columns = csv::columns(&header).map_err(|why| anyhow::anyhow!("line 1: {why}"))?;
        }
        Ok(source)
    }

    /// Gives each row, as JSON or as what is wrong with it.
    pub fn rows(
        &self,
        mut visit: impl FnMut(Place, Result<Vec<u8>, String>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut is_header = self.format == Format::Csv;
        self.raw_rows(|place, row| {
            if !std::mem::take(&mut is_header) {
                visit(place, self.json(row))?;
            }
            Ok(true)
        })
    }

    /// A row again.
    pub fn read(&self, place: Place) -> anyhow::Result<Result<Vec<u8>, String>> {
        let mut row = vec![0; place.bytes as usize];
        self.file
            .read_exact_at(&mut row, place.offset)
            .with_context(|| format!("reading line {}", place.line))?;
        Ok(self.json(&row))
    }

    fn json(&self, row: &[u8]) -> Result<Vec<u8>, String> {
        let json = match self.format {
            Format::Csv => csv::to_json(&self.columns, row)?,
            Format::Ndjson => row.to_owned(),
        };
        if json.len() > BODY_BYTES_MAX {
            return Err(format!("the row has more than {} KiB", BODY_BYTES_MAX >> 10));
        }
        Ok(json)
    }

    /// Rows as they stand, without what ends them; empty lines are none. Until `visit` says that it has enough.
    fn raw_rows(&self, mut visit: impl FnMut(Place, &[u8]) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let all = Bytes { file: &*self.file, offset: 0, bytes: self.bytes };
        let mut reader = BufReader::with_capacity(1 << 20, all);
        let (mut row, mut offset, mut line) = (Vec::new(), 0_u64, 1_u64);
        loop {
            row.clear();
            let (mut lines, mut open) = (0, false);
            // A line's end within quotes is part of a cell.
            loop {
                let before = row.len();
                let room = (ROW_BYTES_MAX + 1 - before) as u64;
                let read =
                    (&mut reader).take(room).read_until(b'\n', &mut row).context("reading the file")?;
                let quotes = row[before..].iter().filter(|byte| **byte == b'"').count();
                open ^= self.format == Format::Csv && quotes % 2 == 1;
                lines += 1;
                if row.len() > ROW_BYTES_MAX {
                    bail!(
                        "line {line}: the row has more than {} KiB, or a quote in it is never closed",
                        ROW_BYTES_MAX >> 10
                    );
                }
                if read == 0 && open {
                    bail!("line {line}: a quote in this row is never closed");
                }
                if read == 0 || !open {
                    break;
                }
            }
            if row.is_empty() {
                return Ok(());
            }
            let length = row.len() as u64;
            let mark =
                if offset == 0 && row.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
            let content = row[mark..].trim_ascii_end();
            let place = Place { offset: offset + mark as u64, bytes: u32::try_from(content.len())?, line };
            if !content.is_empty() && !visit(place, content)? {
                return Ok(());
            }
            (offset, line) = (offset + length, line + lines);
        }
    }
}

/// A file as something to be read from its beginning.
struct Bytes<'a> {
    file: &'a dyn DiskFile,
    offset: u64,
    bytes: u64,
}

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes - self.offset).unwrap_or(usize::MAX);
        let part = left.min(buffer.len());
        self.file.read_exact_at(&mut buffer[..part], self.offset)?;
        self.offset += part as u64;
        Ok(part)
    }
}
