//! What Postgres keeps of ours and may not read: private keys, sealed under a master key that stays on this machine, so that a
//! copy of the database opens nothing.

mod master_key;

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::base::error::{Error, Result};

pub use master_key::{MasterKey, Place};

/// Seals under the master key. A clone costs next to nothing.
#[derive(Clone)]
pub struct Vault {
    key: std::sync::Arc<LessSafeKey>,
    mac: hmac::Key,
    fingerprint: String,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.fingerprint)
    }
}

impl Vault {
    /// One that is opened by `key`.
    #[expect(clippy::missing_panics_doc, reason = "32 bytes are a key of AES-256")]
    pub fn new(key: &MasterKey) -> Self {
        let unbound = UnboundKey::new(&AES_256_GCM, key.as_bytes()).expect("32 bytes are a key of AES-256");
        // A key of its own: what seals does nothing else.
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), b"portero: codes of messages");
        let mac = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
        Self { key: std::sync::Arc::new(LessSafeKey::new(unbound)), mac, fingerprint: key.fingerprint() }
    }

    /// Which master key opens it: 16 hex digits, which open nothing.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The code of a message that is a `what`: the same wherever the master key is, and known to nobody else (HMAC-SHA256).
    pub fn code_of(&self, what: &str, message: &[u8]) -> [u8; 32] {
        let mut signing = hmac::Context::with_key(&self.mac);
        signing.update(what.as_bytes());
        signing.update(&[0]);
        signing.update(message);
        let mut code = [0; 32];
        code.copy_from_slice(signing.sign().as_ref());
        code
    }

    /// Seals `plain` as `what`: nonce, ciphertext and tag of AES-256-GCM. It opens as nothing else.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system has no randomness.
    #[expect(clippy::disallowed_methods, reason = "a nonce is never chosen by a caller")]
    pub fn seal(&self, what: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|error| Error::Internal(error.into()))?;
        let mut sealed = nonce.to_vec();
        let mut body = Zeroizing::new(plain.to_vec());
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(what.as_bytes()), &mut body)
            .map_err(|_| Error::Internal(anyhow::anyhow!("can't seal {what}")))?;
        sealed.extend_from_slice(&body);
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// What was sealed as `what`; `None` when it was not, or under another key.
    pub fn open(&self, what: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let mut body = Zeroizing::new(body.to_vec());
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let length = self.key.open_in_place(nonce, Aad::from(what.as_bytes()), &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }
}

/// The first 16 hex digits of the SHA-256 of a key: they tell keys apart and open nothing.
fn fingerprint(key: &[u8]) -> String {
    hex::encode(&Sha256::digest(key)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(&MasterKey::from_bytes([byte; 32]))
    }

    #[test]
    fn what_is_sealed_opens_as_what_it_is_under_its_own_key_and_not_otherwise() {
        let sealed = vault(1).seal("a key", b"secret").expect("sealed");
        assert_eq!(vault(1).open("a key", &sealed).as_deref().map(Vec::as_slice), Some(b"secret".as_slice()));
        assert_eq!(vault(1).open("another", &sealed), None);
        assert_eq!(vault(2).open("a key", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(vault(1).open("a key", &changed), None, "byte {at}");
            assert_eq!(vault(1).open("a key", &sealed[..at]), None, "cut at {at}");
        }
        assert_ne!(vault(1).seal("a key", b"secret").expect("sealed"), sealed, "another nonce each time");
    }

    #[test]
    fn a_code_is_of_one_message_of_one_kind_under_one_key() {
        let code = vault(1).code_of("nonce", b"message");
        assert_eq!(vault(1).code_of("nonce", b"message"), code);
        for other in [
            vault(2).code_of("nonce", b"message"),
            vault(1).code_of("other", b"message"),
            vault(1).code_of("nonce", b"massage"),
            vault(1).code_of("noncem", b"essage"),
        ] {
            assert_ne!(other, code);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let key = MasterKey::from_bytes([7; 32]);
        assert!(!format!("{:?} {key:?}", Vault::new(&key)).contains("0707"));
    }
}
