//! Accounts come out the same however many threads there are, however few accounts fit unpacked, and wherever the snapshot
//! stood.
use super::survey::{Survey, Wanted};
use super::*;
use crate::actors::core::partition_of;
use crate::actors::directory::recovered::{Arrivals, TenantsMet};
use crate::format::codec;
use crate::format::entry::{Entry, ServiceEntry, TenantEntry, encode_member};
use crate::history::{Row, TreeHistory};
use crate::ledger::account::Account;
use crate::ledger::apply;
use crate::ledger::command::Details;
use crate::ledger::event::{Accrued, Event, ProfileSet, Sent, Spent};
use crate::ledger::lot::Taken;
use crate::ledger::points::{Points, Total};
use crate::ledger::profile::Sealed;
use crate::ledger::tenant::{Settings, TenantEvent};
use crate::store::disk::RealDisk;
use crate::store::journal::{Batch, Class, Journal, JournalOptions, Sink};
use crate::store::recovery::replay;
use std::collections::BTreeMap;

const LOG_ID: u128 = 7;
const RECORDS: u64 = 600;

type Accounts = BTreeMap<(String, String), Account>;

/// The change that record `lsn` makes: an accrual, or a spend of the oldest lot, a transfer, a profile now and then.
fn event(lsn: u64, account: &Account) -> Event {
    let (fingerprint, active_after) = ([lsn as u8; 16], Total::ZERO);
    let oldest = account.lots.front().map(|lot| Taken { lot: lot.kind, points: lot.remaining });
    match (lsn % 7, oldest) {
        (5, _) => {
            let sealed = Sealed { slot: lsn, nonce: [0; 24], bytes: vec![1, 2, 3] };
            Event::ProfileSet(ProfileSet { tier: None, sealed: lsn.is_multiple_of(2).then_some(sealed) })
        }
        (2, Some(taken)) => Event::Sent(Sent {
            transfer_no: format!("T{lsn}"),
            fingerprint,
            to: "another".into(),
            points: taken.points,
            taken: vec![taken],
            active_after,
        }),
        (3 | 4, Some(taken)) => Event::Spent(Spent {
            event_no: format!("E{lsn}"),
            fingerprint,
            points: taken.points,
            event_at: Instant(0),
            details: Details::default(),
            taken: vec![taken],
            active_after,
        }),
        _ => Event::Accrued(Accrued {
            fingerprint,
            points: Points::whole(1 + (lsn % 9) as i64),
            expire_at: (!lsn.is_multiple_of(3)).then_some(Instant(1_000_000 + (lsn % 50) as i64)),
            details: Details { store_code: Some("店".into()), ..Details::default() },
            active_after,
            ..Accrued::sample(&format!("E{lsn}"))
        }),
    }
}

/// The log's payloads with their partitions, and the accounts after each of them.
fn story() -> (Vec<(u16, Vec<u8>)>, Vec<Accounts>) {
    let (mut log, mut accounts, mut all) = (Vec::new(), Accounts::new(), Vec::new());
    for lsn in 1..=RECORDS {
        let crm_id = format!("tenant{}", lsn % 3);
        match lsn {
            1 | 300 => {
                let zone = ["UTC", "Asia/Shanghai"][usize::from(lsn > 1)].to_owned();
                log.push((partition_of("", ""), Entry::Service(ServiceEntry::ZoneSet { zone }).encode()));
            }
            2 | 400 => {
                let default_expire_days = Some(lsn as u32);
                let settings = Settings { default_expire_days, ..Settings::default() };
                let event = TenantEvent::SettingsSet(settings);
                let entry = TenantEntry { crm_id: "tenant1".into(), at: Instant(0), event };
                log.push((partition_of("tenant1", ""), Entry::Tenant(entry).encode()));
            }
            _ => {
                let member_no = format!("member{}", lsn * lsn % 97);
                let account = accounts.entry((crm_id.clone(), member_no.clone())).or_default();
                let (at, event) = (Instant(lsn as i64), event(lsn, account));
                log.push((partition_of(&crm_id, &member_no), encode_member(&crm_id, &member_no, at, &event)));
                apply(account, Lsn(lsn), at, &event);
            }
        }
        all.push(accounts.clone());
    }
    (log, all)
}

struct Nobody;

impl Sink<()> for Nobody {
    fn durable(&mut self, _: Batch) {}
    fn release(&mut self, _: Vec<()>) {}
    fn failed(&mut self, _: Vec<()>, error: StoreError) {
        panic!("{error}");
    }
}

fn write(folder: &Folder, log: &[(u16, Vec<u8>)]) {
    folder.create(&RealDisk).unwrap();
    let mode = Mode::Repair { durable: Lsn::ZERO };
    let end = replay(&RealDisk, folder, LOG_ID, Lsn::ZERO, mode, |_| Ok(()), |_| {}).unwrap();
    let journal =
        Journal::open(RealDisk::shared(), folder.clone(), JournalOptions::default(), end, Nobody).unwrap();
    for (partition, payload) in log {
        while journal.append(Class::Mandatory, *partition, payload).is_err() {
            std::thread::yield_now();
        }
    }
    journal.close();
}

/// An index that takes no part: it is as far as the log.
fn full_index(path: &std::path::Path) -> TreeHistory {
    let history = TreeHistory::open(path, 1 << 20).unwrap();
    history.apply(&[] as &[Row<'_>], Lsn(RECORDS)).unwrap();
    history
}

fn sorted(survey: Survey, directory: &Directory) -> [Vec<String>; 3] {
    let name = |id: &MemberId| format!("{:?}", directory.name_of(*id));
    let mut all = [
        survey.due.iter().map(|(due, id)| format!("{due:?} {}", name(id))).collect::<Vec<_>>(),
        survey.outboxes.iter().map(name).collect(),
        survey.sealed.iter().map(name).collect(),
    ];
    all.iter_mut().for_each(|names| names.sort());
    all
}

/// What a snapshot that goes to record `noted` brings.
fn image(accounts: &Accounts) -> (Directory, Survey) {
    let (directory, mut survey) = (Directory::new(), Survey::default());
    let mut arrivals = Arrivals::at(&directory);
    for ((crm_id, member_no), account) in accounts {
        let tenant = TenantsMet::of(&directory).id(crm_id);
        arrivals.push(tenant, member_no, Wanted::by(account), |bytes| codec::encode_into(bytes, account));
    }
    arrivals.put(|id, wanted| survey.note(id, wanted)).unwrap();
    (directory, survey)
}

#[test]
fn accounts_are_the_same_by_any_number_of_threads_with_any_room_after_any_snapshot() {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::at(data.path());
    let (log, accounts) = story();
    write(&folder, &log);
    let index = full_index(&folder.history);
    let last = &accounts[RECORDS as usize - 1];
    let (by_hand, survey) = image(last);
    let expected = sorted(survey, &by_hand);
    assert!(expected.iter().all(|names| !names.is_empty()));
    let all = 1 << 30;
    for (noted, lanes, unpacked_bytes_max) in
        [(0, 1, all), (0, 2, 1), (0, 3, 100_000), (250, 2, all), (250, 2, 1), (599, 2, 1), (600, 2, 1)]
    {
        let case = format!("from {noted}, {lanes} threads, room for {unpacked_bytes_max} bytes");
        let (directory, survey) =
            image(&if noted == 0 { Accounts::new() } else { accounts[noted - 1].clone() });
        let noted = Lsn(noted as u64);
        let owned = Mutex::default();
        let rebuilding =
            Rebuilding { directory: &directory, owned, noted, history: &index, lanes, unpacked_bytes_max };
        let disk: &dyn Disk = &RealDisk;
        let whole = Log { disk, folder: &folder, log_id: LOG_ID, durable: Lsn::ZERO };
        let rebuilt = rebuilding.run(&whole, survey, |_| {}).unwrap();
        let owned = rebuilding.owned.into_inner().unwrap();
        assert_eq!(sorted(rebuilt.survey, &directory), expected, "{case}");
        for ((crm_id, member_no), account) in last {
            let id = directory.find(crm_id, member_no).unwrap().unwrap();
            let packed = directory.with_resting(id, |_, _, account| (false, codec::encode(account)));
            assert_eq!(packed.unwrap().unwrap(), codec::encode(account), "{member_no} of {crm_id}, {case}");
        }
        assert_eq!(directory.census().members, last.len(), "{case}");
        let zones: Vec<_> = owned.zones.iter().map(|(lsn, _)| lsn.0).collect();
        let after: Vec<u64> = [1, 300].into_iter().filter(|lsn| *lsn > noted.0).collect();
        assert_eq!(zones, after, "{case}");
        let set = owned.tenants.get("tenant1").map(|tenant| tenant.last);
        assert_eq!(set, (noted < Lsn(400)).then_some(Lsn(400)), "{case}");
    }
}

#[test]
fn a_record_in_another_partition_than_its_members_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::at(data.path());
    let (mut log, _) = story();
    log[9].0 = (log[9].0 + 1) % crate::limits::PARTITIONS;
    write(&folder, &log);
    let index = full_index(&folder.history);
    let empty = || Ok(Directory::new());
    let error =
        recover(&RealDisk, &folder, LOG_ID, &index, &empty, |_| {}).err().expect("a refusal").to_string();
    assert!(error.starts_with("record 10 in ") && error.contains("it is of partition"), "{error}");
}
