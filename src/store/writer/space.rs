//! The writer's helper: it keeps one spare segment ready, and looks whether the disk fills up.
use crate::clock::monotonic;
use crate::pace::Pace;
use crate::store::error::StoreError;
use crate::store::journal::{Shared, State};
use crate::store::segments;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it looks at the disk.
const LOOK_AT_DISK_EVERY: Duration = Duration::from_millis(250);
/// Making a spare segment pauses three times as long as it works, most of which is the disk's: the log's own syncs go first.
const PAUSES: u32 = 3;

/// Starts its thread.
pub(in crate::store) fn start_helper<T: Send + 'static>(
    shared: &Arc<Shared<T>>,
) -> Result<JoinHandle<()>, StoreError> {
    segments::remove_spares(&*shared.disk, &shared.folder)?;
    let helper = shared.clone();
    let thread = std::thread::Builder::new().name("log-space".into()).spawn(move || keep_spare(&helper));
    thread.map_err(StoreError::io(&shared.folder.wal, "starting the log's helper"))
}

fn keep_spare<T>(shared: &Shared<T>) {
    let mut made = 0;
    loop {
        note_disk_space(shared);
        let state = shared.lock();
        if state.stopping || shared.closed.load(Ordering::Acquire) {
            return;
        }
        let wanted = state.spare.is_none();
        drop(state);
        if wanted {
            let mut pace = Pace::new(PAUSES);
            match make_spare(shared, &mut made, &mut || pace.rest_unless(|| is_wanted_soon(shared))) {
                Ok(()) => continue,
                Err(error) => {
                    tracing::error!(
                        "the log's next segment can't be made: {error}; trying again; hint: free disk space"
                    );
                    let mut state = shared.lock();
                    state.spare_tried = true;
                    state.spare_failed = Some(error.to_string());
                    drop(state);
                    shared.spare_changed.notify_all();
                }
            }
        }
        let state = shared.lock();
        let sleep_on = |state: &mut State<T>| state.spare.is_some() && !state.stopping;
        let pause = if wanted { LOOK_AT_DISK_EVERY * 2 } else { LOOK_AT_DISK_EVERY };
        let waited = if wanted {
            shared.spare_changed.wait_timeout(state, pause).map(|(state, _)| state).map_err(|_| ())
        } else {
            shared
                .spare_changed
                .wait_timeout_while(state, pause, sleep_on)
                .map(|(state, _)| state)
                .map_err(|_| ())
        };
        drop(waited);
    }
}

pub(super) fn make_spare<T>(
    shared: &Shared<T>,
    made: &mut u64,
    rest: &mut dyn FnMut(),
) -> std::io::Result<()> {
    let started = monotonic();
    let bytes = shared.options.segment_bytes;
    let spare = segments::make_spare(&*shared.disk, &shared.folder, *made, bytes, rest)?;
    *made += 1;
    tracing::debug!(took = ?started.elapsed(), "a spare segment is ready");
    let mut state = shared.lock();
    (state.spare, state.spare_tried, state.spare_failed) = (Some(spare), true, None);
    drop(state);
    shared.spare_changed.notify_all();
    Ok(())
}

/// Whether the log has come to the second half of its segment, or ends.
fn is_wanted_soon<T>(shared: &Shared<T>) -> bool {
    let state = shared.lock();
    state.stopping || state.room < shared.options.segment_bytes / 2
}

/// Whether changes are turned away for want of space.
pub(super) fn note_disk_space<T>(shared: &Shared<T>) {
    let low = is_low(shared);
    let mut state = shared.lock();
    if low != state.disk_low {
        state.disk_low = low;
        tell_of_space(shared, low);
    }
}

fn is_low<T>(shared: &Shared<T>) -> bool {
    let Ok(free) = shared.disk.free_bytes(&shared.folder.wal) else { return false };
    shared.stats.disk_free_bytes.store(free, Ordering::Relaxed);
    free < shared.options.min_free_bytes
}

fn tell_of_space<T>(shared: &Shared<T>, low: bool) {
    let least = shared.options.min_free_bytes >> 20;
    if low {
        tracing::error!(
            "less than {least} MiB of disk are free: changes are turned away; hint: free disk space"
        );
    } else {
        tracing::info!("{least} MiB of disk are free again: changes are taken");
    }
}
