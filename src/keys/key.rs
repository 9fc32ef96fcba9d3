use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::grants::{End, Moment};
use crate::id::id_type;
use crate::names::{self, text_type};
use crate::services::ServiceId;
use crate::tokens::opaque;
use crate::users::PersonId;

const PREFIX: &str = "psk_";

id_type!(
    /// A service key's id.
    KeyId, "service key", "invalid_key_id", "key_not_found"
);

text_type!(
    /// What a key is called: where it is used, say.
    KeyName, |text| names::line(text, 100), max: 100,
    except: "", example: "warehouse in Lima"
);

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

/// A key that was presented and is live.
#[derive(Clone, Copy, Debug)]
pub struct CheckedKey {
    /// Which.
    pub id: KeyId,
    /// Whose.
    pub service: ServiceId,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it ends, if it does.
    pub expires_at: Option<OffsetDateTime>,
}

impl CheckedKey {
    /// Whether it is over at `now`.
    pub fn is_over(&self, now: OffsetDateTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// A key, as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// What it is called.
    #[schema(example = "warehouse in Lima")]
    pub name: String,
    /// The first 8 hex digits of its SHA-256, by which the log names it.
    #[schema(example = "5f2b9d0c")]
    pub fingerprint: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// Who made it; null for the command line.
    pub created_by: Option<PersonId>,
    /// When it was last used, to the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:30:00Z")]
    pub last_used_at: Option<OffsetDateTime>,
    /// When it ends by itself; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-12-31T00:00:00Z")]
    pub expires_at: Option<OffsetDateTime>,
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What to call it.
    pub name: KeyName,
    /// When it ends, to the second: in the future, at most ten years ahead; null for never. Without this field it is good for as
    /// long as its maker may make keys: for ever, if that does not end.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    pub expires_at: End,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::{Token, TokenHash};

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
