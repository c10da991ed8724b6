//! Signatures of delivery URLs: HMAC-SHA256 of the canonical path and the expiry, base64url, compared in constant time.
//!
//! Edge and origin hold the same [`Keyring`] and so agree on every URL. The clock is the caller's.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::recipe::Query;

/// Signs a canonical path (without query), optionally until `expires` (Unix seconds).
///
/// ```
/// let s = compositor::signature::sign(b"secret", "/c/tabby/top-hat.png", Some(1_800_000_000));
/// assert!(compositor::signature::verify(b"secret", "/c/tabby/top-hat.png", Some(1_800_000_000), &s));
/// assert!(!compositor::signature::verify(b"secret", "/c/tabby/top-hat.png", None, &s));
/// ```
pub fn sign(secret: &[u8], canonical_path: &str, expires: Option<u64>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(mac(secret, canonical_path, expires).finalize().into_bytes())
}

/// Is this the signature of the path and expiry? Takes the same time wherever it differs. It does not look at the clock:
/// the caller compares `expires` with its own.
pub fn verify(secret: &[u8], canonical_path: &str, expires: Option<u64>, signature: &str) -> bool {
    BASE64_URL_SAFE_NO_PAD
        .decode(signature)
        .is_ok_and(|bytes| mac(secret, canonical_path, expires).verify_slice(&bytes).is_ok())
}

/// The message is `path ‖ "?e=" ‖ e`, with nothing behind `?e=` where there is no expiry.
fn mac(secret: &[u8], canonical_path: &str, expires: Option<u64>) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length (RFC 2104, section 3)");
    mac.update(canonical_path.as_bytes());
    mac.update(b"?e=");
    mac.update(expires.map(|e| e.to_string()).unwrap_or_default().as_bytes());
    mac
}

/// The live signing keys, and whether a signature must be there. One that is there is always checked.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    required: bool,
    keys: Vec<SigningKey>,
}

/// One live signing key, `id:secret`. Its secret is never printed.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    secret: String,
}

/// Why a delivery URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Unsigned, where signatures are required.
    #[error("this URL must be signed: `k`, `s` and, where it expires, `e` are missing")]
    Missing,
    /// Only a part of a signature.
    #[error("the signature is incomplete: `k` and `s` belong together")]
    Incomplete,
    /// Another path, another expiry, another secret, or a key that is not live.
    #[error("the signature does not fit this URL")]
    Wrong,
    /// Once valid.
    #[error("the signed URL has expired")]
    Expired,
}

/// A text that is not a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("id:secret, the id of 1 to 32 letters, digits, '-' or '_', the secret of 16 or more characters")]
pub struct SigningKeyError;

/// A signed path and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The canonical path with its signed query.
    pub path: String,
    /// `k`
    pub key_id: String,
    /// `s`
    pub signature: String,
}

impl Keyring {
    /// The first key signs, all of them verify.
    pub fn new(required: bool, keys: Vec<SigningKey>) -> Self {
        Keyring { required, keys }
    }

    /// Must every delivery URL be signed?
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// The ids of the keys.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.id.as_str())
    }

    /// Checks the signature of a canonical path, but not whether its time is over: that is [`expired`](Self::expired),
    /// asked anew for every request where this answer is remembered.
    ///
    /// # Errors
    /// Every [`SignatureError`] but `Expired`.
    pub fn verify(&self, canonical_path: &str, query: &Query) -> Result<(), SignatureError> {
        match (&query.key_id, &query.signature) {
            (None, None) if query.expires.is_some() => Err(SignatureError::Incomplete),
            (None, None) if self.required => Err(SignatureError::Missing),
            (None, None) => Ok(()),
            (Some(id), Some(given)) => {
                let key = self.keys.iter().find(|key| key.id == *id).ok_or(SignatureError::Wrong)?;
                let fits = verify(key.secret.as_bytes(), canonical_path, query.expires, given);
                if fits { Ok(()) } else { Err(SignatureError::Wrong) }
            }
            _ => Err(SignatureError::Incomplete),
        }
    }

    /// Is the time of a URL over? `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`SignatureError::Expired`].
    pub fn expired(expires: Option<u64>, now: u64) -> Result<(), SignatureError> {
        if expires.is_some_and(|at| at <= now) { Err(SignatureError::Expired) } else { Ok(()) }
    }

    /// Checks signature and time. Only a true signature is told that it was once valid.
    ///
    /// # Errors
    /// Every [`SignatureError`].
    pub fn check(&self, canonical_path: &str, query: &Query, now: u64) -> Result<(), SignatureError> {
        self.verify(canonical_path, query)?;
        Self::expired(query.expires, now)
    }

    /// The signed form of a canonical path, by the named key or the first. `None`: there is no such key.
    pub fn sign(&self, canonical_path: &str, expires: Option<u64>, key_id: Option<&str>) -> Option<Signed> {
        let key = self.keys.iter().find(|key| key_id.is_none_or(|id| id == key.id))?;
        let signature = sign(key.secret.as_bytes(), canonical_path, expires);
        let expiry = expires.map(|e| format!("&e={e}")).unwrap_or_default();
        let path = format!("{canonical_path}?k={}{expiry}&s={signature}", key.id);
        Some(Signed { path, key_id: key.id.clone(), signature })
    }
}

impl FromStr for SigningKey {
    type Err = SigningKeyError;

    fn from_str(text: &str) -> Result<Self, SigningKeyError> {
        let (id, secret) = text.split_once(':').ok_or(SigningKeyError)?;
        let id_ok = (1..=32).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !id_ok || secret.len() < 16 {
            return Err(SigningKeyError);
        }
        Ok(SigningKey { id: id.to_owned(), secret: secret.to_owned() })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[secret]", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::{Keyring, Query, SignatureError, SigningKey};

    const PATH: &str = "/c/tabby/top-hat.png";
    const SECRET: &str = "sixteen letters!";
    const NOW: u64 = 1_800_000_000;

    fn check(required: bool, query: &str) -> Result<(), SignatureError> {
        let keys = vec![format!("main:{SECRET}").parse().unwrap()];
        Keyring::new(required, keys).check(PATH, &Query::parse(query).unwrap(), NOW)
    }

    fn signed(key: &str, path: &str, expires: Option<u64>) -> String {
        let expiry = expires.map(|e| format!("&e={e}")).unwrap_or_default();
        format!("k={key}{expiry}&s={}", super::sign(SECRET.as_bytes(), path, expires))
    }

    #[test]
    fn a_signature_that_is_there_is_always_checked() {
        for required in [false, true] {
            assert_eq!(check(required, &signed("main", PATH, None)), Ok(()));
            assert_eq!(check(required, &signed("main", PATH, Some(NOW + 1))), Ok(()));
            assert_eq!(check(required, &signed("main", PATH, Some(NOW))), Err(SignatureError::Expired));
            assert_eq!(check(required, &signed("other", PATH, None)), Err(SignatureError::Wrong));
            assert_eq!(check(required, &signed("main", "/c/tabby.png", None)), Err(SignatureError::Wrong));
            assert_eq!(check(required, "k=main"), Err(SignatureError::Incomplete));
            assert_eq!(check(required, "e=1"), Err(SignatureError::Incomplete));
        }
    }

    #[test]
    fn a_missing_signature_matters_only_where_it_is_required() {
        assert_eq!(check(false, ""), Ok(()));
        assert_eq!(check(true, ""), Err(SignatureError::Missing));
    }

    #[test]
    fn an_expiry_cannot_be_moved() {
        let forged = signed("main", PATH, Some(NOW)).replace(&format!("e={NOW}"), "e=1900000000");
        assert_eq!(check(true, &forged), Err(SignatureError::Wrong));
    }

    #[test]
    fn a_ring_signs_what_it_verifies_with_either_key() {
        let keys = ["new:sixteen letters?", "old:sixteen letters!"].map(|key| key.parse().unwrap());
        let ring = Keyring::new(true, keys.to_vec());
        for (asked, used) in [(None, "new"), (Some("old"), "old")] {
            let signed = ring.sign(PATH, Some(NOW + 9), asked).unwrap();
            assert_eq!(signed.key_id, used);
            let (path, query) = signed.path.split_once('?').unwrap();
            assert_eq!(ring.check(path, &Query::parse(query).unwrap(), NOW), Ok(()));
        }
        assert_eq!(ring.sign(PATH, None, Some("gone")), None);
    }

    #[test]
    fn keys_are_strict_and_never_printed() {
        for bad in ["", "main", "main:short", ":sixteen letters!", "a b:sixteen letters!"] {
            assert!(bad.parse::<SigningKey>().is_err(), "{bad}");
        }
        let key: SigningKey = format!("main:{SECRET}").parse().unwrap();
        assert_eq!(format!("{key:?}"), "main:[secret]");
    }
}
