//! The disk's side of the seam to the store.
use super::content::Content;
use super::{Fault, LyingDisk, NameChange, failed};
use eros_points::store::disk::{Disk, DiskFile};
use std::io;
use std::path::{Path, PathBuf};

impl Disk for LyingDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        let name = path.display().to_string();
        let (mut state, struck) = self.change(&name, &[Fault::OpenFails])?;
        if let Some((fault, _)) = struck {
            return Err(failed(fault));
        }
        if create && !state.names.contains_key(path) {
            state.files.push(Content { made_as: name, ..Content::default() });
            let id = state.files.len() - 1;
            state.rename(NameChange { from: None, to: Some((path.to_owned(), id)) });
        }
        Ok(Box::new(LyingFile { disk: self.clone(), id: state.id(path)? }))
    }

    fn open_read_only(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let state = self.look(&path.display().to_string(), Fault::OpenFails)?;
        Ok(Box::new(LyingFile { disk: self.clone(), id: state.id(path)? }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, struck) = self.change(&from.display().to_string(), &[Fault::RenameFails])?;
        let id = state.id(from)?;
        match struck {
            Some((fault, _)) => Err(failed(fault)),
            None => {
                state.rename(NameChange { from: Some(from.to_owned()), to: Some((to.to_owned(), id)) });
                Ok(())
            }
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut state, struck) = self.change(&path.display().to_string(), &[Fault::RemoveFails])?;
        state.id(path)?;
        match struck {
            Some((fault, _)) => Err(failed(fault)),
            None => {
                state.rename(NameChange { from: Some(path.to_owned()), to: None });
                Ok(())
            }
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.look(&folder.display().to_string(), Fault::ListFails)?;
        Ok(state.names.keys().filter(|path| path.parent() == Some(folder)).cloned().collect())
    }

    fn create_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let (mut state, struck) = self.change(&folder.display().to_string(), &[Fault::FolderSyncFails])?;
        if state.is_off {
            return Err(io::Error::other("the power fails"));
        }
        let Some((fault, mut chance)) = struck else {
            state.settle_names(folder, || true);
            return Ok(());
        };
        let lost = state.settle_names(folder, || chance.one_in(2));
        self.injected.count(Fault::LostName, lost);
        Err(failed(fault))
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        let state = self.lock();
        Ok(if state.is_full || state.full_for > 0 { 0 } else { 1 << 40 })
    }
}

struct LyingFile {
    disk: LyingDisk,
    id: usize,
}

impl LyingFile {
    fn made_as(&self) -> io::Result<String> {
        let state = self.disk.lock();
        let file = state.files.get(self.id).ok_or_else(|| io::Error::other("the power is off"))?;
        Ok(file.made_as.clone())
    }
}

impl DiskFile for LyingFile {
    fn size(&self) -> io::Result<u64> {
        let state = self.disk.lock();
        let file = state.files.get(self.id).ok_or_else(|| io::Error::other("the power is off"))?;
        Ok(file.live.length as u64)
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.look(&self.made_as()?, Fault::ReadFails)?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let is_there = state.files[self.id].live.get(start, bytes);
        if is_there { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let grows = offset + bytes.len() as u64 > self.size()?;
        let faults = [Fault::WriteFails, Fault::WriteShort, Fault::DiskFull];
        let faults = if grows { &faults[..] } else { &faults[..2] };
        let (mut state, struck) = self.disk.change(&self.made_as()?, faults)?;
        let mut part = bytes.len();
        let mut answer = Ok(());
        match struck {
            Some((Fault::DiskFull, mut chance)) => state.full_for = 1 + chance.below(40),
            Some((fault, mut chance)) => {
                part = if fault == Fault::WriteShort {
                    chance.below(bytes.len().max(1) as u64) as usize
                } else {
                    0
                };
                answer = Err(failed(fault));
            }
            None => {}
        }
        if grows && (state.is_full || state.full_for > 0) {
            state.full_for = state.full_for.saturating_sub(1);
            (part, answer) = (part.min(bytes.len() / 2), Err(io::ErrorKind::StorageFull.into()));
        }
        state.files[self.id].write(start, &bytes[..part]);
        answer
    }

    fn sync_data(&self) -> io::Result<()> {
        let (mut state, struck) = self.disk.change(&self.made_as()?, &[Fault::SyncFails])?;
        if state.is_off {
            return Err(io::Error::other("the power fails"));
        }
        let file = &mut state.files[self.id];
        let Some((fault, mut chance)) = struck else {
            file.sync();
            return Ok(());
        };
        file.sync_in_vain(&mut chance);
        Err(failed(fault))
    }
}
