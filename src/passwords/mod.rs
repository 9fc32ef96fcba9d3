//! Passwords: what is one, how it is hashed, and whose other formats are understood.

mod hash;
mod hasher;
mod judge;
mod password;
mod strength;
mod work;
mod worker;

pub use hash::{ImportedHash, PasswordHash, Scheme};
pub use hasher::{Hasher, Place};
pub use password::{Password, Policy, Presented};
pub use strength::Strength;
pub use worker::{COMMAND as HASH_WORKER, work as hash_for_the_parent};
