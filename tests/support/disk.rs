//! A disk in memory that can lie: it forgets what was not synced, tears what was being written, fails when told to,
//! fills up, and remembers what was asked of it in which order.
use eros_points::store::disk::{Disk, DiskFile};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Open,
    Write,
    Sync,
    Rename,
    Remove,
    SyncFolder,
}

#[derive(Clone, Default)]
pub struct FaultyDisk {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Clone, Default)]
struct State {
    /// Names as a running process sees them, and as they would be after a power failure.
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    files: Vec<Content>,
    done: Vec<(Op, PathBuf)>,
    failing: HashMap<Op, Failing>,
    held: Option<Op>,
    waiting: usize,
    room: Option<u64>,
}

#[derive(Clone, Copy)]
struct Failing {
    /// Operations still to let pass before one fails.
    passing: usize,
    /// No others count than those on segments of the log.
    in_log: bool,
}

#[derive(Clone, Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(u64, Vec<u8>)>,
}

/// What of the writes never synced a power failure leaves.
#[derive(Clone, Copy, Debug)]
pub enum Leaves {
    /// None of them, and no name that its folder was not synced for.
    Nothing,
    /// Of the last write so many bytes; all of those before it.
    Bytes(usize),
    /// All of them: only the process died.
    Everything,
}

impl FaultyDisk {
    pub fn new() -> FaultyDisk {
        FaultyDisk::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().expect("the disk")
    }

    /// The disk as the next process finds it.
    pub fn after_crash(&self, leaves: Leaves) -> FaultyDisk {
        let mut state = self.lock().clone();
        (state.failing, state.held, state.room, state.done) = Default::default();
        for file in &mut state.files {
            let writes = std::mem::take(&mut file.unsynced);
            let last = writes.len().saturating_sub(1);
            for (n, (offset, bytes)) in writes.iter().enumerate() {
                let kept = match leaves {
                    Leaves::Nothing => 0,
                    Leaves::Bytes(most) if n == last => most.min(bytes.len()),
                    Leaves::Bytes(_) | Leaves::Everything => bytes.len(),
                };
                put(&mut file.durable, *offset, &bytes[..kept]);
            }
            file.live.clone_from(&file.durable);
        }
        if matches!(leaves, Leaves::Nothing) {
            state.names.clone_from(&state.durable_names);
        }
        state.durable_names.clone_from(&state.names);
        FaultyDisk { shared: Arc::new((Mutex::new(state), Condvar::new())) }
    }

    /// A copy that shares nothing with this one.
    pub fn copy(&self) -> FaultyDisk {
        self.after_crash(Leaves::Everything)
    }

    /// Lets `passing` more operations of this kind pass; the next one fails, once.
    pub fn fail(&self, op: Op, passing: usize) {
        self.lock().failing.insert(op, Failing { passing, in_log: false });
    }

    /// The same for the log alone, whatever a snapshot does meanwhile.
    pub fn fail_log(&self, op: Op, passing: usize) {
        self.lock().failing.insert(op, Failing { passing, in_log: true });
    }

    /// Every operation of this kind waits until [`Self::let_go`].
    pub fn hold(&self, op: Op) {
        self.lock().held = Some(op);
    }

    pub fn let_go(&self) {
        self.lock().held = None;
        self.shared.1.notify_all();
    }

    /// Waits until an operation is being held.
    pub fn wait_until_held(&self) {
        let mut state = self.lock();
        while state.waiting == 0 {
            state = self.shared.1.wait(state).expect("the disk");
        }
    }

    /// Files may grow by so much from now on; `None`: as much as they like.
    pub fn set_room(&self, room: Option<u64>) {
        self.lock().room = room;
    }

    /// What was done so far, in order.
    pub fn done(&self) -> Vec<(Op, PathBuf)> {
        self.lock().done.clone()
    }

    /// Whether the log's second spare segment is ready: from then on only the log itself is written to, until it is full.
    pub fn is_prepared(&self) -> bool {
        let state = self.lock();
        let synced = |is_it: fn(&Path) -> bool| {
            let mut paths = state.names.iter().filter(|(path, _)| is_it(path));
            paths.next().map(|(_, id)| state.files[*id].durable.len())
        };
        let segment = synced(is_segment);
        // It is made and synced part by part.
        segment.is_some() && synced(|path| path.ends_with("spare-1.tmp")) == segment
    }

    pub fn paths(&self) -> Vec<PathBuf> {
        self.lock().names.keys().cloned().collect()
    }

    pub fn read(&self, path: &Path) -> Vec<u8> {
        let state = self.lock();
        state.files[state.names[path]].live.clone()
    }

    /// Puts a file there, durable, as somebody with a copying program would.
    pub fn place(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.lock();
        let file = Content { live: bytes.clone(), durable: bytes, unsynced: Vec::new() };
        let id = state.names.get(path).copied().unwrap_or(state.files.len());
        if id < state.files.len() {
            state.files[id] = file;
        } else {
            state.files.push(file);
        }
        state.names.insert(path.to_owned(), id);
        state.durable_names.insert(path.to_owned(), id);
    }

    /// Changes what a file holds, under whoever has it open.
    pub fn overwrite(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.lock();
        let id = state.names[path];
        state.files[id].live = bytes;
    }

    pub fn take_away(&self, path: &Path) -> Vec<u8> {
        let bytes = self.read(path);
        let mut state = self.lock();
        state.names.remove(path);
        state.durable_names.remove(path);
        bytes
    }

    /// All names and bytes, to see that nothing was changed.
    pub fn all(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.lock();
        state.names.iter().map(|(path, id)| (path.clone(), state.files[*id].live.clone())).collect()
    }

    fn begin(&self, op: Op, path: &Path) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        while state.held == Some(op) {
            state.waiting += 1;
            self.shared.1.notify_all();
            state = self.shared.1.wait(state).expect("the disk");
            state.waiting -= 1;
        }
        state.done.push((op, path.to_owned()));
        let is_meant = |failing: &&mut Failing| is_segment(path) || !failing.in_log;
        let Some(failing) = state.failing.get_mut(&op).filter(is_meant) else {
            return Ok(state);
        };
        if failing.passing > 0 {
            failing.passing -= 1;
            return Ok(state);
        }
        state.failing.remove(&op);
        if op == Op::Sync {
            state.forget_unsynced(path);
        }
        Err(io::Error::other("the disk failed, as told"))
    }
}

/// Whether it is a segment of the log that is in use.
fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "seg")
}

impl State {
    /// As Linux does after a failed sync: the pages count as clean, and a second sync "succeeds".
    fn forget_unsynced(&mut self, path: &Path) {
        if let Some(id) = self.names.get(path) {
            self.files[*id].unsynced.clear();
        }
    }

    fn id(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn put(bytes: &mut Vec<u8>, offset: u64, part: &[u8]) {
    let start = usize::try_from(offset).expect("an offset in memory");
    if part.is_empty() {
        return;
    }
    if bytes.len() < start + part.len() {
        bytes.resize(start + part.len(), 0);
    }
    bytes[start..start + part.len()].copy_from_slice(part);
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.begin(Op::Open, path)?;
        if create && !state.names.contains_key(path) {
            state.files.push(Content::default());
            let id = state.files.len() - 1;
            state.names.insert(path.to_owned(), id);
        }
        let id = state.id(path)?;
        Ok(Box::new(FaultyFile { disk: self.clone(), id }))
    }

    fn open_read_only(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let id = self.lock().id(path)?;
        Ok(Box::new(FaultyFile { disk: self.clone(), id }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.begin(Op::Rename, to)?;
        let id = state.id(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin(Op::Remove, path)?;
        let id = state.id(path)?;
        state.names.remove(path);
        let length = state.files[id].live.len() as u64;
        state.room = state.room.map(|room| room + length);
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.lock();
        Ok(state.names.keys().filter(|path| path.parent() == Some(folder)).cloned().collect())
    }

    fn create_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.begin(Op::SyncFolder, folder)?;
        let inside = |path: &PathBuf| path.parent() == Some(folder);
        state.durable_names.retain(|path, _| !inside(path));
        let new: Vec<_> = state
            .names
            .iter()
            .filter(|(path, _)| inside(path))
            .map(|(path, id)| (path.clone(), *id))
            .collect();
        state.durable_names.extend(new);
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.lock().room.unwrap_or(u64::MAX))
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    id: usize,
}

impl FaultyFile {
    /// The name that it bears now.
    fn path(&self) -> PathBuf {
        let state = self.disk.lock();
        let named = state.names.iter().find(|(_, id)| **id == self.id);
        named.map(|(path, _)| path.clone()).unwrap_or_default()
    }
}

impl DiskFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files[self.id].live.len() as u64)
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.lock();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let part = state.files[self.id].live.get(start..start + bytes.len());
        bytes.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.begin(Op::Write, &self.path())?;
        let grows = (offset + bytes.len() as u64).saturating_sub(state.files[self.id].live.len() as u64);
        if let Some(room) = state.room {
            state.room = Some(room.checked_sub(grows).ok_or(io::ErrorKind::StorageFull)?);
        }
        let file = &mut state.files[self.id];
        put(&mut file.live, offset, bytes);
        file.unsynced.push((offset, bytes.to_vec()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.begin(Op::Sync, &self.path())?;
        let file = &mut state.files[self.id];
        for (offset, bytes) in std::mem::take(&mut file.unsynced) {
            put(&mut file.durable, offset, &bytes);
        }
        Ok(())
    }
}
