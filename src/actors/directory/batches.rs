//! The directory shard by shard, for those who read all of it: each look takes a shard's lock once, for as long as it
//! takes to copy a few packed accounts.
use super::{Directory, MemberId, SHARDS, TenantId};

/// Places looked at under one lock.
const PLACES: usize = 128;
/// Bytes copied under one lock, one account more at most.
const BYTES: usize = 64 << 10;

/// A member at rest, its packed account copied.
pub struct Resting {
    pub tenant: TenantId,
    pub member_no: Box<str>,
    pub packed: Box<[u8]>,
}

/// Some members of a shard.
#[derive(Default)]
pub struct Batch {
    pub resting: Vec<Resting>,
    /// Those with an actor.
    pub awake: Vec<MemberId>,
    /// Where the next batch begins; none at the shard's end.
    pub next: Option<u32>,
}

impl Directory {
    pub const SHARDS: u32 = SHARDS as u32;

    /// The members of `shard` from place `from` on, of one tenant where one is named.
    pub fn batch(&self, shard: u32, from: u32, tenant: Option<TenantId>) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        let locked = self.lock(shard);
        let places = locked.slots.iter().enumerate().skip(from as usize);
        for (looked_at, (place, slot)) in places.enumerate() {
            if looked_at == PLACES || bytes > BYTES {
                batch.next = u32::try_from(place).ok();
                break;
            }
            if tenant.is_some_and(|tenant| tenant != slot.tenant) {
                continue;
            }
            if slot.live.is_some() {
                batch.awake.push(MemberId { shard, slot: u32::try_from(place).unwrap_or(u32::MAX) });
                continue;
            }
            let packed: Box<[u8]> = slot.packed(&locked.arena).into();
            bytes += packed.len();
            let member_no = slot.member_no(&locked.arena).into();
            batch.resting.push(Resting { tenant: slot.tenant, member_no, packed });
        }
        batch
    }

    /// The shard that a member lies in.
    pub fn shard_of(&self, crm_id: &str, member_no: &str) -> Option<u32> {
        Some(super::shard_of(self.hash(self.tenant_id(crm_id)?, member_no)))
    }
}
