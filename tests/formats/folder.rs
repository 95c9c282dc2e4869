//! Whole data folders as each version wrote them, opened by this build. What is told in them: `story.rs`.
use super::files::{LogReader, Record, partition};
use super::page::both;
use super::story::{END, SUMS};
use super::{bytes, fixtures, story};
use eros_points::actors::core::partition_of;
use eros_points::actors::directory::Directory;
use eros_points::actors::recovery::{Recovered, recover};
use eros_points::cli::verify::{self, Found};
use eros_points::format::entry::{Entry, ServiceEntry};
use eros_points::format::frame::{FrameKind, frame_header, push_record};
use eros_points::format::segment::{Chain, SEGMENT_VERSION, SegmentHeader};
use eros_points::history::{History, TreeHistory};
use eros_points::ledger::account::Account;
use eros_points::ledger::event::Key;
use eros_points::ledger::lsn::Lsn;
use eros_points::store::disk::RealDisk;
use eros_points::store::error::StoreError;
use eros_points::store::folder::Folder;
use eros_points::store::journal::{Batch, Class, Journal, JournalOptions, Sink};
use eros_points::store::recovery::{Mode, replay};
use std::path::Path;

pub const LOG_ID: u128 = 0xe205_0001_0002_0003_0004_0005_0006_0007;
/// The first record of the second segment: what the snapshot notes is the one before.
pub const SECOND: u64 = 36;
const SEGMENT_BYTES: usize = 32 << 10;

/// Versions of segments and frames.
pub const VERSIONS: [u16; 2] = [1, SEGMENT_VERSION];

fn marker(version: u16) -> String {
    format!("v{version}/folder/wal/LOG")
}

fn archived(version: u16) -> String {
    format!("v{version}/folder/wal/archive/00000000000000000001.seg.zst")
}

/// In lines of hex.
fn live(version: u16) -> String {
    format!("v{version}/folder/wal/00000000000000000036.seg.txt")
}

/// The two segments that hold these payloads: frames of five records, a mark at the end of each segment.
fn segments(payloads: &[Vec<u8>]) -> [Vec<u8>; 2] {
    let mut chain = Chain::default();
    let (first, second) = payloads.split_at(SECOND as usize - 1);
    [(1, first), (2, second)].map(|(ordinal, payloads)| segment(&mut chain, ordinal, payloads))
}

fn segment(chain: &mut Chain, ordinal: u64, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut out = SegmentHeader { log_id: LOG_ID, ordinal, chain: chain.clone() }.encode();
    for group in payloads.chunks(5).chain([&[][..]]) {
        let mut frame = Vec::new();
        for payload in group {
            let place = partition_in(payload);
            chain.sequences[usize::from(place)] += 1;
            push_record(&mut frame, place, chain.sequences[usize::from(place)], payload);
        }
        let kind = if group.is_empty() { FrameKind::Mark } else { FrameKind::Batch };
        out.extend_from_slice(&frame_header(LOG_ID, chain, kind, group.len() as u32, &frame));
        out.extend_from_slice(&frame);
    }
    out.resize(SEGMENT_BYTES, 0);
    out
}

fn partition_in(payload: &[u8]) -> u16 {
    match Entry::decode(payload).expect("an entry") {
        Entry::Member(entry) => partition_of(&entry.crm_id, &entry.member_no),
        Entry::Service(_) => partition_of("", ""),
        Entry::Tenant(entry) => partition_of(&entry.crm_id, ""),
    }
}

/// Both segments as they are pinned. Only the newest version is still written.
fn pinned(version: u16) -> [Vec<u8>; 2] {
    if version == SEGMENT_VERSION {
        let payloads = || story::entries().iter().map(Entry::encode).collect::<Vec<_>>();
        fixtures::write_absent(&marker(version), || format!("{LOG_ID:032x}\n").into_bytes());
        let first = || zstd::encode_all(&segments(&payloads())[0][..], 3).unwrap();
        fixtures::write_absent(&archived(version), first);
        let second = || fixtures::to_lines(&segments(&payloads())[1]).into_bytes();
        fixtures::write_absent(&live(version), second);
    }
    let live = String::from_utf8(fixtures::read(&live(version))).unwrap();
    [zstd::decode_all(&fixtures::read(&archived(version))[..]).unwrap(), fixtures::from_lines(&live)]
}

/// The records of a pinned log, by the page.
fn records_of(version: u16) -> Vec<Record> {
    let page = both();
    let mut reader = LogReader::new(&page);
    pinned(version).iter().for_each(|segment| {
        reader.segment(segment);
    });
    assert_eq!((reader.log_id, reader.marks), (LOG_ID, 2));
    assert_eq!(reader.hash != [0; 32], version > 1, "what version 1 wrote is in no hash");
    reader.records
}

/// They are the same in each version.
pub fn records() -> Vec<Record> {
    records_of(1)
}

/// A pinned log as a data folder.
pub fn unpacked(version: u16, data: &Path) -> Folder {
    let folder = Folder::at(data);
    folder.create(&RealDisk).unwrap();
    let [_, live] = pinned(version);
    std::fs::write(folder.wal.join("LOG"), fixtures::read(&marker(version))).unwrap();
    let first = fixtures::read(&archived(version));
    std::fs::write(folder.archive.join("00000000000000000001.seg.zst"), first).unwrap();
    std::fs::write(folder.wal.join(format!("{SECOND:020}.seg")), live).unwrap();
    folder
}

/// That `verify` finds nothing wrong; what it has found.
pub fn verified(folder: &Folder) -> Found {
    let found = verify::check(&RealDisk, folder, LOG_ID, None).unwrap();
    assert_eq!((found.wrong.as_slice(), found.torn.as_deref()), (&[][..], None));
    found
}

pub fn account(recovered: &Recovered, crm_id: &str, member: &str) -> Account {
    let id = recovered.directory.find(crm_id, member).unwrap().expect("the member is known");
    recovered
        .directory
        .with_resting(id, |_, _, account| (false, account.clone()))
        .unwrap()
        .expect("it is at rest")
}

pub fn sums(account: &Account) -> [i128; 5] {
    [account.total, account.used, account.expired, account.lots.frozen(END), account.active(END)]
        .map(|sum| sum.0)
}

/// Recovers the folder and holds accounts, index and end against the story.
pub fn check_recovery(folder: &Folder, snapshot: Option<Lsn>) -> Vec<Account> {
    let last = Lsn(records().len() as u64);
    assert_eq!(folder.log_id(&RealDisk).unwrap(), Some(LOG_ID));
    let history = TreeHistory::open(&folder.history, 16 << 20).unwrap();
    let recovered = recover(&RealDisk, folder, LOG_ID, &history, &|| Ok(Directory::new()), |_| {}).unwrap();
    assert_eq!((recovered.end.last_lsn(), recovered.snapshot), (last, snapshot));
    assert_eq!((recovered.end.torn.as_deref(), history.applied()), (None, last));
    let zones: Vec<_> = recovered.zones.iter().map(|(lsn, zone)| (lsn.0, zone.name())).collect();
    assert_eq!(zones, [(1, "Asia/Shanghai")]);
    let found = history.find("10080", "bob", Key::Incoming { from: "ann", transfer_no: "T1" }).unwrap();
    assert!(found.is_some(), "keys are in the index");
    let account = |(crm_id, member, expected): (&str, &str, [i128; 5])| {
        let account = account(&recovered, crm_id, member);
        assert_eq!(account.check(), Ok(()), "{member}");
        assert_eq!(sums(&account), expected, "total, used, expired, freeze, active of {member}");
        account
    };
    SUMS.into_iter().map(account).collect()
}

#[test]
fn a_folder_of_each_version_opens_and_holds_what_was_put_in() {
    for version in VERSIONS {
        let data = tempfile::tempdir().unwrap();
        let folder = unpacked(version, data.path());
        let found = verified(&folder);
        assert_eq!((found.records, found.members), (records().len() as u64, SUMS.len()));
        assert_eq!(found.chain.newest.is_some(), version > 1);
        check_recovery(&folder, None);
        let torn = std::fs::read_dir(&folder.wal).unwrap().map(|file| file.unwrap().file_name());
        let torn: Vec<_> = torn.filter(|name| name.to_string_lossy().starts_with("torn")).collect();
        assert!(torn.is_empty(), "nothing was cut off: {torn:?}");
        verified(&folder);
    }
}

#[test]
fn the_page_and_the_service_read_the_same_records_of_each_version() {
    VERSIONS.into_iter().for_each(same_records);
}

fn same_records(version: u16) {
    let data = tempfile::tempdir().unwrap();
    let (page, folder, by_page) = (both(), unpacked(version, data.path()), records_of(version));
    assert_eq!(by_page, records());
    let mut read = Vec::new();
    let visit = |record: eros_points::format::scan::LogRecord<'_>| {
        let (lsn, partition) = (record.lsn.0, record.partition.into());
        read.push(Record { lsn, partition, payload: record.payload.to_vec() });
        Ok(())
    };
    replay(&RealDisk, &folder, LOG_ID, Lsn::ZERO, Mode::LookOnly, visit, |_| {}).unwrap();
    assert_eq!(read, by_page);
    let mut all = String::new();
    for record in &by_page {
        let entry = Entry::decode(&record.payload).unwrap();
        let shown = bytes::entry_shown(&page, &record.payload).unwrap();
        assert_eq!(shown, format!("{entry:?}"), "record {}", record.lsn);
        assert_eq!(entry.encode(), record.payload, "record {}", record.lsn);
        let (crm_id, member_no) = match &entry {
            Entry::Member(entry) => (entry.crm_id.as_str(), entry.member_no.as_str()),
            Entry::Service(_) => ("", ""),
            Entry::Tenant(entry) => (entry.crm_id.as_str(), ""),
        };
        assert_eq!(record.partition, partition(&page, crm_id, member_no), "record {}", record.lsn);
        all.push_str(&shown);
    }
    for name in [
        "ZoneSet {",
        "Accrued(",
        "Spent(",
        "AccrualReversed(",
        "SpendReversed(",
        "Offered(",
        "Sent(",
        "OfferAccepted(",
        "OfferReturned(",
        "Received(",
        "OutboxCleared(",
        "LotExpired(",
        "LotUnfrozen(",
        "Debt(",
        "MakeGood {",
        "Forget {",
        "Lot(",
        "Grace(",
        "Pay {",
        "reason: Lapsed",
        "reason: Cancelled",
        "rule: Some(",
        "paid: [(0",
    ] {
        assert!(all.contains(name), "{name} does not happen");
    }
}

#[test]
fn segments_are_written_today_as_their_version_wrote_them() {
    let payloads: Vec<Vec<u8>> = records().into_iter().map(|record| record.payload).collect();
    let (made, pinned) = (segments(&payloads), pinned(SEGMENT_VERSION));
    for (made, pinned) in made.iter().zip(&pinned) {
        assert_eq!(fixtures::to_lines(made), fixtures::to_lines(pinned));
    }
}

struct Nobody;

impl Sink<()> for Nobody {
    fn durable(&mut self, _: Batch) {}
    fn release(&mut self, _: Vec<()>) {}
    fn failed(&mut self, _: Vec<()>, error: StoreError) {
        panic!("{error}");
    }
}

/// Opens the log for writing, and takes these records to it.
fn appended(folder: &Folder, records: &[Record]) {
    let end =
        replay(&RealDisk, folder, LOG_ID, Lsn::ZERO, Mode::Repair { durable: Lsn::ZERO }, |_| Ok(()), |_| {})
            .unwrap();
    let journal =
        Journal::open(RealDisk::shared(), folder.clone(), JournalOptions::default(), end, Nobody).unwrap();
    for record in records {
        let waiting = std::time::Instant::now();
        // At first the log's helper is still making room.
        while let Err(error) = journal.append(Class::Mandatory, record.partition as u16, &record.payload) {
            assert!(waiting.elapsed().as_secs() < 60, "{error}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
    journal.close();
}

/// Version 1's frames end somewhere in a segment, and version 2's follow.
#[test]
fn a_log_of_version_1_goes_on_in_version_2_and_its_chain_begins_there() {
    let data = tempfile::tempdir().unwrap();
    let folder = unpacked(1, data.path());
    let zone = Entry::Service(ServiceEntry::ZoneSet { zone: "UTC".into() }).encode();
    let more = Record { lsn: 0, partition: partition_of("", "").into(), payload: zone };
    for round in 1..=2 {
        appended(&folder, std::slice::from_ref(&more));
        let found = verified(&folder);
        let all = records().len() as u64 + round;
        assert_eq!((found.chain.batches, found.chain.newest.unwrap().lsn), (round, Lsn(all)));
    }
    let page = both();
    let mut reader = LogReader::new(&page);
    reader.segment(&pinned(1)[0]);
    reader.segment(&std::fs::read(folder.wal.join(format!("{SECOND:020}.seg"))).unwrap());
    assert_eq!(reader.hash, verified(&folder).chain.newest.unwrap().hash);
}

/// The test's own assembly of segments could be as wrong as the page: this is the real writer.
#[test]
fn what_the_service_appends_is_read_by_the_page_alone() {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::at(data.path());
    folder.create(&RealDisk).unwrap();
    let expected = records();
    appended(&folder, &expected);
    let page = both();
    let mut reader = LogReader::new(&page);
    reader.segment(&std::fs::read(folder.wal.join("00000000000000000001.seg")).unwrap());
    assert_eq!((reader.log_id, reader.records), (LOG_ID, expected));
}
