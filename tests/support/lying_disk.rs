//! A disk in memory that lies, by chance from a seed: the same seed and the same operations give the same lies. Whether an
//! operation is struck hangs on the seed, on the file that it is of, and on how many of its kind that file has had: not on
//! how threads take turns.
//!
//! [`LyingDisk::process_dies`] and [`LyingDisk::power_fails`] give the disk as the next process finds it; the old one
//! answers nothing but errors from then on. [`LyingDisk::damage`] changes what lies there.
mod content;
mod damage;
mod faults;
mod seam;

pub use content::Bytes;
pub use faults::{Fault, Injected, Lies, Plan};

use crate::support::random::Random;
use content::Content;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// So many earlier states of a file are kept, for [`Fault::StaleFile`].
const EARLIER_KEPT: usize = 4;

#[derive(Clone)]
pub struct LyingDisk {
    state: Arc<Mutex<State>>,
    injected: Arc<Injected>,
    images: Arc<Mutex<Option<Images>>>,
}

/// What lay there before each change, and how far the test had come by then.
struct Images {
    done: Arc<AtomicU64>,
    taken: Vec<(u64, State)>,
}

#[derive(Clone, Default)]
struct State {
    seed: u64,
    plan: Plan,
    /// How many times it was found by another process.
    life: u64,
    /// Names as a running process sees them, and as they would be after a power failure.
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names that no sync of their folder has answered for, in order.
    renamed: Vec<NameChange>,
    files: Vec<Content>,
    /// How often a fault was drawn for a file.
    drawn: HashMap<(String, Fault), u64>,
    /// So many more writes that make a file grow find no room.
    full_for: u64,
    is_full: bool,
    /// Changes asked for so far, and the one that the power fails at.
    operations: u64,
    off_at: Option<u64>,
    is_off: bool,
}

/// What strikes an operation, and chance for the rest of it.
type Struck = (Fault, Random);

#[derive(Clone, Debug)]
struct NameChange {
    from: Option<PathBuf>,
    to: Option<(PathBuf, usize)>,
}

impl NameChange {
    fn folder(&self) -> Option<&Path> {
        self.to.as_ref().map(|(to, _)| to).or(self.from.as_ref())?.parent()
    }

    fn put_into(&self, names: &mut BTreeMap<PathBuf, usize>) {
        if let Some(from) = &self.from {
            names.remove(from);
        }
        if let Some((to, id)) = &self.to {
            // A file has one name: the one before may not be the one that this change knows of.
            names.retain(|_, named| named != id);
            names.insert(to.clone(), *id);
        }
    }
}

impl LyingDisk {
    pub fn new(seed: u64, plan: Plan) -> LyingDisk {
        let state = State { seed, plan, ..State::default() };
        LyingDisk::of(state, Arc::default())
    }

    fn of(state: State, injected: Arc<Injected>) -> LyingDisk {
        LyingDisk { state: Arc::new(Mutex::new(state)), injected, images: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the disk")
    }

    /// Counted over all lives of this disk.
    pub fn injected(&self) -> &Injected {
        &self.injected
    }

    /// From now on.
    pub fn set_plan(&self, plan: Plan) {
        self.lock().plan = plan;
    }

    /// Nothing can grow until this is taken back.
    pub fn set_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    /// How many changes (opens that create, writes, syncs, renames, removals) were asked for.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// The power fails when the change of this number, from 0, is asked for: it is as if under way, nothing comes after it.
    pub fn power_off_at(&self, operation: u64) {
        self.lock().off_at = Some(operation);
    }

    pub fn is_off(&self) -> bool {
        self.lock().is_off
    }

    /// The process dies and the machine does not: the next one finds all that was written, synced or not.
    pub fn process_dies(&self) -> LyingDisk {
        self.next_life(|_, _| {})
    }

    /// Power fails: of what was not synced any part is left. Which, the seed tells.
    pub fn power_fails(&self) -> LyingDisk {
        let injected = self.injected.clone();
        self.next_life(|state, chance| state.power_fails(chance, &injected))
    }

    /// A copy that shares nothing with this one but the counts, on what this one holds now.
    pub fn image(&self) -> LyingDisk {
        LyingDisk::of(self.lock().clone(), self.injected.clone())
    }

    /// The same, with other chances from now on.
    pub fn image_with(&self, seed: u64) -> LyingDisk {
        let image = self.image();
        image.lock().seed = seed;
        image
    }

    /// From now on an image is taken before each change, with what `done` says then.
    pub fn take_images(&self, done: Arc<AtomicU64>) {
        *self.images.lock().expect("images") = Some(Images { done, taken: Vec::new() });
    }

    /// Those that were taken, in order.
    pub fn images(&self) -> Vec<(u64, LyingDisk)> {
        let images = self.images.lock().expect("images").take();
        let taken = images.map(|images| images.taken).unwrap_or_default();
        taken.into_iter().map(|(done, state)| (done, LyingDisk::of(state, self.injected.clone()))).collect()
    }

    fn next_life(&self, ends: impl FnOnce(&mut State, &mut Random)) -> LyingDisk {
        let mut old = self.lock();
        let mut state = old.clone();
        (old.is_off, old.files, old.names) = (true, Vec::new(), BTreeMap::new());
        drop(old);
        let mut chance = Random::new(mixed(state.seed, "the end of a life", state.life));
        ends(&mut state, &mut chance);
        state.life += 1;
        (state.off_at, state.is_off, state.full_for, state.operations) = (None, false, 0, 0);
        state.drawn.clear();
        for (path, id) in &state.names {
            let file = &mut state.files[*id];
            file.made_as = path.display().to_string();
            if file.earlier.len() == EARLIER_KEPT {
                file.earlier.remove(0);
            }
            file.earlier.push(file.live.clone());
        }
        let next = LyingDisk::of(state, self.injected.clone());
        LyingDisk { images: self.images.clone(), ..next }
    }

    /// Takes most of the zeros off a file's end. Some may be a record's own, so a few hundred stay.
    pub fn trim(&self, path: &Path) {
        let mut state = self.lock();
        let id = state.names[path];
        let used = (state.files[id].live.used() + 512).min(state.files[id].live.length);
        state.files[id].live.cut(used);
        state.files[id].durable.cut(used);
    }

    pub fn paths(&self) -> Vec<PathBuf> {
        self.lock().names.keys().cloned().collect()
    }

    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.lock();
        state.names.get(path).map(|id| state.files[*id].live.whole())
    }

    /// All names and bytes, to see that nothing was changed.
    pub fn all(&self) -> BTreeMap<PathBuf, Bytes> {
        let state = self.lock();
        state.names.iter().map(|(path, id)| (path.clone(), state.files[*id].live.clone())).collect()
    }

    /// Puts a file there, durable, as somebody with a copying program would.
    pub fn place(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.lock();
        let (live, made_as) = (Bytes::of(bytes), path.display().to_string());
        state.files.push(Content { durable: live.clone(), live, made_as, ..Content::default() });
        let id = state.files.len() - 1;
        state.names.insert(path.to_owned(), id);
        state.durable_names.insert(path.to_owned(), id);
    }

    pub fn take_away(&self, path: &Path) {
        let mut state = self.lock();
        state.names.remove(path);
        state.durable_names.remove(path);
    }

    /// A change is asked for, which any of `faults` can strike.
    fn change(&self, of: &str, faults: &[Fault]) -> io::Result<(MutexGuard<'_, State>, Option<Struck>)> {
        let mut state = self.lock();
        if state.is_off {
            return Err(io::Error::other("the power is off"));
        }
        if let Some(images) = &mut *self.images.lock().expect("images") {
            images.taken.push((images.done.load(Ordering::SeqCst), state.clone()));
        }
        let number = state.operations;
        state.operations += 1;
        state.is_off = state.off_at == Some(number);
        let struck = faults.iter().find_map(|fault| Some((*fault, state.draw(*fault, of)?)));
        if let Some((fault, _)) = &struck {
            self.injected.count(*fault, 1);
        }
        Ok((state, struck))
    }

    /// The same of what changes nothing.
    fn look(&self, of: &str, fault: Fault) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        if state.is_off {
            return Err(io::Error::other("the power is off"));
        }
        if state.draw(fault, of).is_some() {
            self.injected.count(fault, 1);
            return Err(failed(fault));
        }
        Ok(state)
    }
}

fn failed(fault: Fault) -> io::Error {
    io::Error::other(format!("the disk failed, as planned: {fault:?}"))
}

fn mixed(seed: u64, text: &str, n: u64) -> u64 {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    Random::new(seed ^ hash.rotate_left(17) ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next()
}

impl State {
    /// Whether this fault strikes now; with chance for the rest of it.
    fn draw(&mut self, fault: Fault, of: &str) -> Option<Random> {
        let one_in = self.plan.one_in(fault);
        if one_in == 0 {
            return None;
        }
        // Wherever the folder of the data lies.
        let of: Vec<&str> = of.rsplit('/').take(2).collect();
        let of = of.join("/");
        let nth = self.drawn.entry((of.clone(), fault)).or_insert(0);
        *nth += 1;
        let mut chance = Random::new(mixed(self.seed ^ self.life << 40 ^ (fault as u64) << 56, &of, *nth));
        chance.one_in(one_in).then_some(chance)
    }

    fn id(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&mut self, change: NameChange) {
        change.put_into(&mut self.names);
        self.renamed.push(change);
    }

    /// Which of the changes of names in `folder` are on the medium from now on; the others count as clean.
    fn settle_names(&mut self, folder: &Path, mut is_kept: impl FnMut() -> bool) -> u64 {
        let mut lost = 0;
        let (inside, outside) =
            std::mem::take(&mut self.renamed).into_iter().partition(|change| change.folder() == Some(folder));
        self.renamed = outside;
        let inside: Vec<NameChange> = inside;
        for change in inside {
            if is_kept() {
                change.put_into(&mut self.durable_names);
            } else {
                lost += 1;
            }
        }
        lost
    }

    fn power_fails(&mut self, chance: &mut Random, injected: &Injected) {
        // Names, as data: none, all, or any.
        let shape = chance.below(3);
        for change in std::mem::take(&mut self.renamed) {
            if shape == 1 || shape == 2 && chance.one_in(2) {
                change.put_into(&mut self.durable_names);
            } else {
                injected.count(Fault::LostName, 1);
            }
        }
        self.names.clone_from(&self.durable_names);
        for file in &mut self.files {
            let lost = file.power_fails(chance);
            injected.count(Fault::LostSectors, lost.sectors as u64);
            injected.count(Fault::TornSector, lost.torn as u64);
            injected.count(Fault::Reordered, lost.reordered.into());
        }
        self.forget_unnamed();
    }

    /// What has no name any more is gone.
    fn forget_unnamed(&mut self) {
        let mut kept = Vec::new();
        for id in self.names.values_mut() {
            kept.push(std::mem::take(&mut self.files[*id]));
            *id = kept.len() - 1;
        }
        self.files = kept;
        self.durable_names.clone_from(&self.names);
    }
}
