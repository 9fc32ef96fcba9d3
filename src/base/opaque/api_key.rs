//! API keys (`pak_`): what a person gives to a program that acts for them.

use crate::base::id::SessionId;
use crate::base::opaque::{Digest, Kind, Opaque};

/// Acts for a person, within its scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {}

impl Kind for Api {
    const PREFIX: &'static str = "pak_";
    const NAME: &'static str = "ApiKey";
}

/// An API key: `pak_` and 72 hex digits. Only the answer to its making reveals it.
pub type ApiKey = Opaque<Api>;

/// The SHA-256 of an API key.
pub type ApiKeyHash = Digest<Api>;

impl ApiKeyHash {
    /// What the change feed calls it when it ends.
    pub fn session_id(&self) -> SessionId {
        SessionId::of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;

    use super::*;
    use crate::base::opaque::service_key::KeyHash;
    use crate::base::opaque::token::TokenHash;

    fn key() -> ApiKey {
        ApiKey::generate(b"secret", &[7; 32], OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn an_api_key_is_no_token_and_no_key_of_a_service() {
        let key = key();
        assert_eq!(ApiKeyHash::of(key.reveal()), Some(key.hash()));
        assert_eq!(TokenHash::of(key.reveal()), None);
        assert_eq!(KeyHash::of(key.reveal()), None);
        assert_eq!(KeyHash::of(&key.reveal().replace("pak_", "psk_")), None, "the checksum covers the prefix");
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", key()), "ApiKey(***)");
        assert!(!format!("{:?}", key().hash()).contains(&hex::encode(key().hash().as_bytes())));
    }

    proptest! {
        #[test]
        fn no_single_change_survives(at in 0usize..76, with in any::<u8>()) {
            let mut bytes = key().reveal().as_bytes().to_vec();
            prop_assume!(bytes[at] != with);
            bytes[at] = with;
            if let Ok(text) = String::from_utf8(bytes) {
                prop_assert_eq!(ApiKeyHash::of(&text), None);
            }
        }
    }
}
