//! Takes snapshots while the service runs: nothing stops. Each account says how far it goes, and the whole is put in
//! place only when the log is durable that far.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::directory::{Directory, MemberId};
use crate::actors::tenant::Message;
use crate::actors::tenants::Cell;
use crate::format::codec;
use crate::format::snapshot::{EntryKind, SNAPSHOT_VERSION, SnapshotHeader};
use crate::giving_way::Work;
use crate::ledger::account::Account;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::tenant::Tenant;
use crate::pace::Pace;
use crate::store::archive::archive_through;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::snapshots::{self, SnapshotWriter};
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

const LOOK_EVERY: Duration = Duration::from_millis(250);
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// A snapshot beside requests pauses three times as long as it works. All at once it would take a core from them for as long as
/// it lasts.
const PAUSES: u32 = 3;

/// What of a snapshot is a member's: tenant, member and packed account. The order is the format on disk.
pub type MemberImage = (String, String, Vec<u8>);
/// The same, read where it lies.
pub type MemberImageRef<'a> = (&'a str, &'a str, &'a [u8]);
/// What of it is the service's: the zones by the record they hold from.
pub type ServiceImage = Vec<(Lsn, String)>;
/// What of it is a tenant's.
pub type TenantImage = (String, Tenant);

/// The account of a member's image, from a snapshot of `version`.
pub fn account_of(version: u16, packed: &[u8]) -> Result<Account, String> {
    let decoded = match version {
        // Its last field came later: none.
        1 => codec::decode(&[packed, &[0]].concat()),
        _ => codec::decode(packed),
    };
    decoded.map_err(|error| error.to_string())
}

/// Where snapshots and old segments go.
#[derive(Clone)]
pub struct Snapshotter {
    pub disk: Arc<dyn Disk>,
    pub folder: Folder,
    pub log_id: u128,
    /// A snapshot is due after so much log, or as much as the last one is large.
    pub every_bytes: u64,
    /// Log that the start had to read again because no snapshot covers it.
    pub replayed_bytes: u64,
    /// How far the index would be after a power failure.
    pub index_synced: watch::Receiver<Lsn>,
    /// Whether it has a thread to itself.
    pub in_background: bool,
    pub turn: Arc<Turn>,
}

/// One snapshot at a time: two that no record came between would write into the same file. Who waits for one in the background
/// may be gone when the next begins, so the work itself holds the turn.
#[derive(Default)]
pub struct Turn {
    taking: tokio::sync::Mutex<()>,
    /// The service ends: the snapshot under way makes room for the last.
    is_last: AtomicBool,
}

/// A snapshot in place.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    pub noted: Lsn,
    pub created_at: Instant,
    pub bytes: u64,
    /// How long it took; not known of one that an earlier process took.
    pub took: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("an account could not be asked: {0:?}")]
    Account(Failure),
    #[error("the service stops, which takes another")]
    Stopping,
}

/// Takes a snapshot whenever enough log has gathered since the last.
pub async fn run(core: Arc<Core>, snapshotter: Snapshotter) {
    let mut uncovered_before = snapshotter.replayed_bytes;
    let mut last_bytes = 0;
    let newest = snapshots::newest_bytes(&*snapshotter.disk, &snapshotter.folder);
    let mut due_after = snapshotter.every_bytes.max(newest.unwrap_or_else(|error| {
        tracing::error!("{error}");
        0
    }));
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let bytes = core.journal.stats().bytes.load(Ordering::Relaxed);
        if uncovered_before + bytes - last_bytes < due_after {
            continue;
        }
        match take_off_workers(&core, &snapshotter, false).await {
            Ok(size) => {
                (uncovered_before, last_bytes) = (0, bytes);
                due_after = snapshotter.every_bytes.max(size);
            }
            Err(error) => {
                core.vitals.snapshots.failed.fetch_add(1, Ordering::Relaxed);
                tracing::error!("the snapshot failed, the one before stays: {error}");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Takes the last snapshot, without pauses. One under way is given up for it.
pub async fn take_last(core: &Arc<Core>, snapshotter: &Snapshotter) -> Result<u64, SnapshotError> {
    snapshotter.turn.is_last.store(true, Ordering::Relaxed);
    take_off_workers(core, snapshotter, true).await
}

/// Off the workers that answer requests, where it has a thread to itself: a snapshot is file work.
async fn take_off_workers(
    core: &Arc<Core>,
    snapshotter: &Snapshotter,
    is_last: bool,
) -> Result<u64, SnapshotError> {
    if !snapshotter.in_background {
        return take(core, snapshotter, is_last).await;
    }
    let (core, snapshotter) = (core.clone(), snapshotter.clone());
    let handle = tokio::runtime::Handle::current();
    let task = tokio::task::spawn_blocking(move || handle.block_on(take(&core, &snapshotter, is_last)));
    task.await.unwrap_or(Err(SnapshotError::Account(Failure::NotReady)))
}

/// Takes one snapshot and archives what two of them and the index cover. Its size in bytes.
async fn take(core: &Arc<Core>, snapshotter: &Snapshotter, is_last: bool) -> Result<u64, SnapshotError> {
    let _turn = snapshotter.turn.taking.lock().await;
    let started = crate::clock::monotonic();
    let mut pace = Pace::new(if is_last || !snapshotter.in_background { 0 } else { PAUSES });
    let (disk, folder) = (&*snapshotter.disk, &snapshotter.folder);
    let header = SnapshotHeader {
        version: SNAPSHOT_VERSION,
        log_id: snapshotter.log_id,
        noted: core.journal.durable(),
        created_at: core.clock.now(),
    };
    let (noted, created_at) = (header.noted, header.created_at);
    let mut writer = SnapshotWriter::create(disk, folder, header)?;
    let zones: ServiceImage = core
        .tenants
        .service_zones()
        .all()
        .into_iter()
        .map(|(lsn, zone)| (lsn, zone.name().to_owned()))
        .collect();
    writer.push(EntryKind::Service, &codec::encode(&zones), Lsn::ZERO)?;
    for cell in core.tenants.all() {
        let image = tenant(core, &cell).await.map_err(SnapshotError::Account)?;
        writer.push(EntryKind::Tenant, &codec::encode(&image), image.1.last)?;
    }
    let ends = || snapshotter.turn.is_last.load(Ordering::Relaxed);
    for shard in 0..Directory::SHARDS {
        let mut walk = core.directory.walk(shard, None);
        while let Some(batch) = core.trusted(walk.next()).map_err(SnapshotError::Account)? {
            for member in batch.resting {
                let crm_id = core.directory.tenant_name(member.tenant);
                push(&mut writer, &crm_id, &member.member_no, member.packed.into())?;
            }
            // Asked all at once: one by one each answer would be a wake-up of this thread.
            for answer in join_all(batch.awake.into_iter().map(|id| asked(core, id))).await {
                let (crm_id, member_no, packed) = answer.map_err(SnapshotError::Account)?;
                push(&mut writer, &crm_id, &member_no, packed)?;
            }
            if !is_last && ends() {
                return Err(SnapshotError::Stopping);
            }
            pace.rest();
        }
    }
    // From here on it holds nothing that others want, and nobody waits for it.
    let _leaving = core.giving_way.begin(Work::Archive);
    let finished = writer.finish(&mut || pace.rest_unless(ends))?;
    core.durable(finished.highest).await.map_err(SnapshotError::Account)?;
    let (bytes, entries) = (finished.bytes, finished.entries);
    finished.publish()?;
    let took = started.elapsed();
    core.vitals.snapshots.taken.fetch_add(1, Ordering::Relaxed);
    core.vitals.snapshots.set_newest(Taken { noted, created_at, bytes, took: Some(took) });
    tracing::info!(%noted, entries, bytes, ?took, "snapshot taken");
    archive(snapshotter, &mut || pace.rest_unless(ends))?;
    Ok(bytes)
}

/// The tenant as its actor has it.
async fn tenant(core: &Arc<Core>, cell: &Cell) -> Result<TenantImage, Failure> {
    let (reply, answer) = oneshot::channel();
    let look = Message::Look(Box::new(move |tenant: &Tenant| {
        // Whoever waits for it is this very function.
        let _ = reply.send(tenant.clone());
    }));
    core.tenants.tell(core, &cell.crm_id, look)?;
    let tenant = answer.await.map_err(|_| Failure::NotReady)?;
    Ok((cell.crm_id.to_string(), tenant))
}

/// Tenant, member and packed account of a member whose actor must be asked.
async fn asked(core: &Arc<Core>, id: MemberId) -> Result<(Arc<str>, Arc<str>, Vec<u8>), Failure> {
    let packed = core.look_at(id, |account: &Account| codec::encode(account)).await?;
    let (crm_id, member_no) = core.trusted(core.directory.name_of(id))?;
    Ok((crm_id, member_no, packed))
}

/// Adds a member, unless nothing is recorded of it.
fn push(
    writer: &mut SnapshotWriter<'_>,
    crm_id: &str,
    member_no: &str,
    packed: Vec<u8>,
) -> Result<(), StoreError> {
    let last = if packed.is_empty() { Lsn::ZERO } else { codec::decode_first(&packed).unwrap_or(Lsn::MAX) };
    if last == Lsn::ZERO {
        return Ok(());
    }
    let image: MemberImage = (crm_id.to_owned(), member_no.to_owned(), packed);
    writer.push(EntryKind::Member, &codec::encode(&image), last)
}

fn archive(snapshotter: &Snapshotter, rest: &mut dyn FnMut()) -> Result<(), StoreError> {
    let (disk, folder) = (&*snapshotter.disk, &snapshotter.folder);
    let snapshots = snapshots::list(disk, folder)?;
    // Recovery may have to fall back to the older of two.
    if let [.., older, _] = &snapshots[..] {
        let covered = older.noted.min(*snapshotter.index_synced.borrow());
        let moved = archive_through(disk, folder, covered, rest)?;
        if moved > 0 {
            tracing::info!(moved, "segments archived");
        }
    }
    Ok(())
}
