//! What a later build wrote is refused in words that say so, file by file, is never called damaged, and is left as it is.
use super::folder::{LOG_ID, SECOND, unpacked};
use super::{fixtures, story};
use eros_points::actors::directory::Directory;
use eros_points::actors::recovery::recover;
use eros_points::cli::verify;
use eros_points::format::entry::{ENTRY_VERSION, Entry};
use eros_points::format::frame::{FRAME_HEADER_BYTES, FRAME_VERSION, FrameKind, frame_header, push_record};
use eros_points::format::personal_keys::{KEYS_VERSION, encode_header};
use eros_points::format::segment::{Chain, SEGMENT_HEADER_BYTES, SEGMENT_VERSION, SegmentHeader};
use eros_points::format::snapshot::SNAPSHOT_VERSION;
use eros_points::history::TreeHistory;
use eros_points::store::backup::Manifest;
use eros_points::store::disk::RealDisk;
use eros_points::store::folder::Folder;
use eros_points::store::personal_keys::PersonalKeys;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All files under a folder but the index's, and what is in them.
fn files(folder: &Folder) -> BTreeMap<PathBuf, Vec<u8>> {
    let inside = [&folder.wal, &folder.archive, &folder.snapshots];
    let paths = inside.into_iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let paths = paths.map(|file| file.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn starting(folder: &Folder) -> Result<(), String> {
    let history = TreeHistory::open(&folder.history, 16 << 20).unwrap();
    recover(&RealDisk, folder, LOG_ID, &history, &|| Ok(Directory::new()), |_| {})
        .map(|_| ())
        .map_err(|error| error.to_string())?;
    PersonalKeys::open(RealDisk::shared(), folder, LOG_ID).map(|_| ()).map_err(|error| error.to_string())
}

fn verifying(folder: &Folder) -> Result<(), String> {
    let found = verify::check(&RealDisk, folder, LOG_ID, None).map_err(|error| error.to_string())?;
    if found.wrong.is_empty() { Ok(()) } else { Err(found.wrong.join("\n")) }
}

/// Start and `verify` refuse the folder that `change` leaves, and name file, version and remedy.
#[track_caller]
fn refused(version: u16, change: impl Fn(&Folder) -> PathBuf) {
    let data = tempfile::tempdir().unwrap();
    let folder = unpacked(SEGMENT_VERSION, data.path());
    let path = change(&folder);
    let before = files(&folder);
    for words in [starting(&folder), verifying(&folder)] {
        let words = words.expect_err("a newer format");
        for part in [&path.display().to_string(), &format!("version {version}"), "this build reads up to"] {
            assert!(words.contains(part), "{words} should say {part}");
        }
        assert!(words.contains("newer build") && !words.contains("is damaged in"), "{words}");
    }
    assert!(files(&folder) == before, "a refusal changed a file");
}

/// Version and checksum of a header are where they are in every version.
fn put_version(header: &mut [u8], version: u16) {
    header[8..10].copy_from_slice(&version.to_le_bytes());
    let crc_at = header.len() - 4;
    let crc = crc32fast::hash(&header[..crc_at]);
    header[crc_at..].copy_from_slice(&crc.to_le_bytes());
}

fn live(folder: &Folder) -> PathBuf {
    folder.wal.join(format!("{SECOND:020}.seg"))
}

fn changed(path: PathBuf, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_newer_segment_live_or_archived_is_refused() {
    let newer = SEGMENT_VERSION + 1;
    let put = |bytes: &mut [u8]| put_version(&mut bytes[..SEGMENT_HEADER_BYTES], newer);
    refused(newer, |folder| changed(live(folder), |bytes| put(bytes)));
    refused(newer, |folder| {
        let repack = |packed: &mut Vec<u8>| {
            let mut bytes = zstd::decode_all(&packed[..]).unwrap();
            put(&mut bytes);
            *packed = zstd::encode_all(&bytes[..], 3).unwrap();
        };
        changed(folder.archive.join(format!("{:020}.seg.zst", 1)), repack)
    });
}

#[test]
fn a_newer_frame_is_refused_and_not_cut_off_as_torn() {
    refused(u16::from(FRAME_VERSION) + 1, |folder| {
        changed(live(folder), |bytes| {
            let last = bytes.windows(4).rposition(|part| part == b"EFR\n").unwrap();
            bytes[last + 4] = FRAME_VERSION + 1;
            let crc_at = last + FRAME_HEADER_BYTES - 4;
            let crc = crc32fast::hash(&bytes[last..crc_at]);
            bytes[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
        })
    });
}

#[test]
fn a_newer_payload_is_refused() {
    refused(u16::from(ENTRY_VERSION) + 1, |folder| {
        let mut payload = story::entries().iter().map(Entry::encode).next().unwrap();
        payload[0] = ENTRY_VERSION + 1;
        let mut chain = Chain::default();
        let mut bytes = SegmentHeader { log_id: LOG_ID, ordinal: 1, chain: chain.clone() }.encode();
        let mut frame = Vec::new();
        push_record(&mut frame, 13, 1, &payload);
        bytes.extend(frame_header(LOG_ID, &mut chain, FrameKind::Batch, 1, &frame));
        bytes.extend(frame);
        bytes.resize(SEGMENT_HEADER_BYTES * 2, 0);
        for path in files(folder).into_keys().filter(|path| path.to_string_lossy().contains(".seg")) {
            std::fs::remove_file(path).unwrap();
        }
        let path = folder.wal.join(format!("{:020}.seg", 1));
        std::fs::write(&path, bytes).unwrap();
        path
    });
}

#[test]
fn a_newer_snapshot_is_refused_for_it_knows_of_records_that_the_log_must_have() {
    refused(SNAPSHOT_VERSION + 1, |folder| {
        let pinned = String::from_utf8(fixtures::read("v2/00000000000000000035.snap.txt")).unwrap();
        let path = folder.snapshots.join(format!("{:020}.snap", SECOND - 1));
        std::fs::write(&path, fixtures::from_lines(&pinned)).unwrap();
        changed(path, |bytes| put_version(&mut bytes[..64], SNAPSHOT_VERSION + 1))
    });
}

#[test]
fn newer_personal_keys_are_refused() {
    refused(KEYS_VERSION + 1, |folder| {
        let path = folder.personal_keys();
        std::fs::write(&path, encode_header(LOG_ID)).unwrap();
        changed(path, |bytes| put_version(&mut bytes[..64], KEYS_VERSION + 1))
    });
}

#[test]
fn a_newer_backup_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = folder.path();
    std::fs::write(
        path.join("MANIFEST"),
        "eros-points backup 2\nwhat comes then is for that build to know\n",
    )
    .unwrap();
    let words = Manifest::read(&RealDisk, path).expect_err("a newer manifest").to_string();
    for part in [&path.join("MANIFEST").display().to_string(), "version 2", "reads up to 1", "newer build"] {
        assert!(words.contains(part), "{words} should say {part}");
    }
    assert!(words.contains("nothing is damaged"), "{words}");
}
