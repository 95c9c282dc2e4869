//! Every bound of the service, in one place.

use crate::ledger::instant::Span;

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

/// A member whose last change is no longer ago than that is busy: its next command wakes it. An actor costs kilobytes, and
/// to spawn it takes as long as three or four turns at rest.
pub const BUSY_WITHIN: Span = Span::seconds(1);

/// A member with an actor whose last change is no longer ago than that is crowded: of its next commands some are likely to come
/// while another is on its way, and wait best with the actor. Several times what an answer takes under load.
pub const CROWDED_WITHIN: Span = Span(50);

/// How long after a full log time tries again to record what fell due.
pub const SETTLE_RETRY: Span = Span::seconds(1);

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

/// The body of a batch.
pub const BATCH_BYTES_MAX: usize = 8 << 20;

/// Operations in a batch.
pub const BATCH_OPERATIONS_MAX: usize = 10_000;

/// Operations of a batch that may wait for one member's actor: fewer than may wait for it at all.
pub const BATCH_POSTED_MAX: usize = 500;

/// Up to so much a body is small: of these the bound of connections bounds the memory.
pub const SMALL_BODY_BYTES_MAX: usize = 16 << 10;

/// Memory for the bodies that are not small, of all requests together.
pub const LARGE_BODIES_BYTES_MAX: usize = 128 << 20;

const _: () = assert!(BATCH_BYTES_MAX < LARGE_BODIES_BYTES_MAX && SMALL_BODY_BYTES_MAX < BODY_BYTES_MAX);

/// Of a body that is too large so much is read and dropped, so that its sender gets to see the answer.
pub const BODY_BYTES_PASSED_OVER_MAX: usize = 16 << 20;

/// How long a request waits for the index to catch up before it is shed.
pub const INDEX_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// How long a body may take to arrive.
pub const BODY_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// How long a request's head may take to arrive, and so how long a connection may idle.
pub const HEAD_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(30);

/// How long an answer, or a piece of one that is sent in pieces, may take to be read by the client.
pub const ANSWER_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(30);

/// How long an orderly stop may take, unless it is set otherwise.
pub const STOP_TIME_MAX_DEFAULT: std::time::Duration = std::time::Duration::from_secs(30);

/// A request's head: its line and its headers. Of these there may be 100, which is the HTTP library's own bound.
pub const HEAD_BYTES_MAX: usize = 32 << 10;

/// A request's path and query.
pub const URI_BYTES_MAX: usize = 8 << 10;

/// What a connection holds of what it has read and not yet passed on, and of small answers not yet sent.
pub const CONNECTION_BUFFER_BYTES_MAX: usize = 64 << 10;

const _: () = assert!(URI_BYTES_MAX < HEAD_BYTES_MAX && HEAD_BYTES_MAX < CONNECTION_BUFFER_BYTES_MAX);

/// Connections open at once.
pub const CONNECTIONS_MAX: usize = 16_384;

/// File descriptors kept for log, snapshots and index: connections get what the system allows beyond them.
pub const DESCRIPTORS_KEPT: usize = 512;

/// However few descriptors are allowed, so many connections are taken.
pub const CONNECTIONS_MIN: usize = 64;

/// A tenant's rules.
pub const RULES_MAX: usize = 1_000;

/// A rule's lines for items, and its multipliers.
pub const RULE_LINES_MAX: usize = 100;
pub const RULE_MULTIPLIERS_MAX: usize = 32;

/// All texts of a rule together, in bytes, one more counted for each.
pub const RULE_TEXT_BYTES_MAX: usize = 32 << 10;

// All rules of a tenant fit one block of a snapshot, with room for their numbers.
const _: () = assert!(RULES_MAX * (RULE_TEXT_BYTES_MAX + (8 << 10)) <= SNAPSHOT_BLOCK_BYTES_MAX);

/// The largest page of a list.
pub const PAGE_SIZE_MAX: u64 = 500;

/// The last page that can be asked for: the largest integer that every JSON client has.
pub const PAGE_MAX: u64 = (1 << 53) - 1;

/// Reads of a whole tenant at once; over it they are shed.
pub const SCANS_MAX: usize = 4;

/// What is kept in memory for one such read of members that change while it goes on.
pub const SCAN_KEPT_BYTES_MAX: usize = 64 << 20;

/// Lines that `/liability` answers at most.
pub const LIABILITY_GROUPS_MAX: usize = 100_000;

/// Long answers being streamed at once; over it they are shed.
pub const STREAMS_MAX: usize = 8;

/// What a stream sends in one piece, and how many pieces wait for its client.
pub const STREAM_PIECE_BYTES: usize = 64 << 10;
pub const STREAM_PIECES_WAITING: usize = 2;

/// How long a stream waits for a client that does not read on before it is cut.
pub const STREAM_STALL_MAX: std::time::Duration = std::time::Duration::from_secs(30);

/// Requests that wait for a tenant's next record.
pub const FOLLOWERS_MAX: usize = 1_024;

/// Records of the change feed being sent at once; who comes later waits for a place.
pub const FEEDS_MAX: usize = 64;

/// Accounts being made again from their records at once; who comes later waits.
pub const REBUILDS_MAX: usize = 8;

/// The most records that the change feed gives at once, the usual number, and the longest wait for one.
pub const FEED_LIMIT_MAX: u64 = 10_000;
pub const FEED_LIMIT: u64 = 500;
pub const FEED_WAIT_MAX_SECONDS: u64 = 30;
