//! What OAuth hands out: access tokens that are no JWT (`pat_`), authorization codes (`pac_`), refresh tokens (`por_`), client
//! secrets (`pcs_`), device codes (`pdc_`), the `request_uri` of pushed requests (`par_`), initial access tokens (`pit_`) and
//! registration access tokens (`prg_`).

use sha2::{Digest as _, Sha256};
use std::marker::PhantomData;

use crate::base::id::SessionId;
use crate::base::opaque::{Digest, Kind, Opaque};

macro_rules! kinds {
    ($($(#[$doc:meta])+ $kind:ident, $prefix:literal, $text:ident, $digest:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $kind {}

        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
            const NAME: &'static str = stringify!($text);
        }

        #[doc = concat!("Its text: `", $prefix, "` and 72 hex digits.")]
        pub type $text = Opaque<$kind>;

        #[doc = concat!("Its SHA-256.")]
        pub type $digest = Digest<$kind>;
    )+};
}

kinds! {
    /// Access tokens of OAuth clients (RFC 6749 section 1.4).
    Access, "pat_", AccessToken, AccessTokenHash;
    /// Authorization codes (RFC 6749 section 1.3.1).
    Code, "pac_", AuthorizationCode, CodeHash;
    /// Refresh tokens of OAuth clients (RFC 6749 section 1.5).
    Refresh, "por_", ClientRefreshToken, ClientRefreshHash;
    /// Client secrets (RFC 6749 section 2.3.1).
    Secret, "pcs_", ClientSecret, ClientSecretHash;
    /// Device codes (RFC 8628 section 3.2).
    Device, "pdc_", DeviceCode, DeviceCodeHash;
    /// Pushed authorization requests (RFC 9126 section 2.2).
    Pushed, "par_", PushedRequest, PushedRequestHash;
    /// Initial access tokens (RFC 7591 section 1.2).
    InitialAccess, "pit_", InitialAccessToken, InitialAccessHash;
    /// Registration access tokens (RFC 7591 section 1.2).
    RegistrationAccess, "prg_", RegistrationAccessToken, RegistrationAccessHash;
}

impl AccessTokenHash {
    /// The digest of what is presented as an access token: an opaque one, or a JWT, which is known by its whole text.
    /// `None` when it can be neither.
    pub fn of_any(presented: &str) -> Option<Self> {
        if let Some(opaque) = Self::of(presented) {
            return Some(opaque);
        }
        Self::of_jws(presented)
    }

    /// The digest of a text that may be a JWT, whoever has signed it.
    pub fn of_jws(presented: &str) -> Option<Self> {
        is_compact_jws(presented).then(|| Self::of_jwt(presented))
    }

    /// The digest of a JWT that was signed here.
    pub fn of_jwt(jwt: &str) -> Self {
        Digest(Sha256::digest(jwt.as_bytes()).into(), PhantomData)
    }

    /// What the change feed calls it when it ends.
    pub fn session_id(&self) -> SessionId {
        SessionId::of(&self.0)
    }
}

/// As long as a JWT of ours can be.
const LONGEST_JWT: usize = 8 * 1024;

/// Three parts of base64url (RFC 7515 section 7.1), the first a JSON object.
fn is_compact_jws(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    text.len() <= LONGEST_JWT && text.starts_with("eyJ") && text.split('.').count() == 3 && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn an_access_token_is_an_opaque_one_or_a_jwt() {
        let token = AccessToken::generate(b"secret", &[7; 32], OffsetDateTime::UNIX_EPOCH);
        assert_eq!(AccessTokenHash::of_any(token.reveal()), Some(token.hash()));
        for jwt in ["eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "eyJ9.eyJ9.AA_-"] {
            assert_eq!(AccessTokenHash::of_any(jwt), Some(AccessTokenHash::of_jwt(jwt)), "{jwt}");
        }
        for other in
            ["", "eyJ", "eyJ.e30", "eyJ.e30.", "eyJ.e30.c2ln.c2ln", "e30.e30.c2ln", "eyJ.e3 0.c2ln", "eyJ.e3=.c2ln"]
        {
            assert_eq!(AccessTokenHash::of_any(other), None, "{other}");
        }
        assert_eq!(AccessTokenHash::of_any(&format!("eyJ.{}.c2ln", "a".repeat(9000))), None);
    }
}
