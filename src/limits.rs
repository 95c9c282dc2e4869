//! Every bound of the service, in one place.

/// A member's name, in bytes of UTF-8.
pub const MEMBER_BYTES_MAX: usize = 64;

/// The most open lots (`remaining` above 0) at which a member may still accrue.
pub const OPEN_LOTS_MAX: usize = 100_000;

/// The most lots that one spend, offer, direct transfer or reversal may take from. What it took comes back in one record,
/// some of it owed by time, and that must fit too: `tests/ledger/bounds.rs` measures it.
pub const LOTS_PER_RECORD_MAX: usize = 100_000;

/// A mobile, in bytes of UTF-8.
pub const MOBILE_BYTES_MAX: usize = 32;

/// A tier's name, in bytes of UTF-8.
pub const TIER_BYTES_MAX: usize = 64;

/// A member's free attributes, as JSON.
pub const ATTRIBUTES_BYTES_MAX: usize = 16 << 10;

/// Messages that may wait for one member; above it that member's requests are shed.
pub const MAILBOX_MAX: u32 = 1_000;

/// How long after a full log time tries again to record what fell due.
pub const SETTLE_RETRY: crate::ledger::instant::Span = crate::ledger::instant::Span::seconds(1);

/// Partitions that members are hashed into; a log says how many it has, and that never changes.
pub const PARTITIONS: u16 = 64;

/// One record's payload.
pub const RECORD_BYTES_MAX: usize = 15 << 20;

/// One frame's payload: what one group commit writes.
pub const FRAME_PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// What the writer puts into one frame before it starts the next.
pub const FRAME_PAYLOAD_BYTES_AIM: usize = 4 << 20;

/// One block of a snapshot.
pub const SNAPSHOT_BLOCK_BYTES_MAX: usize = 64 << 20;

/// A request's body.
pub const BODY_BYTES_MAX: usize = 256 << 10;

/// Of a body that is too large so much is read and dropped, so that its sender gets to see the answer.
pub const BODY_BYTES_PASSED_OVER_MAX: usize = 16 << 20;

/// How long a request waits for the index to catch up before it is shed.
pub const INDEX_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// How long a body may take to arrive.
pub const BODY_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// How long a request's head may take to arrive, and so how long a connection may idle.
pub const HEAD_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(30);

/// Connections open at once.
pub const CONNECTIONS_MAX: usize = 16_384;

/// The largest page of a list.
pub const PAGE_SIZE_MAX: u64 = 500;

/// The last page that can be asked for: the largest integer that every JSON client has.
pub const PAGE_MAX: u64 = (1 << 53) - 1;
