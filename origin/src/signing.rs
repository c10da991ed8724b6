//! Signed delivery URLs: `?k=key&e=expiry&s=signature` over the canonical path (recipe-url.md, Signatures).

use compositor::{Query, signature};

use crate::config::{AccessConfig, Mode, SigningKey};

/// The live signing keys, and whether a signature must be there.
#[derive(Clone, Debug)]
pub struct Signing {
    mode: Mode,
    keys: Vec<SigningKey>,
}

/// Why a delivery URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("this URL must be signed: `k`, `s` and, where it expires, `e` are missing")]
    Missing,
    #[error("the signature is incomplete: `k` and `s` belong together")]
    Incomplete,
    #[error("the signature does not fit this URL")]
    Wrong,
    #[error("the signed URL has expired")]
    Expired,
}

impl Signing {
    /// From the configuration.
    pub fn new(access: &AccessConfig) -> Self {
        Self { mode: access.signing, keys: access.signing_keys.clone() }
    }

    /// Must every delivery URL be signed?
    pub fn is_required(&self) -> bool {
        self.mode == Mode::Required
    }

    /// Checks a URL's signature. The clock is the caller's: see [`SignatureError::Expired`] and `Query::expires`.
    pub fn verify(&self, canonical_path: &str, query: &Query) -> Result<(), SignatureError> {
        match (&query.key_id, &query.signature) {
            (None, None) if query.expires.is_some() => Err(SignatureError::Incomplete),
            (None, None) if self.is_required() => Err(SignatureError::Missing),
            (None, None) => Ok(()),
            (Some(id), Some(given)) => {
                let key = self.keys.iter().find(|key| key.id == *id).ok_or(SignatureError::Wrong)?;
                let fits = signature::verify(key.secret.expose(), canonical_path, query.expires, given);
                if fits { Ok(()) } else { Err(SignatureError::Wrong) }
            }
            _ => Err(SignatureError::Incomplete),
        }
    }

    /// The signed form of a canonical path, by the named key or the first. `None`: there is no such key.
    pub fn sign(&self, canonical_path: &str, expires: Option<u64>, key_id: Option<&str>) -> Option<Signed> {
        let wanted = |key: &&SigningKey| key_id.is_none_or(|id| id == key.id);
        let key = self.keys.iter().find(wanted)?;
        let signature = signature::sign(key.secret.expose(), canonical_path, expires);
        let expiry = expires.map(|e| format!("&e={e}")).unwrap_or_default();
        let path = format!("{canonical_path}?k={}{expiry}&s={signature}", key.id);
        Some(Signed { path, key_id: key.id.clone(), signature })
    }
}

/// A signed path and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub path: String,
    pub key_id: String,
    pub signature: String,
}
