//! Refresh tokens (`prt_`; RFC 6749 section 1.5).

use serde::{Deserialize, Deserializer};

use crate::base::id::SessionId;
use crate::base::opaque::{Digest, Kind, Opaque};

/// Is exchanged for a new pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refresh {}

impl Kind for Refresh {
    const PREFIX: &'static str = "prt_";
    const NAME: &'static str = "RefreshToken";
}

/// A refresh token: `prt_` and 72 hex digits. Only the answer that hands it out reveals it.
pub type RefreshToken = Opaque<Refresh>;

/// The SHA-256 of a refresh token.
pub type RefreshHash = Digest<Refresh>;

impl RefreshHash {
    /// What people know a family by that begins with this token: a digest of the digest, which opens nothing.
    pub fn family_id(&self) -> SessionId {
        SessionId::of(&self.0)
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
    use time::OffsetDateTime;

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
