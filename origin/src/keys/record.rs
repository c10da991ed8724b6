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
const MOST_OF_A_NAME: usize = 64;

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

/// A part of a deployment that has keys of its own, such as `production`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Environment(String);

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=MOST_OF_A_NAME).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err("an environment has 1 to 64 lower-case letters, digits or '-'")
        }
    }
}

/// A person or a program that has keys, by whatever name it has elsewhere: `anna`, `anna@example.org`, `shop/ci`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct User(String);

impl FromStr for User {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.@+/".contains(&b);
        if (1..=MOST_OF_A_NAME).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a user has 1 to 64 letters, digits or any of -_.@+/")
        }
    }
}

macro_rules! as_text {
    ($($name:ty),+) => { $(
        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

as_text!(KeyId, Environment, User);

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

/// Whose a key is and what it is good for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What it is called.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// `None`: no server that has an environment takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    pub scopes: BTreeSet<Scope>,
    /// Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Calls a minute; `None`: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
}

/// An API key as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    pub id: KeyId,
    #[serde(flatten)]
    pub grant: Grant,
    hash: String,
    /// The secret before the last rotation, while it still works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
    /// Unix seconds, like the one below.
    pub created: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Previous {
    hash: String,
    until: u64,
}

impl KeyRecord {
    /// A new key: its text and its record.
    pub fn generate(grant: Grant) -> (String, Self) {
        let id = KeyId(blake3::hash(&random::<32>()).to_hex()[..ID_DIGITS].to_owned());
        let (text, hash) = new_secret(&id);
        (text, Self { id, grant, hash, previous: None, created: unix_now(), revoked: None })
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
        self.lives(now) && (bool::from(current) || rotated)
    }

    /// Does any secret of it work at `now`?
    pub fn lives(&self, now: u64) -> bool {
        self.revoked.is_none() && self.grant.expires.is_none_or(|expires| now < expires)
    }

    /// Until when the secret before the last rotation works, if it does at `now`.
    pub fn overlaps_until(&self, now: u64) -> Option<u64> {
        let previous = self.previous.as_ref().filter(|previous| self.lives(now) && now < previous.until);
        previous.map(|previous| previous.until)
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
        KeyRecord::generate(Grant { scopes: BTreeSet::from([Scope::Read]), expires, ..Grant::default() })
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
        assert_eq!((record.overlaps_until(99), record.overlaps_until(100)), (Some(100), None));
    }

    #[test]
    fn of_many_rotations_the_last_two_secrets_live() {
        let (first, record) = key(None);
        let (second, record) = record.rotated(100);
        let (third, record) = record.rotated(100);
        let admits = |text: &str| record.admits(split(text).unwrap().1, 50);
        assert!(!admits(&first) && admits(&second) && admits(&third));
    }

    #[test]
    fn a_record_without_user_and_environment_is_read() {
        let json = r#"{"id": "0123456789ab", "name": "ci", "scopes": ["read", "write"], "hash": "aa", "created": 1,
            "expires": 9, "per_minute": 60}"#;
        let record: KeyRecord = serde_json::from_str(json).unwrap();
        let scopes = BTreeSet::from([Scope::Read, Scope::Write]);
        let name = "ci".to_owned();
        let expected = Grant { name, scopes, expires: Some(9), per_minute: Some(60), ..Grant::default() };
        assert_eq!(record.grant, expected);
    }

    #[test]
    fn names_have_no_spaces_and_an_end() {
        for wrong in ["", "Production", "a b", "a\n", &"a".repeat(65)] {
            assert!(wrong.parse::<Environment>().is_err(), "{wrong}");
        }
        for wrong in ["", "a b", "a\u{1b}[2J", "ä", &"a".repeat(65)] {
            assert!(wrong.parse::<User>().is_err(), "{wrong}");
        }
        assert!("anna+ci@example.org".parse::<User>().is_ok() && "eu-1".parse::<Environment>().is_ok());
    }
}
