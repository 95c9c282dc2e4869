//! Flipped bits, files that are missing, zeroed, cut, stale or mixed up, a balance that the log does not give.
use super::*;
use crate::support::books::relay;
use crate::support::lying_disk::Fault;
use crate::support::random::Random;
use eros_points::actors::directory::Directory;
use eros_points::actors::recovery::recover;
use eros_points::history::TreeHistory;
use eros_points::ledger::points::Points;

/// The records and the end, where all holds.
fn all_that_holds(disk: &LyingDisk, kept: Kept) -> Option<(u64, Lsn)> {
    let found = verified(disk, Some(kept)).ok()?;
    found.wrong.is_empty().then_some((found.records, found.last))
}

#[test]
fn every_kind_of_damage_at_any_place_is_found_or_harmless() {
    let disk = good();
    let kept = newest(&disk);
    let whole = all_that_holds(&disk, kept).expect("a good folder");
    let mut chance = Random::new(11);
    let rounds = std::env::var("EROS_VERIFY_ROUNDS").map_or(60, |rounds| rounds.parse().expect("a number"));
    for fault in Fault::AT_REST {
        for round in 0..rounds {
            let bad = disk.image();
            let Some(damaged) = bad.damage(*fault, &mut chance, |_| true) else { continue };
            assert_eq!(damaged.fault, *fault);
            assert!(damaged.at < disk.read(&damaged.path).expect("a file").len(), "{damaged:?}");
            if let Some(holds) = all_that_holds(&bad, kept) {
                // What it lets pass costs nothing: a snapshot fewer, zeros cut off, a mark torn, a line feed changed.
                assert_eq!(holds, whole, "{damaged:?}, round {round}");
                let is_snapshot = damaged.path.extension().is_some_and(|ending| ending == "snap");
                assert!(
                    !is_snapshot || *fault == Fault::MissingFile,
                    "{damaged:?} in a snapshot was let pass"
                );
            }
        }
    }
}

/// What a start makes of the folder: the end of the log and the sums of every member.
fn started(disk: &LyingDisk, history: &TreeHistory) -> Result<(Lsn, Vec<[i128; 3]>), String> {
    let recovered = recover(disk, &folder(), LOG_ID, history, &|| Ok(Directory::new()), |_| {});
    let recovered = recovered.map_err(|error| error.to_string())?;
    let sums = accounts(NOTED[1]).into_keys().map(|(crm_id, member_no)| {
        let id = recovered.directory.find(&crm_id, &member_no).expect("to look").expect("a member");
        let look = |account: &mut Account| [account.total, account.used, account.expired].map(|sum| sum.0);
        let sums = recovered.directory.with_resting(id, |_, _, account| (false, look(account)));
        sums.expect("an account").expect("at rest")
    });
    Ok((recovered.end.last_lsn(), sums.collect()))
}

#[test]
fn a_start_on_any_damage_has_everything_or_is_refused_with_a_place() {
    let disk = good();
    let index = tempfile::tempdir().expect("a folder");
    let history = TreeHistory::open(index.path(), 4 << 20).expect("an index");
    let whole = started(&disk.image(), &history).expect("a good folder");
    let mut chance = Random::new(12);
    let rounds = std::env::var("EROS_VERIFY_ROUNDS").map_or(25, |rounds| rounds.parse().expect("a number"));
    for fault in Fault::AT_REST {
        for round in 0..rounds {
            let bad = disk.image();
            let Some(damaged) = bad.damage(*fault, &mut chance, |_| true) else { continue };
            let before = bad.all();
            match started(&bad, &history) {
                Ok(found) => assert_eq!(found, whole, "{damaged:?}, round {round}"),
                Err(words) => {
                    assert!(words.contains("/data/") || words.contains("record"), "{damaged:?}: {words}");
                    assert!(words.contains("hint:"), "{damaged:?}: {words}");
                    assert!(bad.all() == before, "a refusal changed something: {damaged:?}, {words}");
                }
            }
        }
    }
}

#[test]
fn a_newest_segment_of_which_only_the_header_is_left_is_refused_and_stays_as_it_is() {
    let disk = good();
    let index = tempfile::tempdir().expect("a folder");
    let history = TreeHistory::open(index.path(), 4 << 20).expect("an index");
    started(&disk.image(), &history).expect("a good folder");
    let header = disk.read(&live(SEGMENTS[2])).expect("a segment")[..SEGMENT_HEADER_BYTES].to_vec();
    for zeros in [0, 600] {
        let bad = disk.image();
        bad.place(&live(SEGMENTS[2]), &[&header[..], &vec![0; zeros]].concat());
        let before = bad.all();
        let words = started(&bad, &history).expect_err("a log without its end");
        assert!(words.contains("the log ends at 39"), "{words}");
        assert!(bad.all() == before, "a refusal changed something");
    }
}

#[test]
fn every_byte_of_every_file_is_looked_at() {
    let disk = good();
    let kept = newest(&disk);
    let whole = all_that_holds(&disk, kept).expect("a good folder");
    for path in disk.paths() {
        let good = disk.read(&path).expect("a file");
        for place in 0..good.len() {
            let bad = disk.image();
            let mut bytes = good.clone();
            bytes[place] ^= 1 << (place % 8);
            bad.place(&path, &bytes);
            let Some(holds) = all_that_holds(&bad, kept) else { continue };
            assert_eq!(holds, whole, "{} at {place}", path.display());
            let is_newest = path == live(SEGMENTS[2]);
            let is_packed_or_marker = path == archived() || path.ends_with("LOG");
            assert!(is_newest || is_packed_or_marker, "{} at {place} was let pass", path.display());
        }
    }
}

#[test]
fn a_missing_or_zeroed_segment_is_named() {
    for (path, missing) in [
        (archived(), "does not reach back to record 1"),
        (live(SEGMENTS[1]), "begins at record 40, not 20"),
        (live(SEGMENTS[2]), "its end is missing"),
    ] {
        let disk = good();
        disk.take_away(&path);
        let words = wrong(&disk, None).expect("a missing file");
        assert!(words.contains(missing), "{}: {words}", path.display());
        let disk = good();
        let length = disk.read(&path).expect("a file").len();
        disk.place(&path, &vec![0; length]);
        let words = wrong(&disk, None).expect("a zeroed file");
        assert!(words.contains(&path.display().to_string()), "{words}");
    }
}

#[test]
fn a_newest_segment_that_ends_too_early_is_found_by_the_snapshot_or_the_kept_hash() {
    let (disk, path) = (good(), live(SEGMENTS[2]));
    let (kept, bytes) = (newest(&disk), disk.read(&path).expect("a segment"));
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("frames") + 1;
    for end in (SEGMENT_HEADER_BYTES..used - FRAME_HEADER_BYTES).step_by(41) {
        for zeroed in [false, true] {
            let mut cut = bytes[..end].to_vec();
            cut.resize(if zeroed { bytes.len() } else { end }, 0);
            let disk = disk.image();
            disk.place(&path, &cut);
            assert!(wrong(&disk, Some(kept)).is_some(), "cut at {end}");
            if verified(&disk, None).is_ok_and(|found| found.last < NOTED[1]) {
                let words = wrong(&disk, None).expect("a log that ends before its snapshot");
                assert!(words.contains("its end is missing"), "{words}");
            }
        }
    }
}

#[test]
fn a_snapshot_with_another_balance_and_right_checksums_is_not_what_the_log_makes() {
    let change: [fn(&mut Account); 4] = [
        |account| {
            // The identity still holds.
            relay(account, |lots| lots[0].remaining += Points::whole(1));
            account.total += Points::whole(1);
        },
        |account| account.records += 1,
        |account| account.last = Lsn(account.last.0 - 1),
        |account| account.used += Points::whole(1),
    ];
    for change in change {
        let disk = good();
        let mut accounts = accounts(NOTED[1]);
        let account = accounts.get_mut(&("20090".to_owned(), "eve".to_owned())).expect("eve");
        change(account);
        write_snapshot(&disk, NOTED[1], accounts);
        let words = wrong(&disk, None).expect("a wrong balance");
        assert!(
            words.contains("eve") && words.contains(&snapshot(NOTED[1]).display().to_string()),
            "{words}"
        );
    }
}

#[test]
fn a_snapshot_of_another_record_than_its_name_says_or_of_another_log_is_found() {
    let disk = good();
    let older = disk.read(&snapshot(NOTED[0])).expect("a snapshot");
    disk.place(&snapshot(NOTED[1]), &older);
    let words = wrong(&disk, None).expect("a stale snapshot");
    assert!(words.contains("its name says otherwise"), "{words}");
    let disk = good();
    let mut bytes = disk.read(&snapshot(NOTED[0])).expect("a snapshot");
    bytes[16] ^= 1;
    let checksum = crc32fast::hash(&bytes[..60]).to_le_bytes();
    bytes[60..64].copy_from_slice(&checksum);
    disk.place(&snapshot(NOTED[0]), &bytes);
    let words = wrong(&disk, None).expect("another log's");
    assert!(words.contains("belongs to log"), "{words}");
}

#[test]
fn a_member_that_a_snapshot_has_and_the_log_does_not_is_found() {
    let disk = good();
    let mut accounts = accounts(NOTED[1]);
    let eve = accounts[&("20090".to_owned(), "eve".to_owned())].clone();
    accounts.insert(("20090".to_owned(), "mallory".to_owned()), eve);
    write_snapshot(&disk, NOTED[1], accounts);
    let words = wrong(&disk, None).expect("a member out of nothing");
    assert!(words.contains("mallory"), "{words}");
}
