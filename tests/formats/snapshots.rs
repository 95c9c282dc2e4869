//! Snapshots as each version wrote them: read by this build; the newest also by the page, and written the same today.
use super::files::{member_image, snapshot};
use super::folder::{LOG_ID, SECOND, check_recovery, records, unpacked};
use super::page::both;
use super::story::{END, SUMS};
use super::{bytes, fixtures};
use eros_points::actors::snapshot::{MemberImage, ServiceImage};
use eros_points::format::codec;
use eros_points::format::entry::Entry;
use eros_points::format::snapshot::{EntryKind, SNAPSHOT_VERSION, SnapshotHeader};
use eros_points::ledger::account::Account;
use eros_points::ledger::apply;
use eros_points::ledger::lsn::Lsn;
use eros_points::store::disk::RealDisk;
use eros_points::store::folder::Folder;
use eros_points::store::snapshots::{self, SnapshotWriter};
use std::path::PathBuf;

const NOTED: Lsn = Lsn(SECOND - 1);
/// In lines of hex.
const PINNED: &str = "v2/00000000000000000035.snap.txt";
const PINNED_1: &str = "v1/folder/snapshots/00000000000000000035.snap.txt";

/// These were asked first: their accounts end at the noted record. The others hold later ones.
const ASKED_FIRST: [&str; 2] = ["bob", "dan"];

fn named(folder: &Folder, noted: Lsn) -> PathBuf {
    folder.snapshots.join(format!("{:020}.snap", noted.0))
}

/// The members' accounts as the pinned log makes them.
fn accounts() -> Vec<(&'static str, &'static str, Account)> {
    let account = |(crm_id, member, _): (&'static str, &'static str, _)| {
        let mut account = Account::default();
        for record in records() {
            let Entry::Member(entry) = Entry::decode(&record.payload).unwrap() else { continue };
            let has_come = record.lsn <= NOTED.0 || !ASKED_FIRST.contains(&member);
            if entry.member_no == member && has_come {
                apply(&mut account, Lsn(record.lsn), entry.at, &entry.event);
            }
        }
        (crm_id, member, account)
    };
    SUMS.into_iter().map(account).collect()
}

/// Writes a snapshot as the service does.
fn written(folder: &Folder) -> PathBuf {
    let header = SnapshotHeader { version: SNAPSHOT_VERSION, log_id: LOG_ID, noted: NOTED, created_at: END };
    let mut writer = SnapshotWriter::create(&RealDisk, folder, header).unwrap();
    let zones: ServiceImage = vec![(Lsn(1), "Asia/Shanghai".into())];
    writer.push(EntryKind::Service, &codec::encode(&zones), Lsn::ZERO).unwrap();
    for (crm_id, member, account) in accounts().into_iter().filter(|(_, _, account)| account.last > Lsn::ZERO)
    {
        let image: MemberImage = (crm_id.into(), member.into(), codec::encode(&account));
        writer.push(EntryKind::Member, &codec::encode(&image), account.last).unwrap();
    }
    writer.finish(&mut || {}).unwrap().publish().unwrap();
    named(folder, NOTED)
}

fn made() -> Vec<u8> {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::at(data.path());
    folder.create(&RealDisk).unwrap();
    std::fs::read(written(&folder)).unwrap()
}

fn pinned() -> Vec<u8> {
    fixtures::write_absent(PINNED, || fixtures::to_lines(&made()).into_bytes());
    from_fixture(PINNED)
}

fn from_fixture(name: &str) -> Vec<u8> {
    fixtures::from_lines(&String::from_utf8(fixtures::read(name)).unwrap())
}

#[test]
fn a_snapshot_of_any_version_and_the_log_after_it_give_the_same_accounts_as_the_log_alone() {
    let data = tempfile::tempdir().unwrap();
    let by_log = check_recovery(&unpacked(1, data.path()), None);
    for bytes in [from_fixture(PINNED_1), pinned()] {
        let data = tempfile::tempdir().unwrap();
        let folder = unpacked(1, data.path());
        std::fs::write(named(&folder, NOTED), bytes).unwrap();
        assert_eq!(check_recovery(&folder, Some(NOTED)), by_log);
    }
}

/// Whether `read` has one byte more than `old`, and that zero.
fn is_with_nothing_more(read: &[u8], old: &[u8]) -> bool {
    read.split_last() == Some((&0, old))
}

#[test]
fn an_account_of_version_1_lacks_the_last_byte_alone() {
    let page = both();
    let members = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let entries = snapshot(&page, bytes).entries;
        let members = entries.iter().filter(|(kind, _)| *kind == page.number("ENTRY_KIND_MEMBER"));
        members.map(|(_, entry)| member_image(&page, entry).2).collect()
    };
    let (old, new) = (members(&from_fixture(PINNED_1)), members(&pinned()));
    assert_eq!(old.len(), new.len());
    assert!(new.iter().zip(&old).all(|(new, old)| is_with_nothing_more(new, old)));
}

#[test]
fn a_snapshot_is_written_today_as_its_version_wrote_it() {
    assert_eq!(fixtures::to_lines(&made()), fixtures::to_lines(&pinned()));
}

#[test]
fn the_page_alone_reads_a_snapshot() {
    let page = both();
    let snapshot = snapshot(&page, &pinned());
    assert_eq!((snapshot.log_id, snapshot.noted, snapshot.created_at), (LOG_ID, NOTED.0.into(), END.0));
    let (members, service): (Vec<_>, Vec<_>) =
        snapshot.entries.iter().partition(|(kind, _)| *kind == page.number("ENTRY_KIND_MEMBER"));
    assert_eq!((service.len(), service[0].0), (1, page.number("ENTRY_KIND_SERVICE")));
    let zones = bytes::shown(&page, "ServiceImage", &service[0].1);
    assert_eq!(zones.as_deref(), Ok(r#"ServiceImage { zones: [(Lsn(1), "Asia/Shanghai")] }"#));
    let expected: Vec<_> =
        accounts().into_iter().filter(|(_, _, account)| account.last > Lsn::ZERO).collect();
    assert_eq!(members.len(), expected.len());
    let mut all = String::new();
    for ((_, entry), (crm_id, member, account)) in members.iter().zip(&expected) {
        let (tenant, name, packed) = member_image(&page, entry);
        assert_eq!((tenant.as_str(), name.as_str()), (*crm_id, *member));
        let shown = bytes::shown(&page, "Account", &packed).unwrap();
        assert_eq!(shown, format!("{account:?}"), "{member}");
        let whole = bytes::shown(&page, "MemberImage", entry);
        let by_hand =
            format!("MemberImage {{ crm_id: {crm_id:?}, member_no: {member:?}, account: {packed:?} }}");
        assert_eq!(whole, Ok(by_hand));
        all.push_str(&shown);
    }
    let highest = expected.iter().map(|(_, _, account)| account.last.0).max();
    assert_eq!(Some(snapshot.highest), highest.map(u128::from));
    for part in
        ["Lot {", "Debt {", "Elsewhere {", "OpenOffer {", "Outgoing {", "graced: true", "unfreeze_at: Some("]
    {
        assert!(all.contains(part), "no account holds a {part}");
    }
}

#[test]
fn any_byte_that_is_changed_is_found() {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::at(data.path());
    folder.create(&RealDisk).unwrap();
    let (path, pinned) = (named(&folder, NOTED), pinned());
    let check = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        snapshots::read(&RealDisk, &path, LOG_ID, |_, _, _| Ok(()))
    };
    assert!(check(&pinned).is_ok());
    for place in (0..pinned.len()).step_by(3).chain(pinned.len() - 48..pinned.len()) {
        let mut bytes = pinned.clone();
        bytes[place] ^= 0x10;
        assert!(check(&bytes).is_err(), "byte {place}");
        assert!(check(&pinned[..place]).is_err(), "cut at {place}");
    }
}

#[test]
fn blocks_under_the_header_of_another_snapshot_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::at(data.path());
    folder.create(&RealDisk).unwrap();
    let mut bytes = pinned();
    let (version, noted) = (SNAPSHOT_VERSION, Lsn(NOTED.0 + 1));
    let other = SnapshotHeader { version, log_id: LOG_ID, noted, created_at: END };
    bytes[..64].copy_from_slice(&other.encode());
    let path = named(&folder, other.noted);
    std::fs::write(&path, bytes).unwrap();
    let read = snapshots::read(&RealDisk, &path, LOG_ID, |_, _, _| Ok(()));
    let words = read.expect_err("a header that is whole, and another's").to_string();
    assert!(words.contains("footer"), "{words}");
}

#[test]
fn a_snapshot_under_anothers_name_is_a_bad_one_and_the_one_before_it_is_taken() {
    let data = tempfile::tempdir().unwrap();
    let folder = unpacked(1, data.path());
    for noted in [NOTED, Lsn(NOTED.0 + 5), Lsn(9_999)] {
        std::fs::write(named(&folder, noted), pinned()).unwrap();
    }
    let read = snapshots::read(&RealDisk, &named(&folder, Lsn(9_999)), LOG_ID, |_, _, _| panic!("an entry"));
    let words = read.expect_err("another's name").to_string();
    assert!(words.contains("of record 35, its name says otherwise"), "{words}");
    check_recovery(&folder, Some(NOTED));
}

#[test]
fn only_names_of_twenty_digits_are_snapshots() {
    let data = tempfile::tempdir().unwrap();
    let folder = unpacked(1, data.path());
    for name in ["35.snap", "+0000000000000000035.snap", "000000000000000000035.snap", "copy.snap", ".snap"] {
        std::fs::write(folder.snapshots.join(name), pinned()).unwrap();
    }
    assert_eq!(snapshots::list(&RealDisk, &folder).unwrap().len(), 0);
    std::fs::write(named(&folder, NOTED), pinned()).unwrap();
    let listed = snapshots::list(&RealDisk, &folder).unwrap();
    assert_eq!(listed.iter().map(|file| file.noted).collect::<Vec<_>>(), [NOTED]);
    // Publishing another one removes none of the files that are no snapshots.
    written(&folder);
    assert!(folder.snapshots.join("35.snap").exists() && folder.snapshots.join("copy.snap").exists());
}
