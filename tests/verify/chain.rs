//! An edited past.
use super::*;
use eros_points::store::recovery::{Mode, replay};

/// A text of a member's record in each segment, and what it is changed to.
const EDITS: [(usize, &str, &str); 2] = [(0, "ec_mall", "ec_MALL"), (2, "order_pay", "order_PAY")];

fn edited(payloads: &mut [Vec<u8>], (place, from, to): (usize, &str, &str)) -> u64 {
    let first = SEGMENTS[place] as usize - 1;
    let found = payloads[first..].iter_mut().enumerate().find_map(|(n, payload)| {
        let at = payload.windows(from.len()).position(|part| part == from.as_bytes())?;
        payload[at..at + to.len()].copy_from_slice(to.as_bytes());
        Some(n)
    });
    (first + found.expect("a record with the text") + 1) as u64
}

/// The log of the edited records, with the hashes that it had before or with all of them made anew.
fn with(payloads: &[Vec<u8>], hashes_anew: bool) -> LyingDisk {
    let disk = good();
    let mut made = segments(payloads);
    if !hashes_anew {
        let original = segments(&super::payloads());
        for (made, original) in made.iter_mut().zip(&original) {
            assert_eq!(made.len(), original.len());
            made[576..608].copy_from_slice(&original[576..608]);
            let mut at = SEGMENT_HEADER_BYTES;
            while made[at..at + 4] == *b"EFR\n" {
                made[at + 40..at + 72].copy_from_slice(&original[at + 40..at + 72]);
                let length = u32::from_le_bytes(made[at + 28..at + 32].try_into().expect("4 bytes"));
                at += FRAME_HEADER_BYTES + length as usize;
            }
        }
        with_right_checksums(&mut made);
    }
    disk.place(&archived(), &zstd::encode_all(&made[0][..], 3).expect("packed"));
    disk.place(&live(SEGMENTS[1]), &made[1]);
    disk.place(&live(SEGMENTS[2]), &made[2]);
    disk
}

#[test]
fn a_past_record_that_was_edited_with_all_checksums_made_right_again_is_found() {
    let hash = newest(&good());
    for edit in EDITS {
        let mut payloads = payloads();
        let lsn = edited(&mut payloads, edit);
        let disk = with(&payloads, false);
        let mut records = 0;
        let visit = |_: eros_points::format::scan::LogRecord<'_>| {
            records += 1;
            Ok(())
        };
        replay(&disk, &folder(), LOG_ID, Lsn::ZERO, Mode::LookOnly, visit, |_| {})
            .expect("all checksums fit");
        assert_eq!(records, payloads.len());
        let words = wrong(&disk, None).expect("the edit is found");
        let path = if edit.0 == 0 { archived() } else { live(SEGMENTS[edit.0]) };
        assert!(words.contains(&path.display().to_string()), "{words}");
        assert!(words.contains("is not what its hash was made of"), "{words}");
        let told = words.lines().filter(|line| line.contains("hash was made of"));
        assert_eq!(told.count(), 1, "one batch was changed, and one is told of: {words}");
        let range = words.split("at records ").nth(1).expect("the records").split(':').next().expect("them");
        let (first, last) = range.split_once(" to ").expect("a range");
        assert!((first.parse().unwrap()..=last.parse().unwrap()).contains(&lsn), "{lsn}: {words}");
        // Whoever makes the hashes anew too is found by a hash that was kept elsewhere.
        let disk = with(&payloads, true);
        assert_eq!(wrong(&disk, None), None);
        let words = wrong(&disk, Some(hash)).expect("the kept hash is gone");
        assert!(words.contains(&hash.to_string()), "{words}");
    }
    assert_eq!(wrong(&good(), Some(hash)), None);
}

#[test]
fn any_hash_that_was_ever_told_is_found_again_and_no_other() {
    let disk = good();
    let all = newest(&disk);
    let cut = good();
    cut.take_away(&live(SEGMENTS[2]));
    NOTED.into_iter().for_each(|noted| cut.take_away(&snapshot(noted)));
    let earlier = newest(&cut);
    assert!(earlier.lsn < all.lsn && earlier.hash != all.hash);
    assert_eq!(wrong(&disk, Some(earlier)), None, "the hash of an earlier day");
    for kept in [
        Kept { lsn: all.lsn, ..earlier },
        Kept { hash: [7; 32], ..all },
        Kept { lsn: Lsn(all.lsn.0 + 1), ..all },
    ] {
        assert!(wrong(&disk, Some(kept)).is_some(), "{kept}");
    }
    assert!(wrong(&cut, Some(all)).is_some(), "what was after the cut is missed");
    let text = all.to_string();
    assert_eq!(text.parse(), Ok(all));
    for bad in ["", "@1", &text[1..], &text[..64], "zz@1"] {
        assert!(bad.parse::<Kept>().is_err(), "{bad}");
    }
}
