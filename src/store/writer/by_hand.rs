//! Writer and helper without threads of their own: they move on when they are told to. For simulations.
use super::Writer;
use super::space::{make_spare, note_disk_space};
use crate::store::error::StoreError;
use crate::store::journal::{Shared, Sink};
use crate::store::recovery::LogEnd;
use crate::store::segments;
use std::sync::Arc;

pub(in crate::store) struct ByHand<T> {
    writer: Writer<T>,
    spares_made: u64,
}

impl<T: Send> ByHand<T> {
    pub(in crate::store) fn begin(
        shared: &Arc<Shared<T>>,
        end: LogEnd,
        sink: Box<dyn Sink<T>>,
    ) -> Result<ByHand<T>, StoreError> {
        segments::remove_spares(&*shared.disk, &shared.folder)?;
        let mut spares_made = 0;
        // Without one a log that has no segment can't begin: where it can't be made, that is refused.
        make_spare(shared, &mut spares_made, &mut || {})
            .map_err(StoreError::io(&shared.folder.wal, "making the log's first space"))?;
        Ok(ByHand { writer: Writer::begin(shared, end, sink)?, spares_made })
    }

    /// One look of the helper, one group or mark of the writer; none once the log is closed. Without a spare segment the
    /// writer waits.
    pub(in crate::store) fn step(mut self) -> Option<ByHand<T>> {
        let shared = self.writer.shared.clone();
        note_disk_space(&shared);
        if !self.has_spare() {
            return Some(self);
        }
        let mut state = shared.lock();
        let group = self.writer.taken(&mut state);
        drop(state);
        match self.writer.write(group) {
            Ok(()) => Some(self),
            Err(error) => {
                self.writer.fail(error);
                None
            }
        }
    }

    /// Writes and syncs what waits, for as long as there is space for it.
    pub(in crate::store) fn finish(mut self) {
        while !self.writer.shared.lock().pending.payloads.is_empty() && self.has_spare() {
            match self.step() {
                Some(stepped) => self = stepped,
                None => return,
            }
        }
        self.writer.end();
    }

    fn has_spare(&mut self) -> bool {
        let shared = self.writer.shared.clone();
        if shared.lock().spare.is_none()
            && let Err(error) = make_spare(&shared, &mut self.spares_made, &mut || {})
        {
            tracing::error!("the log's next segment can't be made: {error}");
        }
        shared.lock().spare.is_some()
    }
}
