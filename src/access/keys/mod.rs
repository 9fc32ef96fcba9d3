//! Service keys: how a backend speaks for itself, with a secret of its own rather than somebody's token. Stored as
//! hashes, looked up at each use, dead as soon as they are revoked.

mod key;
mod routes;
pub mod store;

pub use key::{Key, KeyName, NewKey};

pub use routes::routes;
