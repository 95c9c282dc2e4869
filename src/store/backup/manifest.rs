//! The list of a backup's files: what counts as the backup, and how each file must look.
use super::{BackupError, MANIFEST};
use crate::format::newer::{Unread, known_version};
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::StoreError;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

const FIRST_LINE: &str = "eros-points backup";
const VERSION: u16 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub bytes: u64,
    pub hash: blake3::Hash,
}

/// Files by their path within the backup.
pub type Files = BTreeMap<String, Entry>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub log_id: u128,
    /// Of the backup in its folder, from 1.
    pub number: u64,
    /// The last record that it holds.
    pub last: Lsn,
    pub taken_at: Instant,
    pub files: Files,
}

impl Manifest {
    pub fn encode(&self) -> String {
        let mut text = format!(
            "{FIRST_LINE} {VERSION}\nlog {:032x}\nnumber {}\nlast {}\ntaken {}\n",
            self.log_id, self.number, self.last, self.taken_at.0
        );
        for (name, Entry { bytes, hash }) in &self.files {
            text.push_str(&format!("file {bytes} {hash} {name}\n"));
        }
        let whole = blake3::hash(text.as_bytes());
        text.push_str(&format!("end {whole}\n"));
        text
    }

    pub fn decode(text: &str) -> Result<Manifest, Unread> {
        let first = text.lines().next().unwrap_or_default();
        match first.strip_prefix(FIRST_LINE).map(str::trim) {
            Some(version) => {
                let version = version.parse().map_err(|_| format!("{version:?} is no version"))?;
                known_version("manifest", version, VERSION)?;
            }
            None => return Err("it does not begin as a manifest does".into()),
        }
        let (body, end) = text.split_at(text.find("\nend ").map_or(0, |at| at + 1));
        if end != format!("end {}\n", blake3::hash(body.as_bytes())) {
            return Err("its checksum does not match".into());
        }
        let mut lines = body.lines().skip(1);
        let mut field = |name: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.ok_or_else(|| format!("its line {name:?} is not in its place"))
        };
        let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number"));
        let log_id = u128::from_str_radix(field("log")?, 16).map_err(|_| "it names no log".to_owned())?;
        let backup = number(field("number")?)?;
        let last = Lsn(number(field("last")?)?);
        let taken = field("taken")?;
        let taken_at = Instant(taken.parse().map_err(|_| format!("{taken:?} is no instant"))?);
        let files = lines.map(file).collect::<Result<Files, String>>()?;
        Ok(Manifest { log_id, number: backup, last, taken_at, files })
    }

    /// The manifest of a backup; none in a folder where no backup was finished.
    pub fn read(disk: &dyn Disk, backup: &Path) -> Result<Option<Manifest>, BackupError> {
        let path = backup.join(MANIFEST);
        let files = disk.list(backup).map_err(StoreError::io(backup, "listing"))?;
        if !files.contains(&path) {
            return Ok(None);
        }
        let read = disk.open_read_only(&path).and_then(|file| file.read_all());
        let bytes = read.map_err(StoreError::io(&path, "reading"))?;
        let decoded = Manifest::decode(&String::from_utf8_lossy(&bytes));
        decoded.map(Some).map_err(|why| match why {
            Unread::Newer(newer) => BackupError::Newer { path, newer },
            Unread::Bad(why) => BackupError::BadManifest { path, why },
        })
    }

    /// Puts it in place of the one before: from then on it is the backup.
    pub fn write(&self, disk: &dyn Disk, backup: &Path) -> Result<(), BackupError> {
        let (path, temporary) = (backup.join(MANIFEST), backup.join("MANIFEST.tmp"));
        let write = || {
            // A leftover could be longer than what is written now.
            if disk.list(backup)?.contains(&temporary) {
                disk.remove(&temporary)?;
            }
            let file = disk.open(&temporary, true)?;
            file.write_all_at(self.encode().as_bytes(), 0)?;
            file.sync_data()?;
            disk.rename(&temporary, &path)?;
            disk.sync_folder(backup)
        };
        Ok(write().map_err(StoreError::io(&path, "writing"))?)
    }
}

/// A line such as `file 4096 <hash> wal/LOG`.
fn file(line: &str) -> Result<(String, Entry), String> {
    let wrong = || format!("{line:?} names no file");
    let mut words = line.splitn(4, ' ');
    let mut word = || words.next().ok_or_else(wrong);
    if word()? != "file" {
        return Err(wrong());
    }
    let bytes = word()?.parse().map_err(|_| wrong())?;
    let hash = blake3::Hash::from_hex(word()?).map_err(|_| wrong())?;
    let name = word()?;
    // What a restore writes must stay within the data folder.
    if name.is_empty() || name.starts_with('/') || name.split('/').any(|part| part == "..") {
        return Err(wrong());
    }
    Ok((name.to_owned(), Entry { bytes, hash }))
}

/// A backup as its list says: files that are not on it, and bytes behind a file's listed end, are not seen. Read only.
pub struct Listed<'a> {
    disk: &'a dyn Disk,
    paths: BTreeMap<PathBuf, u64>,
}

impl<'a> Listed<'a> {
    pub fn new(disk: &'a dyn Disk, backup: &Path, files: &Files) -> Listed<'a> {
        let paths = files.iter().map(|(name, entry)| (backup.join(name), entry.bytes)).collect();
        Listed { disk, paths }
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "a backup is only read here"))
}

impl Disk for Listed<'_> {
    fn open_read_only(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let bytes = *self.paths.get(path).ok_or(io::ErrorKind::NotFound)?;
        let file = self.disk.open_read_only(path)?;
        Ok(Box::new(ListedFile { file, bytes }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.paths.keys().filter(|path| path.parent() == Some(folder)).cloned().collect())
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        self.disk.free_bytes(folder)
    }

    fn open(&self, _: &Path, _: bool) -> io::Result<Box<dyn DiskFile>> {
        read_only()
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn create_folder(&self, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        read_only()
    }
}

struct ListedFile {
    file: Box<dyn DiskFile>,
    bytes: u64,
}

impl DiskFile for ListedFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.size()?.min(self.bytes))
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        if offset + bytes.len() as u64 > self.bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(bytes, offset)
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        read_only()
    }

    fn sync_data(&self) -> io::Result<()> {
        read_only()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let entry = |text: &str| Entry { bytes: text.len() as u64, hash: blake3::hash(text.as_bytes()) };
        let files = [("snapshots/personal-keys-00000000000000000002", "keys"), ("wal/LOG", "id\n")];
        Manifest {
            log_id: 0xfeed_beef,
            number: 2,
            last: Lsn(48_990),
            taken_at: Instant(1_655_352_000_000),
            files: files.map(|(name, text)| (name.to_owned(), entry(text))).into(),
        }
    }

    /// The page `docs/BACKUP.md` shows these very lines.
    const TEXT: &str = "eros-points backup 1
log 000000000000000000000000feedbeef
number 2
last 48990
taken 1655352000000
file 4 HASH1 snapshots/personal-keys-00000000000000000002
file 3 HASH2 wal/LOG
";

    #[test]
    fn is_written_line_by_line_as_the_page_says() {
        let body = TEXT
            .replace("HASH1", &blake3::hash(b"keys").to_string())
            .replace("HASH2", &blake3::hash(b"id\n").to_string());
        let text = format!("{body}end {}\n", blake3::hash(body.as_bytes()));
        assert_eq!(manifest().encode(), text);
        assert_eq!(Manifest::decode(&text), Ok(manifest()));
        let page = std::include_str!("../../../docs/BACKUP.md");
        assert!(page.contains(&text), "docs/BACKUP.md shows another manifest than\n{text}");
    }

    #[test]
    fn a_flipped_bit_anywhere_is_found() {
        let text = manifest().encode();
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            let damaged = String::from_utf8_lossy(&bytes).into_owned();
            assert!(Manifest::decode(&damaged).is_err(), "byte {place}");
        }
        for cut in 0..text.len() {
            assert!(Manifest::decode(&text[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn names_a_newer_version_and_refuses_paths_that_lead_out() {
        let newer = manifest().encode().replacen("backup 1", "backup 2", 1);
        assert!(Manifest::decode(&newer).unwrap_err().to_string().contains("version 2"));
        for name in ["/etc/passwd", "wal/../../x", ""] {
            let mut manifest = manifest();
            let entry = manifest.files["wal/LOG"];
            manifest.files.insert(name.to_owned(), entry);
            assert!(Manifest::decode(&manifest.encode()).is_err(), "{name}");
        }
    }
}
