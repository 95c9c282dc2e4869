//! `verify`: reads all there is, changes nothing, and says whether it holds together.
use crate::actors::snapshot::{MemberImage, ServiceImage, TenantImage, account_of};
use crate::cli::log_of;
use crate::cli::progress::Shown;
use crate::cli::tenant_books::{TenantBooks, TenantImages};
use crate::config::Settings;
use crate::format::codec;
use crate::format::entry::{Entry, MemberEntry};
use crate::format::snapshot::EntryKind;
use crate::ledger::account::Account;
use crate::ledger::apply;
use crate::ledger::event::Event;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::Total;
use crate::store::disk::{Disk, RealDisk};
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::recovery::{Mode, replay};
use crate::store::snapshots;
use anyhow::bail;
use std::collections::{BTreeMap, HashMap};

/// All accounts as the log makes them, and what a tenant's transfers add up to.
#[derive(Default)]
struct Books {
    accounts: HashMap<(String, String), Account>,
    transfers: BTreeMap<String, Transfers>,
    tenants: TenantBooks,
    records: u64,
    wrong: Vec<String>,
}

#[derive(Default)]
struct Transfers {
    sent: Total,
    accepted: Total,
    returned: Total,
}

/// A snapshot's accounts, to be held against the log's when the log has come as far.
type Images = HashMap<(String, String), (Lsn, Vec<u8>)>;

const WRONG_MAX: usize = 100;

/// What reading everything has shown.
pub struct Found {
    pub records: u64,
    pub last: Lsn,
    pub members: usize,
    pub snapshots: usize,
    /// A torn tail, in words: no fault.
    pub torn: Option<String>,
    pub wrong: Vec<String>,
}

pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let folder = Folder::at(&settings.data_dir);
    let log_id = log_of(&folder)?;
    let found = check(&RealDisk, &folder, log_id)?;
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
        if let Some(torn) = &self.torn {
            println!("note: {torn}; the next start cuts it off");
        }
        for wrong in &self.wrong {
            println!("WRONG: {wrong}");
        }
        if self.wrong.is_empty() {
            println!(
                "everything holds: checksums, sequence, identity of every member, conservation per tenant"
            );
            Ok(())
        } else {
            bail!("{} things do not hold", self.wrong.len())
        }
    }
}

/// Reads everything in the folder and holds it together: of a service, of a backup, of what was restored.
pub fn check(disk: &dyn Disk, folder: &Folder, log_id: u128) -> anyhow::Result<Found> {
    let mut books = Books::default();
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
    let end = replay(
        disk,
        folder,
        log_id,
        Lsn::ZERO,
        Mode::LookOnly,
        |record| {
            match Entry::decode(record.payload).map_err(|error| error.to_string())? {
                Entry::Member(entry) => books.take(record.lsn, &entry, &mut images),
                Entry::Tenant(entry) => {
                    let wrong = books.tenants.take(record.lsn, &entry);
                    wrong.into_iter().for_each(|wrong| books.wrong(wrong));
                }
                Entry::Service(_) => {}
            }
            books.records += 1;
            Ok(())
        },
        |progress| shown.show(progress),
    )?;
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
        torn: end.torn,
        wrong: books.wrong,
    })
}

fn read_snapshot(
    disk: &dyn Disk,
    file: &snapshots::SnapshotFile,
    log_id: u128,
) -> Result<(Images, TenantImages), StoreError> {
    let (mut images, mut tenants) = (Images::new(), TenantImages::new());
    snapshots::read(disk, &file.path, log_id, |version, kind, entry| {
        match kind {
            EntryKind::Member => {
                let image: MemberImage = codec::decode(entry).map_err(|error| error.to_string())?;
                let (crm_id, member_no, packed) = image;
                let account = account_of(version, &packed)?;
                account.check().map_err(|why| format!("member {member_no} of {crm_id}: {why}"))?;
                images.insert((crm_id, member_no), (account.last, codec::encode(&account)));
            }
            EntryKind::Service => {
                let _: ServiceImage = codec::decode(entry).map_err(|error| error.to_string())?;
            }
            EntryKind::Tenant => {
                let image: TenantImage = codec::decode(entry).map_err(|error| error.to_string())?;
                tenants.insert(image.0, image.1);
            }
        }
        Ok(())
    })?;
    Ok((images, tenants))
}

impl Books {
    fn wrong(&mut self, what: String) {
        if self.wrong.len() < WRONG_MAX {
            self.wrong.push(what);
        }
    }

    fn take(&mut self, lsn: Lsn, entry: &MemberEntry, images: &mut [(std::path::PathBuf, Images)]) {
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
        images: &mut [(std::path::PathBuf, Images)],
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
