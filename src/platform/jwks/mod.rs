//! The public keys of others: JWK sets (RFC 7517) that somebody gave, or that are read at an address that somebody named.

mod public_keys;
mod remote_keys;
mod signed;

pub use public_keys::{KeySet, algorithms_of, must_all_sign, public_key, read, read_usable};
pub use remote_keys::RemoteKeys;
pub use signed::{signed_by_one_of, signed_with};
