//! What the store keeps of an API key, and the text that only its owner keeps.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::clock::unix_now;

const PREFIX: &str = "mk_";
const ID_DIGITS: usize = 12;

/// The public part of a key: 12 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

impl FromStr for KeyId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == ID_DIGITS && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a key id is 12 lower-case hex digits: the middle part of mk_…_…")
        }
    }
}

impl TryFrom<String> for KeyId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key allows.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// See assets and composites.
    Read,
    /// Upload, change and delete assets.
    Write,
    /// Ask for composites.
    Render,
    /// Make signed URLs.
    Sign,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Render => "render",
            Self::Sign => "sign",
        })
    }
}

/// An API key as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    pub id: KeyId,
    /// Whose it is.
    pub name: String,
    pub scopes: BTreeSet<Scope>,
    hash: String,
    /// The secret before the last rotation, while it still works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
    /// Unix seconds, like the ones below.
    pub created: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<u64>,
    /// Calls a minute; `None`: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Previous {
    hash: String,
    until: u64,
}

impl KeyRecord {
    /// A new key: its text and its record.
    pub fn generate(
        name: &str,
        scopes: BTreeSet<Scope>,
        expires: Option<u64>,
        per_minute: Option<u32>,
    ) -> (String, Self) {
        let id = KeyId(blake3::hash(&random::<32>()).to_hex()[..ID_DIGITS].to_owned());
        let (text, hash) = new_secret(&id);
        let name = name.to_owned();
        let created = unix_now();
        let record =
            Self { id, name, scopes, hash, previous: None, created, expires, revoked: None, per_minute };
        (text, record)
    }

    /// The same key with a new secret; the old one works until `until`.
    pub fn rotated(self, until: u64) -> (String, Self) {
        let (text, hash) = new_secret(&self.id);
        let previous = Some(Previous { hash: self.hash, until });
        (text, Self { hash, previous, ..self })
    }

    /// Is this the key's secret, and does the key work at `now`?
    pub fn admits(&self, secret: &str, now: u64) -> bool {
        let shown = hash(secret);
        let current = shown.as_bytes().ct_eq(self.hash.as_bytes());
        let previous = self.previous.as_ref().filter(|previous| now < previous.until);
        let rotated =
            previous.is_some_and(|previous| shown.as_bytes().ct_eq(previous.hash.as_bytes()).into());
        let lives = self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires);
        lives && (bool::from(current) || rotated)
    }
}

/// The id and the secret of a key as shown.
pub fn split(text: &str) -> Option<(KeyId, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    Some((id.parse().ok()?, secret))
}

fn new_secret(id: &KeyId) -> (String, String) {
    let secret = BASE64_URL_SAFE_NO_PAD.encode(random::<32>());
    (format!("{PREFIX}{id}_{secret}"), hash(&secret))
}

fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(expires: Option<u64>) -> (String, KeyRecord) {
        KeyRecord::generate("test", BTreeSet::from([Scope::Read]), expires, None)
    }

    #[test]
    fn a_key_admits_its_own_secret_only() {
        let (text, record) = key(None);
        let (id, secret) = split(&text).unwrap();
        assert_eq!(id, record.id);
        assert!(record.admits(secret, 0));
        assert!(!record.admits("", 0) && !record.admits(&secret[1..], 0));
    }

    #[test]
    fn the_record_never_holds_the_secret() {
        let (text, record) = key(None);
        let (_, secret) = split(&text).unwrap();
        assert!(!serde_json::to_string(&record).unwrap().contains(secret));
    }

    #[test]
    fn expired_and_revoked_keys_admit_nobody() {
        let (text, mut record) = key(Some(100));
        let (_, secret) = split(&text).unwrap();
        assert!(record.admits(secret, 99) && !record.admits(secret, 100));
        record.revoked = Some(1);
        assert!(!record.admits(secret, 50));
    }

    #[test]
    fn a_rotated_key_keeps_its_old_secret_for_the_grace_only() {
        let (old, record) = key(None);
        let (new, record) = record.rotated(100);
        let secret = |text: &str| split(text).unwrap().1.to_owned();
        assert!(record.admits(&secret(&new), 1000));
        assert!(record.admits(&secret(&old), 99) && !record.admits(&secret(&old), 100));
    }
}
