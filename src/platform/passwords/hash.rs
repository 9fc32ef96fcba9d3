use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64ct::{Base64Unpadded, Encoding};
use serde::Deserialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::scheme::FIREBASE;
use super::unquoted::unquoted;
use super::{FirebaseKey, Password, Scheme, hash_detection};

/// What new passwords are hashed with: Argon2id, 19 MiB, 2 passes, 1 lane (OWASP's first choice).
pub const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const OUTPUT: usize = 32;

/// A stored hash: a PHC string or a crypt string.
#[derive(Clone, PartialEq, Eq, Deserialize, sqlx::Type)]
#[sqlx(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Reads a hash that another system made.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it: of a kind that can't be verified, unreadable, or dearer than is safe
    /// to verify.
    pub fn import(text: &str) -> Result<Self, String> {
        let hash = Self(text.trim().to_owned());
        Scheme::parse(&hash.0)?;
        // What the key encrypts is not to lie beside it.
        if hash.is_of_firebase() && hash.0.contains("sk=") {
            return Err("leave `sk` out; the project's key is the setting FIREBASE_SIGNER_KEY".to_owned());
        }
        Ok(hash)
    }

    /// Whether a text looks like a hash rather than a password: of a kind that can be verified, or of another.
    pub fn is_claimed_by(text: &str) -> bool {
        let is_one = |text: &str| {
            let begins = ["$argon2", "$2a$", "$2b$", "$2y$", "$2x$", "$scrypt$", "$pbkdf2"];
            begins.iter().any(|id| text.starts_with(id))
                || hash_detection::of(text).is_some()
                || Scheme::parse(text).is_ok()
        };
        is_one(text.trim()) || is_one(&unquoted(text))
    }

    /// Whether a text can hardly be a password.
    pub fn is_surely(text: &str) -> bool {
        let is_one =
            |text: &str| Scheme::parse(text).is_ok() || hash_detection::of(text).is_some() && text.starts_with('$');
        is_one(text.trim()) || is_one(&unquoted(text))
    }

    /// Hashes with today's parameters.
    pub fn make(password: &[u8], salt: &[u8; 16], memory: &mut [Block]) -> Result<Self, argon2::Error> {
        let mut output = [0; OUTPUT];
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT))?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
            password,
            salt,
            &mut output,
            memory,
        )?;
        let (salt, output) = (Base64Unpadded::encode_string(salt), Base64Unpadded::encode_string(&output));
        Ok(Self(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}")))
    }

    /// A hash of nothing in particular, with today's parameters: verified when there is no such user, so that the
    /// answer takes as long.
    pub fn dummy() -> Self {
        let (salt, output) = ("AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        Self(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}"))
    }

    /// The text, for the database.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether no more than 72 bytes of the password were read when it was made.
    pub fn reads_72_bytes(&self) -> bool {
        Scheme::parse(&self.0).is_ok_and(|scheme| scheme.reads_72_bytes())
    }

    /// Whether it takes the setting `FIREBASE_SIGNER_KEY` to verify it.
    pub fn is_of_firebase(&self) -> bool {
        self.0.starts_with(FIREBASE)
    }

    /// With what it takes to verify it; not to be kept.
    pub(super) fn complete(self, key: Option<&FirebaseKey>) -> Self {
        let complete = key.and_then(|key| key.complete(&self.0));
        complete.map_or(self, |complete| Self(String::clone(&complete)))
    }

    /// Whether it was made with today's parameters; otherwise the next login replaces it.
    pub fn is_current(&self) -> bool {
        self.0.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// The field `password_hash`: a hash from elsewhere, or, as callers of old mean it, a password.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub enum ImportedHash {
    /// A PHC or crypt string.
    Hash(PasswordHash),
    /// Anything else.
    Password(Password),
}

impl PartialSchema for ImportedHash {
    fn schema() -> RefOr<Schema> {
        Password::schema()
    }
}

impl ToSchema for ImportedHash {}

impl TryFrom<String> for ImportedHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if PasswordHash::is_claimed_by(&text) {
            PasswordHash::import(&text).map(Self::Hash)
        } else {
            Password::try_from(text).map(Self::Password)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(hash: &str, password: &str) -> bool {
        let scheme = Scheme::parse(hash).unwrap_or_else(|fault| panic!("{hash}: {fault}"));
        let mut memory = vec![Block::default(); scheme.blocks()];
        scheme.verify(password.as_bytes(), &mut memory)
    }

    #[test]
    fn our_own_hashes_verify() {
        let mut memory = vec![Block::default(); MEMORY_KIB as usize];
        let hash = PasswordHash::make(b"correct horse", &[1; 16], &mut memory).expect("hashes");
        assert!(hash.is_current());
        assert!(PasswordHash::import(hash.as_str()).is_ok());
        assert!(verify(hash.as_str(), "correct horse"));
        assert!(!verify(hash.as_str(), "correct horsf"));
    }

    #[test]
    fn a_dummy_is_a_hash_like_any_other() {
        assert!(PasswordHash::dummy().is_current());
        assert!(!verify(PasswordHash::dummy().as_str(), ""));
    }

    #[test]
    fn dear_and_broken_hashes_are_refused() {
        for bad in [
            "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=19456,t=900,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$nonsense",
            "$2y$31$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
            "$2y$10$short",
            "$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=17,r=4294967295,p=4294967295$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$pbkdf2-sha256$i=4000000000$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(PasswordHash::is_claimed_by(bad), "{bad}");
            assert!(PasswordHash::import(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hash_that_went_through_other_hands_is_no_password() {
        let hash = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
        for written in
            [format!("b'{hash}'"), hash.replace('$', "\\$"), hash.replace('$', "%24"), format!("\u{200b}{hash}")]
        {
            assert!(PasswordHash::is_claimed_by(&written) && PasswordHash::is_surely(&written), "{written}");
            assert!(PasswordHash::import(&written).is_err(), "{written}");
        }
    }
}
