//! The keys that tokens are signed with: made when first needed, sealed in the database, published before use, rotated.

mod algorithm;
mod keyring;
mod listener;
mod pair;
mod rotate;
pub mod store;

pub use algorithm::Algorithm;
pub use keyring::{Keyring, TokenType};
pub use listener::listen_always;
pub use rotate::{keep, keep_every_half_minute, rotate};
