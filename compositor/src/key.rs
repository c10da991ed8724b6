//! The composite key: one digest over everything that can change a pixel, and nothing else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::asset::{read_hex, serde_as_string, write_hex};

/// Version of the drawing code. It is part of every key: a change that alters one pixel of any recipe raises it.
pub const RENDER_VERSION: u32 = 3;

/// Content address of a composite: the first 20 bytes of BLAKE3 over the render version and the resolved recipe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompositeKey([u8; 20]);

impl CompositeKey {
    /// The key of a resolved recipe's text, which names every ingredient by its full digest.
    pub(crate) fn of(resolved: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&RENDER_VERSION.to_le_bytes());
        hasher.update(resolved.as_bytes());
        let mut key = [0; 20];
        key.copy_from_slice(&hasher.finalize().as_bytes()[..20]);
        CompositeKey(key)
    }

    /// The 20 bytes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for CompositeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for CompositeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompositeKey({self})")
    }
}

/// A text that is not 40 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a composite key is 40 lower-case hex digits")]
pub struct KeyError;

impl FromStr for CompositeKey {
    type Err = KeyError;

    fn from_str(hex: &str) -> Result<Self, KeyError> {
        read_hex(hex).map(CompositeKey).ok_or(KeyError)
    }
}

serde_as_string!(CompositeKey);
