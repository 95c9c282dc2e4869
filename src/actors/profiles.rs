//! Members' profiles: sealing, the key of each, and the dance of claim, write and release round a mobile.
//!
//! One change of a member's profile at a time. In order: the mobile is claimed, the key is durable, the profile is
//! written and durable, the old mobile is released. A crash between any two leaves either the old profile or the new one,
//! and at most a key that nobody has: the next start destroys it.
use crate::actors::answer::Failure;
use crate::actors::core::{Core, partition_of};
use crate::actors::directory::MemberId;
use crate::actors::personal::{Personal, PersonalError, random, seal, unseal};
use crate::actors::tenant::{Message, MobileHash};
use crate::ledger::command::Command;
use crate::ledger::event::ProfileSet;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::profile::{Profile, Sealed};
use crate::limits::PARTITIONS;
use crate::store::error::StoreError;
use crate::store::personal_keys::PersonalKeys;
use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard, oneshot};

/// A member as it is known beside its points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberView {
    pub tier: Option<String>,
    pub personal: Personal,
    /// When the first change of any kind was made.
    pub created_at: Instant,
    /// When the profile was changed last; none where there is none.
    pub updated_at: Option<Instant>,
}

pub struct Profiles {
    pub keys: PersonalKeys,
    mobile_key: [u8; 32],
    turns: Vec<Mutex<()>>,
}

impl Profiles {
    pub fn new(keys: PersonalKeys) -> Result<Profiles, PersonalError> {
        let turns = (0..PARTITIONS).map(|_| Mutex::new(())).collect();
        Ok(Profiles { keys, mobile_key: random()?, turns })
    }

    async fn turn(&self, crm_id: &str, member_no: &str) -> MutexGuard<'_, ()> {
        self.turns[usize::from(partition_of(crm_id, member_no))].lock().await
    }

    fn hash(&self, mobile: &str) -> MobileHash {
        let hash = blake3::keyed_hash(&self.mobile_key, mobile.as_bytes());
        std::array::from_fn(|n| hash.as_bytes()[n])
    }

    fn open(&self, crm_id: &str, member_no: &str, sealed: &Sealed) -> Result<Personal, Failure> {
        let lost = |why: String| Failure::Fault(format!("key {} of personal data: {why}", sealed.slot));
        let key = self.keys.get(sealed.slot).map_err(|error| lost(error.to_string()))?;
        let key = key.ok_or_else(|| lost("it is gone, and the data was not erased".into()))?;
        unseal(&key, crm_id, member_no, sealed).map_err(|error| lost(error.to_string()))
    }

    /// `personal` under the member's key, which `before` names, or a new one. Waits for the disk.
    fn seal(
        &self,
        crm_id: &str,
        member_no: &str,
        personal: &Personal,
        before: Option<&Sealed>,
    ) -> Result<Sealed, Failure> {
        let fault = |error: PersonalError| Failure::Fault(error.to_string());
        let known = match before {
            Some(sealed) => self.keys.get(sealed.slot).map_err(of_store)?.map(|key| (sealed.slot, key)),
            None => None,
        };
        let (slot, key) = match known {
            Some(known) => known,
            None => {
                let key = random().map_err(fault)?;
                (self.keys.add(&key).map_err(of_store)?, key)
            }
        };
        seal(&key, slot, crm_id, member_no, personal).map_err(fault)
    }
}

fn of_store(error: StoreError) -> Failure {
    match error {
        StoreError::Io { source, .. } if source.kind() == ErrorKind::StorageFull => Failure::Full,
        other => Failure::Fault(other.to_string()),
    }
}

/// What is recorded of a member's profile, durable; none where nothing was ever recorded of the member.
struct Recorded {
    created_at: Instant,
    profile: Option<Profile>,
}

async fn recorded(core: &Arc<Core>, crm_id: &str, member_no: &str) -> Result<Option<Recorded>, Failure> {
    let seen = core.look(crm_id, member_no, |account| {
        let first = (account.records > 0).then_some(account.created_at);
        (account.last, first, account.profile().cloned())
    });
    let Some((last, first, profile)) = seen.await?.filter(|(last, ..)| *last > Lsn::ZERO) else {
        return Ok(None);
    };
    core.durable(last).await?;
    let dates = [first, profile.as_ref().map(|profile| profile.created_at)];
    let created_at = dates.into_iter().flatten().min().unwrap_or_default();
    Ok(Some(Recorded { created_at, profile }))
}

/// The member; none where nothing was ever recorded of it.
pub async fn member(core: &Arc<Core>, crm_id: &str, member_no: &str) -> Result<Option<MemberView>, Failure> {
    let Some(recorded) = recorded(core, crm_id, member_no).await? else { return Ok(None) };
    view(core, crm_id, member_no, recorded).map(Some)
}

fn view(core: &Core, crm_id: &str, member_no: &str, recorded: Recorded) -> Result<MemberView, Failure> {
    let Recorded { created_at, profile } = recorded;
    let Some(Profile { tier, sealed, updated_at, .. }) = profile else {
        return Ok(MemberView { created_at, ..MemberView::default() });
    };
    let opened = sealed.map(|sealed| core.profiles.open(crm_id, member_no, &sealed)).transpose()?;
    let personal = opened.unwrap_or_default();
    Ok(MemberView { tier, personal, created_at, updated_at: Some(updated_at) })
}

/// Replaces the member's profile, opening the account where there is none. Must run to its end.
pub async fn put(
    core: &Arc<Core>,
    crm_id: &str,
    member_no: &str,
    tier: Option<String>,
    personal: Personal,
) -> Result<MemberView, Failure> {
    let profiles = &core.profiles;
    let _turn = profiles.turn(crm_id, member_no).await;
    let sealed_before = match recorded(core, crm_id, member_no).await? {
        Some(before) if before.profile.is_some() => {
            let sealed = before.profile.as_ref().and_then(|profile| profile.sealed.clone());
            let known = view(core, crm_id, member_no, before)?;
            if known.tier == tier && known.personal == personal {
                return Ok(known);
            }
            sealed.map(|sealed| (sealed, known.personal.mobile))
        }
        _ => None,
    };
    let (sealed_before, mobile_before) = sealed_before.unzip();
    let mobile_before = mobile_before.flatten();
    let id = core.trusted(core.directory.find_or_new(crm_id, member_no))?;
    let claims = Claims { core, crm_id, id };
    let new_mobile = personal.mobile.as_ref().filter(|mobile| mobile_before.as_ref() != Some(*mobile));
    if let Some(mobile) = new_mobile {
        claims.claim(mobile).await?;
    }
    let written = write(core, crm_id, member_no, tier, &personal, sealed_before.as_ref()).await;
    // Where the outcome is unknown the process ends.
    if matches!(&written, Err(failure) if !matches!(failure, Failure::Unknown)) {
        new_mobile.inspect(|mobile| claims.release(mobile));
    }
    written?;
    if let Some(mobile) = mobile_before.filter(|mobile| personal.mobile.as_ref() != Some(mobile)) {
        claims.release(&mobile);
    }
    if personal.is_empty()
        && let Some(sealed) = sealed_before
    {
        destroy(core, sealed.slot).await?;
    }
    let written = member(core, crm_id, member_no).await?;
    written.ok_or_else(|| Failure::Fault("a profile just written is not there".into()))
}

async fn write(
    core: &Arc<Core>,
    crm_id: &str,
    member_no: &str,
    tier: Option<String>,
    personal: &Personal,
    before: Option<&Sealed>,
) -> Result<(), Failure> {
    let sealed = if personal.is_empty() {
        None
    } else {
        let sealed = tokio::task::block_in_place(|| core.profiles.seal(crm_id, member_no, personal, before));
        Some(sealed?)
    };
    core.change(crm_id, member_no, Command::SetProfile(ProfileSet { tier, sealed })).await?;
    Ok(())
}

/// Erases the member's personal data for good; `None` where there is no such member. Must run to its end.
pub async fn erase(core: &Arc<Core>, crm_id: &str, member_no: &str) -> Result<Option<MemberView>, Failure> {
    let _turn = core.profiles.turn(crm_id, member_no).await;
    let Some(before) = recorded(core, crm_id, member_no).await? else { return Ok(None) };
    if let Some(sealed) = before.profile.as_ref().and_then(|profile| profile.sealed.clone()) {
        let opened = core.profiles.open(crm_id, member_no, &sealed);
        core.change(crm_id, member_no, Command::ErasePersonalData).await?;
        destroy(core, sealed.slot).await?;
        let id = core.trusted(core.directory.find_or_new(crm_id, member_no))?;
        let claims = Claims { core, crm_id, id };
        // Data that did not open had no claim since the last start.
        if let Ok(Personal { mobile: Some(mobile), .. }) = opened {
            claims.release(&mobile);
        }
    }
    member(core, crm_id, member_no).await
}

/// Where a key can't be surely overwritten, it may come back: the next start overwrites it before anything else.
async fn destroy(core: &Arc<Core>, slot: u64) -> Result<(), Failure> {
    let destroyed = tokio::task::block_in_place(|| core.profiles.keys.destroy(slot));
    destroyed.map_err(|error| {
        core.stop_broken(error.to_string());
        Failure::Unknown
    })
}

/// The member that has a mobile.
pub async fn with_mobile(core: &Arc<Core>, crm_id: &str, mobile: &str) -> Result<Option<String>, Failure> {
    if core.tenants.find(crm_id).is_none() {
        return Ok(None);
    }
    let (reply, answer) = oneshot::channel();
    let claims = Message::Find(core.profiles.hash(mobile), reply);
    core.tenants.tell(core, crm_id, claims)?;
    let Some(id) = answer.await.map_err(|_| Failure::Unknown)? else { return Ok(None) };
    let (_, member_no) = core.trusted(core.directory.name_of(id))?;
    // A claim may be under way: only what the profile says counts.
    let member = member(core, crm_id, &member_no).await?;
    let has_it = member.is_some_and(|member| member.personal.mobile.as_deref() == Some(mobile));
    Ok(has_it.then(|| member_no.to_string()))
}

struct Claims<'a> {
    core: &'a Arc<Core>,
    crm_id: &'a str,
    id: MemberId,
}

impl Claims<'_> {
    async fn claim(&self, mobile: &str) -> Result<(), Failure> {
        let (reply, answer) = oneshot::channel();
        let hash = self.core.profiles.hash(mobile);
        self.core.tenants.tell(self.core, self.crm_id, Message::Claim(hash, self.id, reply))?;
        answer.await.map_err(|_| Failure::Unknown)?
    }

    fn release(&self, mobile: &str) {
        let hash = self.core.profiles.hash(mobile);
        // An actor that has ended takes the whole process with it.
        let _ = self.core.tenants.tell(self.core, self.crm_id, Message::Release(hash, self.id));
    }
}

/// Takes up what profiles tell at a start: mobiles are claimed again. The slots of the keys that they name: all others are to be
/// destroyed.
pub async fn take_up(core: &Arc<Core>, members: Vec<MemberId>) -> Result<HashSet<u64>, Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = members.len().div_ceil(threads).max(1);
    let shares = members.chunks(share).map(|share| tokio::spawn(open_all(core.clone(), share.to_vec())));
    let mut used = HashSet::new();
    for opening in shares.collect::<Vec<_>>() {
        let opened = opening.await.map_err(|error| Failure::Fault(error.to_string()))??;
        used.extend(opened.slots);
        for (crm_id, claims) in opened.mobiles {
            let (reply, answer) = oneshot::channel();
            core.tenants.tell(core, &crm_id, Message::ClaimAll(claims, reply))?;
            answer.await.map_err(|_| Failure::Unknown)??;
        }
    }
    Ok(used)
}

/// What profiles tell at a start.
#[derive(Default)]
struct Opened {
    /// The keys that they name.
    slots: Vec<u64>,
    /// Who has which mobile, by tenant.
    mobiles: HashMap<Arc<str>, Vec<(MobileHash, MemberId)>>,
}

async fn open_all(core: Arc<Core>, members: Vec<MemberId>) -> Result<Opened, Failure> {
    let mut opened = Opened::default();
    for id in members {
        let sealed = core.look_at(id, |account| account.profile().and_then(|profile| profile.sealed.clone()));
        let Some(sealed) = sealed.await? else { continue };
        opened.slots.push(sealed.slot);
        let (crm_id, member_no) = core.trusted(core.directory.name_of(id))?;
        match core.profiles.open(&crm_id, &member_no, &sealed) {
            Ok(Personal { mobile: Some(mobile), .. }) => {
                opened.mobiles.entry(crm_id).or_default().push((core.profiles.hash(&mobile), id));
            }
            Ok(_) => {}
            // The ledger is not to stand still for it.
            Err(failure) => tracing::error!(%crm_id, ?failure, "a member's personal data can't be read"),
        }
    }
    Ok(opened)
}
