//! A snapshot that is ahead of the log means that log is missing: an account would skip the numbers that come again.
use super::folder::*;
use super::*;
use eros_points::actors::directory::Directory;
use eros_points::actors::recovery::recover;
use eros_points::history::TreeHistory;
use eros_points::store::disk::RealDisk;

#[test]
fn a_log_that_ends_before_what_a_snapshot_holds_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let folder = unpacked(1, data.path());
    let snap = fixtures::from_lines(
        &String::from_utf8(fixtures::read("v1/folder/snapshots/00000000000000000035.snap.txt")).unwrap(),
    );
    std::fs::write(folder.snapshots.join("00000000000000000035.snap"), snap).unwrap();
    let live = folder.wal.join("00000000000000000036.seg");
    let mut bytes = std::fs::read(&live).unwrap();
    // Only the first frame of the newest segment survives: records 36 to 40.
    let length = u32::from_le_bytes(bytes[4096 + 28..4096 + 32].try_into().unwrap()) as usize;
    bytes[4096 + 80 + length..].fill(0);
    std::fs::write(&live, bytes).unwrap();
    let history = TreeHistory::open(&folder.history, 16 << 20).unwrap();
    let recovered = recover(&RealDisk, &folder, LOG_ID, &history, &|| Ok(Directory::new()), |_| {});
    let error = recovered.err().expect("a refusal").to_string();
    assert!(error.contains("record 56") && error.contains("ends at 40"), "{error}");
}
