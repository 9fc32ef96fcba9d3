//! Service keys: how a backend speaks for itself, with a secret of its own rather than somebody's token. Stored as
//! hashes, looked up at each use, dead as soon as they are revoked.

mod check;
mod key;
mod routes;
pub mod store;

pub use check::{LastUses, check};
pub use key::{CheckedKey, Key, KeyHash, KeyId, KeyName, NewKey, ServiceKey};
pub use routes::routes;
