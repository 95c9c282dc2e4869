//! One of the directory's shards: its members by name, and where each of them is. Nothing here waits, and nothing but
//! [`super::spill`] touches the disk.
use super::pages::Pages;
use super::{Live, TenantId};
use crate::actors::arena::{Arena, Spot};
use crate::format::resting::RestingRecord;
use hashbrown::HashTable;

#[derive(Default)]
pub(super) struct Shard {
    table: HashTable<u32>,
    pub(super) slots: Vec<Slot>,
    /// Members at rest in memory.
    pub(super) arena: Arena,
    /// Members at rest out of memory.
    pub(super) pages: Pages,
    pub(super) on_disk: usize,
    /// Members with an actor, and places free among them.
    live: Vec<Option<Live>>,
    no_longer_live: Vec<u32>,
}

/// All that memory surely keeps of a member.
pub(super) struct Slot {
    /// Of its name: two members of a shard hardly ever have the same.
    hash: u32,
    pub(super) tenant: TenantId,
    pub(super) place: Place,
}

/// Where the member's name and packed account are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the arena, at this spot; whether it was used since somebody looked for what can leave.
    Memory { chunk: u32, offset: u16, used: bool },
    /// In the shard's pages.
    Disk { page: u32, offset: u16 },
    /// With its actor, at this place among the live.
    Awake(u32),
}

// Ten million of them are kept however little memory there is.
const _: () = assert!(size_of::<Slot>() == 16);

/// What is known of a name without a look at the disk.
pub(super) enum Found {
    Is(u32),
    /// Out of memory there is a member whose name has the same hash.
    MayBe(u32),
    IsNot,
}

impl Shard {
    pub(super) fn find(&self, hash: u32, tenant: TenantId, member_no: &str) -> Found {
        let may_be = |slot: &u32| {
            let slot = &self.slots[*slot as usize];
            let alike = slot.hash == hash && slot.tenant == tenant;
            alike && self.name_in_memory(slot).is_none_or(|name| name == member_no)
        };
        match self.table.find(spread(hash), may_be).copied() {
            Some(slot) if matches!(self.slots[slot as usize].place, Place::Disk { .. }) => Found::MayBe(slot),
            Some(slot) => Found::Is(slot),
            None => Found::IsNot,
        }
    }

    fn name_in_memory(&self, slot: &Slot) -> Option<&str> {
        match slot.place {
            Place::Memory { chunk, offset, .. } => Some(self.arena.get(Spot { chunk, offset }).name),
            Place::Awake(place) => self.live[place as usize].as_ref().map(|live| &*live.member_no),
            Place::Disk { .. } => None,
        }
    }

    /// Makes room for so many members more.
    pub(super) fn reserve(&mut self, members: usize) {
        self.slots.reserve_exact(members);
        let slots = &self.slots;
        self.table.reserve(members, |slot| spread(slots[*slot as usize].hash));
    }

    /// A new member with its packed account, empty where nothing is recorded of it.
    pub(super) fn insert(&mut self, hash: u32, tenant: TenantId, name: &str, account: &[u8]) -> u32 {
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let place = memory(self.arena.put(RestingRecord { slot, name, account }));
        // By an eighth, not to twice the size: there may be millions.
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact(self.slots.len() / 8 + 8);
        }
        self.slots.push(Slot { hash, tenant, place });
        let slots = &self.slots;
        self.table.insert_unique(spread(hash), slot, |slot| spread(slots[*slot as usize].hash));
        slot
    }

    /// The member's actor, if it has one.
    pub(super) fn awake(&self, slot: u32) -> Option<&Live> {
        match self.slots[slot as usize].place {
            Place::Awake(place) => self.live[place as usize].as_ref(),
            _ => None,
        }
    }

    pub(super) fn all_awake(&self) -> impl Iterator<Item = &Live> {
        self.live.iter().flatten()
    }

    /// What memory has of a member at rest.
    pub(super) fn record(&self, slot: u32) -> Option<RestingRecord<'_>> {
        match self.slots[slot as usize].place {
            Place::Memory { chunk, offset, .. } => Some(self.arena.get(Spot { chunk, offset })),
            _ => None,
        }
    }

    /// A member in memory is being used: others leave sooner.
    pub(super) fn touch(&mut self, slot: u32) {
        if let Place::Memory { used, .. } = &mut self.slots[slot as usize].place {
            *used = true;
        }
    }

    pub(super) fn tenant(&self, slot: u32) -> TenantId {
        self.slots[slot as usize].tenant
    }

    pub(super) fn set_place(&mut self, slot: u32, place: Place) {
        let is_on_disk = |place| usize::from(matches!(place, Place::Disk { .. }));
        let before = std::mem::replace(&mut self.slots[slot as usize].place, place);
        self.on_disk = self.on_disk + is_on_disk(place) - is_on_disk(before);
    }

    /// Puts a record into memory that lies nowhere else any more.
    pub(super) fn keep(&mut self, record: RestingRecord<'_>) {
        let spot = self.arena.put(record);
        self.set_place(record.slot, memory(spot));
    }

    /// Gives a member that lies in memory another packed account.
    pub(super) fn replace(&mut self, slot: u32, account: &[u8]) {
        let Place::Memory { chunk, offset, .. } = self.slots[slot as usize].place else { return };
        let spot = Spot { chunk, offset };
        if self.arena.overwrite(spot, account) {
            return self.touch(slot);
        }
        let name = self.arena.get(spot).name.to_owned();
        self.arena.give_up(spot);
        self.keep(RestingRecord { slot, name: &name, account });
    }

    /// The member, which lies in memory, has an actor from now on.
    pub(super) fn wake(&mut self, slot: u32, live: Live) {
        if let Place::Memory { chunk, offset, .. } = self.slots[slot as usize].place {
            self.arena.give_up(Spot { chunk, offset });
        }
        let place = self.no_longer_live.pop().unwrap_or_else(|| {
            self.live.push(None);
            u32::try_from(self.live.len() - 1).unwrap_or(u32::MAX)
        });
        self.live[place as usize] = Some(live);
        self.set_place(slot, Place::Awake(place));
    }

    /// The member, which has an actor, lies at rest from now on.
    pub(super) fn rest(&mut self, slot: u32, account: &[u8]) {
        if let Place::Awake(place) = self.slots[slot as usize].place
            && let Some(live) = self.live[place as usize].take()
        {
            self.no_longer_live.push(place);
            self.keep(RestingRecord { slot, name: &live.member_no, account });
        }
    }
}

pub(super) fn memory(Spot { chunk, offset }: Spot) -> Place {
    Place::Memory { chunk, offset, used: false }
}

/// The table wants all 64 bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
