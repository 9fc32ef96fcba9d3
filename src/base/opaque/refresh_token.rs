//! Refresh tokens (`prt_`; RFC 6749 section 1.5).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;

use crate::base::id::SessionId;
use crate::base::opaque;

const PREFIX: &str = "prt_";

/// A refresh token: `prt_` and 72 hex digits, made like a token. Only the answer that hands it out reveals it.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// A new one: the SHA-256 of the server's secret, 256 random bits and the time.
    pub fn generate(server_secret: &[u8], random: &[u8; 32], now: OffsetDateTime) -> Self {
        Self(opaque::generate(PREFIX, server_secret, random, now))
    }

    /// What is stored of it.
    pub fn hash(&self) -> RefreshHash {
        RefreshHash(opaque::digest(&self.0))
    }

    /// The text, for the one answer that hands it out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(***)")
    }
}

/// The SHA-256 of a refresh token: what is stored, looked up and compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RefreshHash([u8; 32]);

impl RefreshHash {
    /// The hash of what a caller presents; `None` when it can't be a refresh token of ours.
    pub fn of(presented: &str) -> Option<Self> {
        opaque::digest_presented(PREFIX, presented).map(Self)
    }

    /// What people know a family by that begins with this token: a digest of the digest, which opens nothing.
    pub fn family_id(&self) -> SessionId {
        SessionId::of(&self.0)
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RefreshHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshHash({}…)", opaque::fingerprint(&self.0))
    }
}

/// Whatever a caller presents as a refresh token: hashed as it is read, and not kept.
#[derive(Clone, Copy, Debug)]
pub struct PresentedRefresh(pub Option<RefreshHash>);

impl<'de> Deserialize<'de> for PresentedRefresh {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
        Ok(Self(RefreshHash::of(&text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::opaque::token::{Token, TokenHash};

    fn token() -> RefreshToken {
        RefreshToken::generate(b"secret", &[7; 32], OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_refresh_token_is_no_access_token_nor_the_other_way_round() {
        let access = Token::generate(b"secret", &[7; 32], OffsetDateTime::UNIX_EPOCH);
        assert_eq!(RefreshHash::of(token().reveal()), Some(token().hash()));
        assert_eq!(TokenHash::of(token().reveal()), None);
        assert_eq!(RefreshHash::of(access.reveal()), None);
        assert_eq!(RefreshHash::of(&access.reveal().replace("ptk_", "prt_")), None, "the checksum covers the prefix");
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", token()), "RefreshToken(***)");
        assert!(!format!("{:?}", token().hash()).contains(&hex::encode(token().hash().as_bytes())));
    }
}
