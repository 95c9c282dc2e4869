//! A snapshot taken up: one thread reads and checks its blocks, the others decode the accounts in them and put them into
//! the directory as they lie there, packed.
use super::applying::Owned;
use super::lanes::{joined, workers};
use super::survey::{Survey, Wanted};
use crate::actors::directory::Directory;
use crate::actors::directory::recovered::{Arrivals, TenantsMet};
use crate::actors::snapshot::{MemberImageRef, ServiceImage, Taken, TenantImage, account_of};
use crate::format::codec;
use crate::format::snapshot::{EntryKind, SNAPSHOT_VERSION, SnapshotHeader};
use crate::ledger::lsn::Lsn;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::recovery::{Progress, Stage};
use crate::store::snapshots::{self, Block, SnapshotFile};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Blocks that wait for a thread.
const BLOCKS_WAITING: usize = 4;

pub struct Image {
    pub directory: Directory,
    pub owned: Owned,
    pub survey: Survey,
    pub taken: Option<Taken>,
    /// The last record that any account in it holds.
    pub highest: Lsn,
}

impl Image {
    fn of_nothing(directory: Directory) -> Image {
        let (owned, survey) = (Owned::default(), Survey::default());
        Image { directory, owned, survey, taken: None, highest: Lsn::ZERO }
    }
}

/// The newest snapshot that checks out; an empty one where there is none at all.
pub fn newest_snapshot(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
    empty: &dyn Fn() -> Result<Directory, StoreError>,
    progress: &mut impl FnMut(Progress),
) -> Result<Image, StoreError> {
    let mut bad = Vec::new();
    for file in snapshots::list(disk, folder)?.into_iter().rev() {
        match load(disk, &file, log_id, empty, progress) {
            Ok(image) => return Ok(image),
            // A newer build knows of records that the log must have; this one can't tell of which.
            Err(error @ (StoreError::Foreign { .. } | StoreError::Newer { .. })) => return Err(error),
            Err(error) => {
                tracing::warn!("{error}; falling back to the snapshot before it, or to the whole log");
                bad.push(error.to_string());
            }
        }
    }
    // With no snapshot the log must reach back to its first record; only if it does not is this fatal.
    let reaches_back =
        crate::store::segments::list(disk, folder)?.first().is_none_or(|first| first.first_lsn <= Lsn(1));
    if bad.is_empty() || reaches_back {
        Ok(Image::of_nothing(empty()?))
    } else {
        Err(StoreError::NoSnapshot { why: bad })
    }
}

fn load(
    disk: &dyn Disk,
    file: &SnapshotFile,
    log_id: u128,
    empty: &dyn Fn() -> Result<Directory, StoreError>,
    progress: &mut impl FnMut(Progress),
) -> Result<Image, StoreError> {
    let all = snapshots::bytes(disk, file)?;
    let directory = empty()?;
    let claimed = snapshots::entries_claimed(disk, &file.path).unwrap_or(0);
    directory.reserve(usize::try_from(claimed).unwrap_or(0));
    let owned = Mutex::default();
    let (read, parts) = std::thread::scope(|scope| {
        let (lanes, threads): (Vec<_>, Vec<_>) = (0..workers())
            .map(|_| {
                let (lane, blocks) = sync_channel::<Block>(BLOCKS_WAITING);
                let part = Part {
                    tenants: TenantsMet::of(&directory),
                    arrivals: Arrivals::at(&directory),
                    owned: &owned,
                    survey: Survey::default(),
                    highest: Lsn::ZERO,
                };
                (lane, scope.spawn(move || part.run(blocks)))
            })
            .unzip();
        let (mut done, mut turn) = (0, 0);
        let read = snapshots::read_blocks(disk, &file.path, log_id, |block| {
            done += block.size() as u64;
            turn = (turn + 1) % lanes.len();
            progress(Progress { stage: Stage::Snapshot, done, all, lsn: file.noted });
            // A thread that takes no more says why itself.
            lanes[turn].send(block).map_err(|_| "an entry is wrong".to_owned())
        });
        drop(lanes);
        let parts: Result<Vec<_>, String> = threads.into_iter().map(joined).collect();
        (read, parts)
    });
    let parts = parts.map_err(|why| StoreError::BadSnapshot { path: file.path.clone(), why })?;
    let SnapshotHeader { noted, created_at, .. } = read?;
    let owned = owned.into_inner().unwrap_or_else(PoisonError::into_inner);
    let taken = Some(Taken { noted, created_at, bytes: all, took: None });
    let highest = owned.tenants.values().map(|tenant| tenant.last).max().unwrap_or_default();
    let mut image = Image { directory, owned, survey: Survey::default(), taken, highest };
    for (survey, highest) in parts {
        image.survey.add(survey);
        image.highest = image.highest.max(highest);
    }
    Ok(image)
}

/// What one thread takes up.
struct Part<'a> {
    tenants: TenantsMet<'a>,
    arrivals: Arrivals<'a, Wanted>,
    owned: &'a Mutex<Owned>,
    survey: Survey,
    highest: Lsn,
}

impl Part<'_> {
    fn run(mut self, blocks: Receiver<Block>) -> Result<(Survey, Lsn), String> {
        for block in blocks {
            for (kind, entry) in block.entries()? {
                self.take(block.version, kind, entry)?;
            }
            if self.arrivals.are_many() {
                self.put()?;
            }
        }
        self.put()?;
        Ok((self.survey, self.highest))
    }

    fn put(&mut self) -> Result<(), String> {
        let put = self.arrivals.put(|id, wanted| self.survey.note(id, wanted));
        put.map_err(|error| error.to_string())
    }

    fn take(&mut self, version: u16, kind: EntryKind, entry: &[u8]) -> Result<(), String> {
        match kind {
            EntryKind::Member => {
                let image: MemberImageRef<'_> =
                    codec::decode_borrowed(entry).map_err(|error| error.to_string())?;
                let (crm_id, member_no, packed) = image;
                let account = account_of(version, packed)?;
                self.highest = self.highest.max(account.last);
                let tenant = self.tenants.id(crm_id);
                self.arrivals.push(tenant, member_no, Wanted::by(&account), |bytes| match version {
                    SNAPSHOT_VERSION => bytes.extend_from_slice(packed),
                    _ => codec::encode_into(bytes, &account),
                });
            }
            EntryKind::Service => {
                let image: ServiceImage = codec::decode(entry).map_err(|error| error.to_string())?;
                let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
                image.into_iter().try_for_each(|(lsn, zone)| owned.set_zone(lsn, &zone))?;
            }
            EntryKind::Tenant => {
                let image: TenantImage = codec::decode(entry).map_err(|error| error.to_string())?;
                let (crm_id, tenant) = image;
                let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
                owned.tenants.insert(crm_id, tenant);
            }
        }
        Ok(())
    }
}
