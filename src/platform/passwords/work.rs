use argon2::Block;
use serde::{Deserialize, Serialize, Serializer};

use super::hash::MEMORY_KIB;
use super::{Password, PasswordHash, Presented, Scheme};

/// What Argon2 works in. It is kept from one hash to the next: allocating and clearing 19 MiB costs a quarter of a hash.
pub(super) type Memory = Vec<Block>;

/// One password to look at. Serialised it shows the password, to the process that hashes and to nobody else.
#[derive(Serialize, Deserialize)]
pub(super) enum Work {
    /// Hash a new one with today's parameters.
    Hash {
        #[serde(serialize_with = "show_password")]
        password: Password,
        salt: [u8; 16],
    },
    /// Compare one with a stored hash.
    Verify {
        #[serde(serialize_with = "show_presented")]
        presented: Presented,
        #[serde(serialize_with = "show_hash")]
        hash: PasswordHash,
    },
}

/// What came of it.
#[derive(Serialize, Deserialize)]
pub(super) enum Done {
    Hashed(#[serde(serialize_with = "show_hash")] PasswordHash),
    Verified(bool),
    /// The stored hash can't be read.
    Unreadable,
    /// Argon2 could not.
    Failed(String),
}

impl Work {
    pub fn act(&self, memory: &mut Memory) -> Done {
        let done = match self {
            Self::Hash { password, salt } => {
                let memory = blocks(memory, MEMORY_KIB as usize);
                PasswordHash::make(password.as_bytes(), salt, memory)
                    .map_or_else(|error| Done::Failed(error.to_string()), Done::Hashed)
            }
            Self::Verify { presented, hash } => {
                Scheme::parse(hash.as_str()).map_or(Done::Unreadable, |scheme| {
                    let memory = blocks(memory, scheme.blocks());
                    let normalised = presented.normalised();
                    let right = scheme.verify(normalised.as_bytes(), memory)
                        // Other systems may not have normalised what they hashed.
                        || (!hash.is_current()
                            && normalised.as_str() != presented.raw()
                            && scheme.verify(presented.raw().as_bytes(), memory));
                    Done::Verified(right)
                })
            }
        };
        // An imported hash may have needed more than ours do.
        memory.truncate(MEMORY_KIB as usize);
        memory.shrink_to(MEMORY_KIB as usize);
        done
    }
}

fn blocks(memory: &mut Memory, needed: usize) -> &mut [Block] {
    if memory.len() < needed {
        memory.resize(needed, Block::default());
    }
    memory
}

fn show_password<S: Serializer>(password: &Password, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(password.reveal())
}

fn show_presented<S: Serializer>(presented: &Presented, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(presented.raw())
}

fn show_hash<S: Serializer>(hash: &PasswordHash, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(hash.as_str())
}
