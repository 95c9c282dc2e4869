//! API keys: who may do what, by the hash of a secret. The secrets themselves are known to their holders alone.
//!
//! A key is looked for by its hash, and the hash found is compared in constant time. How long the search takes tells
//! nothing of use: nobody can choose a key by its hash.
use crate::http::extract::is_tenant;
use arc_swap::ArcSwap;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

/// A secret. It is shown where somebody asks for it by name, and never by accident.
pub struct Key(String);

impl Key {
    /// From 32 bytes of the system's randomness.
    pub fn new(random: [u8; 32]) -> Key {
        Key(format!("eros_{}", blake3::Hash::from_bytes(random).to_hex()))
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the keys file holds in its place.
    pub fn hash(&self) -> blake3::Hash {
        blake3::hash(self.0.as_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// What a key may do to the tenants that it is for. None includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// See.
    Read,
    /// Change balances and members.
    Write,
    /// Set rules and settings, erase personal data.
    Admin,
}

impl Scope {
    pub const ALL: [Scope; 3] = [Scope::Read, Scope::Write, Scope::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }

    pub fn from_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// The tenants that a key is for.
#[derive(Debug)]
enum Reach {
    All,
    Some(BTreeSet<String>),
}

/// What the bearer of a key may do.
#[derive(Debug)]
pub struct Grant {
    pub name: String,
    reach: Reach,
    scopes: Vec<Scope>,
}

impl Grant {
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    pub fn reaches(&self, crm_id: &str) -> bool {
        match &self.reach {
            Reach::All => true,
            Reach::Some(tenants) => tenants.contains(crm_id),
        }
    }

    pub fn reaches_all(&self) -> bool {
        matches!(self.reach, Reach::All)
    }

    /// The tenants that it names; none where it is for all.
    pub fn tenants(&self) -> impl Iterator<Item = &str> {
        let named = match &self.reach {
            Reach::All => None,
            Reach::Some(tenants) => Some(tenants.iter().map(String::as_str)),
        };
        named.into_iter().flatten()
    }
}

/// A keys file's content.
#[derive(Debug, Default)]
pub struct Keys(HashMap<[u8; 32], (blake3::Hash, Grant)>);

impl Keys {
    /// What `presented` allows; `None` where it is no key.
    fn find(&self, presented: &[u8]) -> Option<&Grant> {
        let hash = blake3::hash(presented);
        let (kept, grant) = self.0.get(hash.as_bytes())?;
        // blake3 compares hashes in constant time.
        (*kept == hash).then_some(grant)
    }

    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.0.values().map(|(_, grant)| grant)
    }

    /// Reads a keys file. What is wrong is told by entry and field; values are not repeated, since one of them may be a
    /// key in the wrong place.
    pub fn parse(text: &str) -> Result<Keys, String> {
        let file: toml::Table = toml::from_str(text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
            format!("line {}: it is not TOML", before.matches('\n').count() + 1)
        })?;
        if let Some(other) = file.keys().find(|name| *name != "keys") {
            return Err(unknown(other, "[[keys]] entries"));
        }
        let entries = match file.get("keys") {
            Some(toml::Value::Array(entries)) if !entries.is_empty() => entries,
            Some(toml::Value::Array(_)) | None => return Err("it has no [[keys]] entry".to_owned()),
            Some(_) => return Err("keys: must be [[keys]] entries".to_owned()),
        };
        let mut keys = Keys::default();
        for (place, entry) in entries.iter().enumerate() {
            let entry = entry.as_table().ok_or_else(|| "keys: must be [[keys]] entries".to_owned())?;
            keys.add(entry).map_err(|why| format!("entry {}: {why}", place + 1))?;
        }
        Ok(keys)
    }

    fn add(&mut self, entry: &toml::Table) -> Result<(), String> {
        let fields = ["name", "hash", "tenants", "scopes"];
        if let Some(other) = entry.keys().find(|name| !fields.contains(&name.as_str())) {
            return Err(unknown(other, "name, hash, tenants, scopes"));
        }
        let name = name(entry)?;
        let hash = text(entry, "hash")?;
        let hash = blake3::Hash::from_hex(hash).map_err(|_| {
            "hash: must be the 64 hexadecimal digits that keygen printed, not the key itself".to_owned()
        })?;
        if self.grants().any(|grant| grant.name == name) {
            return Err(format!("name: {name:?} is another entry's too"));
        }
        let grant = Grant { name, reach: reach(entry)?, scopes: scopes(entry)? };
        match self.0.insert(*hash.as_bytes(), (hash, grant)) {
            Some((_, other)) => Err(format!("hash: is entry {:?}'s too", other.name)),
            None => Ok(()),
        }
    }
}

fn unknown(field: &str, known: &str) -> String {
    let plain = field.len() <= 32 && field.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let named = if plain { format!("{field}: ") } else { String::new() };
    format!("{named}unknown field, there are {known}")
}

fn text<'a>(entry: &'a toml::Table, field: &str) -> Result<&'a str, String> {
    match entry.get(field) {
        Some(toml::Value::String(text)) => Ok(text),
        Some(_) => Err(format!("{field}: must be a text")),
        None => Err(format!("{field}: is missing")),
    }
}

fn texts<'a>(entry: &'a toml::Table, field: &str) -> Result<Vec<&'a str>, String> {
    let wrong = || format!("{field}: must be a list of texts, and not empty");
    match entry.get(field) {
        Some(toml::Value::Array(items)) if !items.is_empty() => {
            items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
        None => Err(format!("{field}: is missing")),
    }
}

fn name(entry: &toml::Table) -> Result<String, String> {
    let name = text(entry, "name")?;
    if is_name(name) { Ok(name.to_owned()) } else { Err(format!("name: {NAME_SHOULD}")) }
}

pub const NAME_SHOULD: &str = "must have 1 to 64 letters, digits, spaces, _, -, . or @";

/// What a key may be called. It stands in log lines, so it is plain.
pub fn is_name(name: &str) -> bool {
    let allowed = |letter: char| letter.is_alphanumeric() || " _-.@".contains(letter);
    (1..=64).contains(&name.len()) && name.chars().all(allowed)
}

pub const TENANTS_SHOULD: &str = "must be crm_ids of 1 to 32 letters, digits, _ or -, or \"*\" alone for all";

fn reach(entry: &toml::Table) -> Result<Reach, String> {
    let tenants = texts(entry, "tenants")?;
    match &tenants[..] {
        ["*"] => Ok(Reach::All),
        some if some.iter().all(|tenant| is_tenant(tenant)) => {
            Ok(Reach::Some(some.iter().map(|tenant| (*tenant).to_owned()).collect()))
        }
        _ => Err(format!("tenants: {TENANTS_SHOULD}")),
    }
}

fn scopes(entry: &toml::Table) -> Result<Vec<Scope>, String> {
    let scopes = texts(entry, "scopes")?;
    let found: Option<Vec<Scope>> = scopes.into_iter().map(Scope::from_name).collect();
    found.ok_or_else(|| "scopes: must be of read, write, admin".to_owned())
}

/// The keys in force. They can be replaced at any moment; a request is judged by those that it meets.
#[derive(Debug)]
pub struct KeyRing(ArcSwap<Keys>);

impl KeyRing {
    pub fn new(keys: Keys) -> KeyRing {
        KeyRing(ArcSwap::from_pointee(keys))
    }

    pub fn replace(&self, keys: Keys) {
        self.0.store(Arc::new(keys));
    }

    /// Has `then` judge what `presented` allows; `None`: it is no key.
    pub fn with<T>(&self, presented: &[u8], then: impl FnOnce(Option<&Grant>) -> T) -> T {
        then(self.0.load().find(presented))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

    fn entry(fields: &[(&str, &str)]) -> String {
        let mut text = "[[keys]]\n".to_owned();
        let hash = format!("{HASH:?}");
        let good =
            [("name", "\"crm\""), ("hash", &*hash), ("tenants", "[\"10080\"]"), ("scopes", "[\"read\"]")];
        for (field, value) in good {
            let value = fields.iter().find(|(name, _)| *name == field).map_or(value, |(_, value)| value);
            if !value.is_empty() {
                text += &format!("{field} = {value}\n");
            }
        }
        for (field, value) in fields.iter().filter(|(name, _)| !good.iter().any(|(known, _)| known == name)) {
            text += &format!("{field} = {value}\n");
        }
        text
    }

    #[test]
    fn a_key_opens_what_its_entry_says_and_nothing_else() {
        let key = Key::new([7; 32]);
        let hash = format!("\"{}\"", key.hash().to_hex());
        let fields = [("hash", &*hash), ("tenants", "[\"a\", \"b\"]"), ("scopes", "[\"read\", \"admin\"]")];
        let keys = Keys::parse(&entry(&fields)).unwrap();
        let grant = keys.find(key.reveal().as_bytes()).unwrap();
        assert_eq!(Scope::ALL.map(|scope| grant.has(scope)), [true, false, true]);
        assert_eq!(["a", "b", "c", "*"].map(|tenant| grant.reaches(tenant)), [true, true, false, false]);
        assert!(!grant.reaches_all());
        assert!(keys.find(b"").is_none());
        assert!(keys.find(hash.trim_matches('"').as_bytes()).is_none(), "a hash is no key");
    }

    #[test]
    fn a_mistake_is_named_by_entry_and_field() {
        let long = format!("{:?}", "x".repeat(65));
        let wrong = [
            ("name", "", "name: is missing"),
            ("name", "7", "name: must be a text"),
            ("name", "\"a\\nb\"", "name: must have"),
            ("name", &*long, "name: must have"),
            ("hash", "", "hash: is missing"),
            ("hash", "\"af13\"", "hash: must be the 64"),
            ("tenants", "", "tenants: is missing"),
            ("tenants", "\"10080\"", "tenants: must be a list"),
            ("tenants", "[]", "tenants: must be a list"),
            ("tenants", "[10080]", "tenants: must be a list"),
            ("tenants", "[\"a b\"]", "tenants: must be crm_ids"),
            ("tenants", "[\"*\", \"a\"]", "tenants: must be crm_ids"),
            ("scopes", "", "scopes: is missing"),
            ("scopes", "[\"root\"]", "scopes: must be of"),
            ("scope", "[\"read\"]", "scope: unknown field"),
        ];
        for (field, value, words) in wrong {
            let text = format!(
                "{}{}",
                entry(&[("name", "\"first\""), ("hash", &format!("\"{}\"", "0".repeat(64)))]),
                entry(&[(field, value)])
            );
            let message = Keys::parse(&text).unwrap_err();
            assert!(
                message.starts_with("entry 2: ") && message.contains(words),
                "{field} {value}: {message}"
            );
        }
        let twice =
            |second: &[(&str, &str)]| Keys::parse(&format!("{}{}", entry(&[]), entry(second))).unwrap_err();
        assert!(twice(&[]).contains("name"));
        assert!(twice(&[("name", "\"other\"")]).contains("hash: is entry \"crm\"'s too"));
        for (text, words) in [("", "no [[keys]]"), ("keys = 1", "keys: "), ("key = 1", "key: unknown field")]
        {
            assert!(Keys::parse(text).unwrap_err().contains(words));
        }
    }

    #[test]
    fn a_key_in_the_wrong_place_is_not_repeated() {
        let key = Key::new([9; 32]);
        let secret = key.reveal();
        let quoted = format!("\"{secret}\"");
        let texts = [
            entry(&[("hash", &quoted)]),
            entry(&[("name", &quoted)]).replace(HASH, "x"),
            entry(&[("tenants", &format!("[{quoted}]"))]),
            entry(&[("scopes", &format!("[{quoted}]"))]),
            entry(&[(secret, "1")]),
            format!("{}\n{secret}\n", entry(&[])),
        ];
        for text in texts {
            let message = Keys::parse(&text).unwrap_err();
            assert!(!message.contains(&secret[5..]), "{message}");
        }
        let message = Keys::parse(&format!("# one\n{secret}\n")).unwrap_err();
        assert!(message.starts_with("line 2"), "{message}");
        assert!(!format!("{key:?}").contains(&secret[5..]));
    }
}
