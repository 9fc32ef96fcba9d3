//! Service keys (`psk_`): what a backend proves itself with.

use crate::base::opaque::{Digest, Kind, Opaque};

/// Speaks for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {}

impl Kind for Service {
    const PREFIX: &'static str = "psk_";
    const NAME: &'static str = "ServiceKey";
}

/// A service key: `psk_` and 72 hex digits. Only the answer to its making reveals it.
pub type ServiceKey = Opaque<Service>;

/// The SHA-256 of a service key.
pub type KeyHash = Digest<Service>;

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

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
