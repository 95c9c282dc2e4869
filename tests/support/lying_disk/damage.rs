//! Damage to what lies on the disk: rot, lost and mixed up files.
use super::{Bytes, Fault, LyingDisk};
use crate::support::random::Random;
use std::path::{Path, PathBuf};

/// What was done to a file.
#[derive(Clone, Debug)]
pub struct Damaged {
    pub fault: Fault,
    pub path: PathBuf,
    /// The first byte that is not as it was.
    pub at: usize,
}

impl LyingDisk {
    /// Does this to a file that `is_meant` and that it changes; none where there is no such file.
    pub fn damage(
        &self,
        fault: Fault,
        chance: &mut Random,
        is_meant: impl Fn(&Path) -> bool,
    ) -> Option<Damaged> {
        let mut paths: Vec<PathBuf> = self.paths().into_iter().filter(|path| is_meant(path)).collect();
        while !paths.is_empty() {
            let path = paths.swap_remove(chance.below(paths.len() as u64) as usize);
            if let Some(at) = self.damage_file(fault, chance, &path) {
                self.injected.count(fault, 1);
                return Some(Damaged { fault, path, at });
            }
        }
        None
    }

    /// The first byte that is changed.
    fn damage_file(&self, fault: Fault, chance: &mut Random, path: &Path) -> Option<usize> {
        let mut state = self.lock();
        let id = *state.names.get(path)?;
        let good = state.files[id].live.clone();
        // Within what is used: the zeros behind it are most of a segment.
        let mut below = |bound: usize| (bound > 0).then(|| chance.below(bound as u64) as usize);
        let mut bad = good.clone();
        match fault {
            Fault::FlippedBit => bad.flip(below(good.used() * 8)?),
            Fault::ZeroedFile => {
                bad = Bytes::default();
                bad.cut(good.length);
            }
            Fault::ZeroedEnd => {
                bad.cut(below(good.used())?);
                bad.length = good.length;
            }
            Fault::CutFile => bad.cut(below(good.used())?),
            Fault::StaleFile => {
                let earlier: Vec<_> = state.files[id].earlier.iter().filter(|old| **old != good).collect();
                bad = (*earlier.get(below(earlier.len())?)?).clone();
            }
            Fault::SwappedFile => {
                let others = state.names.iter().filter(|(other, _)| {
                    other.parent() == path.parent() && other.extension() == path.extension()
                });
                let others: Vec<_> = others.map(|(_, id)| &state.files[*id].live).collect();
                bad = (*others.get(below(others.len())?)?).clone();
            }
            Fault::MissingFile => {
                state.names.remove(path);
                state.durable_names.remove(path);
                return Some(0);
            }
            _ => return None,
        }
        if bad == good {
            return None;
        }
        let at = good.first_difference(&bad);
        let file = &mut state.files[id];
        (file.live, file.durable) = (bad.clone(), bad);
        Some(at)
    }
}
