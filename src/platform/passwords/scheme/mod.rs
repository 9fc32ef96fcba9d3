//! A stored hash, taken apart: what it takes to verify a password against it. Ours, and those of other systems.

mod base64;
mod bounds;
mod braces;
mod crypt;
mod firebase;
mod frameworks;
mod phc;

use argon2::{Argon2, Block};
use base64ct::{Base64, Base64ShaCrypt, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::hash_detection;
pub use firebase::FirebaseKey;
pub(super) use firebase::PREFIX as FIREBASE;

/// Longer passwords are wrong for functions that read the whole password in each of their rounds: they would take as
/// long as a stranger likes.
const LONGEST_IN_ROUNDS: usize = 1024;

/// What to compute of a password, and what must come of it.
#[derive(Debug)]
pub struct Scheme {
    /// What is done to the password first.
    before: Before,
    function: Function,
}

/// What some systems do to a password before they hash it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// WordPress, so that bcrypt reads all of it.
    WordPress,
    /// Django, for the same reason.
    Sha256Hex,
    /// better-auth.
    Nfkc,
}

#[derive(Debug)]
enum Function {
    /// Argon2, any variant (RFC 9106).
    Argon2(Box<Argon2<'static>>, Salted),
    /// bcrypt, which reads no more than 72 bytes.
    Bcrypt(String),
    /// scrypt (RFC 7914).
    Scrypt(scrypt::Params, Salted),
    /// PBKDF2 (RFC 8018) with an HMAC.
    Pbkdf2 { digest: Sum, rounds: u32, salted: Salted },
    /// `$5$` and `$6$` of crypt(3).
    ShaCrypt(String),
    /// `$y$` of crypt(3).
    Yescrypt(String),
    /// phpass and Drupal: a digest over and over. The output is text, and may be cut short.
    Stretched { digest: Sum, loops: u32, salt: String, output: String },
    /// LDAP: one digest of password and salt.
    Once(Sum, Salted),
    /// Firebase: scrypt, and what it encrypts.
    Firebase(Box<firebase::Firebase>),
}

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sum {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// Salt and output of a hash.
#[derive(Debug)]
struct Salted {
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Scheme {
    /// Takes a hash apart.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it: of a kind that can't be verified, unreadable, or dearer than is
    /// safe to verify.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read = phc::read(text)
            .or_else(|| crypt::read(text))
            .or_else(|| braces::read(text))
            .or_else(|| firebase::read(text));
        read.or_else(|| frameworks::read(text)).unwrap_or_else(|| Err(hash_detection::unknown(text)))
    }

    /// Whether it reads no more than 72 bytes of a password.
    pub fn reads_72_bytes(&self) -> bool {
        self.before == Before::Nothing && matches!(self.function, Function::Bcrypt(_))
    }

    /// How many blocks of memory Argon2 needs for it.
    pub fn blocks(&self) -> usize {
        match &self.function {
            Function::Argon2(argon2, _) => argon2.params().block_count(),
            _ => 0,
        }
    }

    /// Whether `password` is the one that was hashed. `memory` has at least [`Scheme::blocks`] blocks.
    pub fn verify(&self, password: &[u8], memory: &mut [Block]) -> bool {
        let password = &*self.before.done_to(password);
        match &self.function {
            Function::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Function::ShaCrypt(hash) => crypt::verify_sha(password, hash),
            Function::Yescrypt(hash) => crypt::verify_yescrypt(password, hash),
            Function::Firebase(hash) => hash.verify(password),
            Function::Stretched { digest, loops, salt, output } => {
                password.len() <= LONGEST_IN_ROUNDS && digest.stretched(password, salt, *loops, output)
            }
            Function::Once(digest, salted) => salted.is(&digest.of(&[password, &salted.salt])),
            Function::Argon2(argon2, salted) => salted.comes_of(|output| {
                argon2.hash_password_into_with_memory(password, &salted.salt, output, memory).is_ok()
            }),
            Function::Scrypt(params, salted) => {
                salted.comes_of(|output| scrypt::scrypt(password, &salted.salt, params, output).is_ok())
            }
            Function::Pbkdf2 { digest, rounds, salted } => salted.comes_of(|output| {
                digest.pbkdf2(password, &salted.salt, *rounds, output);
                true
            }),
        }
    }
}

impl From<Function> for Scheme {
    fn from(function: Function) -> Self {
        Self { before: Before::Nothing, function }
    }
}

impl Salted {
    fn is(&self, computed: &[u8]) -> bool {
        bool::from(computed.ct_eq(&self.output))
    }

    fn comes_of(&self, compute: impl FnOnce(&mut [u8]) -> bool) -> bool {
        let mut output = vec![0; self.output.len()];
        compute(&mut output) && self.is(&output)
    }
}

impl Before {
    fn done_to(self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let text = || String::from_utf8_lossy(password);
        Zeroizing::new(match self {
            Self::Nothing => password.to_vec(),
            Self::Sha256Hex => hex::encode(Sha256::digest(password)).into_bytes(),
            Self::Nfkc => text().nfkc().collect::<String>().into_bytes(),
            Self::WordPress => {
                // What PHP's `trim` takes away.
                let trimmed = text();
                let trimmed = trimmed.trim_matches([' ', '\t', '\n', '\r', '\0', '\x0b']);
                let Ok(mut mac) = Hmac::<Sha384>::new_from_slice(b"wp-sha384") else { return Zeroizing::default() };
                mac.update(trimmed.as_bytes());
                Base64::encode_string(&mac.finalize().into_bytes()).into_bytes()
            }
        })
    }
}

impl Sum {
    /// How many bytes it is long.
    fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        fn sum<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            parts.iter().fold(D::new(), D::chain_update).finalize().to_vec()
        }
        match self {
            Self::Md5 => sum::<Md5>(parts),
            Self::Sha1 => sum::<Sha1>(parts),
            Self::Sha256 => sum::<Sha256>(parts),
            Self::Sha384 => sum::<Sha384>(parts),
            Self::Sha512 => sum::<Sha512>(parts),
        }
    }

    fn pbkdf2(self, password: &[u8], salt: &[u8], rounds: u32, output: &mut [u8]) {
        match self {
            Self::Md5 => pbkdf2::pbkdf2_hmac::<Md5>(password, salt, rounds, output),
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, output),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, output),
            Self::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>(password, salt, rounds, output),
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, output),
        }
    }

    fn stretched(self, password: &[u8], salt: &str, loops: u32, output: &str) -> bool {
        let mut sum = self.of(&[salt.as_bytes(), password]);
        for _ in 0..loops {
            sum = self.of(&[&sum, password]);
        }
        let text = Base64ShaCrypt::encode_string(&sum);
        text.get(..output.len()).is_some_and(|text| bool::from(text.as_bytes().ct_eq(output.as_bytes())))
    }
}

/// That a text is of a known kind and has the wrong shape.
fn unreadable(kind: &str) -> String {
    format!("looks like a hash of {kind} but can't be read as one; is it cut short?")
}
