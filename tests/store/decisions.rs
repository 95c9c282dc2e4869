//! The decision table of recovery: what bytes that are no whole frame are taken for. All its inputs.
use super::*;
use eros_points::format::frame::{FRAME_HEADER_BYTES, FRAME_VERSION};
use eros_points::format::scan::{Ending, scan};
use eros_points::limits::FRAME_PAYLOAD_BYTES_MAX;

/// How the frame after two whole ones is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// The first bytes never came.
    Begins,
    /// The header is whole, its payload is not.
    Payload,
    /// The header's own checksum is wrong.
    Header,
    /// Something that never was a frame.
    Foreign,
}

/// What stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Later {
    Nothing,
    /// A whole frame of this number.
    Frame(u64),
    /// A frame of a later version, whose number this build does not look at.
    Newer,
    /// A header that is whole, of a kind that this build does not know.
    Unknown,
    /// What would be a later frame in another log.
    Foreign,
    /// A later frame that is not whole itself.
    Broken,
}

impl Later {
    const EVERY: [Later; 9] = [
        Later::Nothing,
        Later::Frame(1),
        Later::Frame(3),
        Later::Frame(4),
        Later::Frame(u64::MAX - 1),
        Later::Newer,
        Later::Unknown,
        Later::Foreign,
        Later::Broken,
    ];

    fn frame(self, chain: &mut Chain) -> Vec<u8> {
        if let Later::Frame(number) = self {
            chain.next_frame = number;
        }
        let mut frame = next_frame(chain, &payload(9));
        match self {
            Later::Nothing => return Vec::new(),
            Later::Frame(_) => return frame,
            Later::Newer => frame[4] = FRAME_VERSION + 1,
            Later::Unknown => frame[5] = 3,
            Later::Foreign => frame[72] ^= 1,
            Later::Broken => *frame.last_mut().expect("a payload") ^= 1,
        }
        let checksum = crc32fast::hash(&frame[..FRAME_HEADER_BYTES - 4]);
        frame[FRAME_HEADER_BYTES - 4..FRAME_HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
        frame
    }

    /// Whether it shows that what comes before it was durable.
    fn is_evidence(self) -> bool {
        match self {
            Later::Frame(number) => number > 3,
            Later::Newer | Later::Unknown => true,
            Later::Nothing | Later::Foreign | Later::Broken => false,
        }
    }
}

const EVERY: [Broken; 4] = [Broken::Begins, Broken::Payload, Broken::Header, Broken::Foreign];

/// A segment with two whole frames, a broken one, and what the row of the table says behind it. Where it breaks.
fn bytes(broken: Broken, far: bool, later: Later) -> (Vec<u8>, usize) {
    let mut chain = Chain::default();
    let mut bytes = SegmentHeader { log_id: LOG_ID, ordinal: 1, chain: chain.clone() }.encode();
    bytes.extend(next_frame(&mut chain, &payload(1)));
    bytes.extend(next_frame(&mut chain, &payload(2)));
    let begins = bytes.len();
    let mut frame = next_frame(&mut chain, &payload(3));
    match broken {
        Broken::Begins => frame[..8].fill(0),
        Broken::Payload => frame.truncate(FRAME_HEADER_BYTES + 20),
        Broken::Header => frame[20] ^= 1,
        Broken::Foreign => frame.fill(0x55),
    }
    bytes.extend(frame);
    bytes.extend([0; 100]);
    bytes.extend(later.frame(&mut chain));
    if far {
        bytes.resize(begins + FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX, 0);
        bytes.push(1);
    }
    (bytes, begins)
}

fn ending(bytes: &[u8], newest: bool) -> (Ending, Chain) {
    let mut chain = Chain::default();
    let done = scan::<()>(bytes, SEGMENT_HEADER_BYTES, LOG_ID, &mut chain, newest, |_| Ok(()));
    (done.expect("no visitor refuses"), chain)
}

#[test]
fn what_is_no_whole_frame_is_torn_only_at_the_very_end() {
    for broken in EVERY {
        for (newest, far, later, torn) in [
            (true, false, false, true),
            (true, false, true, false),
            (true, true, false, false),
            (true, true, true, false),
            (false, false, false, false),
            (false, false, true, false),
            (false, true, false, false),
            (false, true, true, false),
        ] {
            for kind in Later::EVERY.into_iter().filter(|kind| kind.is_evidence() == later) {
                let (bytes, begins) = bytes(broken, far, kind);
                let (ending, chain) = ending(&bytes, newest);
                let row =
                    format!("{broken:?}, newest {newest}, bytes far behind {far}, then {kind:?}: {ending:?}");
                match ending {
                    Ending::Torn { offset, .. } => assert!(torn && offset == begins, "{row}"),
                    Ending::Corrupt { offset, .. } => assert!(!torn && offset == begins, "{row}"),
                    Ending::Clean { .. } | Ending::Newer { .. } => panic!("{row}"),
                }
                assert_eq!(chain.next_lsn, Lsn(3), "what came before it counts: {row}");
            }
        }
    }
}

#[test]
fn an_older_frame_behind_a_torn_one_proves_nothing() {
    // What a segment's file held in an earlier life, or a client's own bytes, is not taken for a later frame.
    for number in [1, 2, 3] {
        let (bytes, begins) = bytes(Broken::Header, false, Later::Frame(number));
        let (ending, _) = ending(&bytes, true);
        assert!(matches!(ending, Ending::Torn { offset, .. } if offset == begins), "{number}: {ending:?}");
    }
}

#[test]
fn only_zeros_are_a_clean_end_whether_newest_or_not() {
    let mut chain = Chain::default();
    let header = SegmentHeader { log_id: LOG_ID, ordinal: 1, chain: chain.clone() }.encode();
    let frame = next_frame(&mut chain, &payload(1));
    let end = header.len() + frame.len();
    for zeros in [0, 1, 79, 80, 5_000] {
        let bytes = [&header[..], &frame[..], &vec![0; zeros][..]].concat();
        for newest in [true, false] {
            assert_eq!(ending(&bytes, newest).0, Ending::Clean { offset: end });
        }
    }
}

#[test]
fn a_whole_frame_that_does_not_continue_the_log_is_never_torn() {
    type Change = fn(&mut Chain);
    let changes: [(&str, Change); 4] = [
        ("frame 7 stands where frame 2 belongs", |chain| chain.next_frame = 7),
        ("does not follow the frame before it", |chain| chain.previous ^= 1),
        ("begins at record 5, not 2", |chain| chain.next_lsn = Lsn(5)),
        ("has number 8 after 0", |chain| chain.sequences[2] = 7),
    ];
    for (words, change) in changes {
        let mut chain = Chain::default();
        let mut bytes = SegmentHeader { log_id: LOG_ID, ordinal: 1, chain: chain.clone() }.encode();
        bytes.extend(next_frame(&mut chain, &payload(1)));
        let begins = bytes.len();
        change(&mut chain);
        bytes.extend(next_frame(&mut chain, &payload(2)));
        bytes.extend([0; 100]);
        let (ending, _) = ending(&bytes, true);
        let Ending::Corrupt { offset, why } = &ending else { panic!("{words}: {ending:?}") };
        assert!(*offset == begins && why.contains(words), "{words}: {why}");
    }
}

/// What is torn was whole once where a snapshot or the index knows of its records: every combination of the two.
#[test]
fn a_torn_end_before_what_is_known_to_have_been_durable_is_damage() {
    for (known, last_is_torn) in (0..=4).flat_map(|known| [(known, false), (known, true)]) {
        let disk = log_of(&[3], payload);
        let mut bytes = disk.read(&segment(1));
        let begins = frames_of(&bytes)[2];
        if last_is_torn {
            bytes[begins + 90..].fill(0);
        }
        disk.place(&segment(1), bytes);
        let before = disk.all();
        let there = if last_is_torn { 2 } else { 3 };
        match read(&disk, Mode::Repair { durable: Lsn(known) }) {
            Ok((end, records)) => {
                // That a clean end comes too early is for who knows of the records to say.
                assert!(known <= there || !last_is_torn, "{known} {last_is_torn}");
                assert_eq!((records, end.torn.is_some()), (expected(there), last_is_torn));
            }
            Err(error) => {
                assert!(last_is_torn && known > there, "{known} {last_is_torn}: {error}");
                assert!(error.to_string().contains(&format!("records through {known} are known")), "{error}");
                assert!(disk.all() == before, "nothing is changed");
            }
        }
    }
}
