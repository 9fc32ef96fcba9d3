//! Service keys (`psk_`): what a backend proves itself with.

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;

use crate::base::opaque;

const PREFIX: &str = "psk_";

/// A service key: `psk_` and 72 hex digits, made like a token. Only the answer to its making reveals it.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct ServiceKey(String);

impl ServiceKey {
    /// A new key: the SHA-256 of the server's secret, 256 random bits and the time.
    pub fn generate(server_secret: &[u8], random: &[u8; 32], now: OffsetDateTime) -> Self {
        Self(opaque::generate(PREFIX, server_secret, random, now))
    }

    /// What is stored of it.
    pub fn hash(&self) -> KeyHash {
        KeyHash(opaque::digest(&self.0))
    }

    /// The text, for the one answer that hands it out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceKey(***)")
    }
}

/// The SHA-256 of a key: what is stored, looked up and compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of what a caller presents; `None` when it can't be a key of ours.
    pub fn of(presented: &str) -> Option<Self> {
        opaque::digest_presented(PREFIX, presented).map(Self)
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first 8 hex digits: all that a log or a list ever shows of a key.
    pub fn fingerprint(&self) -> String {
        opaque::fingerprint(&self.0)
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({}…)", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::opaque::token::{Token, TokenHash};

    #[test]
    fn a_key_is_no_token_and_a_token_no_key() {
        let (secret, random, now) = (b"secret", &[7; 32], OffsetDateTime::UNIX_EPOCH);
        let (key, token) = (ServiceKey::generate(secret, random, now), Token::generate(secret, random, now));
        assert_eq!(KeyHash::of(key.reveal()), Some(key.hash()));
        assert_eq!(KeyHash::of(token.reveal()), None);
        assert_eq!(TokenHash::of(key.reveal()), None);
        assert_eq!(KeyHash::of(&token.reveal().replace("ptk_", "psk_")), None, "the checksum covers the prefix");
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = ServiceKey::generate(b"secret", &[7; 32], OffsetDateTime::UNIX_EPOCH);
        assert_eq!(format!("{key:?}"), "ServiceKey(***)");
        assert!(!format!("{:?}", key.hash()).contains(&hex::encode(key.hash().as_bytes())));
    }
}
