//! The directory of members: exactly one entry for each, at all times, busy or at rest.
//!
//! A member at rest is its packed account, a few hundred bytes. A live one is an actor. Messages are handed over under
//! the lock of the member's shard, so a member can go to rest exactly when nothing is on its way to it. The lock is
//! held for a look-up and a hand-over, never while anything waits; no two are ever held together.
mod batches;
pub mod recovered;

use crate::actors::arena::{Arena, Place};
use crate::actors::member::Message;
use crate::format::codec;
use crate::ledger::account::Account;
use crate::ledger::lsn::Lsn;
use crate::limits::MEMBER_BYTES_MAX;
use hashbrown::HashTable;
use ractor::ActorRef;
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
    hasher: RandomState,
    live: AtomicUsize,
}

#[derive(Default)]
struct Tenants {
    names: Vec<Arc<str>>,
    places: HashMap<Arc<str>, TenantId>,
}

#[derive(Default)]
struct Shard {
    table: HashTable<u32>,
    slots: Vec<Slot>,
    /// The members' names and packed accounts.
    arena: Arena,
}

struct Slot {
    tenant: TenantId,
    name_bytes: u8,
    /// The member's name, then its packed account: empty of a member just named, out of date of a live one.
    place: Place,
    live: Option<Live>,
}

struct Live {
    actor: ActorRef<Message>,
    load: Arc<Load>,
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

/// A member with its packed account, which is empty where nothing was recorded of it.
pub struct PackedMember {
    pub crm_id: Arc<str>,
    pub member_no: Box<str>,
    pub packed: Box<[u8]>,
}

/// A member that can't be served any more: memory or a build is broken, and only the log can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum BrokenMember {
    #[error("the packed account of a member does not decode: {0}")]
    Unreadable(#[from] codec::CodecError),
    #[error("the actor of a member has ended without giving its account back")]
    ActorLost,
}

/// What came of handing a message over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    Delivered,
    /// Too many are waiting for this member: it was not taken.
    Crowded,
}

impl Directory {
    pub fn new() -> Directory {
        Directory {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            tenants: RwLock::default(),
            hasher: RandomState::new(),
            live: AtomicUsize::new(0),
        }
    }

    /// How many members have an actor.
    pub fn live_count(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// How many members there are, busy or at rest.
    pub fn count(&self) -> usize {
        (0..SHARDS as u32).map(|shard| self.lock(shard).slots.len()).sum()
    }

    /// What waits for the members with an actor: all messages together, and the longest queue.
    pub fn mailboxes(&self) -> Mailboxes {
        let mut seen = Mailboxes::default();
        for shard in 0..SHARDS as u32 {
            for live in self.lock(shard).slots.iter().filter_map(|slot| slot.live.as_ref()) {
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
        self.hasher.hash_one((tenant.0, member_no))
    }

    fn lock(&self, shard: u32) -> MutexGuard<'_, Shard> {
        self.shards[shard as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The member's place, if it was ever named.
    pub fn find(&self, crm_id: &str, member_no: &str) -> Option<MemberId> {
        let tenant = self.tenant_id(crm_id)?;
        let hash = self.hash(tenant, member_no);
        let shard = shard_of(hash);
        let slot = self.lock(shard).find(hash, tenant, member_no)?;
        Some(MemberId { shard, slot })
    }

    /// The member's place; an empty one is made where there was none.
    pub fn find_or_new(&self, crm_id: &str, member_no: &str) -> MemberId {
        let tenant = self.tenant_or_new(crm_id);
        let hash = self.hash(tenant, member_no);
        let shard = shard_of(hash);
        let mut locked = self.lock(shard);
        let found = locked.find(hash, tenant, member_no);
        let slot = found.unwrap_or_else(|| self.insert(&mut locked, hash, tenant, member_no, &[]));
        MemberId { shard, slot }
    }

    /// A new place in a shard, with what lies in it.
    fn insert(&self, shard: &mut Shard, hash: u64, tenant: TenantId, member_no: &str, packed: &[u8]) -> u32 {
        let Shard { table, slots, arena } = shard;
        let slot = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        let name_bytes = u8::try_from(member_no.len()).unwrap_or(u8::MAX);
        let place = arena.put(member_no.as_bytes(), packed);
        slots.push(Slot { tenant, name_bytes, place, live: None });
        let rehash = |slot: &u32| {
            let slot = &slots[*slot as usize];
            self.hash(slot.tenant, slot.member_no(arena))
        };
        table.insert_unique(hash, slot, rehash);
        slot
    }

    /// Hands `message` to the member's actor, which `spawn` makes where there is none.
    pub fn hand_over(
        &self,
        id: MemberId,
        message: Message,
        pending_max: u32,
        spawn: impl FnOnce(Awakened) -> ActorRef<Message>,
    ) -> Result<Handed, BrokenMember> {
        let mut locked = self.lock(id.shard);
        let Shard { slots, arena, .. } = &mut *locked;
        let slot = &mut slots[id.slot as usize];
        let Live { actor, load } = match &mut slot.live {
            Some(live) => live,
            asleep => {
                let load = Arc::new(Load::default());
                let awakened = Awakened {
                    id,
                    crm_id: self.tenant_name(slot.tenant),
                    member_no: Arc::from(member_no(arena, slot.place, slot.name_bytes)),
                    account: unpack(packed(arena, slot.place, slot.name_bytes))?,
                    load: load.clone(),
                };
                let actor = spawn(awakened);
                self.live.fetch_add(1, Ordering::Relaxed);
                asleep.insert(Live { actor, load })
            }
        };
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
        match &locked.slots[id.slot as usize].live {
            Some(Live { actor, load }) => {
                load.pending.fetch_add(1, Ordering::AcqRel);
                actor.send_message(message).map_err(|_| BrokenMember::ActorLost)?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Whether the member has an actor that was not used since this was asked last.
    pub fn idle_since_asked(&self, id: MemberId) -> Option<bool> {
        let locked = self.lock(id.shard);
        let live = locked.slots[id.slot as usize].live.as_ref()?;
        Some(!live.load.used.swap(false, Ordering::Relaxed))
    }

    /// The actor gives the account back and ends, unless something is on its way to it. `own` messages are the ones
    /// that the actor is handling. Whether it may end.
    pub fn rest(&self, id: MemberId, account: &Account, own: u32) -> bool {
        let packed = pack(account);
        let mut locked = self.lock(id.shard);
        let live = &mut locked.slots[id.slot as usize].live;
        if live.as_ref().is_none_or(|live| live.load.pending.load(Ordering::Acquire) > own) {
            return false;
        }
        *live = None;
        locked.replace(id.slot, &packed);
        self.live.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// Looks at a member at rest, and may change it. `None` where it is live.
    pub fn with_resting<R>(
        &self,
        id: MemberId,
        change: impl FnOnce(&str, &str, &mut Account) -> (bool, R),
    ) -> Result<Option<R>, BrokenMember> {
        let mut locked = self.lock(id.shard);
        let Shard { slots, arena, .. } = &*locked;
        let slot = &slots[id.slot as usize];
        if slot.live.is_some() {
            return Ok(None);
        }
        let mut account = unpack(slot.packed(arena))?;
        let crm_id = self.tenant_name(slot.tenant);
        let (changed, result) = change(&crm_id, slot.member_no(arena), &mut account);
        if changed {
            locked.replace(id.slot, &pack(&account));
        }
        Ok(Some(result))
    }

    /// The packed account of a member at rest; `None` where it is live.
    pub fn packed(&self, id: MemberId) -> Option<PackedMember> {
        let locked = self.lock(id.shard);
        let slot = &locked.slots[id.slot as usize];
        if slot.live.is_some() {
            return None;
        }
        let (crm_id, member_no) = (self.tenant_name(slot.tenant), slot.member_no(&locked.arena).into());
        Some(PackedMember { crm_id, member_no, packed: slot.packed(&locked.arena).into() })
    }

    /// Whose place it is.
    pub fn name_of(&self, id: MemberId) -> (Arc<str>, Box<str>) {
        let locked = self.lock(id.shard);
        let slot = &locked.slots[id.slot as usize];
        (self.tenant_name(slot.tenant), slot.member_no(&locked.arena).into())
    }

    /// Every place there is now.
    pub fn ids(&self) -> impl Iterator<Item = MemberId> + '_ {
        let size = |shard| u32::try_from(self.lock(shard).slots.len()).unwrap_or(u32::MAX);
        (0..SHARDS as u32).flat_map(move |shard| (0..size(shard)).map(move |slot| MemberId { shard, slot }))
    }

    /// Puts an account into its place.
    pub fn place(&self, id: MemberId, account: &Account) {
        self.lock(id.shard).replace(id.slot, &pack(account));
    }
}

impl Default for Directory {
    fn default() -> Directory {
        Directory::new()
    }
}

impl Shard {
    fn find(&self, hash: u64, tenant: TenantId, member_no: &str) -> Option<u32> {
        let is_it = |slot: &u32| {
            let slot = &self.slots[*slot as usize];
            slot.tenant == tenant && slot.member_no(&self.arena) == member_no
        };
        self.table.find(hash, is_it).copied()
    }

    /// Gives a member another packed account.
    fn replace(&mut self, slot: u32, packed: &[u8]) {
        let Shard { slots, arena, .. } = self;
        let slot = &mut slots[slot as usize];
        let name = slot.member_no(arena).to_owned();
        arena.give_up(slot.place);
        slot.place = arena.put(name.as_bytes(), packed);
        if arena.is_wasteful() {
            arena.squeeze(slots.iter_mut().map(|slot| &mut slot.place));
        }
    }
}

impl Slot {
    fn member_no<'a>(&self, arena: &'a Arena) -> &'a str {
        member_no(arena, self.place, self.name_bytes)
    }

    fn packed<'a>(&self, arena: &'a Arena) -> &'a [u8] {
        packed(arena, self.place, self.name_bytes)
    }
}

fn member_no(arena: &Arena, place: Place, name_bytes: u8) -> &str {
    let name = std::str::from_utf8(&arena.get(place)[..usize::from(name_bytes)]);
    debug_assert!(name.is_ok(), "a name was put in as a text");
    name.unwrap_or_default()
}

fn packed(arena: &Arena, place: Place, name_bytes: u8) -> &[u8] {
    &arena.get(place)[usize::from(name_bytes)..]
}

fn pack(account: &Account) -> Vec<u8> {
    if account.last == Lsn::ZERO { Vec::new() } else { codec::encode(account) }
}

fn unpack(packed: &[u8]) -> Result<Account, BrokenMember> {
    if packed.is_empty() { Ok(Account::default()) } else { Ok(codec::decode(packed)?) }
}

/// From the hash's middle bits: the table uses the ends.
fn shard_of(hash: u64) -> u32 {
    (hash >> 24) as u32 % SHARDS as u32
}
