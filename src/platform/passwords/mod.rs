//! Passwords: what is one, how it is hashed, and whose other formats are understood.

mod hash;
mod hash_detection;
mod hasher;
mod judge;
mod password;
mod scheme;
mod strength;
mod unquoted;
mod work;
mod worker;

pub use hash::{ImportedHash, PasswordHash};
pub use hasher::{Hasher, HashingPlace, NO_FIREBASE_KEY};
pub use judge::Judge;
pub use password::{Password, Policy, Presented};
pub use scheme::{FirebaseKey, Scheme};
pub use strength::Strength;
pub use worker::{COMMAND as HASH_WORKER, work as hash_for_the_parent};
