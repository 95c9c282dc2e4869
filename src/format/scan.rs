//! Reads a segment frame by frame, and tells a torn write from damage. Pure.
use crate::format::frame::{FRAME_HEADER_BYTES, FRAME_MAGIC, Frame, FrameKind, NoFrame, RecordRef};
use crate::format::newer::Newer;
use crate::format::segment::{Chain, Hash};
use crate::ledger::lsn::Lsn;
use crate::limits::FRAME_PAYLOAD_BYTES_MAX;

/// A record with its number.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord<'a> {
    pub lsn: Lsn,
    pub partition: u16,
    pub payload: &'a [u8],
}

/// How reading a segment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Only zeros follow.
    Clean { offset: usize },
    /// The last write did not reach the disk whole: cut it off.
    Torn { offset: usize, why: String },
    /// Something that was whole is not any more: refuse.
    Corrupt { offset: usize, why: String },
    /// A later build wrote on: refuse.
    Newer { offset: usize, newer: Newer },
}

/// Reads the frames of a segment of log `log_id` from `offset` on, each of which must continue `chain`, and gives every record to
/// `visit`. `newest`: no segment follows.
pub fn scan<E>(
    bytes: &[u8],
    offset: usize,
    log_id: u128,
    chain: &mut Chain,
    newest: bool,
    mut visit: impl FnMut(LogRecord<'_>) -> Result<(), E>,
) -> Result<Ending, E> {
    scan_frames(bytes, offset, log_id, chain, newest, |_, frame, records| {
        (frame.first_lsn.0..).zip(records).try_for_each(|(lsn, record)| {
            visit(LogRecord { lsn: Lsn(lsn), partition: record.partition, payload: record.payload })
        })
    })
}

/// The same frame by frame: where each begins, what it is, its records.
pub fn scan_frames<E>(
    bytes: &[u8],
    mut offset: usize,
    log_id: u128,
    chain: &mut Chain,
    newest: bool,
    mut visit: impl FnMut(usize, &Frame<'_>, &[RecordRef<'_>]) -> Result<(), E>,
) -> Result<Ending, E> {
    loop {
        let rest = bytes.get(offset..).unwrap_or_default();
        if all_zero(rest) {
            return Ok(Ending::Clean { offset });
        }
        let frame = match Frame::decode(rest, log_id) {
            Ok(frame) => frame,
            Err(NoFrame::Broken(why)) => return Ok(judge(bytes, offset, log_id, chain, newest, why)),
            Err(NoFrame::Unknown(why)) => return Ok(Ending::Corrupt { offset, why }),
            Err(NoFrame::Newer(newer)) => return Ok(Ending::Newer { offset, newer }),
        };
        // From here on the bytes are what was once written: what does not fit was written wrong or put here.
        let records = match continues(chain, &frame) {
            Ok(records) => records,
            Err(why) => return Ok(Ending::Corrupt { offset, why }),
        };
        visit(offset, &frame, &records)?;
        // Whether it is the right one is for `verify` to see.
        chain.hash = frame.hash.unwrap_or_default();
        chain.next_lsn = frame.first_lsn.plus(u64::from(frame.count));
        chain.next_frame += 1;
        chain.previous = frame.checksum;
        offset += frame.size();
    }
}

/// Checks that `frame` comes right after `chain`, moves the partitions' sequences and gives its records.
fn continues<'a>(chain: &mut Chain, frame: &Frame<'a>) -> Result<Vec<RecordRef<'a>>, String> {
    if frame.number != chain.next_frame {
        return Err(format!("frame {} stands where frame {} belongs", frame.number, chain.next_frame));
    }
    if frame.previous != chain.previous {
        return Err(format!("frame {} does not follow the frame before it", frame.number));
    }
    if frame.first_lsn != chain.next_lsn {
        return Err(format!(
            "frame {} begins at record {}, not {}",
            frame.number, frame.first_lsn, chain.next_lsn
        ));
    }
    if frame.hash.is_none() && chain.hash != Hash::default() {
        return Err(format!("frame {} has no hash, and those before it have", frame.number));
    }
    let records = frame.records()?;
    if frame.kind == FrameKind::Mark && !records.is_empty() {
        return Err(format!("frame {} is a mark and has records", frame.number));
    }
    for record in &records {
        let sequence = &mut chain.sequences[usize::from(record.partition)];
        if record.sequence != *sequence + 1 {
            return Err(format!(
                "partition {} has number {} after {}",
                record.partition, record.sequence, sequence
            ));
        }
        *sequence = record.sequence;
    }
    Ok(records)
}

/// Bytes at `offset` are no whole frame. They are a torn write only in the newest segment, within one frame's size of
/// what is valid, with no whole later frame behind them; anything else is damage.
fn judge(bytes: &[u8], offset: usize, log_id: u128, chain: &Chain, newest: bool, why: String) -> Ending {
    let rest = &bytes[offset..];
    let evidence = Evidence {
        newest,
        within_one_frame: all_zero(
            rest.get(FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX..).unwrap_or_default(),
        ),
        later_frame: has_later_frame(rest, log_id, chain.next_frame),
    };
    if evidence.torn() { Ending::Torn { offset, why } } else { Ending::Corrupt { offset, why } }
}

#[derive(Clone, Copy, Debug)]
struct Evidence {
    newest: bool,
    within_one_frame: bool,
    later_frame: bool,
}

impl Evidence {
    /// The decision table of recovery.
    fn torn(self) -> bool {
        match (self.newest, self.within_one_frame, self.later_frame) {
            // A write can be unfinished only at the end of the log,
            (false, _, _) => false,
            // and one write is one frame.
            (true, false, _) => false,
            // A later frame was written when this one was durable.
            (true, true, true) => false,
            (true, true, false) => true,
        }
    }
}

/// Whether a whole frame of this log numbered `next` + 1 or higher stands anywhere in `bytes`, or one that this build can't number.
fn has_later_frame(bytes: &[u8], log_id: u128, next: u64) -> bool {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut from = 1;
    while let Some(found) = bytes.get(from..end).and_then(|rest| find(rest, &FRAME_MAGIC)) {
        let at = from + found;
        match Frame::decode(&bytes[at..], log_id) {
            Ok(frame) if frame.number > next => return true,
            Err(NoFrame::Unknown(_) | NoFrame::Newer(_)) => return true,
            _ => {}
        }
        from = at + 1;
    }
    false
}

fn find(bytes: &[u8], wanted: &[u8; 4]) -> Option<usize> {
    bytes.windows(4).position(|window| window == wanted)
}

/// The first bytes decide nearly always. The rest, which can be a whole segment, is looked at by the block and without a
/// branch in it.
fn all_zero(bytes: &[u8]) -> bool {
    let (head, rest) = bytes.split_at(bytes.len().min(16));
    let has_none = |block: &[u8]| block.iter().fold(0, |all, byte| all | byte) == 0;
    has_none(head) && rest.chunks(4_096).all(has_none)
}
