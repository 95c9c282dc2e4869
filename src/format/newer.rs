//! Versions of formats: what is newer than this build is told from what is damaged.

/// Bytes of a later version than this build reads. Nothing is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {what} has format version {found}, this build reads up to {known}")]
pub struct Newer {
    pub what: &'static str,
    pub found: u16,
    pub known: u16,
}

/// Why a header can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    #[error(transparent)]
    Newer(#[from] Newer),
    #[error("{0}")]
    Bad(String),
}

impl From<String> for Unread {
    fn from(why: String) -> Unread {
        Unread::Bad(why)
    }
}

impl From<&str> for Unread {
    fn from(why: &str) -> Unread {
        Unread::Bad(why.to_owned())
    }
}

/// Checks the version of a header whose checksum matches. Magic, version and checksum stay where they are in every later
/// version: so what is newer is told from what is damaged.
pub fn known_version(what: &'static str, found: u16, known: u16) -> Result<(), Unread> {
    match found {
        0 => Err(format!("the {what} has format version 0, which never was").into()),
        found if found > known => Err(Newer { what, found, known }.into()),
        _ => Ok(()),
    }
}
