//! What a start begins from: the newest snapshot that checks out, else the one before, else the whole log; and what it
//! refuses because something is missing.
use super::*;
use crate::support::books::{Books, accrue};
use eros_points::actors::directory::Directory;
use eros_points::actors::recovery::{Recovered, recover};
use eros_points::format::codec;
use eros_points::format::entry::encode_member;
use eros_points::format::snapshot::{EntryKind, SNAPSHOT_VERSION, SnapshotHeader};
use eros_points::history::{History, TreeHistory};
use eros_points::ledger::account::Account;
use eros_points::ledger::apply;
use eros_points::ledger::instant::Instant;
use eros_points::store::archive::archive_through;
use eros_points::store::snapshots::{self, SnapshotWriter};
use tempfile::TempDir;

const TENANT: &str = "10080";
const RECORDS: u64 = 9;

/// Accruals of two members in turn.
fn books() -> Books {
    let mut books = Books::new();
    for n in 1..=RECORDS {
        let member = if n % 2 == 0 { "ann" } else { "bob" };
        books.change(member, &accrue(&format!("e{n}"), n as f64).into()).expect("an accrual");
    }
    books
}

/// Their log, in three segments, with snapshots after the third and the sixth record.
fn world(books: &Books) -> FaultyDisk {
    let entry = |n: u64| {
        let record = &books.log[n as usize - 1];
        encode_member(TENANT, &record.member, record.at, &record.event)
    };
    let disk = log_of(&[3, 3, 3], entry);
    [3, 6].into_iter().for_each(|noted| snapshot(&disk, books, noted).expect("a snapshot"));
    disk
}

fn account(books: &Books, member: &str, through: u64) -> Account {
    let mut account = Account::default();
    for record in books.log.iter().filter(|record| record.member == member && record.lsn.0 <= through) {
        apply(&mut account, record.lsn, record.at, &record.event);
    }
    account
}

fn snapshot(disk: &FaultyDisk, books: &Books, noted: u64) -> Result<(), StoreError> {
    let header = SnapshotHeader {
        version: SNAPSHOT_VERSION,
        log_id: LOG_ID,
        noted: Lsn(noted),
        created_at: Instant(0),
    };
    let folder = folder();
    let mut writer = SnapshotWriter::create(disk, &folder, header)?;
    for member in ["ann", "bob"] {
        let account = account(books, member, noted);
        let image = (TENANT.to_owned(), member.to_owned(), codec::encode(&account));
        writer.push(EntryKind::Member, &codec::encode(&image), account.last)?;
    }
    writer.finish(&mut || {})?.publish()
}

fn snapshot_path(noted: u64) -> PathBuf {
    folder().snapshots.join(format!("{noted:020}.snap"))
}

/// Flips a bit of this byte, or of the last one.
fn damage(disk: &FaultyDisk, path: &Path, byte: usize) {
    let mut bytes = disk.read(path);
    let byte = byte.min(bytes.len() - 1);
    bytes[byte] ^= 0x10;
    disk.place(path, bytes);
}

/// A start with an index that is empty, or has been fed before.
fn started(disk: &FaultyDisk, index: &Index) -> Result<Recovered, String> {
    recover(disk, &folder(), LOG_ID, &index.history, &|| Ok(Directory::new()), |_| {})
        .map_err(|error| error.to_string())
}

struct Index {
    history: TreeHistory,
    _folder: TempDir,
}

impl Index {
    fn empty() -> Index {
        let folder = tempfile::tempdir().expect("a folder");
        Index { history: TreeHistory::open(folder.path(), 4 << 20).expect("an index"), _folder: folder }
    }

    /// One that has the whole log.
    fn full(books: &Books) -> Index {
        let index = Index::empty();
        started(&world(books), &index).expect("a start");
        assert_eq!(index.history.applied(), Lsn(RECORDS));
        index
    }
}

/// Both members are as their records say, and it began from this snapshot.
#[track_caller]
fn recovers(disk: &FaultyDisk, books: &Books, from: Option<u64>) {
    for index in [Index::empty(), Index::full(books)] {
        let recovered = started(disk, &index).expect("a start");
        assert_eq!(recovered.snapshot, from.map(Lsn));
        assert_eq!(recovered.end.last_lsn(), Lsn(RECORDS));
        assert_eq!(index.history.applied(), Lsn(RECORDS));
        for member in ["ann", "bob"] {
            let id = recovered.directory.find(TENANT, member).expect("an answer").expect("a member");
            let found = recovered.directory.with_resting(id, |_, _, account| (false, account.clone()));
            assert_eq!(found.expect("an account"), Some(account(books, member, RECORDS)), "{member}");
        }
    }
}

/// A start is refused in these words, whatever the index has, and changes nothing.
#[track_caller]
fn refuses(disk: &FaultyDisk, index: &Index, parts: &[&str]) {
    let before = disk.all();
    let Err(words) = started(disk, index) else { panic!("{parts:?} was taken for good") };
    assert!(parts.iter().all(|part| words.contains(part)), "{words} should say {parts:?}");
    assert!(words.contains("hint:"), "{words}");
    assert!(disk.all() == before, "a refusal changed a file: {words}");
}

#[test]
fn begins_from_the_newest_snapshot_that_checks_out() {
    let books = books();
    recovers(&world(&books), &books, Some(6));
    // In the header, its checksum, a block's header, a block, and the footer's checksum.
    for byte in [20, 61, 70, 100, usize::MAX] {
        let disk = world(&books);
        damage(&disk, &snapshot_path(6), byte);
        recovers(&disk, &books, Some(3));
        damage(&disk, &snapshot_path(3), byte);
        recovers(&disk, &books, None);
        archive_through(&disk, &folder(), Lsn(6), &mut || {}).expect("archived");
        recovers(&disk, &books, None);
    }
}

#[test]
fn every_shortened_snapshot_is_passed_over() {
    let books = books();
    let index = Index::empty();
    let whole = world(&books);
    let bytes = whole.read(&snapshot_path(6));
    for length in 0..bytes.len() {
        whole.place(&snapshot_path(6), bytes[..length].to_vec());
        assert_eq!(started(&whole, &index).expect("a start").snapshot, Some(Lsn(3)), "cut at {length}");
    }
}

#[test]
fn needs_the_log_back_to_the_snapshot_that_is_left() {
    let books = books();
    let disk = world(&books);
    disk.take_away(&segment(1));
    assert_eq!(started(&disk, &Index::full(&books)).expect("a start").snapshot, Some(Lsn(6)));
    damage(&disk, &snapshot_path(6), 70);
    assert_eq!(started(&disk, &Index::full(&books)).expect("a start").snapshot, Some(Lsn(3)));
    refuses(&disk, &Index::empty(), &["does not reach back to record 1", "begins at 4"]);
    damage(&disk, &snapshot_path(3), 70);
    refuses(&disk, &Index::full(&books), &["no snapshot can be read", "does not reach back"]);
}

#[test]
fn refuses_a_log_that_ends_before_its_snapshot_or_its_index() {
    let books = books();
    let disk = world(&books);
    disk.take_away(&segment(7));
    refuses(&disk, &Index::full(&books), &["index goes to record 9", "log ends at 6"]);
    snapshot(&disk, &books, 9).expect("a snapshot");
    refuses(&disk, &Index::empty(), &["goes to record 9", "the log ends at 6"]);
}

#[test]
fn a_last_frame_that_the_index_or_a_snapshot_knows_of_is_damaged_not_torn() {
    let books = books();
    let disk = world(&books);
    let mut bytes = disk.read(&segment(7));
    let begins = frames_of(&bytes)[2];
    bytes[begins + 90] ^= 1;
    disk.place(&segment(7), bytes);
    let parts =
        [&segment(7).display().to_string(), &format!("at byte {begins}"), "at record 9", "records through 9"];
    refuses(&disk, &Index::full(&books), &parts);
    let noticed = disk.copy();
    snapshot(&noticed, &books, 9).expect("a snapshot");
    refuses(&noticed, &Index::empty(), &parts);
    let recovered = started(&disk, &Index::empty()).expect("nobody knows of it: it looks torn");
    assert_eq!(recovered.end.last_lsn(), Lsn(8));
    assert!(recovered.end.torn.is_some());
}

#[test]
fn a_snapshot_of_another_log_is_refused() {
    let books = books();
    let disk = world(&books);
    let bytes = disk.read(&snapshot_path(6));
    let header =
        SnapshotHeader { version: SNAPSHOT_VERSION, log_id: 7, noted: Lsn(6), created_at: Instant(0) }
            .encode();
    disk.place(&snapshot_path(6), [&header[..], &bytes[header.len()..]].concat());
    refuses(&disk, &Index::empty(), &[&snapshot_path(6).display().to_string(), "belongs to log", "00007"]);
}

#[test]
fn a_crash_at_any_step_of_a_snapshot_leaves_the_ones_before_it() {
    let books = books();
    for op in [Op::Open, Op::Write, Op::Sync, Op::Rename, Op::SyncFolder, Op::Remove] {
        for passing in 0..3 {
            let disk = world(&books);
            disk.fail(op, passing);
            let done = snapshot(&disk, &books, 9).is_ok();
            for leaves in [Leaves::Nothing, Leaves::Bytes(30), Leaves::Everything] {
                let disk = disk.after_crash(leaves);
                let start = started(&disk, &Index::empty()).expect("the next start");
                let from = start.snapshot.expect("a snapshot").0;
                assert!(from == 9 || from == 6 && !done, "{op:?} {passing} {leaves:?}: began from {from}");
                assert_eq!(start.end.last_lsn(), Lsn(RECORDS));
                snapshots::remove_leftovers(&disk, &folder()).expect("leftovers removed");
                snapshot(&disk, &books, 9).expect("the next snapshot");
                let kept = snapshots::list(&disk, &folder()).expect("a list");
                assert_eq!(kept.iter().map(|file| file.noted.0).collect::<Vec<_>>(), [6, 9]);
            }
        }
    }
}
