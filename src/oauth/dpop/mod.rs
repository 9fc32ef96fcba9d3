//! DPoP (RFC 9449): who shows a token that is bound to a key proves that they have the key.

pub mod nonce;
mod proof;
mod request;

pub use nonce::with_nonce;
pub use proof::{ALGORITHMS, Thumbprint};
pub use request::{HEADER, of_another_key, of_client, of_owner, shown_otherwise};
