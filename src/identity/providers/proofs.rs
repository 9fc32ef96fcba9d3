use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use crate::base::secret::Secret;

/// What is stored of a browser: the SHA-256 of what its cookie has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BrowserHash([u8; 32]);

impl BrowserHash {
    /// Of this cookie.
    pub fn of(cookie: &str) -> Self {
        Self(Sha256::digest(cookie.as_bytes()).into())
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for BrowserHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserHash")
    }
}

/// What a login at a provider is proved by when it comes back. All of it follows from `state` and the browser's cookie, of which
/// the database has the digests alone: a copy of it redeems no code.
#[derive(Clone, Debug)]
pub struct Proofs {
    /// What the answer must bring.
    pub state: Secret,
    /// What the browser's cookie has.
    pub browser: Secret,
}

impl Proofs {
    /// What proves at the token endpoint that it is who asked (RFC 7636 section 4.1).
    pub fn verifier(&self) -> String {
        self.derived("portero: verifier")
    }

    /// What the provider is told of it (`S256`).
    pub fn challenge(&self) -> String {
        Base64UrlUnpadded::encode_string(&Sha256::digest(self.verifier().as_bytes()))
    }

    /// What the ID token must have.
    pub fn nonce(&self) -> String {
        self.derived("portero: nonce")
    }

    fn derived(&self, what: &str) -> String {
        let mut digest = Sha256::new();
        for part in [what, self.state.expose(), self.browser.expose()] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        Base64UrlUnpadded::encode_string(&digest.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifier_and_nonce_are_of_one_state_in_one_browser() {
        let of =
            |state: &str, browser: &str| Proofs { state: state.to_owned().into(), browser: browser.to_owned().into() };
        let one = of("a", "b");
        assert_eq!((one.verifier().len(), one.nonce().len(), one.challenge().len()), (43, 43, 43));
        assert_ne!(one.verifier(), one.nonce());
        for other in [of("a", "c"), of("c", "b"), of("b", "a"), of("ab", "")] {
            assert!(other.verifier() != one.verifier() && other.nonce() != one.nonce());
        }
    }
}
