//! A data folder of many members, made in a minute.
use crate::changes::member;
use crate::common::inside::Nobody;
use crate::{Arguments, TENANT};
use eros_points::actors::core::partition_of;
use eros_points::actors::snapshot::{MemberImage, ServiceImage};
use eros_points::clock::{Clock, SystemClock};
use eros_points::format::codec;
use eros_points::format::entry::{Entry, ServiceEntry};
use eros_points::format::segment::Chain;
use eros_points::format::snapshot::{EntryKind, SNAPSHOT_VERSION, SnapshotHeader};
use eros_points::history::{History, TreeHistory};
use eros_points::ledger::account::Account;
use eros_points::ledger::apply;
use eros_points::ledger::command::{Details, SourceType};
use eros_points::ledger::event::{Accrued, Event};
use eros_points::ledger::instant::{Instant, Span};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::{Points, Total};
use eros_points::store::disk::RealDisk;
use eros_points::store::folder::Folder;
use eros_points::store::journal::{Class, Journal, JournalOptions};
use eros_points::store::recovery::LogEnd;
use eros_points::store::snapshots::SnapshotWriter;
use std::path::Path;

/// A data folder whose snapshot has the members with their lots, and whose log goes on behind the records that made them.
pub fn prefill(folder: &Path, arguments: &Arguments) {
    let (disk, folder) = (RealDisk::shared(), Folder::at(folder));
    folder.create(&*disk).expect("folders");
    let (log_id, last) = (0x6572_6f73, Lsn(arguments.members * arguments.lots));
    let now = SystemClock::new(Span::days(1)).now();
    let header = SnapshotHeader { version: SNAPSHOT_VERSION, log_id, noted: last, created_at: now };
    let mut snapshot = SnapshotWriter::create(&*disk, &folder, header).expect("a snapshot");
    let zones: ServiceImage = vec![(Lsn(1), "Asia/Shanghai".to_owned())];
    snapshot.push(EntryKind::Service, &codec::encode(&zones), Lsn::ZERO).expect("room");
    for number in 0..arguments.members {
        let mut account = Account::default();
        for lot in 0..arguments.lots {
            // As if they had come one after the other, in the order of lots.
            let (lsn, at) = (Lsn(lot * arguments.members + number + 1), Instant(now.0 - lot as i64));
            apply(&mut account, lsn, at, &accrued(at));
        }
        let image: MemberImage = (TENANT.to_owned(), member(number), codec::encode(&account));
        snapshot.push(EntryKind::Member, &codec::encode(&image), account.last).expect("room");
    }
    snapshot.finish(&mut || {}).expect("a whole snapshot").publish().expect("a snapshot in place");
    let history = TreeHistory::open(&folder.history, 32 << 20).expect("an index");
    history.apply(&[], last).and_then(|()| history.sync()).expect("an index that knows of no record");
    drop(history);
    let chain = Chain { next_lsn: last.next(), ..Chain::default() };
    let end = LogEnd::without_segment(log_id, chain);
    let options = JournalOptions { segment_bytes: 32 << 20, ..JournalOptions::default() };
    let journal: Journal<()> =
        Journal::open(disk.clone(), folder.clone(), options, end, Nobody).expect("a log");
    let payload = Entry::Service(ServiceEntry::ZoneSet { zone: "Asia/Shanghai".into() }).encode();
    journal.append(Class::Mandatory, partition_of("", ""), &payload).expect("room for a record");
    journal.close();
    folder.mark(&*disk, log_id).expect("a marker");
}

fn accrued(at: Instant) -> Event {
    Event::Accrued(Accrued {
        event_no: String::new(),
        fingerprint: [0; 16],
        source_type: SourceType::Order,
        points: Points::whole(20),
        event_at: at,
        expire_at: Some(at.after(Span::days(180))),
        unfreeze_at: None,
        amount: None,
        details: Details::default(),
        order_items: None,
        rule: None,
        paid: Vec::new(),
        active_after: Total::ZERO,
    })
}
