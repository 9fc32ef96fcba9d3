//! Passwords: what is one, how it is hashed, and whose other formats are understood.

mod hash;
mod hasher;
mod password;

pub use hash::{ImportedHash, PasswordHash, Scheme};
pub use hasher::Hasher;
pub use password::{Password, Policy, Presented};
