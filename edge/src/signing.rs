//! Signed delivery URLs (the contract's section “Signatures”), checked here so that the origin never hears
//! of a forged or expired one.

use std::fmt;
use std::str::FromStr;

use compositor::{Query, signature};

/// The live signing keys, and whether a signature must be there. One that is there is always checked.
#[derive(Clone, Debug, Default)]
pub struct Signing {
    pub required: bool,
    pub keys: Vec<SigningKey>,
}

/// One live URL-signing key.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    secret: String,
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
    /// Checks the query of a delivery URL against its canonical path. `now` is in Unix seconds.
    pub fn check(&self, canonical_path: &str, query: &Query, now: u64) -> Result<(), SignatureError> {
        match (&query.key_id, &query.signature) {
            (None, None) if query.expires.is_some() => Err(SignatureError::Incomplete),
            (None, None) if self.required => Err(SignatureError::Missing),
            (None, None) => Ok(()),
            (Some(id), Some(given)) => self.check_signed(canonical_path, id, given, query.expires, now),
            _ => Err(SignatureError::Incomplete),
        }
    }

    fn check_signed(
        &self,
        path: &str,
        id: &str,
        given: &str,
        expires: Option<u64>,
        now: u64,
    ) -> Result<(), SignatureError> {
        let key = self.keys.iter().find(|key| key.id == id).ok_or(SignatureError::Wrong)?;
        if !signature::verify(key.secret.as_bytes(), path, expires, given) {
            return Err(SignatureError::Wrong);
        }
        // Only a true signature is told that it was once valid.
        if expires.is_some_and(|at| at <= now) { Err(SignatureError::Expired) } else { Ok(()) }
    }
}

impl FromStr for SigningKey {
    type Err = ();

    /// `id:secret`, as the origin reads it too.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (id, secret) = text.split_once(':').ok_or(())?;
        let id_ok = (1..=32).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !id_ok || secret.len() < 16 {
            return Err(());
        }
        Ok(Self { id: id.to_owned(), secret: secret.to_owned() })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[secret]", self.id)
    }
}

#[cfg(test)]
mod tests {
    use compositor::{Query, signature};

    use super::{SignatureError, Signing};

    const PATH: &str = "/c/tabby/top-hat.png";
    const SECRET: &str = "sixteen letters!";
    const NOW: u64 = 1_800_000_000;

    fn check(required: bool, query: &str) -> Result<(), SignatureError> {
        let keys = vec![format!("main:{SECRET}").parse().unwrap()];
        Signing { required, keys }.check(PATH, &Query::parse(query).unwrap(), NOW)
    }

    fn signed(key: &str, path: &str, expires: Option<u64>) -> String {
        let expiry = expires.map(|e| format!("&e={e}")).unwrap_or_default();
        format!("k={key}{expiry}&s={}", signature::sign(SECRET.as_bytes(), path, expires))
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
}
