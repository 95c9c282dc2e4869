//! Backups on a disk that fails: whatever happens, the last one that was finished can be restored.
use super::*;
use crate::support::books::{Books, accrue};
use eros_points::format::entry::encode_member;
use eros_points::format::personal_keys::{encode_header, encode_slot};
use eros_points::ledger::instant::Instant;
use eros_points::store::archive::archive_through;
use eros_points::store::backup::{Backup, BackupError, Manifest, Report, Take, copy};
use eros_points::store::disk::{Disk, DiskFile};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

const TENANT: &str = "10080";

fn home() -> &'static Path {
    Path::new("/backup")
}

fn backup_of(disk: &dyn Disk, check_hashes: bool) -> Result<(Manifest, Report), BackupError> {
    let take = Take { disk, data: Path::new("/data"), backup: home(), now: Instant(7), check_hashes };
    copy(&take, &mut |_| {})?.publish()
}

fn backup(disk: &dyn Disk) -> Result<(Manifest, Report), BackupError> {
    backup_of(disk, false)
}

/// The records that come back from the backup, on a disk of their own.
fn restored(disk: &FaultyDisk) -> Result<Records, BackupError> {
    let disk = disk.copy();
    let data = Path::new("/elsewhere");
    Backup::open(&disk, home(), &mut |_| {})?.restore(data, &mut |_| {})?;
    let mut records = Vec::new();
    let visit = |record: eros_points::format::scan::LogRecord<'_>| {
        records.push((record.lsn, record.payload.to_vec()));
        Ok(())
    };
    replay(&disk, &Folder::at(data), LOG_ID, Lsn::ZERO, Mode::LookOnly, visit, |_| {})?;
    Ok(records)
}

/// Puts a log of segments of these sizes where one was that began alike, as a service at work would have.
fn lay_out(disk: &FaultyDisk, sizes: &[u64]) {
    let grown = log_of(sizes, payload);
    for (path, bytes) in grown.all() {
        let name = path.file_name().expect("a name").to_str().expect("text").to_owned() + ".zst";
        if !disk.paths().contains(&folder().archive.join(name)) {
            disk.place(&path, bytes);
        }
    }
    disk.place(&folder().wal.join("LOG"), format!("{LOG_ID:032x}\n").into_bytes());
}

/// Bytes in the keys' file of this many slots.
const fn key_bytes(slots: u64) -> u64 {
    64 + 64 * slots
}

/// A key that is told from every other.
fn key(slot: u64) -> [u8; 32] {
    [0xa0 + slot as u8; 32]
}

/// The file of personal keys; a destroyed one is zeros.
fn keys(disk: &FaultyDisk, there: &[bool]) {
    let mut bytes = encode_header(LOG_ID).to_vec();
    for (slot, there) in (0..).zip(there) {
        bytes.extend(if *there { encode_slot(slot, &key(slot)) } else { [0; 64] });
    }
    disk.place(&folder().personal_keys(), bytes);
}

/// Whether the key is anywhere on the disk beneath `place`.
fn holds_key(disk: &FaultyDisk, place: &Path, slot: u64) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(32).any(|window| window == key(slot));
    disk.all().iter().any(|(path, bytes)| path.starts_with(place) && holds(bytes))
}

/// Two stages of one log: between them segments were closed, begun and archived, and keys destroyed.
fn first_stage() -> FaultyDisk {
    let disk = FaultyDisk::new();
    lay_out(&disk, &[2, 2]);
    keys(&disk, &[true, true]);
    disk
}

fn second_stage(disk: &FaultyDisk) {
    lay_out(disk, &[2, 3, 2]);
    archive_through(disk, &folder(), Lsn(2), &mut || {}).expect("archived");
    keys(disk, &[true, false]);
}

#[test]
fn an_interruption_at_any_step_leaves_the_backup_before_it_good_and_the_next_one_completes_it() {
    let before = first_stage();
    backup(&before).expect("the first backup");
    second_stage(&before);
    for op in [Op::Open, Op::Write, Op::Sync, Op::Rename, Op::Remove, Op::SyncFolder] {
        for passing in 0.. {
            let disk = before.copy();
            disk.fail(op, passing);
            let done = backup(&disk);
            for leaves in [Leaves::Nothing, Leaves::Bytes(10), Leaves::Everything] {
                let disk = disk.after_crash(leaves);
                let found =
                    restored(&disk).unwrap_or_else(|error| panic!("{op:?} {passing} {leaves:?}: {error}"));
                let either = found == expected(4) || found == expected(7);
                assert!(either, "{op:?} {passing} {leaves:?}: {} records", found.len());
                backup(&disk).expect("the next backup");
                assert_eq!(restored(&disk).expect("it restores"), expected(7), "{op:?} {passing} {leaves:?}");
            }
            if done.is_ok() {
                assert!(passing > 0, "{op:?} was never asked for");
                break;
            }
        }
    }
}

#[test]
fn a_first_backup_that_was_cut_short_is_none_and_the_next_one_completes_it() {
    for op in [Op::Write, Op::Rename, Op::SyncFolder] {
        for passing in 0..4 {
            let disk = first_stage();
            disk.fail(op, passing);
            backup(&disk).expect_err("cut short");
            let disk = disk.after_crash(Leaves::Everything);
            let refused = restored(&disk).expect_err("no backup").to_string();
            assert!(refused.contains("no MANIFEST"), "{refused}");
            backup(&disk).expect("the next backup");
            assert_eq!(restored(&disk).expect("it restores"), expected(4));
        }
    }
}

#[test]
fn a_second_backup_copies_only_what_is_new() {
    let disk = first_stage();
    let (manifest, report) = backup(&disk).expect("a backup");
    assert_eq!((manifest.number, manifest.last, manifest.files.len()), (1, Lsn(4), 4));
    assert_eq!((report.copied_files, report.skipped_files), (4, 0));
    let segment = |n: u64| manifest.files[&format!("wal/{n:020}.seg")].bytes;

    let (again, report) = backup(&disk).expect("a backup of the same");
    assert_eq!((again.number, again.last), (2, Lsn(4)));
    assert_eq!((report.copied_bytes, report.copied_files), (key_bytes(2), 1), "the keys alone");
    assert_eq!((report.skipped_files, report.skipped_bytes), (3, 33 + segment(1) + segment(3)));

    lay_out(&disk, &[2, 3]);
    let (grown, report) = backup(&disk).expect("a backup of one record more");
    let new = grown.files[&format!("wal/{:020}.seg", 3)].bytes - segment(3);
    assert_eq!((grown.last, report.copied_bytes), (Lsn(5), new + key_bytes(2)));
    assert_eq!(restored(&disk).expect("it restores"), expected(5));
}

#[test]
fn follows_the_data_folder_segments_are_packed_and_destroyed_keys_are_gone() {
    let disk = first_stage();
    backup(&disk).expect("a backup");
    second_stage(&disk);
    backup(&disk).expect("a backup");
    let mut names: Vec<String> = disk
        .paths()
        .iter()
        .filter_map(|path| Some(path.strip_prefix(home()).ok()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    let wanted = [
        "MANIFEST",
        "snapshots/personal-keys-00000000000000000002",
        "wal/00000000000000000003.seg",
        "wal/00000000000000000006.seg",
        "wal/LOG",
        "wal/archive/00000000000000000001.seg.zst",
    ];
    assert_eq!(names, wanted);
    assert!(holds_key(&disk, home(), 0) && !holds_key(&disk, home(), 1), "a destroyed key lives on");
    assert_eq!(restored(&disk).expect("it restores"), expected(7));
}

#[test]
fn a_frame_that_is_being_written_is_left_for_the_next_time() {
    let disk = first_stage();
    let whole = disk.read(&segment(3));
    let last = *frames_of(&whole).iter().rev().nth(1).expect("two frames");
    let mut torn = whole.clone();
    torn[last + 100..].fill(0);
    disk.place(&segment(3), torn);
    assert_eq!(backup(&disk).expect("a backup").0.last, Lsn(3));
    assert_eq!(restored(&disk).expect("it restores"), expected(3));
    disk.place(&segment(3), whole);
    assert_eq!(backup(&disk).expect("a backup").0.last, Lsn(4));
    assert_eq!(restored(&disk).expect("it restores"), expected(4));
}

#[test]
fn what_it_copies_of_the_newest_segment_is_durable_and_the_data_folder_is_not_written_to() {
    let disk = first_stage();
    let before: Vec<_> = disk.all().into_iter().filter(|(path, _)| path.starts_with("/data")).collect();
    backup(&disk).expect("a backup");
    let done: Vec<_> = disk.done().into_iter().filter(|(_, path)| path.starts_with("/data")).collect();
    assert_eq!(done, [(Op::Sync, segment(3))]);
    let after: Vec<_> = disk.all().into_iter().filter(|(path, _)| path.starts_with("/data")).collect();
    assert!(before == after);
}

/// Something happens just before a file is opened for the `passing + 1`st time.
struct Meanwhile<F> {
    disk: FaultyDisk,
    at: PathBuf,
    happens: F,
    passing: AtomicUsize,
}

impl<F: Fn(&FaultyDisk) + Send + Sync> Disk for Meanwhile<F> {
    fn open_read_only(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if path == self.at && self.passing.fetch_sub(1, Ordering::SeqCst) == 0 {
            (self.happens)(&self.disk);
        }
        self.disk.open_read_only(path)
    }
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open(path, create)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list(folder)
    }
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk.create_folder(folder)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk.sync_folder(folder)
    }
    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        self.disk.free_bytes(folder)
    }
}

#[test]
fn goes_on_when_a_segment_moves_to_the_archive_meanwhile() {
    // Before its size is looked at, and before it is copied: it is found in its new place.
    for passing in 0..2 {
        let disk = first_stage();
        let happens = |disk: &FaultyDisk| {
            assert_eq!(archive_through(disk, &folder(), Lsn(2), &mut || {}).expect("archived"), 1);
        };
        let passing = AtomicUsize::new(passing);
        let meanwhile = Meanwhile { disk: disk.clone(), at: segment(1), happens, passing };
        let (manifest, _) = backup(&meanwhile).expect("a backup");
        assert!(manifest.files.contains_key("wal/archive/00000000000000000001.seg.zst"), "{manifest:?}");
        assert_eq!(restored(&disk).expect("it restores"), expected(4));
    }
}

#[test]
fn goes_on_when_a_snapshot_is_replaced_meanwhile() {
    // Before its size is looked at, before it is checked, and before it is copied.
    for passing in 0..3 {
        let disk = first_stage();
        snapshot(&disk, 2);
        let gone = folder().snapshots.join("00000000000000000002.snap");
        let happens = |disk: &FaultyDisk| {
            snapshot(disk, 4);
            disk.take_away(&folder().snapshots.join("00000000000000000002.snap"));
        };
        let meanwhile =
            Meanwhile { disk: disk.clone(), at: gone, happens, passing: AtomicUsize::new(passing) };
        let (manifest, report) = backup(&meanwhile).expect("a backup");
        assert!(manifest.files.contains_key("snapshots/00000000000000000004.snap"), "{manifest:?}");
        assert!(!manifest.files.contains_key("snapshots/00000000000000000002.snap"), "{manifest:?}");
        assert!(report.left_out.is_empty());
    }
}

/// A snapshot of nobody.
fn snapshot(disk: &FaultyDisk, noted: u64) {
    use eros_points::format::snapshot::{SNAPSHOT_VERSION, SnapshotHeader};
    use eros_points::store::snapshots::SnapshotWriter;
    let header = SnapshotHeader {
        version: SNAPSHOT_VERSION,
        log_id: LOG_ID,
        noted: Lsn(noted),
        created_at: Instant(0),
    };
    let folder = folder();
    let writer = SnapshotWriter::create(disk, &folder, header).expect("a snapshot");
    writer.finish(&mut || {}).expect("it reads back").publish().expect("it is put in place");
}

/// The key goes after the record that erases its data: a log without that record would be one whose data can't be read.
#[test]
fn a_key_that_is_destroyed_meanwhile_brings_the_record_that_says_so_along() {
    let disk = first_stage();
    // Just before the newest segment is read for the backup, or just after.
    for (at, passing) in [(segment(3), 1), (folder().personal_keys(), 1)] {
        let disk = disk.copy();
        let happens = |disk: &FaultyDisk| {
            lay_out(disk, &[2, 3]);
            keys(disk, &[true, false, true]);
        };
        let meanwhile = Meanwhile { disk: disk.clone(), at, happens, passing: AtomicUsize::new(passing) };
        let (manifest, _) = backup(&meanwhile).expect("a backup");
        assert_eq!(manifest.last, Lsn(5));
        assert!(!holds_key(&disk, home(), 1) && holds_key(&disk, home(), 2));
        assert_eq!(restored(&disk).expect("it restores"), expected(5));
    }
}

#[test]
fn a_torn_key_is_not_copied_in_part_and_keys_of_another_log_are_refused() {
    let disk = first_stage();
    let path = folder().personal_keys();
    let mut bytes = disk.read(&path);
    bytes[64 + 64 + 40] ^= 1;
    disk.place(&path, bytes.clone());
    backup(&disk).expect("a backup");
    assert!(holds_key(&disk, home(), 0) && !holds_key(&disk, home(), 1));
    bytes[20] ^= 1;
    disk.place(&path, bytes);
    let refused = backup(&disk).expect_err("a foreign file").to_string();
    assert!(refused.contains("personal-keys"), "{refused}");
}

#[test]
fn a_snapshot_that_does_not_check_out_is_left_out_and_told_of() {
    let disk = first_stage();
    snapshot(&disk, 2);
    let path = folder().snapshots.join("00000000000000000002.snap");
    let mut bytes = disk.read(&path);
    bytes[20] ^= 1;
    disk.place(&path, bytes);
    let (manifest, report) = backup(&disk).expect("a backup");
    assert!(!manifest.files.keys().any(|name| name.ends_with(".snap")));
    assert!(report.left_out[0].contains("00000000000000000002.snap"), "{:?}", report.left_out);
}

#[test]
fn refuses_a_folder_that_is_not_its_own_and_changes_nothing() {
    type Prepare = fn(&FaultyDisk);
    let others: [(&str, Prepare); 4] = [
        ("is the backup of log", |disk| {
            let mut other = backup(disk).expect("a backup").0;
            other.log_id = 1;
            other.write(disk, home()).expect("another log's");
        }),
        ("is no backup", |disk| disk.place(&home().join("notes.txt"), b"mine".to_vec())),
        ("is no backup", |disk| disk.place(&home().join("wal/LOCK"), Vec::new())),
        ("its checksum does not match", |disk| {
            backup(disk).expect("a backup");
            let mut bytes = disk.read(&home().join("MANIFEST"));
            bytes[60] ^= 1;
            disk.place(&home().join("MANIFEST"), bytes);
        }),
    ];
    for (words, prepare) in others {
        let disk = first_stage();
        prepare(&disk);
        let before = disk.all();
        let refused = backup(&disk).expect_err(words).to_string();
        assert!(refused.contains(words) && refused.contains("hint:"), "{refused}");
        assert!(disk.all() == before, "{words}: something was changed");
    }
}

#[test]
fn refuses_to_follow_a_log_that_goes_another_way_than_the_backup() {
    let disk = first_stage();
    backup(&disk).expect("a backup");
    let shorter = log_of(&[2, 1], payload);
    let other = log_of(&[2, 2], |n| payload(if n == 4 { 44 } else { n }));
    let longer = log_of(&[2, 3], |n| payload(if n == 4 { 44 } else { n }));
    for stale in [shorter, other, longer] {
        let disk = disk.copy();
        stale.all().into_iter().for_each(|(path, bytes)| disk.place(&path, bytes));
        let refused = backup(&disk).expect_err("another way").to_string();
        assert!(refused.contains("the backup goes to record 4") && refused.contains("hint:"), "{refused}");
        assert_eq!(restored(&disk).expect("the backup is as it was"), expected(4));
    }
}

#[test]
fn a_damaged_file_is_found_before_anything_is_restored_and_mended_by_the_next_backup() {
    let disk = first_stage();
    snapshot(&disk, 4);
    backup(&disk).expect("a backup");
    second_stage(&disk);
    let (manifest, _) = backup(&disk).expect("a backup");
    for name in manifest.files.keys() {
        let path = home().join(name);
        for cut in [false, true] {
            let disk = disk.copy();
            let mut bytes = disk.read(&path);
            if cut {
                bytes.pop();
            } else {
                *bytes.last_mut().expect("a byte") ^= 1;
            }
            disk.place(&path, bytes);
            let before = disk.all();
            let refused = Backup::open(&disk, home(), &mut |_| {}).err().expect("damage").to_string();
            assert!(refused.contains(name.as_str()) && refused.contains("hint:"), "{refused}");
            assert!(disk.all() == before);

            let (_, report) = backup_of(&disk, true).expect("the next backup");
            let is_rewritten_anyway = name.contains("personal-keys");
            assert!(is_rewritten_anyway || report.mended.contains(name), "{name}: {:?}", report.mended);
            assert_eq!(restored(&disk).expect("it restores"), expected(7), "{name}");
        }
        let disk = disk.copy();
        disk.take_away(&path);
        let refused = Backup::open(&disk, home(), &mut |_| {}).err().expect("a gap").to_string();
        assert!(refused.contains("missing") && refused.contains(name.as_str()), "{refused}");
    }
}

#[test]
fn damage_in_the_log_that_is_backed_up_is_refused_by_its_place() {
    let disk = first_stage();
    backup(&disk).expect("a backup");
    lay_out(&disk, &[2, 3]);
    let mut bytes = disk.read(&segment(3));
    bytes[SEGMENT_HEADER_BYTES + 100] ^= 1;
    disk.place(&segment(3), bytes);
    let refused = backup(&disk).expect_err("damage").to_string();
    assert!(refused.contains("00000000000000000003.seg at byte 4096, at record 3"), "{refused}");
    assert_eq!(restored(&disk).expect("the backup is as it was"), expected(4));
}

#[test]
fn old_segments_that_were_removed_from_the_archive_stay_in_the_backup() {
    let disk = first_stage();
    archive_through(&disk, &folder(), Lsn(2), &mut || {}).expect("archived");
    backup(&disk).expect("a backup");
    disk.take_away(&folder().archive.join("00000000000000000001.seg.zst"));
    lay_out(&disk, &[2, 3]);
    disk.take_away(&segment(1));
    backup(&disk).expect("a backup");
    assert_eq!(restored(&disk).expect("it restores"), expected(5));
}

#[test]
fn a_restore_that_is_cut_short_is_no_log_and_a_folder_in_use_is_refused() {
    let disk = first_stage();
    second_stage(&disk);
    backup(&disk).expect("a backup");
    let elsewhere = Path::new("/elsewhere");
    for op in [Op::Open, Op::Write, Op::Sync, Op::Rename, Op::SyncFolder] {
        for passing in 0..5 {
            let disk = disk.copy();
            let backup = Backup::open(&disk, home(), &mut |_| {}).expect("a backup");
            disk.fail(op, passing);
            backup.restore(elsewhere, &mut |_| {}).expect_err("cut short");
            let disk = disk.after_crash(Leaves::Everything);
            let folder = Folder::at(elsewhere);
            let found = replay(&disk, &folder, LOG_ID, Lsn::ZERO, Mode::LookOnly, |_| Ok(()), |_| {});
            let end = found.map(|end| end.last_lsn());
            // Nothing at all, no beginning, or (only its folder's sync failed) everything.
            assert!(
                matches!(end, Err(StoreError::TooShort { .. }) | Ok(Lsn::ZERO | Lsn(7))),
                "{op:?} {passing}: {end:?}"
            );
            let begun =
                disk.paths().iter().any(|path| path.starts_with(elsewhere) && !path.ends_with("LOG.tmp"));
            if begun {
                let backup = Backup::open(&disk, home(), &mut |_| {}).expect("a backup");
                let refused = backup.restore(elsewhere, &mut |_| {}).expect_err("in use").to_string();
                assert!(refused.contains("is not empty") && refused.contains("hint:"), "{refused}");
            }
        }
    }
}

/// The log of real events, for what reads them.
#[test]
fn the_view_of_a_backup_shows_what_its_list_says_and_nothing_behind_it() {
    let mut books = Books::new();
    for n in 1..=4 {
        books.change("ann", &accrue(&format!("e{n}"), 1.0).into()).expect("an accrual");
    }
    let entry = |n: u64| {
        let record = &books.log[n as usize - 1];
        encode_member(TENANT, &record.member, record.at, &record.event)
    };
    let disk = log_of(&[2, 2], entry);
    disk.place(&folder().wal.join("LOG"), format!("{LOG_ID:032x}\n").into_bytes());
    let take =
        Take { disk: &disk, data: Path::new("/data"), backup: home(), now: Instant(7), check_hashes: false };
    let copied = copy(&take, &mut |_| {}).expect("copied");
    let path = home().join("wal/00000000000000000003.seg");
    let mut longer = disk.read(&path);
    longer.extend(b"what a later backup, cut short, had added");
    disk.place(&path, longer);
    disk.place(&home().join("wal/00000000000000000005.seg"), vec![1; 5_000]);
    let view = copied.view();
    let end = replay(&view, &Folder::at(home()), LOG_ID, Lsn::ZERO, Mode::LookOnly, |_| Ok(()), |_| {});
    assert_eq!(end.expect("the listed log").last_lsn(), Lsn(4));
}
