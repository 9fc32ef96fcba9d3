//! Access tokens (`ptk_`): what a person proves a session with.

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;

use crate::base::id::SessionId;
use crate::base::opaque;

const PREFIX: &str = "ptk_";

/// A token: `ptk_` and 72 hex digits. Only the answer to a login reveals it.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// A new token: the SHA-256 of the server's secret, 256 random bits and the time.
    pub fn generate(server_secret: &[u8], random: &[u8; 32], now: OffsetDateTime) -> Self {
        Self(opaque::generate(PREFIX, server_secret, random, now))
    }

    /// What is stored of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(opaque::digest(&self.0))
    }

    /// The text, for the one answer that hands it out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// The SHA-256 of a token: what is stored, looked up and compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of what a caller presents; `None` when it can't be a token of ours.
    pub fn of(presented: &str) -> Option<Self> {
        opaque::digest_presented(PREFIX, presented).map(Self)
    }

    /// What backends know the session by.
    pub fn session_id(&self) -> SessionId {
        SessionId::of(&self.0)
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first 8 hex digits: all that a log ever shows of a token.
    pub fn fingerprint(&self) -> String {
        opaque::fingerprint(&self.0)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({}…)", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token() -> Token {
        Token::generate(b"secret", &[7; 32], OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_token_is_known_by_its_own_hash() {
        assert_eq!(TokenHash::of(token().reveal()), Some(token().hash()));
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = token();
        assert_eq!(format!("{token:?}"), "Token(***)");
        assert!(!format!("{:?}", token.hash()).contains(&hex::encode(token.hash().as_bytes())));
    }

    proptest! {
        #[test]
        fn no_single_change_survives(at in 0usize..76, with in any::<u8>()) {
            let mut bytes = token().reveal().as_bytes().to_vec();
            prop_assume!(bytes[at] != with);
            bytes[at] = with;
            if let Ok(text) = String::from_utf8(bytes) {
                prop_assert_eq!(TokenHash::of(&text), None);
            }
        }

        #[test]
        fn no_other_text_is_a_token(text in ".*") {
            prop_assert_eq!(TokenHash::of(&text), None);
        }

        #[test]
        fn no_prefix_or_suffix_is_a_token(cut in 0usize..76, more in ".+") {
            let token = token();
            prop_assert_eq!(TokenHash::of(&token.reveal()[..cut]), None);
            prop_assert_eq!(TokenHash::of(&token.reveal()[76 - cut..]), None);
            let longer = format!("{}{}", token.reveal(), more);
            prop_assert_eq!(TokenHash::of(&longer), None);
        }
    }
}
