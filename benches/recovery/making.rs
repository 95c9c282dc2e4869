//! Makes a data folder without a service: the ledger decides, the journal writes, as fast as one thread can. So the log is
//! the service's own to the byte, but for its frames, which are as large as they get.
use crate::common::inside::{Nobody, accrual};
use eros_points::actors::core::partition_of;
use eros_points::format::entry::{Entry, ServiceEntry, encode_member};
use eros_points::ledger::account::Account;
use eros_points::ledger::command::{Command, Details, Spend};
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::Points;
use eros_points::ledger::{Decision, Prior, Terms, apply, decide};
use eros_points::store::disk::RealDisk;
use eros_points::store::folder::Folder;
use eros_points::store::journal::{Class, Journal, JournalOptions, SyncPolicy};
use eros_points::store::recovery::{Mode, replay};
use std::path::Path;
use std::time::Duration;

pub const TENANT: &str = "10080";
pub const LOG_ID: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
const ZONE: &str = "Asia/Shanghai";
/// So many lots a member holds before half of the further events spend what the other half accrues.
const LOTS: u64 = 3;

/// A log of `events` records over `members`: at first three accruals for each, then accruals and spends of one size by
/// turns, over the members in an order that no table likes. The bytes of the payloads.
pub fn make_log(data: &Path, members: u64, events: u64) -> u64 {
    let folder = Folder::at(data);
    folder.create(&RealDisk).expect("the folders");
    let mode = Mode::Repair { durable: Lsn::ZERO };
    let end = replay(&RealDisk, &folder, LOG_ID, Lsn::ZERO, mode, |_| Ok(()), |_| {}).expect("an empty log");
    let options =
        JournalOptions { segment_bytes: 32 << 20, sync: SyncPolicy::Off, ..JournalOptions::default() };
    let journal = Journal::open(RealDisk::shared(), folder.clone(), options, end, Nobody).expect("a journal");
    folder.mark(&RealDisk, LOG_ID).expect("a marker");
    let zone = Entry::Service(ServiceEntry::ZoneSet { zone: ZONE.into() }).encode();
    append(&journal, partition_of("", ""), &zone);

    let terms = Terms::default();
    let mut accounts = vec![Account::default(); usize::try_from(members).expect("a number")];
    let begun = now().0;
    let mut bytes = zone.len() as u64;
    for event in 0..events {
        let number = crate::common::mix(event) % members;
        let member = member_no(if event < LOTS * members { event % members } else { number });
        let place = if event < LOTS * members { event % members } else { number };
        let account = &mut accounts[usize::try_from(place).expect("a number")];
        let accrues = event < LOTS * members || account.lots.len() as u64 <= LOTS;
        let command = if accrues { accrual(event) } else { spend(event) };
        let at = Instant(begun + i64::try_from(event).expect("a number"));
        let decided = decide(account, command, &Prior::default(), at, &terms).expect("it is allowed");
        let Decision::Record(record) = decided else { panic!("{decided:?}") };
        let payload = encode_member(TENANT, &member, at, &record);
        let lsn = append(&journal, partition_of(TENANT, &member), &payload);
        apply(account, lsn, at, &record);
        bytes += payload.len() as u64;
    }
    journal.close();
    bytes
}

fn append(journal: &Journal<()>, partition: u16, payload: &[u8]) -> Lsn {
    loop {
        match journal.append(Class::Refusable, partition, payload) {
            Ok(lsn) => return lsn,
            // The helper makes the next segment.
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Instant(i64::try_from(since.as_millis()).expect("before the year 294,000,000"))
}

pub fn member_no(number: u64) -> String {
    format!("ec_18165fd7455_{number:09}")
}

fn spend(event: u64) -> Command {
    Command::Spend(Spend {
        event_no: format!("EACH202206152028{event:016}"),
        fingerprint: u128::from(event).to_le_bytes(),
        points: Points::whole(20),
        event_at: None,
        details: Details { action_scene: Some("order_pay".into()), ..Details::default() },
    })
}
