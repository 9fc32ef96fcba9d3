//! The text of tokens, keys and codes: a prefix, 64 hex digits of secret, 8 hex digits of CRC-32 over all before them, so that
//! secret scanners know one and garbage is refused without a query.

pub mod api_key;
pub mod invitation;
pub mod mail_token;
pub mod oauth;
pub mod provider;
pub mod refresh_token;
pub mod second_step;
pub mod service_key;
pub mod token;

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

const SECRET_DIGITS: usize = 64;
const CHECKSUM_DIGITS: usize = 8;

/// What a text opens. One kind is never taken for another: the checksum covers the prefix.
pub trait Kind {
    /// How it begins, with the underscore.
    const PREFIX: &'static str;
    /// What `Debug` calls it.
    const NAME: &'static str;
}

/// A secret text that Portero hands out once and stores the digest of.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Opaque<K>(String, #[serde(skip)] PhantomData<K>);

impl<K: Kind> Opaque<K> {
    /// A new one: the SHA-256 of the server's secret, 256 random bits and the time.
    pub fn generate(server_secret: &[u8], random: &[u8; 32], now: OffsetDateTime) -> Self {
        let mut digest = Sha256::new();
        digest.update(server_secret);
        digest.update(random);
        digest.update(now.unix_timestamp_nanos().to_be_bytes());
        let body = format!("{}{}", K::PREFIX, hex::encode(digest.finalize()));
        let checksum = crc32fast::hash(body.as_bytes());
        Self(format!("{body}{checksum:08x}"), PhantomData)
    }

    /// What is stored of it.
    pub fn hash(&self) -> Digest<K> {
        Digest(digest(&self.0), PhantomData)
    }

    /// The text, for the one answer that hands it out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<K: Kind> fmt::Debug for Opaque<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(***)", K::NAME)
    }
}

/// The SHA-256 of an [`Opaque`]: what is stored, looked up and compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest<K>([u8; 32], PhantomData<K>);

impl<K: Kind> Digest<K> {
    /// The digest of what a caller presents; `None` when it can't be one of this kind.
    pub fn of(presented: &str) -> Option<Self> {
        is_well_formed(K::PREFIX, presented).then(|| Self(digest(presented), PhantomData))
    }

    /// Whether a text was meant to be one of this kind, by how it begins.
    pub fn is_meant_by(presented: &str) -> bool {
        presented.starts_with(K::PREFIX)
    }

    /// The digest that was stored as these bytes; `None` of any other.
    pub fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(bytes, PhantomData))
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first 8 hex digits: all that a log or a list ever shows.
    pub fn fingerprint(&self) -> String {
        let mut digits = [0; 8];
        // Digit by digit, as `hex::encode` goes, takes ten times as long, and each request is logged.
        let _ = hex::encode_to_slice(&self.0[..4], &mut digits);
        str::from_utf8(&digits).unwrap_or_default().to_owned()
    }
}

impl<K: Kind> fmt::Debug for Digest<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest<{}>({}…)", K::NAME, self.fingerprint())
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn is_well_formed(prefix: &str, presented: &str) -> bool {
    let Some(digits) = presented.strip_prefix(prefix) else { return false };
    let well_formed = digits.len() == SECRET_DIGITS + CHECKSUM_DIGITS
        && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !well_formed {
        return false;
    }
    let (body, checksum) = presented.split_at(prefix.len() + SECRET_DIGITS);
    u32::from_str_radix(checksum, 16) == Ok(crc32fast::hash(body.as_bytes()))
}
