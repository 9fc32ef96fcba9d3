//! Access tokens (`ptk_`): what a person proves a session with.

use crate::base::id::SessionId;
use crate::base::opaque::{Digest, Kind, Opaque};

/// Proves a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Session {}

impl Kind for Session {
    const PREFIX: &'static str = "ptk_";
    const NAME: &'static str = "Token";
}

/// A token: `ptk_` and 72 hex digits. Only the answer to a login reveals it.
pub type Token = Opaque<Session>;

/// The SHA-256 of a token.
pub type TokenHash = Digest<Session>;

impl TokenHash {
    /// What backends know the session by.
    pub fn session_id(&self) -> SessionId {
        SessionId::of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use time::OffsetDateTime;

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
