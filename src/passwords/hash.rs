use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde::Deserialize;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::Password;

/// What new passwords are hashed with: Argon2id, 19 MiB, 2 passes, 1 lane (OWASP's first choice).
pub const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const OUTPUT: usize = 32;

/// What an imported hash may cost at most, so that nobody can plant one that ties up a hashing thread.
const MAX_MEMORY_KIB: u32 = 128 * 1024;
const MAX_MEMORY_KIB_TIMES_PASSES: u32 = 256 * 1024;
const MAX_LANES: u32 = 16;
const MAX_BCRYPT_COST: u32 = 13;
const MAX_SCRYPT_LOG_N: u32 = 17;
/// 128 bytes of memory each, and about as much time.
const MAX_SCRYPT_N_TIMES_R_TIMES_P: u64 = 1 << 20;
const MAX_PBKDF2_ROUNDS: u32 = 2_000_000;

/// A stored hash: a PHC string or a crypt string.
#[derive(Clone, PartialEq, Eq, Deserialize, sqlx::Type)]
#[sqlx(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Reads a hash that another system made.
    ///
    /// # Errors
    /// What is wrong with it: unreadable, or dearer than is safe to verify.
    pub fn import(text: &str) -> Result<Self, String> {
        let text = text.trim();
        Scheme::parse(text)?;
        Ok(Self(text.to_owned()))
    }

    /// Whether a text claims to be a hash rather than a password.
    pub fn is_claimed_by(text: &str) -> bool {
        ["$argon2", "$2a$", "$2b$", "$2y$", "$2x$", "$scrypt$", "$pbkdf2"].iter().any(|prefix| text.starts_with(prefix))
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
        let (salt, output) = (phc::Salt::new(salt), phc::Output::new(&output));
        let (Ok(salt), Ok(output)) = (salt, output) else { return Err(argon2::Error::SaltTooShort) };
        let mut encoded = [0; 64];
        let output = output.encode(&mut encoded).map_err(|_| argon2::Error::OutputTooLong)?;
        let salt = salt.to_salt_string();
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

    /// Whether it is one of bcrypt's.
    pub fn is_bcrypt(&self) -> bool {
        self.0.starts_with("$2")
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

/// A stored hash, taken apart.
#[derive(Debug)]
pub enum Scheme {
    /// Argon2, any variant (RFC 9106).
    Argon2(Box<Argon2<'static>>, Salted),
    /// bcrypt, which reads no more than 72 bytes of a password.
    Bcrypt(String),
    /// scrypt (RFC 7914).
    Scrypt(scrypt::Params, Salted),
    /// PBKDF2 (RFC 8018) with HMAC over SHA-256 or SHA-512.
    Pbkdf2 {
        /// Whether over SHA-512.
        sha512: bool,
        /// Iterations.
        rounds: u32,
        /// Salt and output.
        salted: Salted,
    },
}

/// Salt and output of a hash.
#[derive(Debug)]
pub struct Salted {
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Scheme {
    /// Takes a hash apart.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("$2") {
            return bcrypt_hash(text);
        }
        let passlib = passlib_pbkdf2(text);
        let hash = phc::PasswordHash::new(passlib.as_deref().unwrap_or(text))
            .map_err(|error| format!("looks like a password hash but can't be read as one ({error})"))?;
        let (Some(salt), Some(output)) = (&hash.salt, &hash.hash) else {
            return Err("looks like a password hash but has no salt or no output".to_owned());
        };
        let salted = Salted { salt: salt.as_ref().to_vec(), output: output.as_bytes().to_vec() };
        let number = |name| hash.params.get_decimal(name);
        let parameter = |name| number(name).ok_or_else(|| format!("the hash lacks its parameter `{name}`"));
        match hash.algorithm.as_str() {
            name @ ("argon2id" | "argon2i" | "argon2d") => {
                let (memory, passes, lanes) = (parameter("m")?, parameter("t")?, parameter("p")?);
                let cost = memory.saturating_mul(passes);
                affordable(memory <= MAX_MEMORY_KIB && cost <= MAX_MEMORY_KIB_TIMES_PASSES && lanes <= MAX_LANES)?;
                let params = Params::new(memory, passes, lanes, Some(salted.output.len()))
                    .map_err(|error| format!("its Argon2 parameters don't work: {error}"))?;
                let version = Version::try_from(hash.version.unwrap_or(0x10)).map_err(|error| error.to_string())?;
                let algorithm = match name {
                    "argon2id" => Algorithm::Argon2id,
                    "argon2i" => Algorithm::Argon2i,
                    _ => Algorithm::Argon2d,
                };
                Ok(Self::Argon2(Box::new(Argon2::new(algorithm, version, params)), salted))
            }
            "scrypt" => {
                let (log_n, r, p) = (parameter("ln")?, parameter("r")?, parameter("p")?);
                affordable(log_n <= MAX_SCRYPT_LOG_N)?;
                affordable((u64::from(r) * u64::from(p)) << log_n <= MAX_SCRYPT_N_TIMES_R_TIMES_P)?;
                let log_n = u8::try_from(log_n).map_err(|error| error.to_string())?;
                let params = scrypt::Params::new(log_n, r, p).map_err(|error| error.to_string())?;
                Ok(Self::Scrypt(params, salted))
            }
            name @ ("pbkdf2-sha256" | "pbkdf2-sha512") => {
                let rounds = parameter("i")?;
                affordable((1..=MAX_PBKDF2_ROUNDS).contains(&rounds))?;
                Ok(Self::Pbkdf2 { sha512: name == "pbkdf2-sha512", rounds, salted })
            }
            other => {
                Err(format!("`{other}` is not a hash that Portero knows: argon2, bcrypt, scrypt or pbkdf2-sha256/512"))
            }
        }
    }

    /// How many blocks of memory Argon2 needs for it.
    pub fn blocks(&self) -> usize {
        match self {
            Self::Argon2(argon2, _) => argon2.params().block_count(),
            _ => 0,
        }
    }

    /// Whether `password` is the one that was hashed. `memory` has at least [`Scheme::blocks`] blocks.
    pub fn verify(&self, password: &[u8], memory: &mut [Block]) -> bool {
        let (salted, computed) = match self {
            Self::Bcrypt(hash) => return bcrypt::verify(password, hash).unwrap_or(false),
            Self::Argon2(argon2, salted) => {
                let mut output = vec![0; salted.output.len()];
                let done = argon2.hash_password_into_with_memory(password, &salted.salt, &mut output, memory);
                (salted, done.is_ok().then_some(output))
            }
            Self::Scrypt(params, salted) => {
                let mut output = vec![0; salted.output.len()];
                let done = scrypt::scrypt(password, &salted.salt, params, &mut output);
                (salted, done.is_ok().then_some(output))
            }
            Self::Pbkdf2 { sha512, rounds, salted } => {
                let mut output = vec![0; salted.output.len()];
                if *sha512 {
                    pbkdf2::pbkdf2_hmac::<Sha512>(password, &salted.salt, *rounds, &mut output);
                } else {
                    pbkdf2::pbkdf2_hmac::<Sha256>(password, &salted.salt, *rounds, &mut output);
                }
                (salted, Some(output))
            }
        };
        computed.is_some_and(|output| bool::from(output.ct_eq(&salted.output)))
    }
}

fn affordable(within_bounds: bool) -> Result<(), String> {
    if within_bounds { Ok(()) } else { Err("this hash costs more to verify than Portero allows".to_owned()) }
}

fn bcrypt_hash(text: &str) -> Result<Scheme, String> {
    let parts: bcrypt::HashParts =
        text.parse().map_err(|error| format!("looks like a bcrypt hash but can't be read as one ({error})"))?;
    affordable((4..=MAX_BCRYPT_COST).contains(&parts.get_cost()))?;
    Ok(Scheme::Bcrypt(text.to_owned()))
}

/// Python's passlib writes `$pbkdf2-sha256$29000$salt$output`, with `.` for `+`; in PHC it is `$…$i=29000$salt$output`.
fn passlib_pbkdf2(text: &str) -> Option<String> {
    let mut parts = text.strip_prefix("$pbkdf2-")?.split('$');
    let (digest, rounds, salt, output) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || rounds.is_empty() || !rounds.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(format!("$pbkdf2-{digest}$i={rounds}${}${}", salt.replace('.', "+"), output.replace('.', "+")))
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
            assert!(PasswordHash::is_claimed_by(bad));
            assert!(PasswordHash::import(bad).is_err(), "{bad}");
        }
    }
}
