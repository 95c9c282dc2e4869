//! What is known of a member beside its points. What would tell who it is stands here only sealed.
use bincode::{Decode, Encode};
use serde::Serialize;

use crate::ledger::instant::Instant;

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Profile {
    /// Rules multiply by it.
    pub tier: Option<String>,
    /// Mobile, name and attributes; none where there are none, or where they were erased.
    pub sealed: Option<Sealed>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// Personal data under a key of the member's own. The key is kept apart from log and snapshots, so that destroying it
/// destroys the data wherever the sealed bytes were copied.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Sealed {
    /// Where the key lies.
    pub slot: u64,
    pub nonce: [u8; 24],
    /// XChaCha20-Poly1305 over what `actors::personal` makes, bound to tenant and member.
    pub bytes: Vec<u8>,
}
