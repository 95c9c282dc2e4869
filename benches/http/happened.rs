//! What the service did beside answering, between two looks: snapshots, segments, merges of the index.
use crate::common::served::Served;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What was there at one moment.
pub struct Seen {
    snapshots: f64,
    /// Files of the log, and tables of the index, by name; none of a service whose folder is elsewhere.
    segments: Option<BTreeSet<String>>,
    tables: Option<BTreeSet<String>>,
}

/// What came to pass between two moments.
pub struct Happened {
    pub snapshots: u64,
    pub segments: Option<u64>,
    /// Tables of the index that were merged into others.
    pub merged: Option<u64>,
}

impl Seen {
    pub fn now(service: &Served) -> Seen {
        let folder = service.folder();
        Seen {
            snapshots: service.metrics()["eros_points_snapshots_total"],
            segments: folder.map(|folder| files(&folder.join("wal"), ".seg")),
            tables: folder.map(|folder| files(&folder.join("snapshots/history"), "/tables/")),
        }
    }

    pub fn until(&self, later: &Seen) -> Happened {
        let news =
            |before: &BTreeSet<String>, after: &BTreeSet<String>| after.difference(before).count() as u64;
        Happened {
            snapshots: (later.snapshots - self.snapshots) as u64,
            segments: self.segments.as_ref().zip(later.segments.as_ref()).map(|(old, new)| news(old, new)),
            merged: self.tables.as_ref().zip(later.tables.as_ref()).map(|(old, new)| news(new, old)),
        }
    }
}

/// Tables of the index at which its newest are merged (`src/history`).
pub const MERGED_AT: usize = 12;

/// The folder of the store's own table, which has as many files from the start.
const OWN: &str = "keyspaces/0/";

/// Whether the next table that the index writes out will be merged, as far as can be told from here.
pub fn is_about_to_merge(service: &Served) -> bool {
    let Some(folder) = service.folder() else { return true };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in files(&folder.join("snapshots/history"), "/tables/") {
        let (folder, _) = name.rsplit_once('/').expect("a file in a folder");
        *counts.entry(folder.to_owned()).or_default() += 1;
    }
    counts.iter().any(|(folder, count)| !folder.contains(OWN) && *count >= MERGED_AT - 1)
}

impl Happened {
    /// Whether all three happened, as far as can be told from here.
    pub fn is_all(&self) -> bool {
        self.snapshots > 0 && self.segments != Some(0) && self.merged != Some(0)
    }

    pub fn cells(&self) -> String {
        let count = |number: Option<u64>| number.map_or_else(|| "-".into(), |number| number.to_string());
        format!("{} | {} | {}", self.snapshots, count(self.segments), count(self.merged))
    }
}

/// The names of files below a folder that have this in them. A file may go while the folder is read.
fn files(folder: &Path, part: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.flat_map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files(&entry.path(), part),
        _ => BTreeSet::from([entry.path().display().to_string()]),
    });
    names.filter(|name| name.contains(part)).collect()
}
