//! Ledger, log and snapshots alone, without actors and index: the same lives and deaths, many more of them.
use crate::ledger_model::{command, name};
use crate::simulation::LIVES;
use crate::simulation::steps;
use crate::simulation::tally::Tally;
use crate::simulation::world::one_fault;
use crate::support::books::Books;
use crate::support::lying_disk::{Fault, LyingDisk, Plan};
use crate::support::random::Random;
use crate::support::service::TENANT;
use crate::support::small_segments;
use eros_points::actors::core::partition_of;
use eros_points::actors::snapshot::{MemberImage, account_of};
use eros_points::format::codec;
use eros_points::format::entry::encode_member;
use eros_points::format::scan::LogRecord;
use eros_points::format::snapshot::{EntryKind, SNAPSHOT_VERSION, SnapshotHeader};
use eros_points::ledger::account::Account;
use eros_points::ledger::apply;
use eros_points::ledger::instant::Span;
use eros_points::ledger::lsn::Lsn;
use eros_points::store::archive::archive_through;
use eros_points::store::error::StoreError;
use eros_points::store::folder::Folder;
use eros_points::store::journal::{Batch, Class, Journal, Sink};
use eros_points::store::recovery::{LogEnd, Mode, replay};
use eros_points::store::snapshots::{self, SnapshotWriter};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const LOG_ID: u128 = 7;
const CROWD: usize = 8;

/// Of a record that is whole, and not what was written under its number last.
const ANOTHER: &str = "it is another record now";

/// What is durable is asked for, not listened for.
struct Deaf;

impl Sink<()> for Deaf {
    fn durable(&mut self, _: Batch) {}
    fn release(&mut self, _: Vec<()>) {}
    fn failed(&mut self, _: Vec<()>, _: StoreError) {}
}

struct Small {
    random: Random,
    disk: LyingDisk,
    folder: Folder,
    /// Accounts and log as they should be.
    books: Books,
    /// The last record that was said to be durable.
    durable: u64,
    tally: Tally,
}

/// Runs a seed to its end.
pub fn run(seed: u64) -> Tally {
    let mut small = Small {
        random: Random::new(seed),
        disk: LyingDisk::new(seed, Plan::honest()),
        folder: Folder::at(Path::new("/data")),
        books: Books::new(),
        durable: 0,
        tally: Tally { seeds: 1, ..Tally::default() },
    };
    for _ in 0..2 * LIVES {
        small.live();
        small.tally.lives += 1;
        small.tally.crashes += 1;
        small.try_damaged();
        let power_fails = small.random.one_in(2);
        small.disk = if power_fails { small.disk.power_fails() } else { small.disk.process_dies() };
    }
    small.disk.set_plan(Plan::honest());
    small.start().expect("the last start");
    for fault in Fault::ALL {
        small.tally.faults.insert(format!("{fault:?}"), small.disk.injected().of(fault));
    }
    small.tally.events = small.durable;
    small.tally
}

impl Small {
    fn live(&mut self) {
        self.disk.set_plan(match self.random.below(4) {
            0 => Plan::all(50 + self.random.below(500)),
            1 | 2 => one_fault(&mut self.random),
            _ => Plan::honest(),
        });
        if self.random.one_in(2) {
            let at = self.random.below(60);
            self.disk.power_off_at(at);
        }
        let before = self.disk.injected().all();
        match self.start() {
            Ok(end) => self.work(end),
            Err(refused) => {
                let failed = self.disk.is_off() || self.disk.injected().all() > before;
                assert!(failed, "a start on a disk in order was refused: {refused}");
                assert!(!refused.to_string().contains(ANOTHER), "{refused}");
                self.tally.refused_starts += 1;
            }
        }
    }

    /// Reads everything, and holds it against what should be there.
    fn start(&mut self) -> Result<LogEnd, StoreError> {
        let end = self.read(&self.disk)?;
        let last = end.last_lsn().0;
        assert!(last >= self.durable, "the log ends at {last}, and {} was durable", self.durable);
        self.durable = last;
        self.books.log.truncate(last as usize);
        self.books.accounts = self.accounts_through(end.last_lsn());
        Ok(end)
    }

    /// Snapshot and log as a start reads them: a first part of what was made, and the accounts as it tells.
    fn read(&self, disk: &LyingDisk) -> Result<LogEnd, StoreError> {
        let (noted, mut accounts) = self.newest_snapshot(disk)?;
        let highest = accounts.values().map(|account| account.last).max().unwrap_or_default();
        let mode = Mode::Repair { durable: noted.max(highest) };
        let apply_one = |record: LogRecord<'_>| -> Result<(), String> {
            let known = self.books.log.get(record.lsn.0 as usize - 1).ok_or("a record that nobody made")?;
            let entry = encode_member(TENANT, &known.member, known.at, &known.event);
            if record.payload != entry {
                return Err(ANOTHER.to_owned());
            }
            let account = accounts.entry(known.member.clone()).or_default();
            apply(account, record.lsn, known.at, &known.event);
            Ok(())
        };
        let end = replay(disk, &self.folder, LOG_ID, noted, mode, apply_one, |_| {})?;
        if end.last_lsn() >= noted.max(highest) {
            let right = self.accounts_through(end.last_lsn());
            assert_eq!(accounts, right, "accounts are not as their records say");
        }
        Ok(end)
    }

    /// A copy to which something was done: refused with a word, or a first part of the log and its accounts. What was durable
    /// may be missing where the end of the newest segment is gone without a trace, which the index would notice.
    fn try_damaged(&mut self) {
        let copy = self.disk.image_with(self.random.next()).process_dies();
        copy.set_plan(Plan::honest());
        let fault = *self.random.pick(Fault::AT_REST).expect("some");
        if copy.damage(fault, &mut self.random, |_| true).is_none() {
            return;
        }
        self.tally.damaged += 1;
        let found = self.read(&copy);
        if let (Ok(end), Fault::MissingFile) = (&found, fault) {
            assert!(end.last_lsn().0 >= self.durable, "what is missing is not missed");
        }
        if let Err(refused) = found {
            self.tally.damaged_refused += 1;
            assert!(refused.to_string().len() > 20, "a refusal that says nothing: {refused}");
            // A file's earlier state may hold what nobody was told of, and what a later start did not find any more.
            let another = refused.to_string().contains(ANOTHER);
            assert!(!another || fault == Fault::StaleFile, "{fault:?}: {refused}");
        }
    }

    /// What the records through that one make.
    fn accounts_through(&self, last: Lsn) -> BTreeMap<String, Account> {
        let mut accounts = BTreeMap::<String, Account>::new();
        for record in self.books.log.iter().take_while(|record| record.lsn <= last) {
            let account = accounts.entry(record.member.clone()).or_default();
            apply(account, record.lsn, record.at, &record.event);
        }
        accounts
    }

    /// The newest one that can be read, or nothing.
    fn newest_snapshot(&self, disk: &LyingDisk) -> Result<(Lsn, BTreeMap<String, Account>), StoreError> {
        for file in snapshots::list(disk, &self.folder)?.into_iter().rev() {
            let mut accounts = BTreeMap::new();
            let visit = |version: u16, _: EntryKind, entry: &[u8]| -> Result<(), String> {
                let (_, member, packed): MemberImage = codec::decode(entry).map_err(|e| e.to_string())?;
                accounts.insert(member, account_of(version, &packed)?);
                Ok(())
            };
            if let Ok(header) = snapshots::read(disk, &file.path, LOG_ID, visit) {
                return Ok((header.noted, accounts));
            }
        }
        Ok((Lsn::ZERO, BTreeMap::new()))
    }

    fn work(&mut self, end: LogEnd) {
        let disk = Arc::new(self.disk.clone());
        let Ok(journal) = Journal::open_by_hand(disk, self.folder.clone(), small_segments(), end, Deaf)
        else {
            return;
        };
        let mut appended = self.books.log.len();
        let mut offers = Vec::new();
        for _ in 0..self.random.below(40) {
            match self.random.below(10) {
                0..=5 => {
                    let step = steps::draw(&mut self.random, CROWD, &mut offers);
                    if let Some((member, command)) = command(&step, self.books.now.0) {
                        // A refusal leaves no record.
                        let _ = self.books.change(name(member), &command);
                    }
                }
                6 => self.books.pass(Span::hours(self.random.below(20) as i64)),
                7..=8 => journal.step(),
                _ => self.snapshot(&journal),
            }
            self.durable = journal.durable().0;
            for record in &self.books.log[appended..] {
                let payload = encode_member(TENANT, &record.member, record.at, &record.event);
                let partition = partition_of(TENANT, &record.member);
                match journal.append(Class::Mandatory, partition, &payload) {
                    Ok(lsn) => assert_eq!(lsn, record.lsn),
                    // The log is closed or full: this life is over.
                    Err(_) => return,
                }
            }
            appended = self.books.log.len();
        }
    }

    /// Accounts as they are now, of which the log may not be durable yet, as the service takes them. One that fails leaves the
    /// ones before it.
    fn snapshot(&self, journal: &Journal<()>) {
        let noted = journal.durable();
        let created_at = self.books.now;
        let header = SnapshotHeader { version: SNAPSHOT_VERSION, log_id: LOG_ID, noted, created_at };
        let take = || {
            let mut writer = SnapshotWriter::create(&self.disk, &self.folder, header)?;
            for (member, account) in
                self.books.accounts.iter().filter(|(_, account)| account.last > Lsn::ZERO)
            {
                let image: MemberImage = (TENANT.to_owned(), member.clone(), codec::encode(account));
                writer.push(EntryKind::Member, &codec::encode(&image), account.last)?;
            }
            let finished = writer.finish(&mut || {})?;
            for _ in 0..3 {
                if journal.durable() < finished.highest {
                    journal.step();
                }
            }
            if journal.durable() >= finished.highest {
                finished.publish()?;
            }
            let all = snapshots::list(&self.disk, &self.folder)?;
            if let [.., older, _] = &all[..] {
                archive_through(&self.disk, &self.folder, older.noted, &mut || {})?;
            }
            Ok::<(), StoreError>(())
        };
        // The disk may have refused any step of it.
        let _ = take();
    }
}
