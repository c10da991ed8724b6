//! Signatures of delivery URLs: HMAC-SHA256 of the canonical path and the expiry, base64url, compared in constant time.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

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
