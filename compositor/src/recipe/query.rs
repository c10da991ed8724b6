//! The query of a delivery URL: who signed it (`k`), until when (`e`), and the signature (`s`). Nothing else is known.

use crate::error::ParseError;

/// The parsed query of `/c/…?k=…&e=…&s=…`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// `k`: id of the signing key.
    pub key_id: Option<String>,
    /// `e`: expiry in Unix seconds.
    pub expires: Option<u64>,
    /// `s`: base64url of the HMAC.
    pub signature: Option<String>,
}

impl Query {
    /// Reads what stands behind `?`; an empty string is an empty query.
    ///
    /// ```
    /// use compositor::Query;
    /// assert_eq!(Query::parse("k=main&e=1800000000&s=abc")?.expires, Some(1_800_000_000));
    /// assert_eq!(Query::parse("width=80").unwrap_err().pointer(), "/query/width");
    /// # Ok::<(), compositor::ParseError>(())
    /// ```
    pub fn parse(query: &str) -> Result<Query, ParseError> {
        let mut parsed = Query::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let refuse = |given: &str, allowed: &str| {
                Err(ParseError::new(
                    format!("/query/{name}"),
                    format!("query parameter `{name}`"),
                    given,
                    allowed,
                ))
            };
            let token = !value.is_empty() && value.len() <= 128 && value.bytes().all(is_token_byte);
            match name {
                "k" if parsed.key_id.is_none() && token => parsed.key_id = Some(value.to_owned()),
                "s" if parsed.signature.is_none() && token => parsed.signature = Some(value.to_owned()),
                "e" if parsed.expires.is_none() => match value.parse() {
                    Ok(seconds) if value.bytes().all(|b| b.is_ascii_digit()) => {
                        parsed.expires = Some(seconds);
                    }
                    _ => return refuse(value, "Unix seconds"),
                },
                "k" | "s" | "e" => return refuse(value, "one token of `A-Z a-z 0-9 - _`, once"),
                _ => return refuse("unknown", "`k`, `e`, `s`"),
            }
        }
        Ok(parsed)
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
