//! The directory of members: exactly one entry for each, at all times, busy or at rest.
//!
//! A member at rest is its packed account, a few hundred bytes, in memory or, past a budget, on disk (`spill`). A live one
//! is an actor. Messages are handed over under the lock of the member's shard, so a member can go to rest exactly when
//! nothing is on its way to it. The lock is held for a look-up and a hand-over, never while anything waits; no two are
//! ever held together.
mod pages;
pub mod recovered;
mod shard;
mod spill;
mod walk;

pub use spill::Spill;
pub use walk::Resting;

use crate::actors::member::{self, Message, SharedState, State};
use crate::format::codec;
use crate::ledger::account::Account;
use crate::ledger::lsn::Lsn;
use crate::limits::MEMBER_BYTES_MAX;
use crate::store::error::StoreError;
use ractor::ActorRef;
use shard::{Found, Shard};
use siphasher::sip::SipHasher13;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

const SHARDS: usize = 256;

/// Names a member's place in the directory for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId {
    shard: u32,
    slot: u32,
}

/// A tenant's place in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TenantId(u32);

pub struct Directory {
    shards: Vec<Mutex<Shard>>,
    tenants: RwLock<Tenants>,
    names: NameKey,
    live: AtomicUsize,
    /// None: all members at rest stay in memory.
    spill: Option<Spill>,
}

/// The key of the names' hashes. A client that knew it could choose names that all fall into one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameKey(pub u64, pub u64);

impl NameKey {
    pub fn random() -> NameKey {
        let random = || RandomState::new().hash_one(0);
        NameKey(random(), random())
    }
}

impl BuildHasher for NameKey {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

#[derive(Default)]
struct Tenants {
    names: Vec<Arc<str>>,
    places: HashMap<Arc<str>, TenantId>,
}

struct Live {
    actor: ActorRef<Message>,
    state: SharedState,
    load: Arc<Load>,
    member_no: Arc<str>,
}

// Names are bounded before they get here.
const _: () = assert!(MEMBER_BYTES_MAX <= u8::MAX as usize);

/// How busy an actor is; shared by the directory and the actor.
#[derive(Debug, Default)]
pub struct Load {
    /// Messages handed over and not yet handled.
    pub pending: AtomicU32,
    /// Used since the sweeper looked last.
    pub used: AtomicBool,
}

/// Messages handed over to actors and not yet handled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mailboxes {
    pub waiting: u64,
    pub longest: u32,
}

/// What a new actor starts with.
pub struct Awakened {
    pub id: MemberId,
    pub crm_id: Arc<str>,
    pub member_no: Arc<str>,
    pub account: Account,
    pub load: Arc<Load>,
}

/// Where members are, and what that takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Census {
    pub members: usize,
    pub awake: usize,
    pub on_disk: usize,
    /// What those at rest in memory take: their chunks, not their slots.
    pub memory_bytes: usize,
    /// What those out of memory take in their file.
    pub disk_bytes: u64,
    pub pages_read: u64,
    pub pages_written: u64,
    /// Pages that could not be written: their members stayed in memory.
    pub write_failures: u64,
}

/// A member that can't be served any more: memory or a build is broken, and only the log can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum BrokenMember {
    #[error("the packed account of a member does not decode: {0}")]
    Unreadable(#[from] codec::CodecError),
    #[error("the actor of a member has ended without giving its account back")]
    ActorLost,
    #[error(transparent)]
    OutOfReach(#[from] StoreError),
    #[error("a member lies out of memory, and there is no file of such members")]
    NoFile,
}

/// A member that nobody else is at, and that nothing is on its way to.
pub enum Idle<'a> {
    /// Its actor is, and has nothing to do.
    Awake(&'a mut State),
    /// Its tenant's name, its own, and its account.
    Resting(&'a str, &'a str, &'a mut Account),
}

/// What came of handing a message over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    Delivered,
    /// Too many are waiting for this member: it was not taken.
    Crowded,
}

impl MemberId {
    /// The shard, and the place in it: both count from 0, without gaps.
    pub fn parts(self) -> (usize, usize) {
        (self.shard as usize, self.slot as usize)
    }

    pub fn of_parts(shard: usize, slot: usize) -> MemberId {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        MemberId { shard: narrow(shard), slot: narrow(slot) }
    }
}

impl Directory {
    /// All members at rest stay in memory.
    pub fn new() -> Directory {
        Directory::spilling(None, NameKey::random())
    }

    /// Members at rest that memory has no room for move out to `spill`.
    pub fn spilling(spill: Option<Spill>, names: NameKey) -> Directory {
        Directory {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            tenants: RwLock::default(),
            names,
            live: AtomicUsize::new(0),
            spill,
        }
    }

    /// How many members have an actor.
    pub fn live_count(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// How many members there are and where.
    pub fn census(&self) -> Census {
        let mut seen = Census::default();
        for shard in 0..SHARDS as u32 {
            let locked = self.lock(shard);
            seen.members += locked.slots.len();
            seen.awake += locked.all_awake().count();
            seen.on_disk += locked.on_disk;
            seen.memory_bytes += locked.arena.held();
            seen.disk_bytes += locked.pages.used();
        }
        if let Some(spill) = &self.spill {
            let stats = spill.file.stats();
            seen.pages_read = stats.pages_read.load(Ordering::Relaxed);
            seen.pages_written = stats.pages_written.load(Ordering::Relaxed);
            seen.write_failures = stats.write_failures.load(Ordering::Relaxed);
        }
        seen
    }

    /// What waits for the members with an actor: all messages together, and the longest queue.
    pub fn mailboxes(&self) -> Mailboxes {
        let mut seen = Mailboxes::default();
        for shard in 0..SHARDS as u32 {
            for live in self.lock(shard).all_awake() {
                let waiting = live.load.pending.load(Ordering::Relaxed);
                seen.waiting += u64::from(waiting);
                seen.longest = seen.longest.max(waiting);
            }
        }
        seen
    }

    pub fn tenant_name(&self, tenant: TenantId) -> Arc<str> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.names[tenant.0 as usize].clone()
    }

    pub fn tenant_id(&self, crm_id: &str) -> Option<TenantId> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).places.get(crm_id).copied()
    }

    fn tenant_or_new(&self, crm_id: &str) -> TenantId {
        if let Some(tenant) = self.tenant_id(crm_id) {
            return tenant;
        }
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(tenant) = tenants.places.get(crm_id) {
            return *tenant;
        }
        let name: Arc<str> = crm_id.into();
        let tenant = TenantId(u32::try_from(tenants.names.len()).unwrap_or(u32::MAX));
        tenants.names.push(name.clone());
        tenants.places.insert(name, tenant);
        tenant
    }

    fn hash(&self, tenant: TenantId, member_no: &str) -> u64 {
        self.names.hash_one((tenant.0, member_no))
    }

    fn lock(&self, shard: u32) -> MutexGuard<'_, Shard> {
        self.shards[shard as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The member's place, if it was ever named.
    pub fn find(&self, crm_id: &str, member_no: &str) -> Result<Option<MemberId>, BrokenMember> {
        let Some(tenant) = self.tenant_id(crm_id) else { return Ok(None) };
        let hash = self.hash(tenant, member_no);
        let slot = self.look_for(self.lock(shard_of(hash)), hash, tenant, member_no)?.1;
        Ok(slot.map(|slot| MemberId { shard: shard_of(hash), slot }))
    }

    /// The member's place; an empty one is made where there was none.
    pub fn find_or_new(&self, crm_id: &str, member_no: &str) -> Result<MemberId, BrokenMember> {
        let tenant = self.tenant_or_new(crm_id);
        let hash = self.hash(tenant, member_no);
        let shard = shard_of(hash);
        let (mut locked, slot) = self.look_for(self.lock(shard), hash, tenant, member_no)?;
        let slot = slot.unwrap_or_else(|| {
            let slot = locked.insert(short(hash), tenant, member_no, &[]);
            locked.tidy(self.spill.as_ref());
            slot
        });
        Ok(MemberId { shard, slot })
    }

    /// The member's place in its shard, if it has one. The lock that comes back may be another than the one that was given.
    fn look_for<'a>(
        &'a self,
        mut locked: MutexGuard<'a, Shard>,
        hash: u64,
        tenant: TenantId,
        member_no: &str,
    ) -> Result<(MutexGuard<'a, Shard>, Option<u32>), BrokenMember> {
        loop {
            match locked.find(short(hash), tenant, member_no) {
                Found::Is(slot) => return Ok((locked, Some(slot))),
                Found::IsNot => return Ok((locked, None)),
                // Its name is with its account. It is wanted next anyway.
                Found::MayBe(slot) => {
                    drop(locked);
                    locked = self.lock_with(MemberId { shard: shard_of(hash), slot })?;
                }
            }
        }
    }

    /// Hands `message` to the member's actor, which `spawn` makes where there is none.
    pub fn hand_over(
        &self,
        id: MemberId,
        message: Message,
        pending_max: u32,
        spawn: impl FnOnce(Awakened) -> (ActorRef<Message>, SharedState),
    ) -> Result<Handed, BrokenMember> {
        let mut locked = self.lock_with(id)?;
        if let Some(record) = locked.record(id.slot) {
            let awakened = Awakened {
                id,
                crm_id: self.tenant_name(locked.tenant(id.slot)),
                member_no: Arc::from(record.name),
                account: unpack(record.account)?,
                load: Arc::default(),
            };
            let (load, member_no) = (awakened.load.clone(), awakened.member_no.clone());
            let (actor, state) = spawn(awakened);
            self.live.fetch_add(1, Ordering::Relaxed);
            locked.wake(id.slot, Live { actor, state, load, member_no });
            locked.tidy(self.spill.as_ref());
        }
        let Live { actor, load, .. } = locked.awake(id.slot).ok_or(BrokenMember::ActorLost)?;
        if load.pending.fetch_add(1, Ordering::AcqRel) >= pending_max {
            load.pending.fetch_sub(1, Ordering::AcqRel);
            return Ok(Handed::Crowded);
        }
        load.used.store(true, Ordering::Relaxed);
        // An actor leaves its slot before it stops, under this lock: one that can't be reached has died.
        actor.send_message(message).map_err(|_| BrokenMember::ActorLost)?;
        Ok(Handed::Delivered)
    }

    /// Tells a live member something, without waking one at rest. Whether it was live.
    pub fn tell_live(&self, id: MemberId, message: Message) -> Result<bool, BrokenMember> {
        let locked = self.lock(id.shard);
        let Some(Live { actor, load, .. }) = locked.awake(id.slot) else { return Ok(false) };
        load.pending.fetch_add(1, Ordering::AcqRel);
        actor.send_message(message).map_err(|_| BrokenMember::ActorLost)?;
        Ok(true)
    }

    /// Whether the member has an actor that was not used since this was asked last.
    pub fn idle_since_asked(&self, id: MemberId) -> Option<bool> {
        let locked = self.lock(id.shard);
        Some(!locked.awake(id.slot)?.load.used.swap(false, Ordering::Relaxed))
    }

    /// The actor gives the account back and ends, unless something is on its way to it. `own` messages are the ones
    /// that the actor is handling. Whether it may end.
    pub fn rest(&self, id: MemberId, account: &Account, own: u32) -> bool {
        let packed = pack(account);
        let mut locked = self.lock(id.shard);
        if locked.awake(id.slot).is_none_or(|live| live.load.pending.load(Ordering::Acquire) > own) {
            return false;
        }
        locked.rest(id.slot, &packed);
        locked.tidy(self.spill.as_ref());
        self.live.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// Looks at a member at rest, and may change it. `None` where it is live.
    pub fn with_resting<R>(
        &self,
        id: MemberId,
        change: impl FnOnce(&str, &str, &mut Account) -> (bool, R),
    ) -> Result<Option<R>, BrokenMember> {
        self.at_rest(self.lock_with(id)?, id, change)
    }

    /// Looks at a member that nothing is on its way to, live or at rest, and may change it; `change` says whether it has: then an
    /// account at rest is packed again, and a live one has been used. Nothing can come while this lasts. `None` where something is.
    pub fn with_idle<R>(
        &self,
        id: MemberId,
        change: impl FnOnce(Idle<'_>) -> (bool, R),
    ) -> Result<Option<R>, BrokenMember> {
        let locked = self.lock_with(id)?;
        let Some(Live { state, load, .. }) = locked.awake(id.slot) else {
            return self.at_rest(locked, id, |crm_id, member_no, account| {
                change(Idle::Resting(crm_id, member_no, account))
            });
        };
        if load.pending.load(Ordering::Acquire) > 0 {
            return Ok(None);
        }
        let (changed, result) = change(Idle::Awake(&mut member::lock(state)));
        load.used.fetch_or(changed, Ordering::Relaxed);
        Ok(Some(result))
    }

    fn at_rest<R>(
        &self,
        mut locked: MutexGuard<'_, Shard>,
        id: MemberId,
        change: impl FnOnce(&str, &str, &mut Account) -> (bool, R),
    ) -> Result<Option<R>, BrokenMember> {
        let Some(record) = locked.record(id.slot) else { return Ok(None) };
        let mut account = unpack(record.account)?;
        let crm_id = self.tenant_name(locked.tenant(id.slot));
        let (changed, result) = change(&crm_id, record.name, &mut account);
        if changed {
            locked.replace(id.slot, &pack(&account));
        } else {
            locked.touch(id.slot);
        }
        locked.tidy(self.spill.as_ref());
        Ok(Some(result))
    }

    /// Whose place it is.
    pub fn name_of(&self, id: MemberId) -> Result<(Arc<str>, Arc<str>), BrokenMember> {
        let mut locked = self.lock_with(id)?;
        let name = locked.awake(id.slot).map(|live| live.member_no.clone());
        let name = name.or_else(|| Some(Arc::from(locked.record(id.slot)?.name)));
        locked.tidy(self.spill.as_ref());
        Ok((self.tenant_name(locked.tenant(id.slot)), name.unwrap_or_default()))
    }

    /// Puts an account into its place.
    pub fn place(&self, id: MemberId, account: &Account) -> Result<(), BrokenMember> {
        let mut locked = self.lock_with(id)?;
        locked.replace(id.slot, &pack(account));
        locked.tidy(self.spill.as_ref());
        Ok(())
    }
}

impl Default for Directory {
    fn default() -> Directory {
        Directory::new()
    }
}

fn pack(account: &Account) -> Vec<u8> {
    if account.last == Lsn::ZERO { Vec::new() } else { codec::encode(account) }
}

fn unpack(packed: &[u8]) -> Result<Account, BrokenMember> {
    if packed.is_empty() { Ok(Account::default()) } else { Ok(codec::decode(packed)?) }
}

/// From bits that [`short`] leaves out.
fn shard_of(hash: u64) -> u32 {
    (hash >> 24) as u32 % SHARDS as u32
}

/// What a slot keeps of its name's hash.
fn short(hash: u64) -> u32 {
    (hash >> 32) as u32
}
