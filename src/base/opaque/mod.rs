//! The text of tokens and of service keys: a prefix, 64 hex digits of secret, 8 hex digits of CRC-32 over all before
//! them, so that secret scanners know one and garbage is refused without a query.

pub mod invitation;
pub mod mail_token;
pub mod refresh_token;
pub mod service_key;
pub mod token;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

const SECRET_DIGITS: usize = 64;
const CHECKSUM_DIGITS: usize = 8;

/// A new one: the SHA-256 of the server's secret, 256 random bits and the time.
pub(crate) fn generate(prefix: &str, server_secret: &[u8], random: &[u8; 32], now: OffsetDateTime) -> String {
    let mut digest = Sha256::new();
    digest.update(server_secret);
    digest.update(random);
    digest.update(now.unix_timestamp_nanos().to_be_bytes());
    let body = format!("{prefix}{}", hex::encode(digest.finalize()));
    let checksum = crc32fast::hash(body.as_bytes());
    format!("{body}{checksum:08x}")
}

/// What is stored of one.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// The digest of what a caller presents; `None` when it can't be one with this prefix.
pub(crate) fn digest_presented(prefix: &str, presented: &str) -> Option<[u8; 32]> {
    let digits = presented.strip_prefix(prefix)?;
    let well_formed = digits.len() == SECRET_DIGITS + CHECKSUM_DIGITS
        && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !well_formed {
        return None;
    }
    let (body, checksum) = presented.split_at(prefix.len() + SECRET_DIGITS);
    let expected = u32::from_str_radix(checksum, 16).ok()?;
    (crc32fast::hash(body.as_bytes()) == expected).then(|| digest(presented))
}

/// The first 8 hex digits of a digest: all that a log ever shows.
pub(crate) fn fingerprint(digest: &[u8; 32]) -> String {
    hex::encode(&digest[..4])
}
