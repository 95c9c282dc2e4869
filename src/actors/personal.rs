//! Personal data, sealed for the log and opened for those who may see it.
use crate::format::codec;
use crate::format::personal_keys::PersonalKey;
use crate::ledger::profile::Sealed;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use std::fmt;

/// What would tell who a member is. No log line shows it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Personal {
    pub mobile: Option<String>,
    pub name: Option<String>,
    /// A JSON object.
    pub attributes: Option<String>,
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(not shown)")
    }
}

impl Personal {
    pub fn is_empty(&self) -> bool {
        *self == Personal::default()
    }
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum PersonalError {
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(#[from] getrandom::Error),
    #[error("personal data could not be sealed")]
    Unsealable,
    #[error("personal data does not open with its key: one of the two is damaged")]
    DoesNotOpen,
}

/// Random bytes of the system.
pub fn random<const N: usize>() -> Result<[u8; N], PersonalError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Seals `personal` for this member and no other. The text is mobile, name and attributes, each an `Option<text>`, in the
/// log's encoding.
pub fn seal(
    key: &PersonalKey,
    slot: u64,
    crm_id: &str,
    member_no: &str,
    personal: &Personal,
) -> Result<Sealed, PersonalError> {
    let nonce = random::<24>()?;
    let text = codec::encode(&(&personal.mobile, &personal.name, &personal.attributes));
    let aad = bound_to(crm_id, member_no);
    let sealed = cipher(key).encrypt(XNonce::from_slice(&nonce), Payload { msg: &text, aad: &aad });
    let bytes = sealed.map_err(|_| PersonalError::Unsealable)?;
    Ok(Sealed { slot, nonce, bytes })
}

pub fn unseal(
    key: &PersonalKey,
    crm_id: &str,
    member_no: &str,
    sealed: &Sealed,
) -> Result<Personal, PersonalError> {
    let aad = bound_to(crm_id, member_no);
    let opened =
        cipher(key).decrypt(XNonce::from_slice(&sealed.nonce), Payload { msg: &sealed.bytes, aad: &aad });
    let text = opened.map_err(|_| PersonalError::DoesNotOpen)?;
    let (mobile, name, attributes) = codec::decode(&text).map_err(|_| PersonalError::DoesNotOpen)?;
    Ok(Personal { mobile, name, attributes })
}

fn cipher(key: &PersonalKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}

/// Bytes sealed for one member don't open as another's.
fn bound_to(crm_id: &str, member_no: &str) -> Vec<u8> {
    [crm_id.as_bytes(), &[0], member_no.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_for_its_member_with_its_key_alone() {
        let personal = Personal { mobile: Some("18608011234".into()), ..Personal::default() };
        let (key, other) = (random::<32>().unwrap(), random::<32>().unwrap());
        let sealed = seal(&key, 7, "10080", "m", &personal).unwrap();
        assert_eq!(unseal(&key, "10080", "m", &sealed).unwrap(), personal);
        assert!(unseal(&other, "10080", "m", &sealed).is_err());
        assert!(unseal(&key, "10080", "n", &sealed).is_err());
        assert!(unseal(&key, "10081", "m", &sealed).is_err());
        let shown = format!("{personal:?}{sealed:?}");
        assert!(!shown.contains("18608011234"), "{shown}");
        assert!(!sealed.bytes.windows(11).any(|window| window == b"18608011234"));
    }
}
