//! `verify`: reads all there is, changes nothing, and says whether it holds together.
mod chain;
mod images;
mod index;

pub use chain::{Chain, Kept};

use crate::cli::log_of;
use crate::cli::progress::Shown;
use crate::cli::tenant_books::TenantBooks;
use crate::config::Settings;
use crate::format::codec;
use crate::format::entry::{Entry, MemberEntry};
use crate::ledger::account::Account;
use crate::ledger::apply;
use crate::ledger::event::Event;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::Total;
use crate::store::disk::{Disk, RealDisk};
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::recovery::{CheckedSegment, Mode, read_log};
use crate::store::snapshots;
use anyhow::bail;
use images::{Images, read_snapshot, without_keys};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// All accounts as the log makes them, and what a tenant's transfers add up to.
#[derive(Default)]
struct Books {
    accounts: HashMap<(String, String), Account>,
    transfers: BTreeMap<String, Transfers>,
    tenants: TenantBooks,
    chain: Chain,
    records: u64,
    wrong: Vec<String>,
}

#[derive(Default)]
struct Transfers {
    sent: Total,
    accepted: Total,
    returned: Total,
}

const WRONG_MAX: usize = 100;

/// What reading everything has shown.
pub struct Found {
    pub records: u64,
    pub last: Lsn,
    pub members: usize,
    pub snapshots: usize,
    pub chain: Chain,
    /// A torn tail, in words: no fault.
    pub torn: Option<String>,
    pub wrong: Vec<String>,
}

pub fn run(
    settings: &Settings,
    history: bool,
    kept: Option<Kept>,
    archive: Option<PathBuf>,
) -> anyhow::Result<()> {
    let mut folder = Folder::at(&settings.data_dir);
    if let Some(archive) = archive {
        folder.archive = archive;
    }
    let log_id = log_of(&folder)?;
    let _lock = history.then(|| folder.lock()).transpose()?;
    let mut found = check(&RealDisk, &folder, log_id, kept)?;
    if history {
        let made = folder.snapshots.join("history-to-compare-with");
        let (end, cache_bytes) = (found.last, settings.history_cache_bytes);
        found.wrong.extend(index::check(&RealDisk, &folder, log_id, end, &made, cache_bytes)?);
        println!("the history index was held against the log");
    }
    found.print(log_id)
}

impl Found {
    /// Says what was found; an error where something does not hold.
    pub fn print(&self, log_id: u128) -> anyhow::Result<()> {
        println!(
            "log {log_id:032x}: {} records through {}, {} members",
            self.records, self.last, self.members
        );
        println!("snapshots: {} whole", self.snapshots);
        match &self.chain.newest {
            Some(newest) => println!("chain: {} batches, newest hash {newest}", self.chain.batches),
            None => println!("chain: no batch has a hash yet"),
        }
        if let Some(torn) = &self.torn {
            println!("note: {torn}; the next start cuts it off");
        }
        for wrong in &self.wrong {
            println!("WRONG: {wrong}");
        }
        if self.wrong.is_empty() {
            println!(
                "everything holds: checksums, hashes, sequence, identity of every member, conservation per tenant"
            );
            Ok(())
        } else {
            bail!("{} things do not hold", self.wrong.len())
        }
    }
}

/// Reads everything in the folder and holds it together: of a service, of a backup, of what was restored.
/// `kept`: a hash that must be in the log.
pub fn check(disk: &dyn Disk, folder: &Folder, log_id: u128, kept: Option<Kept>) -> anyhow::Result<Found> {
    let mut books = Books { chain: Chain::looking_for(kept), ..Books::default() };
    let mut images = Vec::new();
    for file in snapshots::list(disk, folder)? {
        match read_snapshot(disk, &file, log_id) {
            Ok((image, tenants)) => {
                books.tenants.expect(&file.path, tenants);
                images.push((file.path, image));
            }
            Err(error) => books.wrong(error.to_string()),
        }
    }
    let snapshots = images.len();
    let mut shown = Shown::new("verifying");
    let take = |segment: CheckedSegment| books.take_segment(&segment, &mut images);
    let read =
        read_log(disk, folder, log_id, Lsn::ZERO, Mode::Verify, take, |progress| shown.show(progress))?;
    let end = read.settle(disk, folder)?;
    books.check_snapshots_end(&snapshots::list(disk, folder)?, end.last_lsn());
    books.chain.left().into_iter().for_each(|wrong| books.wrong(wrong));
    without_keys(disk, folder, log_id, &books.accounts).into_iter().for_each(|wrong| books.wrong(wrong));
    for (path, image) in &images {
        for ((crm_id, member_no), (last, _)) in image {
            books.wrong(format!(
                "{}: member {member_no} of {crm_id} goes to record {last}, which the log does not have for it",
                path.display()
            ));
        }
    }
    books.tenants.left().into_iter().for_each(|wrong| books.wrong(wrong));
    books.check_tenants();
    Ok(Found {
        records: books.records,
        last: end.last_lsn(),
        members: books.accounts.len(),
        snapshots,
        chain: books.chain,
        torn: end.torn,
        wrong: books.wrong,
    })
}

impl Books {
    fn wrong(&mut self, what: String) {
        if self.wrong.len() < WRONG_MAX {
            self.wrong.push(what);
        }
    }

    fn take_segment(
        &mut self,
        segment: &CheckedSegment,
        images: &mut [(PathBuf, Images)],
    ) -> Result<(), StoreError> {
        self.chain.take(segment).into_iter().for_each(|wrong| self.wrong(wrong));
        for record in segment.records() {
            let entry = Entry::decode(record.payload);
            match entry.map_err(|error| segment.refused(record.lsn, error.to_string()))? {
                Entry::Member(entry) => self.take(record.lsn, &entry, images),
                Entry::Tenant(entry) => {
                    let wrong = self.tenants.take(record.lsn, &entry);
                    wrong.into_iter().for_each(|wrong| self.wrong(wrong));
                }
                Entry::Service(_) => {}
            }
            self.records += 1;
        }
        Ok(())
    }

    /// A snapshot is taken of durable records only: the log must go as far as its name says.
    fn check_snapshots_end(&mut self, snapshots: &[snapshots::SnapshotFile], end: Lsn) {
        for snapshot in snapshots.iter().filter(|snapshot| snapshot.noted > end) {
            let (path, noted) = (snapshot.path.display(), snapshot.noted);
            self.wrong(format!("{path} is of record {noted}, and the log ends at {end}: its end is missing"));
        }
    }

    fn take(&mut self, lsn: Lsn, entry: &MemberEntry, images: &mut [(PathBuf, Images)]) {
        let name = (entry.crm_id.clone(), entry.member_no.clone());
        let account = self.accounts.entry(name.clone()).or_default();
        apply(account, lsn, entry.at, &entry.event);
        let checked = account.check();
        let packed = images
            .iter()
            .any(|(_, image)| image.get(&name).is_some_and(|(last, _)| *last == lsn))
            .then(|| codec::encode(account));
        if let Err(why) = checked {
            self.wrong(format!("record {lsn}, member {} of {}: {why}", entry.member_no, entry.crm_id));
        }
        if let Some(packed) = packed {
            self.compare(&name, lsn, &packed, images);
        }
        if let Some(wrong) = self.tenants.check_rule(lsn, entry) {
            self.wrong(wrong);
        }
        self.add_transfer(entry);
    }

    /// A snapshot's account must be what the log makes of the same records.
    fn compare(
        &mut self,
        name: &(String, String),
        lsn: Lsn,
        packed: &[u8],
        images: &mut [(PathBuf, Images)],
    ) {
        for (path, image) in images {
            if image.get(name).is_some_and(|(last, _)| *last == lsn)
                && let Some((_, found)) = image.remove(name)
                && found != packed
            {
                let words = format!(
                    "{}: member {} of {} is not what the log makes of it",
                    path.display(),
                    name.1,
                    name.0
                );
                self.wrong.push(words);
            }
        }
    }

    fn add_transfer(&mut self, entry: &MemberEntry) {
        let transfers = self.transfers.entry(entry.crm_id.clone()).or_default();
        match &entry.event {
            Event::Offered(e) => transfers.sent += e.points,
            Event::Sent(e) => transfers.sent += e.points,
            Event::Received(e) => transfers.accepted += e.points,
            Event::OfferReturned(e) => transfers.returned += e.points,
            _ => {}
        }
    }

    /// Points sent = accepted + returned + in open offers + on their way, in every tenant.
    fn check_tenants(&mut self) {
        let mut on_their_way: BTreeMap<&str, Total> = BTreeMap::new();
        for ((crm_id, _), account) in &self.accounts {
            let sum = on_their_way.entry(crm_id).or_default();
            account.offers.iter().for_each(|offer| *sum += offer.points);
        }
        let mut wrong = Vec::new();
        for (crm_id, transfers) in &self.transfers {
            let open = on_their_way.get(crm_id.as_str()).copied().unwrap_or_default();
            let accounted = transfers.accepted + transfers.returned + open;
            // What lies in an outbox may have arrived already, its note still under way.
            let outbox = self.outbox_of(crm_id);
            let missing = transfers.sent - accounted;
            if missing < Total::ZERO || missing > outbox {
                wrong.push(format!(
                    "tenant {crm_id}: {} points sent, but {} accepted, {} returned, {open} in open offers, at most {outbox} on their way",
                    transfers.sent, transfers.accepted, transfers.returned
                ));
            }
        }
        wrong.into_iter().for_each(|wrong| self.wrong(wrong));
    }

    fn outbox_of(&self, crm_id: &str) -> Total {
        let accounts = self.accounts.iter().filter(|((tenant, _), _)| tenant == crm_id);
        accounts
            .flat_map(|(_, account)| &account.outbox)
            .flat_map(|out| &out.lots)
            .map(|lot| lot.points)
            .sum()
    }
}
