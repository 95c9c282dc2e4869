//! What is held against the log: snapshots, and the keys of what is sealed.
use crate::actors::snapshot::{MemberImage, ServiceImage, TenantImage, account_of};
use crate::cli::tenant_books::TenantImages;
use crate::format::codec;
use crate::format::snapshot::EntryKind;
use crate::ledger::account::Account;
use crate::ledger::lsn::Lsn;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::{personal_keys, snapshots};
use std::collections::HashMap;

/// A snapshot's accounts, to be held against the log's when the log has come as far.
pub type Images = HashMap<(String, String), (Lsn, Vec<u8>)>;

pub fn read_snapshot(
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

/// Members whose sealed data has no key. Without any file of keys, as in a backup, there is nothing to be held against.
pub fn without_keys(
    disk: &dyn Disk,
    folder: &Folder,
    log_id: u128,
    accounts: &HashMap<(String, String), Account>,
) -> Vec<String> {
    let slots = match personal_keys::whole_slots(disk, folder, log_id) {
        Ok(None) => return Vec::new(),
        Ok(Some(slots)) => slots,
        Err(error) => return vec![error.to_string()],
    };
    let sealed = accounts.iter().filter_map(|(name, account)| {
        let slot = account.more.as_ref()?.profile.as_ref()?.sealed.as_ref()?.slot;
        (!slots.contains(&slot)).then_some((name, slot))
    });
    let words = |((crm_id, member_no), slot): (&(String, String), u64)| {
        let path = folder.personal_keys();
        format!("{}: there is no key {slot}, of member {member_no} of {crm_id}", path.display())
    };
    sealed.map(words).collect()
}
